/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls on different peers that ran one after the other. Whether one needs what another answers is not seen, so what
 * certainly is no such call ends a row of them: writing, whose order may matter.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/study_parts.h"

#define CALLS 64   /* of a row that are looked at; it ends there */
#define NAMES 3	   /* that are told */
#define TEXT  1024 /* bytes of them */

/* They belong to the calls around them. */
#define AROUND (WW_OPERATION_CONNECT | WW_OPERATION_CONTROL | WW_OPERATION_BLOCKING)

struct row {
	const struct ww_operation *calls[CALLS];
	const struct ww_alone *alone[CALLS];
	struct ww_stretch stretches[CALLS];
	size_t len;
};

/* Time in which calls of a row are outstanding: all (`peer` NULL), or those to a peer. They stand in order of start. */
static uint64_t outstanding(const struct row *row, const char *peer)
{
	uint64_t sum = 0, until = 0;

	for (size_t i = 0; i < row->len; i++) {
		const struct ww_stretch *stretch = &row->stretches[i];
		uint64_t from = stretch->from_ns > until ? stretch->from_ns : until;

		if (peer && strcmp(row->calls[i]->peer, peer))
			continue;
		if (stretch->to_ns > from) {
			sum += stretch->to_ns - from;
			until = stretch->to_ns;
		}
	}
	return sum;
}

/* Whether all of a row were under way together: one began before those before it had ended, if a little later. */
static bool is_together(const struct row *row)
{
	uint64_t until = row->len ? row->stretches[0].to_ns : 0;

	for (size_t i = 1; i < row->len; i++) {
		if (row->stretches[i].from_ns >= until)
			return false;
		if (row->stretches[i].to_ns > until)
			until = row->stretches[i].to_ns;
	}
	return true;
}

/* "GET stock:80 /a, GET prices:80 /b and 3 others": each summary once. */
static void name(const struct row *row, char text[TEXT])
{
	const char *names[CALLS];
	size_t len = 0, used = 0;

	for (size_t i = 0; i < row->len; i++) {
		const char *one = *row->calls[i]->summary ? row->calls[i]->summary : row->calls[i]->peer;
		bool known = false;

		for (size_t j = 0; j < len; j++)
			known = known || !strcmp(names[j], one);
		if (!known)
			names[len++] = one;
	}
	text[0] = '\0';
	for (size_t i = 0; i < len && i < NAMES && used < TEXT; i++)
		used += (size_t)snprintf(text + used, TEXT - used, "%s%s",
					 i == 0		? ""
					 : i == len - 1 ? " and "
							: ", ",
					 names[i]);
	if (len > NAMES && used < TEXT)
		snprintf(text + used, TEXT - used, " and %zu other%s", len - NAMES, len > NAMES + 1 ? "s" : "");
}

/* Takes time of a kind off the newest case, as far as there is any; returns how much. */
static uint64_t take(struct ww_case *one, enum ww_kind kind, uint64_t ns)
{
	uint64_t room = one->kinds_ns[kind] - one->parallel_ns[kind];

	ns = ns < room ? ns : room;
	one->parallel_ns[kind] += ns;
	return ns;
}

/*
 * What running a row's calls together would save: `ns` in which they are outstanding, divided among those that are not
 * to the peer `chain`, taken down to what was charged; and that the request has to be woken for each of them.
 */
static uint64_t take_row(struct ww_case *one, const struct row *row, const char *chain, uint64_t ns,
			 const uint64_t share[WW_KIND_COUNT])
{
	uint64_t saves = 0;
	double whole = 0;

	for (size_t i = 0; i < row->len; i++)
		if (strcmp(row->calls[i]->peer, chain))
			whole += (double)(row->stretches[i].to_ns - row->stretches[i].from_ns);
	for (size_t i = 0; i < row->len && whole > 0; i++) {
		double own = (double)(row->stretches[i].to_ns - row->stretches[i].from_ns) / whole;
		uint8_t kind = row->calls[i]->kind;

		if (!strcmp(row->calls[i]->peer, chain))
			continue;
		saves += take(one, kind, (uint64_t)((double)ns * own * (double)share[kind] / 1e9));
		saves += take(one, WW_KIND_QUEUE, row->alone[i]->queue_ns);
		saves += take(one, WW_KIND_RUNQ, row->alone[i]->runq_ns);
	}
	return saves;
}

