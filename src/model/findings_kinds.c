/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Findings that a kind of time as a whole is: too much of it, on the mean or at the tail. */
#include <errno.h>
#include <string.h>

#include "model/findings_parts.h"
#include "model/hotspots.h"
#include "model/limits.h"
#include "model/lock_holders.h"
#include "model/names.h"

/* What is behind most of a kind's time; NULL when nothing stands out. */
static const struct ww_detail_row *main_detail(const struct ww_endpoint_report *endpoint, enum ww_kind kind)
{
	for (size_t i = 0; i < endpoint->details_len; i++) {
		const struct ww_detail_row *detail = &endpoint->details[i];

		if (detail->kind == kind && 2 * (unsigned __int128)detail->sum_ns > endpoint->kinds_sum_ns[kind])
			return detail;
	}
	return NULL;
}

static double mean_share(const struct ww_endpoint_report *endpoint, enum ww_kind kind)
{
	return endpoint->wall.sum ? (double)endpoint->kinds_sum_ns[kind] / (double)endpoint->wall.sum : 0;
}

static double tail_share(const struct ww_endpoint_report *endpoint, enum ww_kind kind)
{
	return endpoint->tail_wall_sum_ns
		       ? (double)endpoint->tail_kinds_sum_ns[kind] / (double)endpoint->tail_wall_sum_ns
		       : 0;
}

struct advice {
	const char *of;	    /* name of the detail; NULL: any */
	const char *text;   /* behind "8.44 ms (36 %) " */
	const char *advice; /* what to do */
};

static const struct kind_finding {
	enum ww_kind kind;
	const char *id;
	struct advice advice[6]; /* the first that fits; the last fits always */
} kinds[] = {
	{WW_KIND_LOCK,
	 "lock-contention",
	 {{"gil", "for the interpreter lock", "use processes instead of threads"},
	  {"gvl", "for the interpreter lock", "use processes instead of threads"},
	  {"file_lock", "for a file lock that others hold", "hold it for less, or lock less"},
	  {"futex", "for locks between threads", "hold them for less, or share less"},
	  {NULL, "for locks", "hold them for less, or share less"}}},
	{WW_KIND_GC,
	 "gc-pressure",
	 {{NULL, "for the garbage collector", "make less garbage, or have it collect less often"}}},
	{WW_KIND_RUNQ,
	 "cpu-starved",
	 {{"throttled", "for a CPU, as the cgroup's CPU quota is used up", "raise it"},
	  {NULL, "for a CPU", "more CPUs, or fewer threads that compete for them"}}},
	{WW_KIND_DISK,
	 "slow-disk",
	 {{"fsync", "until data is on disk (fsync)", "sync once for several, or later"},
	  {"write", "for writing to disk", "write less, or behind the response"},
	  {"page_fault", "for memory that is read from disk (page faults)", "give it more memory"},
	  {"read", "for reading from disk", "keep it in memory"},
	  {NULL, "for the disk", "read and write less, or behind the response"}}},
	{WW_KIND_CLIENT, "slow-client", {{NULL, "for its clients' network", "put a buffering proxy in front"}}},
	{WW_KIND_SLEEP, "sleeping", {{NULL, "asleep by its own timers", "don't wait for time to pass"}}},
};

/* Verbs that go with what comes behind. */
static const char *verb_of(enum ww_kind kind)
{
	return kind == WW_KIND_SLEEP ? "is " : "waits ";
}

/* Who had the locks: what is to be mended is there. */
static void tell_holders(struct ww_making *making, const struct ww_endpoint_report *endpoint,
			 const struct ww_lock_holders *of)
{
	static const char *const names[WW_LOCK_HOLDERS][2] = {
		{"held_by", "held_by_share"}, {"held_by_2", "held_by_2_share"}, {"held_by_3", "held_by_3_share"}};
	const struct ww_lock_holder *first = &of->holders[0];

	for (unsigned i = 0; i < of->len; i++) {
		double share = (double)of->holders[i].ns / (double)of->waited_ns;

		if (share < WW_LIMIT_OPERATION_SHARE)
			break;
		ww_sentence__add(&making->text, "%s %s (", i ? "," : ", held by", of->holders[i].name);
		ww_sentence__share(&making->text, share);
		ww_sentence__add(&making->text, ")");
		ww_making__text(making, names[i][0], of->holders[i].name);
		ww_making__number(making, names[i][1], share);
	}
	if (of->len && 2 * (unsigned __int128)first->ns > of->waited_ns && !ww_lock_holder__is(first, endpoint))
		ww_sentence__add(&making->advice, "have %s hold them for less, or share less with it", first->name);
}

