/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What must hold, whatever order events come in. */
#include "world.h"

#include <string.h>

static u64 sum(const u64 kinds_ns[WW_KIND_COUNT])
{
	u64 all = 0;
	for (u32 kind = 0; kind < WW_KIND_COUNT; kind++)
		all += kinds_ns[kind];
	return all;
}

/* The parts of a kind may sum to less than the kind, never to more. */
static void check_details(const char *whose, const struct ww_detail *details, u32 len, const u64 *kinds_ns)
{
	u64 parts[WW_KIND_COUNT] = {0};
	for (u32 i = 0; i < len; i++) {
		if (details[i].kind >= WW_KIND_COUNT)
			world_wrong("%s: a detail of kind %u", whose, details[i].kind);
		parts[details[i].kind] += details[i].ns;
	}
	for (u32 kind = 0; kind < WW_KIND_COUNT; kind++) {
		if (parts[kind] > kinds_ns[kind])
			world_wrong("%s: details of kind %u sum to %llu of %llu ns", whose, kind, parts[kind],
				    kinds_ns[kind]);
	}
}

static void check_requests(void)
{
	u32 times[SLOTS];
	host_free_slots(times);
	for (u32 slot = 0; slot < host_max_requests; slot++) {
		const struct ww_request *r = host_map_value(&ww_requests, &slot);
		if (times[slot] + !!r->live != 1)
			world_wrong("slot %u: free %u times, in state %u", slot, times[slot], r->state);
		/* Two CPUs at one request may leave a sum that is wrong: user space refuses such a record. */
		if (!r->live || world.racing)
			continue;
		if (r->mark < r->account.start_ns || r->mark > host.now)
			world_wrong("slot %u: charged from %llu to %llu at %llu", slot, r->account.start_ns, r->mark,
				    host.now);
		if (sum(r->account.kinds_ns) != r->mark - r->account.start_ns)
			world_wrong("slot %u: kinds sum to %llu of %llu ns", slot, sum(r->account.kinds_ns),
				    r->mark - r->account.start_ns);
		if (r->account.kinds_ns[WW_KIND_COMPUTE] > r->account.cpu_ns)
			world_wrong("slot %u: %llu ns of compute, %llu ns of CPU time", slot,
				    r->account.kinds_ns[WW_KIND_COMPUTE], r->account.cpu_ns);
		if (r->account.details_len > WW_DETAILS || r->line.len > WW_SEGMENTS)
			world_wrong("slot %u: %u details, %u segments", slot, r->account.details_len, r->line.len);
		check_details("a request", r->account.details, r->account.details_len, r->account.kinds_ns);
	}
}

static void check_threads(void)
{
	for (u32 i = 0; i < THREADS; i++) {
		struct ww_thread *t = host_thread(&world.threads[i].task);
		if (world.threads[i].state == THREAD_GONE || !t || world.racing)
			continue;
		if (t->mark < t->start || t->mark > host.now)
			world_wrong("thread %u: interval from %llu to %llu at %llu", i, t->start, t->mark, host.now);
		if (sum(t->kinds_ns) != t->mark - t->start)
			world_wrong("thread %u: kinds sum to %llu of %llu ns", i, sum(t->kinds_ns), t->mark - t->start);
		u64 compute = t->kinds_ns[WW_KIND_COMPUTE];
		if (compute > t->cpu_ns || t->cpu_ns - compute > t->kinds_ns[WW_KIND_GC])
			world_wrong("thread %u: %llu ns of compute, %llu ns of gc, %llu ns of CPU time", i, compute,
				    t->kinds_ns[WW_KIND_GC], t->cpu_ns);
		check_details("a thread", t->details, t->details_len, t->kinds_ns);
	}
}

static void check_connections(void)
{
	for (u32 i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &world.connections[i];
		struct ww_conn *conn = c->kind ? host_conn(&c->sock) : NULL;
		if (!conn || conn->role != WW_ROLE_SERVER)
			continue;
		/* The sweep has ended its first request: the next one begins anew. */
		if (world.deaths && conn->first && !host_request(conn->first))
			continue;
		u32 open = 0;
		ww_ref last = 0;
		for (struct ww_request *r = host_request(conn->first); r; r = host_request(r->next)) {
			last = r->account.id;
			if (++open > host_max_requests)
				world_wrong("connection %u: its requests form a ring", i);
		}
		if (world.deaths ? open > conn->http.open : open != conn->http.open)
			world_wrong("connection %u: %u requests, counted as %u", i, open, conn->http.open);
		if (open && last != conn->last && !world.deaths)
			world_wrong("connection %u: its last request is not the last", i);
	}
}

/* For the one who reads the events: which requests there are, and what was counted. */
static void show(void)
{
	static const char *const names[] = {
#define WW_COUNTER(id, name, loses, meaning) name,
#include "whywait/counters.def"
#undef WW_COUNTER
	};
	for (u32 counter = 0; counter < WW_COUNTER_COUNT && world.verbose; counter++) {
		u64 count = host_counter(counter);
		if (count != world.counted[counter])
			world_note("  %s", names[counter]);
		world.counted[counter] = count;
	}
	for (u32 slot = 0; slot < host_max_requests && world.verbose; slot++) {
		const struct ww_request *r = host_map_value(&ww_requests, &slot);
		if (r->live && r->account.id != world.shown[slot])
			world_note("  request %llx%s", r->account.id, r->anonymous ? ", of nobody known" : "");
		world.shown[slot] = r->live ? r->account.id : 0;
	}
}

void invariants_check(void)
{
	show();
	check_requests();
	check_threads();
	check_connections();
}

