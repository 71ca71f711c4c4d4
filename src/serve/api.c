/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/api.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "outputs/json.h"
#include "serve/api_json.h"
#include "store/recording.h"

#define NSEC	     1000000000ll
#define MOST_SECONDS 10 /* that an answer may take */

struct ww_api {
	const char *path;
	void (*status)(void *ctx, struct ww_daemon_status *status);
	void *ctx;
	struct ww_recording *recording; /* NULL: not open */
	dev_t device;			/* of the file that is */
	ino_t inode;
	atomic_bool interrupted;
	uint64_t deadline_ns; /* of the answer at hand, on CLOCK_MONOTONIC */
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC + (uint64_t)now.tv_nsec;
}

static bool gives_up(void *ctx)
{
	const struct ww_api *api = ctx;

	return atomic_load(&api->interrupted) || clock_ns() > api->deadline_ns;
}

void ww_api__interrupt(struct ww_api *api)
{
	if (api)
		atomic_store(&api->interrupted, true);
}

struct ww_api *ww_api__new(const char *recording, void (*status)(void *ctx, struct ww_daemon_status *status), void *ctx)
{
	struct ww_api *api = calloc(1, sizeof(*api));

	if (api) {
		api->path = recording;
		api->status = status;
		api->ctx = ctx;
	}
	return api;
}

void ww_api__free(struct ww_api *api)
{
	if (!api)
		return;
	ww_recording__close(api->recording);
	free(api);
}

/* Opens what stands there now: another file may have taken the place of the one that is open. */
static int open_recording(struct ww_api *api, char *message, size_t message_size)
{
	struct stat now;
	int err;

	if (stat(api->path, &now)) {
		snprintf(message, message_size, "nothing is recorded yet");
		return -ENOENT;
	}
	if (api->recording && now.st_dev == api->device && now.st_ino == api->inode)
		return 0;
	ww_recording__close(api->recording);
	api->recording = NULL;
	err = ww_recording__open_own(&api->recording, api->path, message, message_size);
	if (err) {
		api->recording = NULL;
		return err;
	}
	ww_recording__guard(api->recording, gives_up, api);
	api->device = now.st_dev;
	api->inode = now.st_ino;
	return 0;
}

/* The stretch of time that is asked for: of what is recorded, up to the last commit. */
static void choose_window(struct ww_api *api, const struct ww_api_query *query, int64_t *since, int64_t *until)
{
	int64_t start, end;

	ww_recording__window(api->recording, &start, &end);
	*until = query->until_s ? query->until_s * NSEC : end;
	*since = query->since_s ? query->since_s * NSEC : *until - query->last_s * NSEC;
	/* What lies before the recording is no time without requests. */
	if (*since < start)
		*since = start;
	if (*until <= *since)
		*until = *since + 1;
}

static int write_report(struct ww_api *api, const struct ww_selection *selection, bool compact, FILE *out)
{
	struct ww_report *report;
	int err = ww_recording__report(api->recording, selection, &report);

	if (err)
		return err;
	err = compact ? ww_api_json__endpoints(out, report) : ww_json__report(out, report);
	ww_report_free(report);
	return err;
}