static int find_kind(struct ww_finder *finder, const struct kind_finding *what)
{
	const struct ww_endpoint_report *endpoint = finder->endpoint;
	const struct ww_detail_row *detail = main_detail(endpoint, what->kind);
	double mean = mean_share(endpoint, what->kind), tail = tail_share(endpoint, what->kind);
	struct ww_making making = {.id = what->id};
	const struct advice *advice = what->advice;
	struct ww_detail_row locks = {.kind = WW_KIND_LOCK, .name = "futex"};
	struct ww_lock_holders holders = {0};
	int err;

	if (mean < WW_LIMIT_KIND_SHARE && tail < WW_LIMIT_TAIL_SHARE)
		return 0;
	err = ww_finder__save_kind(finder, what->kind, 1, &making.saving);
	if (err || !ww_finder__worth(finder, &making.saving, WW_LIMIT_KIND_SHARE))
		return err;
	if (what->kind == WW_KIND_LOCK)
		holders = ww_lock_holders__of(endpoint);
	if (2 * (unsigned __int128)holders.waited_ns > endpoint->kinds_sum_ns[WW_KIND_LOCK]) {
		locks.sum_ns = holders.waited_ns;
		locks.count = holders.waits;
		detail = &locks;
	} else {
		holders.len = 0;
	}
	while (advice->of && (!detail || strcmp(advice->of, detail->name)))
		advice++;
	ww_sentence__add(&making.text, "%s", verb_of(what->kind));
	ww_sentence__ms(&making.text, making.saving.mean_ns);
	ww_sentence__add(&making.text, " (");
	ww_sentence__share(&making.text, mean);
	ww_sentence__add(&making.text, ") %s", advice->text);
	tell_holders(&making, endpoint, &holders);
	if (mean < WW_LIMIT_KIND_SHARE) {
		ww_sentence__add(&making.text, "; of the slowest %ss it is ", ww_protocol_unit(endpoint->protocol));
		ww_sentence__share(&making.text, tail);
	}
	if (!making.advice.len)
		ww_sentence__add(&making.advice, "%s", advice->advice);
	ww_making__text(&making, "kind", ww_kind_name(what->kind));
	ww_making__number(&making, "share", mean);
	ww_making__number(&making, "tail_share", tail);
	if (detail) {
		ww_making__text(&making, "detail", detail->name);
		ww_making__number(&making, "detail_share",
				  (double)detail->sum_ns / (double)endpoint->kinds_sum_ns[what->kind]);
		ww_making__number(&making, "per_request", (double)detail->count / (double)endpoint->requests);
	}
	return ww_finder__add(finder, &making);
}

static int find_compute(struct ww_finder *finder)
{
	struct ww_making making = {.id = "compute-hotspot"};
	struct ww_hotspots hotspots = {.len = 0};
	double share = mean_share(finder->endpoint, WW_KIND_COMPUTE);
	double runq = mean_share(finder->endpoint, WW_KIND_RUNQ);
	int err;

	if (share < WW_LIMIT_COMPUTE_SHARE && share < WW_LIMIT_COMPUTE_STARVED_SHARE * (1 - runq))
		return 0;
	err = ww_finder__save_kind(finder, WW_KIND_COMPUTE, 1 - 1.0 / WW_LIMIT_FASTER, &making.saving);
	if (err || !ww_finder__worth(finder, &making.saving, WW_LIMIT_OPERATION_SHARE))
		return err;
	ww_sentence__add(&making.text, "computes ");
	ww_sentence__ms(&making.text, finder->endpoint->kinds_sum_ns[WW_KIND_COMPUTE] / finder->endpoint->requests);
	ww_sentence__add(&making.text, " (");
	ww_sentence__share(&making.text, share);
	ww_sentence__add(&making.text, ")");
	if (finder->input->profile)
		err = ww_hotspots__of(finder->input->profile, finder->endpoint->service, finder->endpoint->method,
				      finder->endpoint->route, &hotspots);
	if (err)
		return err;
	for (unsigned i = 0; i < hotspots.len; i++) {
		ww_sentence__add(&making.text, "%s %s ", i ? "," : ", in", hotspots.functions[i].name);
		ww_sentence__share(&making.text, hotspots.functions[i].share);
	}
	ww_sentence__add(&making.advice, "here a language %d times as fast, or a better algorithm, pays",
			 WW_LIMIT_FASTER);
	ww_making__text(&making, "kind", ww_kind_name(WW_KIND_COMPUTE));
	ww_making__number(&making, "share", share);
	ww_making__number(&making, "tail_share", tail_share(finder->endpoint, WW_KIND_COMPUTE));
	for (unsigned i = 0; i < hotspots.len; i++) {
		static const char *const names[WW_HOTSPOTS][2] = {{"function", "function_share"},
								  {"function_2", "function_2_share"},
								  {"function_3", "function_3_share"}};

		ww_making__text(&making, names[i][0], hotspots.functions[i].name);
		ww_making__number(&making, names[i][1], hotspots.functions[i].share);
	}
	return ww_finder__add(finder, &making);
}

int ww_findings__kinds(struct ww_finder *finder)
{
	int err = find_compute(finder);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !err; i++)
		err = find_kind(finder, &kinds[i]);
	return err;
}
