/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/overlap.h"

#include <errno.h>
#include <stdlib.h>

struct event {
	uint64_t at_ns;
	uint32_t of; /* operation */
	bool begins;
};

/* Ends come first: operations that touch do not overlap. */
static int compare_events(const void *left, const void *right)
{
	const struct event *a = left, *b = right;

	if (a->at_ns != b->at_ns)
		return a->at_ns < b->at_ns ? -1 : 1;
	if (a->begins != b->begins)
		return a->begins ? 1 : -1;
	return (a->of > b->of) - (a->of < b->of);
}

struct ww_stretch ww_overlap__stretch(const struct ww_request *request, const struct ww_operation *operation)
{
	uint64_t from = operation->start_ns < request->wall_ns ? operation->start_ns : request->wall_ns;
	uint64_t room = request->wall_ns - from;

	return (struct ww_stretch){from, from + (operation->duration_ns < room ? operation->duration_ns : room)};
}

uint64_t ww_overlap__first_queue(const struct ww_request *request)
{
	/* Without a time line it can't be told from what came later. */
	if (!request->segments_len)
		return request->kinds_ns[WW_KIND_QUEUE];
	if (request->segments[0].kind != WW_KIND_QUEUE || request->segments[0].start_ns)
		return 0;
	return request->segments[0].duration_ns < request->kinds_ns[WW_KIND_QUEUE] ? request->segments[0].duration_ns
										   : request->kinds_ns[WW_KIND_QUEUE];
}

static uint64_t part(uint64_t ns, uint64_t of, uint64_t whole)
{
	return (uint64_t)((unsigned __int128)ns * of / whole);
}

/* Goes over the events: when one operation alone is outstanding, the time is its own. */
static void sweep(const struct ww_request *request, const struct event *events, size_t events_len,
		  struct ww_alone *alone, uint64_t outstanding_ns[WW_KIND_COUNT])
{
	uint32_t active[WW_KIND_COUNT] = {0}, all = 0, ids = 0;

	for (size_t i = 0; i < events_len; i++) {
		uint64_t length = i ? events[i].at_ns - events[i - 1].at_ns : 0;
		uint8_t kind = request->operations[events[i].of].kind;

		for (int k = 0; length && k < WW_KIND_COUNT; k++)
			if (active[k])
				outstanding_ns[k] += length;
		/* The exclusive or of those that are active is the one, when there is one. */
		if (all == 1)
			alone[ids].wait_ns += length;
		ids ^= events[i].of;
		all += events[i].begins ? 1 : -1u;
		active[kind] += events[i].begins ? 1 : -1u;
	}
}

/*
 * Time without a CPU that came after a wait (the moment in which an answer waits for its thread may lie between them);
 * what of the time line was not kept is taken to be like the rest.
 */
static uint64_t runq_after_waits(const struct ww_request *request)
{
	uint64_t all = 0, after = 0;
	uint8_t before = WW_KIND_COMPUTE;

	for (size_t i = 0; i < request->segments_len; i++) {
		uint8_t kind = request->segments[i].kind;

		if (kind == WW_KIND_RUNQ) {
			all += request->segments[i].duration_ns;
			after += before == WW_KIND_DB || before == WW_KIND_NET ? request->segments[i].duration_ns : 0;
		}
		if (kind != WW_KIND_QUEUE)
			before = kind;
	}
	return all ? part(request->kinds_ns[WW_KIND_RUNQ], after, all) : 0;
}

/* From outstanding to charged. */
static void charge(const struct ww_request *request, struct ww_alone *alone, size_t len,
		   const uint64_t outstanding_ns[WW_KIND_COUNT])
{
	uint64_t queue = request->kinds_ns[WW_KIND_QUEUE] - ww_overlap__first_queue(request);
	uint64_t runq = runq_after_waits(request), waits = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t kind = request->operations[i].kind;
		uint64_t charged = request->kinds_ns[kind], whole = outstanding_ns[kind];

		waits += alone[i].wait_ns > 0;
		if (charged < whole)
			alone[i].wait_ns = part(alone[i].wait_ns, charged, whole);
	}
	for (size_t i = 0; i < len; i++) {
		if (!alone[i].wait_ns)
			continue;
		alone[i].queue_ns = queue / waits;
		alone[i].runq_ns = runq / waits;
	}
}

int ww_overlap__alone(const struct ww_request *request, struct ww_alone *alone, size_t *len)
{
	size_t count = request->operations_len < WW_OVERLAP_MAX ? request->operations_len : WW_OVERLAP_MAX;
	uint64_t outstanding_ns[WW_KIND_COUNT] = {0};
	struct event *events;
	size_t events_len = 0;

	*len = count;
	if (!count)
		return 0;
	events = calloc(2 * count, sizeof(*events));
	if (!events)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct ww_stretch stretch = ww_overlap__stretch(request, &request->operations[i]);

		alone[i] = (struct ww_alone){0};
		if (stretch.from_ns == stretch.to_ns)
			continue;
		events[events_len++] = (struct event){.at_ns = stretch.from_ns, .of = (uint32_t)i, .begins = true};
		events[events_len++] = (struct event){.at_ns = stretch.to_ns, .of = (uint32_t)i};
	}
	qsort(events, events_len, sizeof(*events), compare_events);
	sweep(request, events, events_len, alone, outstanding_ns);
	charge(request, alone, count, outstanding_ns);
	free(events);
	return 0;
}
