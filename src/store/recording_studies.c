/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kept requests say, read in one go for all endpoints of a report, and bounded whatever the recording holds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/aggregate.h"
#include "store/read.h"

/* Requests that are read for a report; each endpoint gets its part of them, and this much at the least. */
#define READ_MOST 16384
#define READ_EACH 32
/* And of the file's newest ones so many are looked for. */
#define SEEN_MOST 200000

void ww_studies__free(struct ww_studies *studies)
{
	if (!studies)
		return;
	for (uint32_t i = 0; i < studies->len; i++)
		ww_study__free(studies->by_endpoint[i]);
	free(studies->by_endpoint);
	ww_crowd__free(&studies->crowd);
	*studies = (struct ww_studies){0};
}

static int add(struct ww_studies *studies, uint32_t endpoint, const struct ww_request *request)
{
	struct ww_study **study = &studies->by_endpoint[endpoint];
	int err;

	/* Errors are kept beyond their share: those that are no part of a fair sample would look like a habit. */
	if (!request->sampled && ww_is_error(request->status, request->flags & WW_FLAG_ABORTED))
		return 0;
	if (!*study)
		*study = ww_study__new();
	if (!*study)
		return -ENOMEM;
	err = ww_study__add(*study, request);
	return err ? err : ww_crowd__add(&studies->crowd, endpoint, request);
}

struct rates {
	const struct ww_slice *slice;
	double seconds;
};

static uint64_t requests_of(const void *ctx, uint32_t endpoint)
{
	const struct rates *rates = ctx;

	return endpoint < rates->slice->cap && rates->slice->by_endpoint[endpoint]
		       ? rates->slice->by_endpoint[endpoint]->requests
		       : 0;
}

static double rate_of(const void *ctx, uint32_t endpoint)
{
	const struct rates *rates = ctx;

	if (endpoint >= rates->slice->cap || !rates->slice->by_endpoint[endpoint] || rates->seconds <= 0)
		return 0;
	return (double)rates->slice->by_endpoint[endpoint]->requests / rates->seconds;
}

int ww_recording__studies(struct ww_recording *recording, const struct ww_selection *selection, uint32_t endpoints,
			  const struct ww_slice *slice, int64_t window_ns, struct ww_studies *studies)
{
	const struct rates rates = {.slice = slice, .seconds = (double)window_ns / 1e9};
	const struct ww_crowd_beside beside = {
		.rate = rate_of,
		.requests = requests_of,
		.ctx = &rates,
		.all_kept = !selection->endpoint && recording->settings &&
			    !strncmp(recording->settings, "keep all", 8) && !strchr(recording->settings, ','),
	};
	uint64_t each = READ_MOST / (slice->used_len + 1);
	struct ww_studies read = {.by_endpoint = calloc(endpoints + 1, sizeof(*read.by_endpoint)), .len = endpoints};
	struct ww_request_cursor *cursor = NULL;
	const struct ww_request *request;
	int err = 0, more;

	if (!read.by_endpoint)
		return ww_recording__fail(recording, SQLITE_NOMEM);
	each = each < READ_EACH ? READ_EACH : each > WW_STUDY_CASES ? WW_STUDY_CASES : each;
	more = ww_recording__newest(recording, selection, each, SEEN_MOST, &cursor);
	if (!more)
		while (!err && (more = ww_request_cursor__next(cursor, &request)) == 1)
			if (ww_request_cursor__endpoint(cursor) < endpoints)
				err = add(&read, ww_request_cursor__endpoint(cursor), request);
	ww_request_cursor__close(cursor);
	if (more >= 0 && !err)
		err = ww_crowd__settle(&read.crowd, &beside);
	if (err)
		more = ww_recording__fail(recording, SQLITE_NOMEM);
	if (more < 0) {
		ww_studies__free(&read);
		return more;
	}
	*studies = read;
	return 0;
}