/* Steps are whole intervals, and begin where they would begin whenever one asks: so that a drawing does not jump. */
static int write_series(struct ww_api *api, const struct ww_api_query *query, const struct ww_selection *selection,
			FILE *out)
{
	struct ww_series_step *steps;
	struct ww_api_window recorded;
	int64_t unit = ww_recording__interval_ns(api->recording, selection->since_unix_ns), start, step;
	size_t len;
	int err;

	step = (selection->until_unix_ns - selection->since_unix_ns + query->steps - 1) / query->steps;
	step = (step + unit - 1) / unit * unit;
	start = selection->since_unix_ns / step * step;
	len = (size_t)((selection->until_unix_ns - start + step - 1) / step);
	steps = calloc(len, sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	err = ww_recording__series(api->recording, selection->endpoint, start, step, steps, len);
	/* It has looked how far the recording has come meanwhile. */
	ww_recording__window(api->recording, &recorded.start_unix_ns, &recorded.end_unix_ns);
	if (!err)
		err = ww_api_json__series(out, steps, len, step, &recorded);
	ww_series__free(steps, len);
	free(steps);
	return err;
}

static int write_requests(struct ww_api *api, const struct ww_api_query *query, const struct ww_selection *selection,
			  FILE *out)
{
	struct ww_request_cursor *cursor;
	const struct ww_request *request;
	const char *between = "";
	int err = ww_recording__requests(api->recording, selection, query->limit, &cursor), more = 0;

	if (err)
		return err;
	fputs("{\"requests\":[", out);
	while (!err && (more = ww_request_cursor__next(cursor, &request)) > 0) {
		fputs(between, out);
		between = ",";
		err = ww_json__request(out, request);
	}
	fputs("]}\n", out);
	ww_request_cursor__close(cursor);
	return err ? err : more;
}

static int write_stacks(struct ww_api *api, const struct ww_api_query *query, const struct ww_selection *selection,
			FILE *out)
{
	const struct ww_stack_filter filter = {.kinds = query->kinds};
	struct ww_profile *profile;
	int err = ww_recording__profile(api->recording, selection, &filter, &profile);

	if (err)
		return err;
	err = ww_api_json__stacks(out, profile);
	ww_profile_free(profile);
	return err;
}

/* What is the case before anything is recorded, too. */
static int write_status(struct ww_api *api, FILE *out)
{
	struct ww_daemon_status status = {0};
	struct ww_api_window window = {0};

	api->status(api->ctx, &status);
	if (api->recording)
		ww_recording__window(api->recording, &window.start_unix_ns, &window.end_unix_ns);
	if (status.last_unix_ns > window.end_unix_ns && api->recording)
		window.end_unix_ns = status.last_unix_ns;
	return ww_api_json__status(out, &status, &window);
}

static int write(struct ww_api *api, const struct ww_api_query *query, FILE *out)
{
	struct ww_selection selection = {
		.endpoint = *query->endpoint ? query->endpoint : NULL,
		.sums_only = query->what == WW_API_ENDPOINTS,
		.times_only = query->what == WW_API_ENDPOINTS,
		.failed = query->what == WW_API_REQUESTS && query->errors,
	};

	if (query->what == WW_API_STATUS)
		return write_status(api, out);
	choose_window(api, query, &selection.since_unix_ns, &selection.until_unix_ns);
	switch (query->what) {
	case WW_API_ENDPOINTS:
	case WW_API_REPORT:
		return write_report(api, &selection, query->what == WW_API_ENDPOINTS, out);
	case WW_API_SERIES:
		return write_series(api, query, &selection, out);
	case WW_API_REQUESTS:
		return write_requests(api, query, &selection, out);
	default:
		return write_stacks(api, query, &selection, out);
	}
}

void ww_api__answer(struct ww_api *api, const struct ww_api_query *query, struct ww_reply *reply)
{
	char message[512] = "";
	FILE *out;
	int err;

	api->deadline_ns = clock_ns() + MOST_SECONDS * NSEC;
	err = open_recording(api, message, sizeof(message));
	if (!err)
		err = ww_recording__renew(api->recording);
	else if (query->what == WW_API_STATUS)
		err = 0;
	if (err) {
		ww_reply__error(reply, 503, "%s", *message ? message : ww_recording__message(api->recording));
		return;
	}
	out = open_memstream(&reply->body, &reply->len);
	if (!out) {
		ww_reply__error(reply, 503, "out of memory");
		return;
	}
	err = write(api, query, out);
	if (fclose(out) && !err)
		err = -ENOMEM;
	if (err == -EINTR) {
		ww_reply__error(reply, 503,
				"that takes longer than %d seconds: ask for a shorter time, or fewer endpoints",
				MOST_SECONDS);
		return;
	}
	if (err) {
		*message = '\0';
		if (api->recording)
			snprintf(message, sizeof(message), "%s", ww_recording__message(api->recording));
		ww_reply__error(reply, 500, "%s", *message ? message : strerror(-err));
		return;
	}
	reply->status = 200;
	reply->type = WW_JSON_TYPE;
}
