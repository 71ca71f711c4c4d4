/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* pool-starved: requests wait for a thread, because there are too few, or because their event loop is blocked. */
#include <errno.h>
#include <stdio.h>

#include "model/findings_parts.h"
#include "model/limits.h"

#define NAME 320

#define HOLDERS 3

/* Who held the threads while the endpoint's requests waited, and for how much of that. */
struct held {
	struct holder {
		char name[NAME];
		double share;
		bool itself;
	} by[HOLDERS]; /* those that did so longest, the first one most */
	unsigned len;
	double nobodys; /* the thread was busy for no request; 0: it was not, or that is not known */
};

/*
 * Where all requests were kept, and there is one thread, or each is an event loop, which does one thing at a time:
 * shares are of all the time that was waited, and what is not accounted for was for none. Else they are of what is.
 */
static struct held who_held(const struct ww_finder *finder, const struct ww_blockage *blockage)
{
	const struct ww_crowd *crowd = finder->input->crowd;
	double known = blockage->busy_ns + blockage->waiting_ns, all = known;
	struct held held = {.len = 0};

	if (!crowd || !blockage->held_ns)
		return held;
	if (blockage->how != WW_CROWD_WORKERS && crowd->whole && blockage->queued_ns > known) {
		all = blockage->queued_ns;
		held.nobodys = (all - known) / all;
	}
	if (held.nobodys < WW_LIMIT_NOBODYS_SHARE)
		held.nobodys = 0;
	if (blockage->seen_ns < WW_LIMIT_SEEN_SHARE * blockage->queued_ns || all <= 0)
		return held;
	while (held.len < HOLDERS) {
		struct holder *by = &held.by[held.len];
		uint32_t most = 0;

		for (uint32_t i = 0; i < crowd->spans_len; i++)
			if (blockage->held_ns[i] > blockage->held_ns[most])
				most = i;
		by->share = blockage->held_ns[most] / all;
		if (most >= finder->input->catalog->endpoints_len ||
		    by->share < (held.len ? WW_LIMIT_OPERATION_SHARE : 1e-9))
			break;
		snprintf(by->name, NAME, "%s %s", finder->input->catalog->endpoints[most].method,
			 finder->input->catalog->endpoints[most].route);
		by->itself = most == finder->input->id;
		blockage->held_ns[most] = 0;
		held.len++;
	}
	return held;
}

static void name_holders(struct ww_sentence *text, const struct held *held)
{
	for (unsigned i = 0; i < held->len; i++) {
		ww_sentence__add(text, "%s%s (", i ? ", " : "", held->by[i].name);
		ww_sentence__share(text, held->by[i].share);
		ww_sentence__add(text, "%s)", i ? "" : " of it");
	}
	if (!held->nobodys)
		return;
	ww_sentence__add(text, "%swork for no request (", held->len ? ", " : "");
	ww_sentence__share(text, held->nobodys);
	ww_sentence__add(text, "%s)", held->len ? "" : " of it");
}

/* Where all its requests are alike none of them blocks it: there are too many, as on a busy proxy. */
static void tell_loop(struct ww_making *making, const struct ww_blockage *blockage, const struct held *held)
{
	struct ww_sentence *text = &making->text;
	bool blocked = held->len && !held->by[0].itself &&
		       blockage->blocked_ns >= WW_LIMIT_BLOCKED_SHARE * (blockage->busy_ns + blockage->waiting_ns);

	ww_sentence__add(text, "for its event loop, which is %s", blocked ? "blocked" : "busy");
	if (held->len || held->nobodys > 0) {
		ww_sentence__add(text, " %s ", blocked ? "by" : "with");
		name_holders(text, held);
	}
	ww_sentence__add(&making->advice, "%s",
			 blocked ? "move what blocks there to threads or processes"
				 : "more processes or CPUs, or move what computes or blocks there to threads");
}

