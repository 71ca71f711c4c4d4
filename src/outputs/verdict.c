/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/catalog.h"
#include "model/limits.h"
#include "model/names.h"
#include "outputs/text.h"

#define NAMED_WAITS 2  /* that a verdict names at most */
#define NAMED_SHARE 10 /* a tenth of the time: from there on a kind has a name in it */

struct writer {
	char *text;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct writer *writer, const char *format, ...)
{
	size_t room = WW_VERDICT_TEXT - writer->len;
	va_list args;

	va_start(args, format);
	int len = vsnprintf(writer->text + writer->len, room, format, args);
	va_end(args);
	writer->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* The name behind most of a kind; NULL when none stands out. "(other)" is the rest that has no name of its own. */
static const char *main_detail(const struct ww_endpoint_report *endpoint, enum ww_kind kind)
{
	for (size_t i = 0; i < endpoint->details_len; i++) {
		const struct ww_detail_row *detail = &endpoint->details[i];
		if (detail->kind == kind && detail->name[0] != '(' && detail->sum_ns > endpoint->kinds_sum_ns[kind] / 2)
			return detail->name;
	}
	return NULL;
}

/* The largest wait that is not among `named`; compute, which is none, when no other kind has time. */
static enum ww_kind largest_wait(const struct ww_endpoint_report *endpoint, const bool named[WW_KIND_COUNT])
{
	enum ww_kind largest = WW_KIND_COMPUTE;
	uint64_t sum = 0;

	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		if (kind != WW_KIND_COMPUTE && !named[kind] && endpoint->kinds_sum_ns[kind] > sum) {
			largest = kind;
			sum = endpoint->kinds_sum_ns[kind];
		}
	return largest;
}

/* Garbage collection, where it is worth a word: it is neither the program's own work nor a wait for anybody. */
static uint64_t collecting(const struct ww_endpoint_report *endpoint)
{
	uint64_t gc = endpoint->kinds_sum_ns[WW_KIND_GC];

	return gc >= endpoint->wall.sum / NAMED_SHARE ? gc : 0;
}

/* The largest waits: "db (postgres) 88 %, queue 12 %"; the second only if it makes a tenth of the time or more. */
static void add_waits(struct writer *writer, const struct ww_endpoint_report *endpoint)
{
	const struct ww_style ascii = {.utf8 = false};
	bool named[WW_KIND_COUNT] = {[WW_KIND_GC] = collecting(endpoint) != 0};

	for (int n = 0; n < NAMED_WAITS; n++) {
		enum ww_kind kind = largest_wait(endpoint, named);
		uint64_t sum = endpoint->kinds_sum_ns[kind];
		if (kind == WW_KIND_COMPUTE || (n > 0 && sum < endpoint->wall.sum / NAMED_SHARE))
			return;
		named[kind] = true;

		char share[WW_TEXT_NUMBER], name[64];
		const char *detail = main_detail(endpoint, kind);
		add(writer, "%s%s", n ? ", " : ": ", ww_kind_name(kind));
		if (detail) {
			ww_text__fit(name, sizeof(name), detail, sizeof(name) - 1, &ascii);
			add(writer, " (%s)", name);
		}
		add(writer, " %s", ww_text__share(share, sum, endpoint->wall.sum));
	}
}

static void add_faster(char *text, const struct ww_endpoint_report *endpoint)
{
	const struct ww_forecast *faster = &endpoint->faster;
	struct writer writer = {.text = text};
	char then[WW_TEXT_NUMBER], now[WW_TEXT_NUMBER];

	if (!faster->mean_ns)
		return;
	add(&writer, "a language %d times as fast leaves %s of %s", WW_LIMIT_FASTER,
	    ww_text__duration(then, faster->mean_ns), ww_text__duration(now, endpoint->wall.mean));
	add(&writer, ", at p95 %s of %s", ww_text__duration(then, faster->p95_ns),
	    ww_text__duration(now, endpoint->wall.p95));
	if (collecting(endpoint))
		add(&writer, "; one without a garbage collector spares up to %s more",
		    ww_text__duration(then, endpoint->kinds_sum_ns[WW_KIND_GC] / endpoint->requests));
	if (endpoint->outlook.from_buckets)
		add(&writer, " (no %s was kept: by the means of its histogram)", ww_protocol_unit(endpoint->protocol));
}

struct ww_verdict ww_verdict__of(const struct ww_endpoint_report *endpoint)
{
	uint64_t wall = endpoint->wall.sum, compute = endpoint->kinds_sum_ns[WW_KIND_COMPUTE],
		 gc = collecting(endpoint);
	struct ww_verdict verdict = {.compute_share = wall ? (double)compute / (double)wall : 0};
	struct writer writer = {.text = verdict.text};
	char share[WW_TEXT_NUMBER];

	verdict.bound = 3 * (unsigned __int128)compute >= 2 * (unsigned __int128)wall ? WW_BOUND_COMPUTE
			: 3 * (unsigned __int128)compute <= wall		      ? WW_BOUND_WAIT
										      : WW_BOUND_MIXED;
	if (!wall) {
		verdict.bound = WW_BOUND_MIXED;
		add(&writer, "took no time");
		return verdict;
	}
	verdict.largest_wait = largest_wait(endpoint, (bool[WW_KIND_COUNT]){false});
	if (verdict.bound != WW_BOUND_WAIT)
		add(&writer, "computes %s", ww_text__share(share, compute, wall));
	if (gc)
		add(&writer, "%scollects garbage %s", writer.len ? ", " : "", ww_text__share(share, gc, wall));
	if (verdict.bound != WW_BOUND_COMPUTE) {
		add(&writer, "%swaits %s", writer.len ? ", " : "", ww_text__share(share, wall - compute - gc, wall));
		add_waits(&writer, endpoint);
	}
	add_faster(verdict.faster, endpoint);
	return verdict;
}

const char *ww_verdict__bound_name(enum ww_bound bound)
{
	static const char *const names[] = {
		[WW_BOUND_COMPUTE] = "compute", [WW_BOUND_WAIT] = "wait", [WW_BOUND_MIXED] = "mixed"};

	return names[bound];
}
