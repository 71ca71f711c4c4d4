/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>

#include "accounts.h"
#include "requests/ingest.h"
#include "store/recorder.h"
#include "store/recording.h"

#define SECOND 1000000000ull

/* What was put in, counted by the test itself. */
struct expected {
	uint64_t requests, errors, wall_ns, cpu_ns, bytes_out;
	uint64_t kinds_ns[WW_KIND_COUNT];
};

struct fixture {
	struct draw draw;
	const char *directory;
	char path[128];
	struct ww_recorder *recorder;
	struct ww_ingest *ingest;
	uint64_t now;
	uint64_t next_id;
	struct expected expected;
};

static int find_peer(void *ctx, uint32_t index, struct ww_peer *peer)
{
	static const struct ww_peer peers[] = {
		{.family = AF_INET, .system = WW_SYSTEM_POSTGRES, .port = 5432, .addr = {10, 0, 0, 1}},
		{.family = AF_INET, .system = WW_SYSTEM_HTTP, .port = 8080, .addr = {10, 0, 0, 2}},
		{.family = AF_INET6, .port = 53, .addr = {[15] = 1}},
		{.family = AF_INET6, .port = 80, .addr = {[10] = 0xff, 0xff, 127, 0, 0, 1}},
		{.family = AF_UNIX, .system = WW_SYSTEM_REDIS, .path = "/run/redis.sock"},
		{.family = AF_UNIX},
	};

	(void)ctx;
	if (index >= sizeof(peers) / sizeof(*peers))
		return -ENOENT;
	*peer = peers[index];
	return 0;
}