static void tell_workers(struct ww_making *making, const struct ww_blockage *blockage, const struct held *held)
{
	struct ww_sentence *text = &making->text;

	if (blockage->how == WW_CROWD_ONE_THREAD)
		ww_sentence__add(text, "for the one thread that serves it");
	else if (blockage->threads)
		ww_sentence__add(text, "for one of %u workers, all of them busy", blockage->threads);
	else
		ww_sentence__add(text, "for a worker");
	if (held->len) {
		ww_sentence__add(text, ", busy with ");
		name_holders(text, held);
	}
	ww_sentence__add(&making->advice, "%s",
			 blockage->how == WW_CROWD_ONE_THREAD ? "more workers, or keep what blocks off an event loop"
							      : "more workers, or shorter requests");
}

static int tell(struct ww_finder *finder, struct ww_making *making, const struct ww_blockage *blockage)
{
	static const char *const hows[] = {
		[WW_CROWD_WORKERS] = "too few workers",
		[WW_CROWD_ONE_THREAD] = "one thread",
		[WW_CROWD_LOOP] = "blocked event loop",
	};
	static const char *const names[HOLDERS][2] = {
		{"held_by", "held_by_share"}, {"held_by_2", "held_by_2_share"}, {"held_by_3", "held_by_3_share"}};
	const struct ww_endpoint_report *endpoint = finder->endpoint;
	double queue = (double)endpoint->kinds_sum_ns[WW_KIND_QUEUE] / (double)endpoint->wall.sum;
	const struct held held = who_held(finder, blockage);

	ww_sentence__add(&making->text, "waits ");
	ww_sentence__ms(&making->text, making->saving.mean_ns);
	ww_sentence__add(&making->text, " (");
	ww_sentence__share(&making->text, queue);
	ww_sentence__add(&making->text, ") ");
	if (blockage->how == WW_CROWD_LOOP)
		tell_loop(making, blockage, &held);
	else
		tell_workers(making, blockage, &held);
	ww_making__text(making, "cause", blockage->threads ? hows[blockage->how] : "not known");
	ww_making__number(making, "share", queue);
	ww_making__number(making, "threads", blockage->threads);
	for (unsigned i = 0; i < held.len; i++) {
		ww_making__text(making, names[i][0], held.by[i].name);
		ww_making__number(making, names[i][1], held.by[i].share);
	}
	if (held.len)
		ww_making__number(making, "held_busy_share",
				  blockage->busy_ns / (blockage->busy_ns + blockage->waiting_ns));
	if (held.nobodys > 0)
		ww_making__number(making, "held_by_none_share", held.nobodys);
	return ww_finder__add(finder, making);
}

int ww_findings__queue(struct ww_finder *finder)
{
	const struct ww_endpoint_report *endpoint = finder->endpoint;
	const struct ww_findings_input *input = finder->input;
	struct ww_blockage blockage = {.how = WW_CROWD_WORKERS};
	struct ww_making making = {.id = "pool-starved"};
	uint64_t queue = endpoint->kinds_sum_ns[WW_KIND_QUEUE], tail = endpoint->tail_kinds_sum_ns[WW_KIND_QUEUE];
	int err = ww_finder__save_kind(finder, WW_KIND_QUEUE, 1, &making.saving);

	if (err ||
	    ((double)queue < WW_LIMIT_KIND_SHARE * (double)endpoint->wall.sum &&
	     (double)tail < WW_LIMIT_TAIL_SHARE * (double)endpoint->tail_wall_sum_ns) ||
	    !ww_finder__worth(finder, &making.saving, WW_LIMIT_KIND_SHARE))
		return err;
	if (input->crowd && input->crowd->spans_len)
		err = ww_blockages__find(input->blockages, input->id, &blockage);
	/* Where requests were kept, and none of them held a thread, there may have been none to wait for. */
	if (!err && (!blockage.threads || blockage.seen_ns >= WW_LIMIT_SEEN_SHARE * blockage.queued_ns ||
		     (double)queue >= WW_LIMIT_UNSEEN_SHARE * (double)endpoint->wall.sum))
		err = tell(finder, &making, &blockage);
	return err;
}
