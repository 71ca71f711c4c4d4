/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ingesting.h"

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

static void services_are_filtered(void **state)
{
	static const char *const globs[] = {"nginx*", "work*:8001"};
	struct fixture *fixture = *state;
	struct ww_account account = draw_account(&fixture->draw, 1, "/", 1ull << 40);
	struct ww_report *report;

	start(fixture, (struct ww_ingest_options){.services = globs, .services_len = 2}, 5, false);
	assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	account.port = 8001;
	assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	assert_int_equal(ww_ingest__totals(fixture->ingest)->requests, 1);
	assert_int_equal(ww_ingest__totals(fixture->ingest)->filtered, 1);
	stop(fixture);
	report = read_report(fixture->path, &(struct ww_selection){0});
	assert_int_equal(report->services_len, 1);
	assert_string_equal(report->services[0].service, "worker:8001");
	ww_report_free(report);
}

static void a_service_is_chosen_by_its_newest_name(void **state)
{
	static const char *const globs[] = {"test_requests_records:*"};
	struct fixture *fixture = *state;
	struct ww_account account = draw_account(&fixture->draw, 1, "/", 1ull << 40);
	uint32_t gone = account.tgid;
	struct ww_report *report;

	start(fixture, (struct ww_ingest_options){.services = globs, .services_len = 1}, 5, false);
	assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	account.tgid = (uint32_t)getpid();
	assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	account.tgid = gone;
	assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	assert_int_equal(ww_ingest__totals(fixture->ingest)->requests, 2);
	assert_int_equal(ww_ingest__totals(fixture->ingest)->filtered, 1);
	stop(fixture);
	report = read_report(fixture->path, &(struct ww_selection){0});
	assert_int_equal(report->services_len, 1);
	assert_non_null(strstr(report->services[0].service, "test_requests_records:"));
	ww_report_free(report);
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

static void time_lines_of_requests_that_are_not_kept_are_no_loss(void **state)
{
	struct fixture *fixture = *state;
	struct ww_segments line = {.len = 1, .segments = {{0, 1, 0, WW_KIND_QUEUE, WW_DETAIL_NONE, {0}}}};
	const struct ww_loss *losses;
	uint64_t dropped = 0;
	size_t len;

	start(fixture, (struct ww_ingest_options){0}, 0, false);
	for (line.id = 1; line.id < 20000; line.id++) {
		struct ww_account account = draw_account(&fixture->draw, line.id, "/", fixture->now);

		account.flags |= WW_FLAG_SEGMENTS;
		assert_int_equal(ww_ingest__segments(fixture->ingest, &line), 0);
		assert_int_equal(ww_ingest__account(fixture->ingest, &account), 0);
	}
	losses = ww_ingest__losses(fixture->ingest, &len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(losses[i].count, 0);
	/* Those whose accounts never come make room, and are counted. */
	for (; line.id < 40000; line.id++)
		ww_ingest__segments(fixture->ingest, &line);
	for (size_t i = 0; i < len; i++)
		dropped += losses[i].count;
	assert_true(dropped > 10000 && dropped < 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(details_get_their_names, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(contradictions_are_counted_not_believed, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(losses_and_unreadable_ports_are_said, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(services_are_filtered, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(a_service_is_chosen_by_its_newest_name, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(time_lines_join_their_requests, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(time_lines_of_requests_that_are_not_kept_are_no_loss, make_fixture,
						drop_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
