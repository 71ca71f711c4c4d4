/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * n-plus-one in a command: its statements are summed over all of it, as there may be more of them than are kept one by
 * one. One run is enough for a habit: the statement runs over and over within it.
 */
#include <string.h>

#include "model/findings_parts.h"
#include "model/limits.h"
#include "model/names.h"

/* What can't be sent together, or was. */
#define NO_ROUND                                                                                                       \
	(WW_OPERATION_CONNECT | WW_OPERATION_CONTROL | WW_OPERATION_BLOCKING | WW_OPERATION_UNFINISHED |               \
	 WW_OPERATION_UNCAPTURED | WW_OPERATION_FETCH | WW_OPERATION_BATCH | WW_OPERATION_PIPELINED)

static int find_rounds(struct ww_finder *finder, const struct ww_operation_row *row)
{
	const struct ww_endpoint_report *endpoint = finder->endpoint;
	double requests = (double)endpoint->operations_requests, runs = (double)row->count / requests;
	uint64_t saves = row->sum_ns - row->max_ns, all = endpoint->kinds_sum_ns[row->kind];
	const struct ww_subject subject = {
		.kind = row->kind,
		.system = row->system,
		.peer = row->peer,
		.summary = row->summary,
		.statement = row->statement,
		.flags = row->flags,
	};
	struct ww_making making = {.id = "n-plus-one"};

	if (row->flags & NO_ROUND || !(row->flags & (WW_OPERATION_READ | WW_OPERATION_WRITE)) ||
	    row->kind != WW_KIND_DB || strchr(row->statement, ';') || runs < WW_LIMIT_RUNS)
		return 0;
	/* Those of several threads may overlap: more than all of the waiting is not to be saved. */
	saves = saves < all ? saves : all;
	making.saving.mean_ns = making.saving.p95_ns = (uint64_t)((double)saves / requests);
	if (!ww_finder__worth(finder, &making.saving, WW_LIMIT_OPERATION_SHARE))
		return 0;
	ww_sentence__query(&making.text, row->summary, row->statement);
	ww_sentence__add(&making.text, " ran ");
	ww_sentence__number(&making.text, runs);
	ww_sentence__add(&making.text, " times a run, one after the other");
	if (row->flags & WW_OPERATION_READ)
		ww_advise__rounds(&making.advice, &subject);
	else
		ww_sentence__add(&making.advice, "send many rows in one statement, or copy them in");
	ww_making__text(&making, "kind", ww_kind_name(row->kind));
	ww_making__text(&making, "system", row->system);
	ww_making__text(&making, "peer", row->peer);
	ww_making__text(&making, "summary", row->summary);
	ww_making__text(&making, "statement", row->statement);
	ww_making__number(&making, "per_request", runs);
	ww_making__number(&making, "mean_ms", (double)row->sum_ns / (double)row->count / 1e6);
	return ww_finder__add(finder, &making);
}

int ww_findings__batch(struct ww_finder *finder)
{
	int err = 0;

	for (size_t i = 0; i < finder->endpoint->operations_len && !err; i++)
		err = find_rounds(finder, &finder->endpoint->operations[i]);
	return err;
}
