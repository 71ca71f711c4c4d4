/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "requests/whole.h"
#include "store/recorder.h"

void ww_run__free(struct ww_run *run)
{
	ww_operation_sums__free(&run->whole);
	ww_operation_sums__free(&run->part);
	free(run->first);
	*run = (struct ww_run){0};
}

static void begin(struct ww_run *run, uint64_t id)
{
	if (run->id == id)
		return;
	ww_run__free(run);
	run->id = id;
	run->first = calloc(WW_OPERATIONS_MAX, sizeof(*run->first));
	run->unsure = !run->first;
}

static void add_operations(struct ww_run *run, const struct ww_catalog *catalog, const struct ww_done *done, size_t len)
{
	run->operations += len;
	for (size_t i = 0; i < len; i++) {
		const struct ww_sample_operation operation = {
			.name = done[i].name,
			.flags = done[i].flags,
			.kind = ww_catalog__operation_name(catalog, done[i].name).kind,
			.error = done[i].error != 0,
			.duration_ns = done[i].end_ns - done[i].start_ns,
			.bytes_out = done[i].bytes_out,
			.bytes_in = done[i].bytes_in,
		};

		if (run->first && run->first_len < WW_OPERATIONS_MAX)
			run->first[run->first_len++] = done[i];
		if (ww_operation_sums__reserve(&run->whole, &operation, 1) ||
		    ww_operation_sums__reserve(&run->part, &operation, 1)) {
			run->unsure = true;
			continue;
		}
		ww_operation_sums__add(&run->whole, &operation, 1);
		ww_operation_sums__add(&run->part, &operation, 1);
	}
}

void ww_run__drain(struct ww_run *run, const struct ww_catalog *catalog, struct ww_operations *operations, uint64_t id)
{
	size_t len;
	const struct ww_done *done = ww_operations__done(operations, id, &len);

	begin(run, id);
	add_operations(run, catalog, done, len);
}

/* What the account has that it had not before; false when it has less. */
static bool subtract(const struct ww_account *now, const struct ww_account *before, struct ww_account *part)
{
	*part = *now;
	if (!before->id)
		return true;
	if (now->end_ns < before->end_ns || now->cpu_ns < before->cpu_ns)
		return false;
	part->start_ns = before->end_ns;
	part->cpu_ns -= before->cpu_ns;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		if (now->kinds_ns[kind] < before->kinds_ns[kind])
			return false;
		part->kinds_ns[kind] -= before->kinds_ns[kind];
	}
	for (int i = 0; i < before->details_len && i < now->details_len; i++) {
		part->details[i].ns -= before->details[i].ns;
		part->details[i].count -= before->details[i].count;
	}
	return true;
}

/* Moves the sums: of one unit of work, each that it has done it has done in that one. */
static void hand_over(struct ww_aggregate *aggregate, struct ww_operation_sums *sums)
{
	for (uint32_t i = 0; i < sums->len; i++)
		sums->sums[i].requests = 1;
	ww_operation_sums__free(&aggregate->operations);
	aggregate->operations = *sums;
	*sums = (struct ww_operation_sums){0};
}

/* Counts an account, whole or a part, as a request of that endpoint's. */
static int add(const struct ww_run_frame *frame, uint32_t endpoint, const struct ww_account *account,
	       struct ww_operation_sums *operations, bool known, bool ended)
{
	struct ww_detail_sum details[WW_DETAILS];
	struct ww_aggregate aggregate = {0};
	uint64_t kinds_ns[WW_KIND_COUNT];
	const struct ww_sample sample = {
		.kinds_ns = kinds_ns,
		.cpu_ns = account->cpu_ns,
		.in_flight = 1,
		.details = details,
		.details_len = ww_detail_names__of(frame->names, account, details),
		.operations_known = known,
		.attribution = account->attribution,
		.aborted = ended && account->flags & WW_FLAG_ABORTED,
	};
	int err;

	memcpy(kinds_ns, account->kinds_ns, sizeof(kinds_ns));
	err = ww_aggregate__add(&aggregate, &sample);
	if (!err && known)
		hand_over(&aggregate, operations);
	ww_operation_sums__clear(operations);
	if (!err)
		err = ww_slice__merge_endpoint(frame->slice, endpoint, &aggregate);
	ww_aggregate__free(&aggregate);
	return err;
}

struct keeping {
	struct ww_recorder *recorder;
	uint32_t endpoint;
};

static void keep(void *ctx, const struct ww_request *request)
{
	const struct keeping *keeping = ctx;

	ww_recorder__keep(keeping->recorder, keeping->endpoint, request);
}

/* Keeps the command whole, with the first of what it asked. */
static void keep_whole(const struct ww_run *run, const struct ww_run_frame *frame, uint32_t endpoint,
		       const struct ww_account *account, bool known)
{
	const char *route = frame->catalog->endpoints[endpoint].route;
	struct ww_detail_sum details[WW_DETAILS];
	struct keeping keeping = {frame->recorder, endpoint};
	const struct ww_parts parts = {
		.catalog = frame->catalog,
		.names = frame->names,
		.operations = frame->operations,
		.unix_offset_ns = frame->unix_offset_ns,
		.account = account,
		.line = account->flags & WW_FLAG_SEGMENTS ? ww_timelines__take(frame->timelines, account->id) : NULL,
		.endpoint = endpoint,
		.path = route,
		.details = details,
		.details_len = ww_detail_names__of(frame->names, account, details),
		.done = {run->first, run->first_len, known && run->operations == run->first_len},
	};

	if (frame->recorder && ww_recorder__wants(frame->recorder, endpoint, account->end_ns - account->start_ns,
						  account->flags & WW_FLAG_ABORTED))
		ww_whole__of(&parts, keep, &keeping);
}

static int take_whole(struct ww_run *run, const struct ww_run_frame *frame, const struct ww_account *account)
{
	const char *name = frame->catalog->services[frame->service].name;
	bool known = ww_operations__end(frame->operations, account) && !run->unsure;
	int64_t endpoint = ww_endpoints__unit(frame->endpoints, frame->service, WW_PROTOCOL_RUN, WW_RUN_METHOD, name);
	int err = endpoint < 0 ? (int)endpoint : add(frame, (uint32_t)endpoint, account, &run->whole, known, true);

	if (!err)
		keep_whole(run, frame, (uint32_t)endpoint, account, known);
	return err;
}

int ww_run__take(struct ww_run *run, const struct ww_run_frame *frame, const struct ww_account *account)
{
	const char *name = frame->catalog->services[frame->service].name;
	struct ww_account part;
	int64_t endpoint;
	int err = 0;

	ww_run__drain(run, frame->catalog, frame->operations, account->id);
	if (!subtract(account, &run->account, &part))
		return -EPROTO;
	if (part.end_ns > part.start_ns) {
		endpoint = ww_endpoints__unit(frame->endpoints, frame->service, WW_PROTOCOL_PART, WW_PART_METHOD, name);
		err = endpoint < 0 ? (int)endpoint
				   : add(frame, (uint32_t)endpoint, &part, &run->part, !run->unsure, false);
	}
	run->account = *account;
	return err || account->flags & WW_FLAG_PART ? err : take_whole(run, frame, account);
}