/* Notes a row that is over, if there is anything to save. */
static int close_row(struct ww_study *study, const struct row *row, const uint64_t share[WW_KIND_COUNT])
{
	uint64_t all = outstanding(row, NULL), longest = 0;
	const char *chain = "";
	struct ww_note *note;
	char text[TEXT];
	uint32_t id;
	int err;

	for (size_t i = 0; i < row->len; i++) {
		uint64_t own = outstanding(row, row->calls[i]->peer);

		if (own > longest) {
			longest = own;
			chain = row->calls[i]->peer;
		}
	}
	if (all <= longest || is_together(row))
		return 0;
	name(row, text);
	const struct ww_subject subject = {.kind = row->calls[0]->kind,
					   .serial = true,
					   .system = "",
					   .peer = "",
					   .summary = text,
					   .statement = ""};

	uint64_t saves = take_row(&study->cases[study->cases_len - 1], row, chain, all - longest, share);

	err = ww_study__subject(study, &subject, &id);
	if (err || id == WW_INTERN_NONE)
		return err;
	note = ww_study__note(study, id);
	if (!note)
		return -ENOMEM;
	note->runs += (uint32_t)row->len;
	note->wait_ns += saves;
	return 0;
}

/* Who reads from a peer, asks others and writes the outcome back to it, fills a cache: asking it came first. */
static void drop_peer(struct row *row, const char *peer)
{
	size_t len = 0;

	for (size_t i = 0; i < row->len; i++)
		if (strcmp(row->calls[i]->peer, peer)) {
			row->calls[len] = row->calls[i];
			row->alone[len] = row->alone[i];
			row->stretches[len++] = row->stretches[i];
		}
	row->len = len;
}

/* Of a thousand million, how much of the time in which operations of a kind were outstanding was charged to it. */
static void shares(const struct ww_request *request, size_t len, uint64_t share[WW_KIND_COUNT])
{
	uint64_t until[WW_KIND_COUNT] = {0}, sum[WW_KIND_COUNT] = {0};

	for (size_t i = 0; i < len; i++) {
		struct ww_stretch stretch = ww_overlap__stretch(request, &request->operations[i]);
		uint8_t kind = request->operations[i].kind;
		uint64_t from = stretch.from_ns > until[kind] ? stretch.from_ns : until[kind];

		if (stretch.to_ns > from) {
			sum[kind] += stretch.to_ns - from;
			until[kind] = stretch.to_ns;
		}
	}
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		uint64_t charged = request->kinds_ns[kind];

		share[kind] = charged < sum[kind] ? (uint64_t)((unsigned __int128)charged * 1000000000 / sum[kind])
						  : 1000000000;
	}
}

int ww_study__serial(struct ww_study *study, const struct ww_request *request, const struct ww_alone *alone, size_t len)
{
	struct row row = {.len = 0};
	uint64_t share[WW_KIND_COUNT];
	int err = 0;

	shares(request, len, share);
	for (size_t i = 0; i < len && !err; i++) {
		const struct ww_operation *operation = &request->operations[i];
		/* A call of another service may be either where that can't be read; a query that is no read is none. */
		bool call = operation->kind == WW_KIND_NET ? !(operation->flags & WW_OPERATION_WRITE)
							   : (operation->flags & WW_OPERATION_READ) != 0;

		if (operation->flags & AROUND || !strcmp(operation->system, "dns"))
			continue;
		if (!call || row.len == CALLS) {
			if (operation->flags & WW_OPERATION_WRITE)
				drop_peer(&row, operation->peer);
			err = close_row(study, &row, share);
			row.len = 0;
		}
		if (call) {
			row.calls[row.len] = operation;
			row.alone[row.len] = &alone[i];
			row.stretches[row.len++] = ww_overlap__stretch(request, operation);
		}
	}
	return err ? err : close_row(study, &row, share);
}
