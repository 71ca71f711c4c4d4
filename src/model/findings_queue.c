/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* pool-starved: requests wait for a thread, because there are too few, or because their event loop is blocked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/findings_parts.h"
#include "model/limits.h"

#define NAME 320

/* Who held the threads most, and whether that is the endpoint itself; returns its share of what is known, or 0. */
static double main_holder(const struct ww_finder *finder, const struct ww_blockage *blockage, char name[NAME],
			  bool *itself)
{
	const struct ww_crowd *crowd = finder->input->crowd;
	double all = blockage->busy_ns + blockage->waiting_ns;
	uint32_t most = 0;

	if (!crowd || !blockage->held_ns)
		return 0;
	for (uint32_t i = 0; i < crowd->spans_len; i++)
		if (blockage->held_ns[i] > blockage->held_ns[most])
			most = i;
	if (blockage->seen_ns < WW_LIMIT_SEEN_SHARE * blockage->queued_ns || all <= 0 ||
	    most >= finder->input->catalog->endpoints_len)
		return 0;
	snprintf(name, NAME, "%s %s", finder->input->catalog->endpoints[most].method,
		 finder->input->catalog->endpoints[most].route);
	*itself = most == finder->input->id;
	return blockage->held_ns[most] / all;
}

/* Where all its requests are alike none of them blocks it: there are too many, as on a busy proxy. */
static void tell_loop(struct ww_making *making, const struct ww_blockage *blockage, const char *holder, double share,
		      bool itself)
{
	struct ww_sentence *text = &making->text;
	bool blocked = share > 0 && !itself &&
		       blockage->blocked_ns >= WW_LIMIT_BLOCKED_SHARE * (blockage->busy_ns + blockage->waiting_ns);

	ww_sentence__add(text, "for its event loop, which is %s", blocked ? "blocked" : "busy");
	if (share > 0) {
		ww_sentence__add(text, " %s %s (", blocked ? "by" : "with", holder);
		ww_sentence__share(text, share);
		ww_sentence__add(text, " of it)");
	}
	ww_sentence__add(&making->advice, "%s",
			 blocked ? "move what blocks there to threads or processes"
				 : "more processes or CPUs, or move what computes or blocks there to threads");
}

static void tell_workers(struct ww_making *making, const struct ww_blockage *blockage, const char *holder, double share)
{
	struct ww_sentence *text = &making->text;

	if (blockage->how == WW_CROWD_ONE_THREAD)
		ww_sentence__add(text, "for the one thread that serves it");
	else if (blockage->threads)
		ww_sentence__add(text, "for one of %u workers, all of them busy", blockage->threads);
	else
		ww_sentence__add(text, "for a worker");
	if (share > 0) {
		ww_sentence__add(text, ", busy with %s (", holder);
		ww_sentence__share(text, share);
		ww_sentence__add(text, " of it)");
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
	const struct ww_endpoint_report *endpoint = finder->endpoint;
	double queue = (double)endpoint->kinds_sum_ns[WW_KIND_QUEUE] / (double)endpoint->wall.sum;
	char holder[NAME] = "";
	bool itself = false;
	double share = main_holder(finder, blockage, holder, &itself);

	ww_sentence__add(&making->text, "waits ");
	ww_sentence__ms(&making->text, making->saving.mean_ns);
	ww_sentence__add(&making->text, " (");
	ww_sentence__share(&making->text, queue);
	ww_sentence__add(&making->text, ") ");
	if (blockage->how == WW_CROWD_LOOP)
		tell_loop(making, blockage, holder, share, itself);
	else
		tell_workers(making, blockage, holder, share);
	ww_making__text(making, "cause", blockage->threads ? hows[blockage->how] : "not known");
	ww_making__number(making, "share", queue);
	ww_making__number(making, "threads", blockage->threads);
	if (share > 0) {
		ww_making__text(making, "held_by", holder);
		ww_making__number(making, "held_by_share", share);
		ww_making__number(making, "held_busy_share",
				  blockage->busy_ns / (blockage->busy_ns + blockage->waiting_ns));
	}
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
		err = ww_crowd__blockage(input->crowd, input->id, &blockage);
	/* Where requests were kept, and none of them held a thread, there may have been none to wait for. */
	if (!err && (!blockage.threads || blockage.seen_ns >= WW_LIMIT_SEEN_SHARE * blockage.queued_ns ||
		     (double)queue >= WW_LIMIT_UNSEEN_SHARE * (double)endpoint->wall.sum))
		err = tell(finder, &making, &blockage);
	free(blockage.held_ns);
	return err;
}