static void check_line(const struct ww_account *a)
{
	const struct ww_segments *line = &world.line;
	u64 end = 0;
	if (line->id != a->id)
		world_wrong("the time line of another request");
	for (u32 i = 0; i < line->len; i++) {
		const struct ww_segment *s = &line->segments[i];
		world_note("  segment of kind %u: %llu ns from %llu", s->kind, s->duration_ns, s->start_ns);
		if (s->start_ns < end || s->kind >= WW_KIND_COUNT || !s->duration_ns)
			world_wrong("segment %u of kind %u: %llu ns from %llu, after %llu", i, s->kind, s->duration_ns,
				    s->start_ns, end);
		end = s->start_ns + s->duration_ns;
	}
	if (end > a->end_ns - a->start_ns)
		world_wrong("the time line ends at %llu of %llu ns", end, a->end_ns - a->start_ns);
}

/* Records of a request so far. */
static u32 *traffic_of(ww_ref ref)
{
	u32 slot = WW_SLOT(ref) % SLOTS;
	if (world.traffic[slot].ref != ref)
		world.traffic[slot].records = 0;
	world.traffic[slot].ref = ref;
	return &world.traffic[slot].records;
}

void invariants_account(const struct ww_account *a, u64 size)
{
	u64 wall = a->end_ns - a->start_ns;
	if (world.racing) {
		world.records++;
		world.malformed += sum(a->kinds_ns) != wall;
		return;
	}
	world_note("record %llx: %llu ns, status %u, flags %x, attribution %u", a->id, wall, a->status, a->flags,
		   a->attribution);
	world.records++;
	if (size != a->size || a->target_len > WW_TARGET_MAX ||
	    size != __builtin_offsetof(struct ww_account, target) + a->target_len)
		world_wrong("a record of %llu bytes, with a target of %u", size, a->target_len);
	if (a->end_ns < a->start_ns || a->end_ns > host.now)
		world_wrong("a request from %llu to %llu, at %llu", a->start_ns, a->end_ns, host.now);
	if (sum(a->kinds_ns) != wall)
		world_wrong("kinds sum to %llu of %llu ns", sum(a->kinds_ns), wall);
	if (a->first_byte_ns && (a->first_byte_ns < a->start_ns || a->first_byte_ns > a->end_ns))
		world_wrong("a first byte at %llu of a request from %llu to %llu", a->first_byte_ns, a->start_ns,
			    a->end_ns);
	if (a->details_len > WW_DETAILS)
		world_wrong("%u details", a->details_len);
	/* Where one is lost, so may be that another request's were this one's. */
	if (!a->traffic_lost && a->traffic != *traffic_of(a->id))
		world_wrong("%u records of traffic, said to be %u", *traffic_of(a->id), a->traffic);
	check_details("a record", a->details, a->details_len, a->kinds_ns);
	/* A server may answer (408) before the request's first line is whole. */
	if ((!a->method[0] && !a->status) || a->method[WW_METHOD_MAX - 1])
		world_wrong("a record without a method, or with one that does not end");
	if (a->flags & WW_FLAG_SEGMENTS)
		check_line(a);
	for (u32 kind = 0; kind < WW_KIND_COUNT; kind++)
		world.kinds_ns[kind] += a->kinds_ns[kind];
	if (a->kinds_ns[WW_KIND_COMPUTE] > a->cpu_ns)
		world_wrong("%llu ns of compute, %llu ns of CPU time", a->kinds_ns[WW_KIND_COMPUTE], a->cpu_ns);
	if (world.illegal)
		return;
	/* Each step of a tagged clock is a bit of its own: it shows when it is charged a second time. */
	if (world.tagged && (a->cpu_ns & ~world.given || a->cpu_ns & world.charged))
		world_wrong("CPU time %llx, of %llx that threads had and %llx that is charged already", a->cpu_ns,
			    world.given, world.charged);
	world.charged += a->cpu_ns;
	if (world.charged > world.given)
		world_wrong("%llu ns of CPU time charged, %llu given", world.charged, world.given);
}

void invariants_segments(const struct ww_segments *line, u64 size)
{
	memset(&world.line, 0, sizeof(world.line));
	if (size > sizeof(world.line) || size < __builtin_offsetof(struct ww_segments, segments))
		world_wrong("a time line of %llu bytes", size);
	memcpy(&world.line, line, size);
}

void invariants_traffic(const struct ww_traffic *record, u64 size)
{
	world_note("traffic %u of request %llx, connection %llx, number %u", record->type, record->request,
		   record->connection, record->number);
	u64 data = (u64)record->head + record->tail;
	if (size < record->size || record->size != sizeof(*record) + data)
		world_wrong("a traffic record of %llu bytes: %u and %u", size, record->head, record->tail);
	if (record->began_ns > record->at_ns || record->at_ns > host.now)
		world_wrong("traffic from %llu to %llu at %llu", record->began_ns, record->at_ns, host.now);
	if ((record->type == WW_TRAFFIC_SENT || record->type == WW_TRAFFIC_RECEIVED) && data > record->total)
		world_wrong("%llu bytes of %u", data, record->total);
	if (record->type == WW_TRAFFIC_ADOPTED) {
		*traffic_of(record->request) += *traffic_of(record->connection) + 1;
		*traffic_of(record->connection) = 0;
	} else if (record->request && record->type != WW_TRAFFIC_CLOSED && record->type != WW_TRAFFIC_CONNECTED)
		*traffic_of(record->request) += 1;
}

void invariants_end(void)
{
	for (u32 slot = 0; slot < host_max_requests; slot++) {
		const struct ww_request *r = host_map_value(&ww_requests, &slot);
		if (r->live)
			world_wrong("request %llx is open for ever: state %u, anonymous %u, port %u", r->account.id,
				    r->state, r->anonymous, r->account.port);
	}
	if (host_counter(WW_COUNT_SLOT_LOST))
		world_wrong("a slot did not fit where it came from");
}
