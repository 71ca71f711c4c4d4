/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ingesting.h"

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

/* A second is told a little after its end, which may be in the next interval by then. */
static void a_second_is_of_the_interval_that_it_was_in(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recording *recording;
	struct timespec real, monotonic;
	struct ww_report *report;
	int64_t boundary, from, to, unit;
	char message[512];

	start(fixture, (struct ww_ingest_options){0}, 2, false);
	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	boundary = ((int64_t)real.tv_sec + 200) / 10 * 10;
	fixture->now = (uint64_t)(boundary - real.tv_sec + monotonic.tv_sec) * SECOND + (uint64_t)monotonic.tv_nsec -
		       (uint64_t)real.tv_nsec;
	for (int second = -3; second <= 2; second++) {
		fixture->now += second == -3 ? -3 * SECOND + SECOND / 20 : SECOND;
		feed(fixture, 10, 7);
		assert_int_equal(ww_ingest__tick(fixture->ingest, fixture->now, NULL), 0);
	}
	stop(fixture);
	assert_int_equal(ww_recording__open(&recording, fixture->path, message, sizeof(message)), 0);
	ww_recording__window(recording, &from, &to);
	unit = ww_recording__interval_ns(recording, 0);
	assert_int_equal(unit, 10 * SECOND);
	for (int half = 0; half < 2; half++) {
		struct ww_selection selection = {0};
		uint64_t requests = 0;

		selection.since_unix_ns = (boundary - 10 + half * 10) * (int64_t)SECOND;
		selection.until_unix_ns = selection.since_unix_ns + unit;
		assert_int_equal(ww_recording__report(recording, &selection, &report), 0);
		for (size_t i = 0; i < report->endpoints_len; i++)
			requests += report->endpoints[i].requests;
		assert_int_equal(requests, half ? 20 : 40);
		ww_report_free(report);
	}
	ww_recording__close(recording);
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
	unit = ww_recording__interval_ns(recording, 0);
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

/* Of one request that goes on, the BPF side knows more. */
static int find_held_by(void *ctx, uint64_t id, struct ww_held_by *held_by)
{
	(void)ctx;
	if (id != 77)
		return -ENOENT;
	*held_by = (struct ww_held_by){.method = "PUT", .target_len = 6, .target = "/tail?"};
	return 0;
}

static void take(struct fixture *fixture, const char *path, const struct ww_holder *holders, size_t len)
{
	struct ww_account account = draw_account(&fixture->draw, ++fixture->next_id, path, fixture->now);

	strcpy(account.method, "GET");
	memset(account.kinds_ns, 0, sizeof(account.kinds_ns));
	account.kinds_ns[WW_KIND_LOCK] = 1000;
	account.start_ns = account.end_ns - 1000;
	account.first_byte_ns = 0;
	account.details_len = 1;
	account.details[0] = (struct ww_detail){
		.ns = 900, .count = 6, .kind = WW_KIND_LOCK, .type = WW_DETAIL_NAME, .value = WW_NAME_FUTEX};
	memcpy(account.holders, holders, len * sizeof(*holders));
	account.holders_len = (uint8_t)len;
	assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
}

static void who_held_a_lock_has_a_name(void **state)
{
	static const struct {
		const char *name;
		uint64_t ns, count;
	} wanted[] = {{"held by GET /first", 1400, 4},
		      {"futex", 3740, 28},
		      {"held by PUT /tail", 180, 3},
		      {"held by another request", 60, 1},
		      {"held by thread pool-*-thread-*", 20, 0}};
	struct fixture *fixture = *state;
	struct ww_holder none = {0}, holders[] = {
					     {.ns = 700, .count = 2, .type = WW_HOLDER_REQUEST},
					     {.ns = 60, .count = 1, .type = WW_HOLDER_REQUEST},
					     {.ns = 10, .type = WW_HOLDER_THREAD, .who.comm = "pool-1-thread-12"},
				     };

	start(fixture, (struct ww_ingest_options){.held_by = find_held_by}, 5, false);
	/* Also of the very first request it may be told. */
	holders[1].who.request = 77;
	take(fixture, "/second", &holders[1], 1);
	take(fixture, "/first", &none, 0);
	holders[0].who.request = fixture->next_id;
	holders[1].who.request = 77;
	take(fixture, "/second", holders, 3);
	take(fixture, "/second", holders, 2);
	holders[1].who.request = 78;
	strcpy(holders[2].who.comm, "pool-22-thread-");
	holders[2].who.comm[15] = '7';
	take(fixture, "/third", &holders[1], 2);
	/* What does not fit contradicts itself: it has no name. */
	holders[0].ns = 901;
	take(fixture, "/fourth", holders, 1);
	stop(fixture);

	struct ww_report *report = read_report(fixture->path, &(struct ww_selection){0});
	uint64_t ns[5] = {0}, count[5] = {0};

	for (size_t i = 0; i < report->endpoints_len; i++) {
		const struct ww_endpoint_report *endpoint = &report->endpoints[i];
		uint64_t sum = 0;

		for (size_t k = 0; k < endpoint->details_len; k++) {
			sum += endpoint->details[k].sum_ns;
			for (size_t w = 0; w < 5; w++) {
				bool same = !strcmp(endpoint->details[k].name, wanted[w].name);

				ns[w] += same ? endpoint->details[k].sum_ns : 0;
				count[w] += same ? endpoint->details[k].count : 0;
			}
		}
		assert_int_equal(sum, 900 * endpoint->requests);
	}
	for (size_t w = 0; w < 5; w++) {
		assert_int_equal(ns[w], wanted[w].ns);
		assert_int_equal(count[w], wanted[w].count);
	}
	ww_report_free(report);
}

/* Each holder has a route that no request has been seen with. */
static int find_held_by_any(void *ctx, uint64_t id, struct ww_held_by *held_by)
{
	(void)ctx;
	*held_by = (struct ww_held_by){.method = "PUT", .target_len = 6};
	memcpy(held_by->target, (char[]){'/', 'a' + id / 16 % 4, '/', 'a' + id / 4 % 4, '/', 'a' + id % 4}, 6);
	return 0;
}

static void what_a_holder_moves_to_other_is_counted(void **state)
{
	struct fixture *fixture = *state;
	struct ww_holder holder = {.ns = 60, .count = 1, .type = WW_HOLDER_REQUEST};
	uint64_t other = 0, lost = 0;
	char path[8];

	start(fixture, (struct ww_ingest_options){.held_by = find_held_by_any, .routes_max = 8}, 5, false);
	for (int i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/%c/%c/%c", 'a' + i / 16, 'a' + i / 4 % 4, 'a' + i % 4);
		holder.who.request = 1000 + 7 * (uint64_t)i;
		take(fixture, path, &holder, 1);
	}
	stop(fixture);

	struct ww_report *report = read_report(fixture->path, &(struct ww_selection){0});

	for (size_t i = 0; i < report->endpoints_len; i++)
		other += strcmp(report->endpoints[i].route, "(other)") ? 0 : report->endpoints[i].requests;
	for (size_t i = 0; i < report->losses_len; i++)
		lost += strcmp(report->losses[i].cause, "routes_over_cap") ? 0 : report->losses[i].count;
	assert_true(other > 0);
	assert_int_equal(lost, other);
	ww_report_free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_sum_is_exact_at_every_moment, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(intervals_add_up, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(a_second_is_of_the_interval_that_it_was_in, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(endpoints_are_chosen_by_globs, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(who_held_a_lock_has_a_name, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(what_a_holder_moves_to_other_is_counted, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(live_windows_are_the_last_seconds, make_fixture, drop_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
