/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/limits.h"

#define HELD_MOST (1u << 19) /* sums of who held whom that are kept at once: 4 MiB */

void ww_crowd__free(struct ww_crowd *crowd)
{
	if (!crowd)
		return;
	free(crowd->stretches);
	free(crowd->spans);
	*crowd = (struct ww_crowd){0};
}

static enum ww_crowd_state state_of(uint8_t kind)
{
	switch (kind) {
	case WW_KIND_QUEUE:
		return WW_CROWD_QUEUED;
	case WW_KIND_COMPUTE:
	case WW_KIND_GC:
	case WW_KIND_RUNQ:
	case WW_KIND_DISK: /* no event loop waits for a disk without standing still */
		return WW_CROWD_BUSY;
	default:
		return WW_CROWD_WAITING;
	}
}

static int add(struct ww_crowd *crowd, const struct ww_crowd_stretch *stretch)
{
	if (crowd->len == crowd->cap) {
		size_t cap = crowd->cap ? 2 * crowd->cap : 256;
		struct ww_crowd_stretch *larger = reallocarray(crowd->stretches, cap, sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		crowd->stretches = larger;
		crowd->cap = cap;
	}
	crowd->stretches[crowd->len++] = *stretch;
	return 0;
}

/* Counts a request; false when out of memory. */
static bool count(struct ww_crowd *crowd, uint32_t endpoint, const struct ww_request *request)
{
	if (endpoint >= crowd->spans_len) {
		uint32_t len = endpoint + 16;
		struct ww_crowd_span *larger = reallocarray(crowd->spans, len, sizeof(*larger));

		if (!larger)
			return false;
		memset(larger + crowd->spans_len, 0, (len - crowd->spans_len) * sizeof(*larger));
		crowd->spans = larger;
		crowd->spans_len = len;
	}

	struct ww_crowd_span *span = &crowd->spans[endpoint];

	if (!span->kept || request->start_unix_ns < span->kept_ns)
		span->kept_ns = request->start_unix_ns;
	span->kept++;
	if (!request->sampled)
		return true;
	if (!span->requests || request->start_unix_ns < span->first_ns)
		span->first_ns = request->start_unix_ns;
	if (!span->requests || request->start_unix_ns > span->last_ns)
		span->last_ns = request->start_unix_ns;
	span->requests++;
	return true;
}

/* Times that a clock can show: sums of them stay in range, whatever a damaged recording says. */
static bool is_sane(const struct ww_request *request)
{
	const int64_t most = INT64_MAX / 4;

	if (request->start_unix_ns < 0 || request->start_unix_ns > most || request->wall_ns > (uint64_t)most)
		return false;
	for (size_t i = 0; i < request->segments_len; i++)
		if (request->segments[i].start_ns > request->wall_ns ||
		    request->segments[i].duration_ns > request->wall_ns - request->segments[i].start_ns)
			return false;
	return true;
}

int ww_crowd__add(struct ww_crowd *crowd, uint32_t endpoint, const struct ww_request *request)
{
	struct ww_crowd_stretch now = {
		.pid = request->pid, .tid = request->tid, .endpoint = endpoint, .sampled = request->sampled};
	size_t before = crowd->len;
	bool open = false, picked_up = false;
	int err = 0;

	if (crowd->len >= WW_CROWD_STRETCHES || !is_sane(request))
		return 0;
	if (!count(crowd, endpoint, request))
		return -ENOMEM;
	/* Neighbours of one state are one. */
	for (size_t i = 0; i < request->segments_len && !err; i++) {
		const struct ww_request_segment *segment = &request->segments[i];
		int64_t from = request->start_unix_ns + (int64_t)segment->start_ns;
		enum ww_crowd_state state = state_of(segment->kind);

		if (open && state != now.state)
			err = add(crowd, &now);
		if (!open || state != now.state) {
			now.from_ns = from;
			now.state = (uint8_t)state;
			now.late = state == WW_CROWD_QUEUED && picked_up;
		}
		now.to_ns = from + (int64_t)segment->duration_ns;
		picked_up = picked_up || state != WW_CROWD_QUEUED;
		open = true;
	}
	if (open && !err)
		err = add(crowd, &now);
	if (err)
		crowd->len = before;
	return err;
}

static int compare(const void *left, const void *right)
{
	const struct ww_crowd_stretch *a = left, *b = right;

	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	if (a->tid != b->tid)
		return a->tid < b->tid ? -1 : 1;
	return (a->from_ns > b->from_ns) - (a->from_ns < b->from_ns);
}

/* Calls `pair` for any two stretches of a thread that overlap: the one that began first, the other, and how long. */
static int each_pair(const struct ww_crowd *crowd,
		     void (*pair)(void *ctx, struct ww_crowd_stretch *, struct ww_crowd_stretch *, double ns),
		     void *ctx)
{
	uint32_t *active = calloc(crowd->len + 1, sizeof(*active));
	size_t active_len = 0;

	if (!active)
		return -ENOMEM;
	for (uint32_t i = 0; i < crowd->len; i++) {
		struct ww_crowd_stretch *now = &crowd->stretches[i];
		size_t left = 0;

		for (size_t j = 0; j < active_len; j++) {
			struct ww_crowd_stretch *other = &crowd->stretches[active[j]];
			int64_t end = other->to_ns < now->to_ns ? other->to_ns : now->to_ns;

			if (other->pid != now->pid || other->tid != now->tid || other->to_ns <= now->from_ns)
				continue;
			active[left++] = active[j];
			if (end > now->from_ns)
				pair(ctx, other, now, (double)(end - now->from_ns));
		}
		active[left++] = i;
		active_len = left;
	}
	free(active);
	return 0;
}

static void mark_interleaved(void *ctx, struct ww_crowd_stretch *one, struct ww_crowd_stretch *other, double ns)
{
	(void)ctx;
	(void)ns;
	if (one->state == WW_CROWD_BUSY && other->state == WW_CROWD_WAITING)
		other->interleaved = true;
	if (one->state == WW_CROWD_WAITING && other->state == WW_CROWD_BUSY)
		one->interleaved = true;
}

/* Leaves out what was before a time. */
static void clip(struct ww_crowd *crowd, int64_t from_ns)
{
	size_t left = 0;

	for (size_t i = 0; i < crowd->len; i++) {
		struct ww_crowd_stretch stretch = crowd->stretches[i];

		if (stretch.to_ns <= from_ns)
			continue;
		if (stretch.from_ns < from_ns)
			stretch.from_ns = from_ns;
		crowd->stretches[left++] = stretch;
	}
	crowd->len = left;
}

int ww_crowd__settle(struct ww_crowd *crowd, const struct ww_crowd_beside *beside)
{
	int64_t from_ns = INT64_MIN;

	crowd->whole = beside->all_kept && crowd->len < WW_CROWD_STRETCHES;
	for (uint32_t i = 0; i < crowd->spans_len; i++) {
		struct ww_crowd_span *span = &crowd->spans[i];
		double seconds = (double)(span->last_ns - span->first_ns) / 1e9;

		if (span->kept < beside->requests(beside->ctx, i) && span->kept && span->kept_ns > from_ns)
			from_ns = span->kept_ns;
		span->weight =
			span->requests > 1 ? beside->rate(beside->ctx, i) * seconds / (double)(span->requests - 1) : 1;
		if (crowd->whole || span->weight < 1)
			span->weight = 1;
	}
	if (crowd->whole)
		clip(crowd, from_ns);
	if (crowd->len)
		qsort(crowd->stretches, crowd->len, sizeof(*crowd->stretches), compare);
	return each_pair(crowd, mark_interleaved, NULL);
}

struct ways;

/* What is being found of some endpoints. */
struct looking {
	struct ww_blockages *blockages;
	struct ways *ways;
};

static struct ww_blockage *sought(const struct looking *looking, uint32_t endpoint)
{
	const struct ww_blockages *blockages = looking->blockages;

	return endpoint - blockages->first < blockages->len ? &blockages->of[endpoint - blockages->first] : NULL;
}

static void hold(const struct looking *looking, const struct ww_crowd_stretch *queued,
		 const struct ww_crowd_stretch *by, double ns)
{
	struct ww_blockage *blockage = sought(looking, queued->endpoint);
	double weighed = ns * (by->sampled ? looking->blockages->crowd->spans[by->endpoint].weight : 1);

	if (queued->state != WW_CROWD_QUEUED || !blockage || by->state == WW_CROWD_QUEUED)
		return;
	/* While a request waits, its event loop serves others; unless it stands still in a call that blocks. */
	if (by->state == WW_CROWD_WAITING && by->interleaved)
		return;
	blockage->seen_ns += weighed;
	blockage->held_ns[by->endpoint] += weighed;
	if (ns >= WW_LIMIT_BLOCKS_SHARE * (double)(queued->to_ns - queued->from_ns))
		blockage->blocked_ns += weighed;
	*(by->state == WW_CROWD_BUSY ? &blockage->busy_ns : &blockage->waiting_ns) += weighed;
}

static void look(void *ctx, struct ww_crowd_stretch *one, struct ww_crowd_stretch *other, double ns)
{
	hold(ctx, one, other, ns);
	hold(ctx, other, one, ns);
}

/* How the processes that serve an endpoint do it: sums over all that they did. */
struct ways {
	double queued, late, waited, interleaved;
	const struct ww_crowd_stretch *process, *thread; /* the last one that served it: its first stretch, and one */
};

static void add_ways(struct ways *ways, const struct ww_crowd_stretch *stretch)
{
	double ns = (double)(stretch->to_ns - stretch->from_ns);

	ways->queued += stretch->state == WW_CROWD_QUEUED ? ns : 0;
	ways->late += stretch->late && ns >= WW_LIMIT_LATE_QUEUE_NS ? ns : 0;
	ways->waited += stretch->state == WW_CROWD_WAITING ? ns : 0;
	ways->interleaved += stretch->interleaved ? ns : 0;
}

/* Counts a stretch of a process, all of which is in `all`. */
static void add_stretch(const struct looking *looking, const struct ww_crowd_stretch *process, const struct ways *all,
			const struct ww_crowd_stretch *stretch)
{
	struct ww_blockage *blockage = sought(looking, stretch->endpoint);
	struct ways *ways;

	if (!blockage)
		return;
	ways = &looking->ways[stretch->endpoint - looking->blockages->first];
	if (ways->process != process) {
		ways->queued += all->queued;
		ways->late += all->late;
		ways->waited += all->waited;
		ways->interleaved += all->interleaved;
		ways->process = process;
	}
	if (!ways->thread || ways->thread->tid != stretch->tid || ways->thread->pid != stretch->pid) {
		blockage->threads++;
		ways->thread = stretch;
	}
	if (stretch->state == WW_CROWD_QUEUED)
		blockage->queued_ns += (double)(stretch->to_ns - stretch->from_ns);
}

static void tell_how(const struct looking *looking)
{
	const struct ww_crowd *crowd = looking->blockages->crowd;

	for (size_t first = 0, end; first < crowd->len; first = end) {
		struct ways all = {0};

		for (end = first; end < crowd->len && crowd->stretches[end].pid == crowd->stretches[first].pid; end++)
			add_ways(&all, &crowd->stretches[end]);
		for (size_t i = first; i < end; i++)
			add_stretch(looking, &crowd->stretches[first], &all, &crowd->stretches[i]);
	}
	for (uint32_t i = 0; i < looking->blockages->len; i++) {
		struct ww_blockage *blockage = &looking->blockages->of[i];
		const struct ways *ways = &looking->ways[i];

		if ((ways->queued > 0 && ways->late >= WW_LIMIT_LATE_QUEUE_SHARE * ways->queued) ||
		    (ways->waited > 0 && ways->interleaved >= WW_LIMIT_LATE_QUEUE_SHARE * ways->waited))
			blockage->how = WW_CROWD_LOOP;
		else
			blockage->how = blockage->threads == 1 ? WW_CROWD_ONE_THREAD : WW_CROWD_WORKERS;
	}
}

void ww_blockages__free(struct ww_blockages *blockages)
{
	if (!blockages)
		return;
	free(blockages->of);
	free(blockages->held_ns);
	*blockages = (struct ww_blockages){.crowd = blockages->crowd};
}

/* From that one on as many as there is room for: to go through the stretches for each alone takes seconds. */
static int find_some(struct ww_blockages *blockages, uint32_t endpoint)
{
	uint32_t spans = blockages->crowd->spans_len ? blockages->crowd->spans_len : 1, len = HELD_MOST / spans;
	struct looking looking = {.blockages = blockages};
	int err = -ENOMEM;

	ww_blockages__free(blockages);
	len = !len ? 1 : len < spans ? len : spans;
	blockages->of = calloc(len, sizeof(*blockages->of));
	blockages->held_ns = calloc((size_t)len * spans, sizeof(*blockages->held_ns));
	looking.ways = calloc(len, sizeof(*looking.ways));
	if (blockages->of && blockages->held_ns && looking.ways) {
		blockages->first = endpoint;
		blockages->len = len;
		for (uint32_t i = 0; i < len; i++)
			blockages->of[i].held_ns = &blockages->held_ns[(size_t)i * spans];
		err = each_pair(blockages->crowd, look, &looking);
		if (!err)
			tell_how(&looking);
	}
	free(looking.ways);
	if (err)
		ww_blockages__free(blockages);
	return err;
}

int ww_blockages__find(struct ww_blockages *blockages, uint32_t endpoint, struct ww_blockage *blockage)
{
	int err = endpoint - blockages->first < blockages->len ? 0 : find_some(blockages, endpoint);

	if (!err)
		*blockage = blockages->of[endpoint - blockages->first];
	return err;
}