static void start(struct fixture *fixture, struct ww_ingest_options options, unsigned keep, bool keep_all)
{
	const struct ww_recorder_options recorder_options = {.path = fixture->path, .keep = keep, .keep_all = keep_all};
	char message[512] = "";
	struct timespec now;

	if (ww_recorder__create(&fixture->recorder, &recorder_options, message, sizeof(message)))
		fail_msg("%s", message);
	options.recorder = fixture->recorder;
	options.peer = find_peer;
	assert_int_equal(ww_ingest__create(&fixture->ingest, &options), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	fixture->now = (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec + 100 * SECOND;
}

static void stop(struct fixture *fixture)
{
	assert_int_equal(ww_ingest__finish(fixture->ingest, fixture->now, NULL), 0);
	ww_ingest__destroy(fixture->ingest);
	assert_int_equal(ww_recorder__close(fixture->recorder), 0);
	fixture->ingest = NULL;
	fixture->recorder = NULL;
}

static int make_fixture(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->draw = draw_start();
	fixture->directory = make_directory();
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db", fixture->directory);
	*state = fixture;
	return 0;
}

static int drop_fixture(void **state)
{
	struct fixture *fixture = *state;

	ww_ingest__destroy(fixture->ingest);
	ww_recorder__close(fixture->recorder);
	drop_directory(fixture->directory);
	free(fixture);
	return 0;
}

/* Sends requests for `routes` different routes, and counts them. */
static void feed(struct fixture *fixture, unsigned requests, unsigned routes)
{
	struct expected *expected = &fixture->expected;

	for (unsigned i = 0; i < requests; i++) {
		char path[64];
		struct ww_account account;

		snprintf(path, sizeof(path), "/route-%c%c/%u", 'a' + (char)(i % routes / 26),
			 'a' + (char)(i % routes % 26), i);
		fixture->now += draw_number(&fixture->draw, 1000000);
		account = draw_account(&fixture->draw, ++fixture->next_id, path, fixture->now);
		assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
		expected->requests++;
		expected->errors += account.status >= 500 || !account.status;
		expected->wall_ns += account.end_ns - account.start_ns;
		expected->cpu_ns += account.cpu_ns;
		expected->bytes_out += account.bytes_out;
		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			expected->kinds_ns[kind] += account.kinds_ns[kind];
	}
}

static uint64_t sum_of(const uint64_t kinds_ns[WW_KIND_COUNT])
{
	uint64_t sum = 0;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		sum += kinds_ns[kind];
	return sum;
}

/* Every sum of the report in itself, and all endpoints together against what was put in. */
static void check_report(const struct ww_report *report, const struct expected *expected)
{
	struct expected seen = {0};

	for (size_t i = 0; i < report->endpoints_len; i++) {
		const struct ww_endpoint_report *endpoint = &report->endpoints[i];
		uint64_t attributed = 0, statuses = 0;

		assert_true(sum_of(endpoint->kinds_sum_ns) == endpoint->wall.sum);
		assert_true(sum_of(endpoint->tail_kinds_sum_ns) == endpoint->tail_wall_sum_ns);
		assert_true(endpoint->tail_requests > 0 && endpoint->tail_requests <= endpoint->requests);
		assert_true(endpoint->tail_requests * 20 >= endpoint->requests);
		assert_true(endpoint->wall.p50 <= endpoint->wall.p95 && endpoint->wall.p95 <= endpoint->wall.p99);
		assert_true(endpoint->wall.p99 <= endpoint->wall.max);
		assert_true(endpoint->in_flight_max >= 1);
		for (int a = 0; a < WW_ATTRIBUTION_COUNT; a++)
			attributed += endpoint->attribution[a];
		for (size_t s = 0; s < endpoint->status_len; s++)
			statuses += endpoint->status[s].requests;
		assert_true(attributed == endpoint->requests && statuses == endpoint->requests);
		for (size_t d = 0; d < endpoint->details_len; d++)
			assert_true(endpoint->details[d].sum_ns <= endpoint->kinds_sum_ns[endpoint->details[d].kind]);
		seen.requests += endpoint->requests;
		seen.errors += endpoint->errors;
		seen.wall_ns += endpoint->wall.sum;
		seen.cpu_ns += endpoint->cpu_sum_ns;
		seen.bytes_out += endpoint->bytes_out;
		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			seen.kinds_ns[kind] += endpoint->kinds_sum_ns[kind];
		assert_true(i == 0 || endpoint[-1].wall.sum >= endpoint->wall.sum);
	}
	assert_memory_equal(&seen, expected, sizeof(seen));
}

static struct ww_report *read_report(const char *path, const struct ww_selection *selection)
{
	struct ww_recording *recording;
	struct ww_report *report = NULL;
	char message[512] = "";

	if (ww_recording__open(&recording, path, message, sizeof(message)))
		fail_msg("%s", message);
	if (ww_recording__report(recording, selection, &report))
		fail_msg("%s", ww_recording__message(recording));
	ww_recording__close(recording);
	return report;
}

static void check_file(const char *path, const struct expected *expected)
{
	struct ww_report *report = read_report(path, &(struct ww_selection){0});

	check_report(report, expected);
	ww_report_free(report);
}

/* Returns how many requests were kept; checks each. */
static uint64_t check_requests(const char *path, const struct ww_selection *selection, uint64_t slowest, uint64_t *wall)
{
	struct ww_recording *recording;
	struct ww_request_cursor *cursor;
	const struct ww_request *request;
	char message[512] = "";
	uint64_t count = 0, before = UINT64_MAX;
	int64_t start_before = INT64_MIN;
	int more;

	*wall = 0;
	if (ww_recording__open(&recording, path, message, sizeof(message)))
		fail_msg("%s", message);
	assert_int_equal(ww_recording__requests(recording, selection, slowest, &cursor), 0);
	while ((more = ww_request_cursor__next(cursor, &request)) > 0) {
		uint64_t end = 0;

		assert_true(sum_of(request->kinds_ns) == request->wall_ns);
		for (size_t i = 0; i < request->segments_len; i++) {
			assert_true(request->segments[i].start_ns >= end && request->segments[i].duration_ns);
			end = request->segments[i].start_ns + request->segments[i].duration_ns;
		}
		assert_true(end <= request->wall_ns);
		assert_true(slowest ? request->wall_ns <= before : request->start_unix_ns >= start_before);
		before = request->wall_ns;
		start_before = request->start_unix_ns;
		*wall += request->wall_ns;
		count++;
	}
	assert_int_equal(more, 0);
	ww_request_cursor__close(cursor);
	ww_recording__close(recording);
	return count;
}

static void every_sum_is_exact_at_every_moment(void **state)
{
	struct fixture *fixture = *state;
	struct ww_report *live;
	uint64_t wall;

	start(fixture, (struct ww_ingest_options){.live_seconds = 60}, 0, true);
	for (int second = 0; second < 35; second++) {
		fixture->now += SECOND;
		feed(fixture, (unsigned)draw_number(&fixture->draw, 300), 60);
		assert_int_equal(ww_ingest__tick(fixture->ingest, fixture->now, NULL), 0);
		/* The file as it would be found if the process were killed now. */
		if (second % 7 == 0)
			check_file(fixture->path, &fixture->expected);
		assert_int_equal(ww_ingest__report(fixture->ingest, 60, &live), 0);
		check_report(live, &fixture->expected);
		ww_report_free(live);
	}
	feed(fixture, 100, 3);
	stop(fixture);
	check_file(fixture->path, &fixture->expected);
	assert_true(check_requests(fixture->path, &(struct ww_selection){0}, 0, &wall) == fixture->expected.requests);
	assert_true(wall == fixture->expected.wall_ns);
	check_requests(fixture->path, &(struct ww_selection){0}, 100, &wall);
}

static void intervals_add_up(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recording *recording;
	struct ww_report *report;
	char message[512];
	int64_t from, to, unit;
	uint64_t requests = 0, wall = 0;

	start(fixture, (struct ww_ingest_options){0}, 2, false);
	for (int second = 0; second < 42; second++) {
		fixture->now += SECOND;
		feed(fixture, 50, 7);
		ww_ingest__tick(fixture->ingest, fixture->now, NULL);
	}
	stop(fixture);
	assert_int_equal(ww_recording__open(&recording, fixture->path, message, sizeof(message)), 0);
	ww_recording__window(recording, &from, &to);
	unit = ww_recording__interval_ns(recording);
	for (from -= from % unit; from < to; from += unit) {
		const struct ww_selection selection = {.since_unix_ns = from, .until_unix_ns = from + unit};

		assert_int_equal(ww_recording__report(recording, &selection, &report), 0);
		assert_true(report->end_unix_ns - report->start_unix_ns <= unit);
		for (size_t i = 0; i < report->endpoints_len; i++) {
			assert_true(sum_of(report->endpoints[i].kinds_sum_ns) == report->endpoints[i].wall.sum);
			requests += report->endpoints[i].requests;
			wall += report->endpoints[i].wall.sum;
		}
		ww_report_free(report);
	}
	assert_true(requests == fixture->expected.requests && wall == fixture->expected.wall_ns);
	ww_recording__close(recording);
}

static void endpoints_are_chosen_by_globs(void **state)
{
	static const struct {
		const char *glob;
		uint64_t endpoints;
	} cases[] = {{NULL, 6},
		     {"*", 6},
		     {"/route-aa/*", 3},
		     {"GET *", 2},
		     {"POST /route-ab*", 1},
		     {"worker:8000", 6},
		     {"worker:8000 DELETE*", 2},
		     {"nothing", 0}};
	struct fixture *fixture = *state;
	uint64_t wall;

	start(fixture, (struct ww_ingest_options){0}, 5, false);
	feed(fixture, 500, 2);
	stop(fixture);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct ww_selection selection = {.endpoint = cases[i].glob};
		struct ww_report *report = read_report(fixture->path, &selection);

		assert_int_equal(report->endpoints_len, cases[i].endpoints);
		assert_int_equal(report->services_len, cases[i].endpoints > 0);
		assert_true(!check_requests(fixture->path, &selection, 0, &wall) == !cases[i].endpoints);
		assert_true(check_requests(fixture->path, &selection, 3, &wall) == (cases[i].endpoints ? 3 : 0));
		ww_report_free(report);
	}
}

static void details_get_their_names(void **state)
{
	static const struct {
		uint8_t kind, type;
		uint32_t value;
		const char *name;
	} cases[] = {
		{WW_KIND_DB, WW_DETAIL_PEER, 0, "postgres"},
		{WW_KIND_NET, WW_DETAIL_PEER, 0, "10.0.0.1:5432"},
		{WW_KIND_NET, WW_DETAIL_PEER, 1, "10.0.0.2:8080"},
		{WW_KIND_NET, WW_DETAIL_PEER, 2, "[::1]:53"},
		{WW_KIND_NET, WW_DETAIL_PEER, 3, "127.0.0.1:80"},
		{WW_KIND_DB, WW_DETAIL_PEER, 4, "redis"},
		{WW_KIND_IPC, WW_DETAIL_PEER, 4, "/run/redis.sock"},
		{WW_KIND_IPC, WW_DETAIL_PEER, 5, "unix"},
		{WW_KIND_NET, WW_DETAIL_PEER, 99, NULL},
		{WW_KIND_OTHER, WW_DETAIL_SYSCALL, 1u << 20, "syscall_1048576"},
		{WW_KIND_DISK, WW_DETAIL_NAME, WW_NAME_FSYNC, "fsync"},
		{WW_KIND_RUNQ, WW_DETAIL_NAME, WW_NAME_THROTTLED, "throttled"},
		{WW_KIND_LOCK, WW_DETAIL_NAME, 200, NULL},
		{WW_KIND_LOCK, WW_DETAIL_NONE, 0, NULL},
		{WW_KIND_LOCK, 77, 0, NULL},
	};
	struct fixture *fixture = *state;
	struct ww_report *report;
	size_t found = 0;

	start(fixture, (struct ww_ingest_options){0}, 5, false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ww_account account = draw_account(&fixture->draw, i + 1, "/", fixture->now);

		memset(account.kinds_ns, 0, sizeof(account.kinds_ns));
		account.kinds_ns[cases[i].kind] = 1000 + i;
		account.start_ns = account.end_ns - account.kinds_ns[cases[i].kind];
		strcpy(account.method, "GET");
		account.details_len = 1;
		account.details[0] = (struct ww_detail){.kind = cases[i].kind,
							.type = cases[i].type,
							.value = cases[i].value,
							.ns = 1000 + i,
							.count = 1};
		assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	}
	stop(fixture);
	report = read_report(fixture->path, &(struct ww_selection){0});
	assert_int_equal(report->endpoints_len, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		for (size_t d = 0; cases[i].name && d < report->endpoints[0].details_len; d++) {
			const struct ww_detail_row *row = &report->endpoints[0].details[d];

			found += row->kind == cases[i].kind && row->sum_ns == 1000 + i &&
				 !strcmp(row->name, cases[i].name);
		}
	}
	assert_int_equal(found, 11);
	assert_int_equal(report->endpoints[0].details_len, 11);
	ww_report_free(report);
}

static void contradictions_are_counted_not_believed(void **state)
{
	struct fixture *fixture = *state;
	struct ww_account good = draw_account(&fixture->draw, 1, "/x", 1ull << 40), bad[9];
	struct ww_report *report;

	for (size_t i = 0; i < 9; i++)
		bad[i] = good;
	bad[0].kinds_ns[0]++;
	bad[1].start_ns = bad[1].end_ns + 1;
	bad[2].version++;
	bad[3].target_len = WW_TARGET_MAX + 1;
	bad[4].size--;
	bad[5].attribution = WW_ATTRIBUTION_COUNT;
	bad[6].details_len = WW_DETAILS + 1;
	bad[7].details_len = 1;
	bad[7].details[0].kind = WW_KIND_COUNT;
	/* Two that only an overflow brings to the right sum. */
	bad[8].kinds_ns[0] += 1ull << 63;
	bad[8].kinds_ns[1] += 1ull << 63;
	start(fixture, (struct ww_ingest_options){0}, 5, false);
	assert_int_equal(ww_ingest__account(fixture->ingest, &good), 0);
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(ww_ingest__account(fixture->ingest, &bad[i]), -EPROTO);
	assert_int_equal(ww_ingest__totals(fixture->ingest)->requests, 1);
	assert_int_equal(ww_ingest__totals(fixture->ingest)->malformed, 9);
	stop(fixture);
	report = read_report(fixture->path, &(struct ww_selection){0});
	assert_false(report->complete);
	assert_int_equal(report->losses_len, 1);
	assert_string_equal(report->losses[0].cause, "malformed_records");
	assert_int_equal(report->losses[0].count, 9);
	ww_report_free(report);
}

static void losses_and_unreadable_ports_are_said(void **state)
{
	uint64_t counters[WW_COUNTER_COUNT] = {[WW_COUNT_HALF_SEEN] = 3};
	struct fixture *fixture = *state;
	struct ww_report *report;

	start(fixture, (struct ww_ingest_options){0}, 5, false);
	assert_int_equal(ww_ingest__unreadable(fixture->ingest, 8443, WW_UNREADABLE_TLS, 7), 0);
	assert_int_equal(ww_ingest__unreadable(fixture->ingest, 8443, WW_UNREADABLE_HTTP2, 1), 0);
	assert_int_equal(ww_ingest__unreadable(fixture->ingest, 8443, WW_UNREADABLE_TLS, 9), 0);
	assert_int_equal(ww_ingest__tick(fixture->ingest, fixture->now, counters), 0);
	report = read_report(fixture->path, &(struct ww_selection){0});
	assert_true(report->complete);
	assert_int_equal(report->losses_len, 1);
	assert_int_equal(report->unreadable_len, 2);
	assert_string_equal(report->unreadable[1].protocol, "tls");
	assert_int_equal(report->unreadable[1].connections, 9);
	ww_report_free(report);
	counters[WW_COUNT_ACCOUNT_RING_FULL] = 5;
	assert_int_equal(ww_ingest__tick(fixture->ingest, fixture->now + SECOND, counters), 0);
	report = read_report(fixture->path, &(struct ww_selection){0});
	assert_false(report->complete);
	assert_int_equal(report->losses_len, 2);
	ww_report_free(report);
}

static void routes_are_capped_and_the_rest_is_counted(void **state)
{
	struct fixture *fixture = *state;
	struct ww_report *report;
	uint64_t other = 0;

	start(fixture, (struct ww_ingest_options){.routes_max = 10}, 5, false);
	feed(fixture, 3000, 100);
	stop(fixture);
	report = read_report(fixture->path, &(struct ww_selection){0});
	check_report(report, &fixture->expected);
	for (size_t i = 0; i < report->endpoints_len; i++)
		other += strcmp(report->endpoints[i].route, "(other)") ? 0 : report->endpoints[i].requests;
	assert_true(report->endpoints_len == 13 && other > 2000); /* GET, POST, DELETE */
	assert_int_equal(report->losses_len, 1);
	assert_string_equal(report->losses[0].cause, "routes_over_cap");
	assert_true(report->losses[0].count == other && report->complete);
	ww_report_free(report);
}

static void services_are_filtered(void **state)
{
	static const char *const globs[] = {"nginx*", "work*:8001"};
	struct fixture *fixture = *state;
	struct ww_account account = draw_account(&fixture->draw, 1, "/", 1ull << 40);

	start(fixture, (struct ww_ingest_options){.services = globs, .services_len = 2}, 5, false);
	assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	account.port = 8001;
	assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	assert_int_equal(ww_ingest__totals(fixture->ingest)->requests, 1);
	assert_int_equal(ww_ingest__totals(fixture->ingest)->filtered, 1);
}

static void time_lines_join_their_requests(void **state)
{
	struct fixture *fixture = *state;
	struct ww_account account = draw_account(&fixture->draw, 77, "/caf\xe9?x=1", fixture->now);
	struct ww_segments line = {
		.id = 77,
		.len = 4,
		.segments = {{0, 300, 0, WW_KIND_QUEUE, WW_DETAIL_NONE, {0}},
			     {300, 0, 0, WW_KIND_COMPUTE, WW_DETAIL_NONE, {0}},
			     {300, 600, 0, WW_KIND_DB, WW_DETAIL_PEER, {0}},
			     {800, 100, 0, WW_KIND_DB, WW_DETAIL_PEER, {0}}}, /* overlaps */
	};
	struct ww_recording *recording;
	struct ww_request_cursor *cursor;
	const struct ww_request *request;
	char message[512];

	start(fixture, (struct ww_ingest_options){0}, 0, true);
	account.end_ns = fixture->now;
	account.start_ns = account.end_ns - 1000;
	account.first_byte_ns = account.start_ns + 900;
	memset(account.kinds_ns, 0, sizeof(account.kinds_ns));
	account.kinds_ns[WW_KIND_QUEUE] = 300;
	account.kinds_ns[WW_KIND_DB] = 700;
	account.details_len = 0;
	account.flags = WW_FLAG_SEGMENTS | WW_FLAG_TRACEPARENT;
	account.status = 201;
	strcpy(account.method, "POST");
	memcpy(account.comm, "a\x1b\"\\\xff", 6);
	memcpy(account.traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", WW_TRACEPARENT);
	assert_int_equal(ww_ingest__segments(fixture->ingest, &line), 0);
	line.id = 78;
	line.len = WW_SEGMENTS + 1;
	assert_int_equal(ww_ingest__segments(fixture->ingest, &line), -EPROTO);
	assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	stop(fixture);
	assert_int_equal(ww_recording__open(&recording, fixture->path, message, sizeof(message)), 0);
	assert_int_equal(ww_recording__requests(recording, &(struct ww_selection){0}, 0, &cursor), 0);
	assert_int_equal(ww_request_cursor__next(cursor, &request), 1);
	assert_string_equal(request->path, "/caf%E9");
	assert_string_equal(request->route, "/caf%E9");
	assert_string_equal(request->method, "POST");
	assert_string_equal(request->protocol, "http/1.1");
	assert_string_equal(request->comm, "a?\"\\?");
	assert_string_equal(request->service, "a?\"\\?:8000");
	assert_string_equal(request->traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	assert_int_equal(request->status, 201);
	assert_true(request->wall_ns == 1000 && request->first_byte_ns == 900);
	assert_int_equal(request->segments_len, 2);
	assert_true(request->segments_truncated);
	assert_string_equal(request->segments[1].detail, "postgres");
	assert_true(request->segments[1].start_ns == 300 && request->segments[1].duration_ns == 600);
	assert_int_equal(ww_request_cursor__next(cursor, &request), 0);
	ww_request_cursor__close(cursor);
	ww_recording__close(recording);
}

static void live_windows_are_the_last_seconds(void **state)
{
	struct fixture *fixture = *state;
	struct ww_report *report;

	start(fixture, (struct ww_ingest_options){.live_seconds = 5}, 0, false);
	for (unsigned second = 0; second < 20; second++) {
		fixture->expected = (struct expected){0};
		fixture->now += SECOND;
		feed(fixture, 10 + second, 3);
		ww_ingest__tick(fixture->ingest, fixture->now, NULL);
		assert_int_equal(ww_ingest__report(fixture->ingest, 1, &report), 0);
		check_report(report, &fixture->expected);
		ww_report_free(report);
	}
	for (unsigned seconds = 1; seconds < 9; seconds++) {
		uint64_t requests = 0, expected = 0;

		assert_int_equal(ww_ingest__report(fixture->ingest, seconds, &report), 0);
		for (size_t i = 0; i < report->endpoints_len; i++)
			requests += report->endpoints[i].requests;
		for (unsigned s = 0; s < (seconds < 5 ? seconds : 5); s++)
			expected += 29 - s;
		assert_int_equal(requests, expected);
		ww_report_free(report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_sum_is_exact_at_every_moment, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(intervals_add_up, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(endpoints_are_chosen_by_globs, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(details_get_their_names, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(contradictions_are_counted_not_believed, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(losses_and_unreadable_ports_are_said, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(routes_are_capped_and_the_rest_is_counted, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(services_are_filtered, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(time_lines_join_their_requests, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(live_windows_are_the_last_seconds, make_fixture, drop_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
