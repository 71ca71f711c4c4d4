/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Totals of seconds made by hand, and what is written of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/openmetrics.h"

#define MS 1000000ull

struct fixture {
	struct ww_catalog catalog;
	struct ww_slice slice;
	struct ww_totals *totals;
	struct ww_loss losses[1];
	unsigned session;
};

static void setup(struct fixture *fixture, unsigned routes_max)
{
	memset(fixture, 0, sizeof(*fixture));
	assert_int_equal(ww_catalog__init(&fixture->catalog), 0);
	fixture->totals = ww_totals__new(routes_max);
	fixture->losses[0] = (struct ww_loss){.cause = "account_ring_full", .count = 3, .loses = true};
	assert_non_null(fixture->totals);
}

static void teardown(struct fixture *fixture)
{
	ww_totals__free(fixture->totals);
	ww_slice__free(&fixture->slice);
	ww_catalog__free(&fixture->catalog);
}

static uint32_t add_service(struct fixture *fixture, const char *name)
{
	return (uint32_t)ww_catalog__add_service(
		&fixture->catalog, &(struct ww_catalog_service){.name = name, .container = "", .cgroup = ""});
}

static uint32_t add_endpoint(struct fixture *fixture, uint32_t service, const char *method, const char *route)
{
	return (uint32_t)ww_catalog__add_endpoint(
		&fixture->catalog, &(struct ww_catalog_endpoint){
					   .service = service, .protocol = "http", .method = method, .route = route});
}

static void add_request(struct fixture *fixture, uint32_t endpoint, uint16_t status, uint64_t compute_ns,
			uint64_t db_ns)
{
	const uint64_t kinds_ns[WW_KIND_COUNT] = {[WW_KIND_COMPUTE] = compute_ns, [WW_KIND_DB] = db_ns};
	const struct ww_operation name = {
		.kind = WW_KIND_DB, .system = "postgresql", .peer = "db:5432", .summary = "SELECT", .statement = ""};
	const struct ww_sample_operation operation = {
		.duration_ns = db_ns,
		.kind = WW_KIND_DB,
		.name = ww_catalog__operation(&fixture->catalog, &name),
	};
	const struct ww_sample sample = {
		.kinds_ns = kinds_ns,
		.status = status,
		.operations = &operation,
		.operations_len = db_ns ? 1 : 0,
		.operations_known = true,
	};

	assert_int_equal(ww_slice__add(&fixture->slice, endpoint, &sample), 0);
}

static void end_second_with(struct fixture *fixture, int64_t interval, const struct ww_service_usage *usage, size_t len)
{
	const struct ww_commit commit = {
		.catalog = &fixture->catalog,
		.slice = &fixture->slice,
		.interval = interval,
		.start_unix_ns = 1,
		.end_unix_ns = 2,
		.usage = usage,
		.usage_len = len,
	};

	ww_totals__add(fixture->totals, &commit, fixture->session, fixture->losses, 1);
	ww_slice__clear(&fixture->slice);
}

static void end_second(struct fixture *fixture)
{
	end_second_with(fixture, 0, NULL, 0);
}

static char *write_all(struct fixture *fixture, bool open)
{
	struct ww_totals_copy copy;
	size_t len;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(ww_totals__copy(fixture->totals, &copy), 0);
	assert_int_equal(ww_openmetrics__write(out, &copy, open), 0);
	fclose(out);
	ww_totals_copy__free(&copy);
	return text;
}

static void has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("no line '%s' in:\n%s", line, text);
}

static void has_not(const char *text, const char *line)
{
	if (strstr(text, line))
		fail_msg("line '%s' in:\n%s", line, text);
}

static void test_kinds_sum_to_the_histogram(void **state)
{
	struct fixture fixture;
	char *text;

	(void)state;
	setup(&fixture, 10);
	uint32_t endpoint = add_endpoint(&fixture, add_service(&fixture, "shop"), "GET", "/orders/{id}");
	add_request(&fixture, endpoint, 200, 1 * MS, 4 * MS); /* 5 ms: the bound is part of its bucket */
	end_second(&fixture);
	add_request(&fixture, endpoint, 200, 1 * MS + 1, 4 * MS); /* just beyond it */
	end_second(&fixture);
	add_request(&fixture, endpoint, 503, 20000 * MS, 0);
	end_second(&fixture);
	text = write_all(&fixture, true);
#define ORDERS "{service=\"shop\",method=\"GET\",route=\"/orders/{id}\""
	has(text, "whywait_request_seconds_total" ORDERS ",kind=\"compute\"} 20.002000001\n");
	has(text, "whywait_request_seconds_total" ORDERS ",kind=\"db\"} 0.008000000\n");
	has(text, "whywait_request_seconds_total" ORDERS ",kind=\"other\"} 0.000000000\n");
	has(text, "whywait_request_duration_seconds_bucket" ORDERS ",le=\"0.005\"} 1\n");
	has(text, "whywait_request_duration_seconds_bucket" ORDERS ",le=\"0.01\"} 2\n");
	has(text, "whywait_request_duration_seconds_bucket" ORDERS ",le=\"1.0\"} 2\n");
	has(text, "whywait_request_duration_seconds_bucket" ORDERS ",le=\"10.0\"} 2\n");
	has(text, "whywait_request_duration_seconds_bucket" ORDERS ",le=\"+Inf\"} 3\n");
	has(text, "whywait_request_duration_seconds_count" ORDERS "} 3\n");
	has(text, "whywait_request_duration_seconds_sum" ORDERS "} 20.010000001\n");
	has(text, "whywait_requests_total" ORDERS ",status=\"200\"} 2\n");
	has(text, "whywait_requests_total" ORDERS ",status=\"503\"} 1\n");
	has(text,
	    "whywait_operations_total{service=\"shop\",route=\"/orders/{id}\",kind=\"db\",system=\"postgresql\"} 2\n");
	has(text, "whywait_operation_seconds_total{service=\"shop\",route=\"/orders/{id}\",kind=\"db\",system="
		  "\"postgresql\"} 0.008000000\n");
	has(text, "whywait_requests_in_flight{service=\"shop\"} 6.670000000\n");
	has(text, "whywait_lost_total{cause=\"account_ring_full\"} 3\n");
	free(text);
	teardown(&fixture);
}

/* What the two formats differ in. */
static void test_formats(void **state)
{
	struct fixture fixture;
	char *text;

	(void)state;
	setup(&fixture, 10);
	text = write_all(&fixture, true);
	has(text, "# TYPE whywait_request_seconds counter\n# UNIT whywait_request_seconds seconds\n");
	has(text, "# TYPE whywait_build info\n");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
	text = write_all(&fixture, false);
	has(text, "# TYPE whywait_request_seconds_total counter\n");
	has(text, "# TYPE whywait_build_info gauge\n");
	has_not(text, "# UNIT");
	has_not(text, "# EOF");
	free(text);
	teardown(&fixture);
}

static void test_labels_are_escaped(void **state)
{
	struct fixture fixture;
	char *text;

	(void)state;
	setup(&fixture, 10);
	add_request(&fixture, add_endpoint(&fixture, add_service(&fixture, "s"), "GET", "/a\"b\\c\nd\033"), 200, 1, 0);
	end_second(&fixture);
	text = write_all(&fixture, true);
	has(text, "route=\"/a\\\"b\\\\c\\\\x0ad\\\\x1b\"");
	free(text);
	teardown(&fixture);
}

static void test_services_are_capped(void **state)
{
	struct ww_totals_copy copy;
	struct fixture fixture;
	char *text;

	(void)state;
	setup(&fixture, 2);
	for (int i = 0; i < WW_TOTALS_SERVICES + 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "s:%d", i);
		add_request(&fixture, add_endpoint(&fixture, add_service(&fixture, name), "GET", "/"), 200, 1 * MS, 0);
	}
	end_second(&fixture);
	assert_int_equal(ww_totals__copy(fixture.totals, &copy), 0);
	assert_int_equal(copy.services_len, WW_TOTALS_SERVICES + 1);
	ww_totals_copy__free(&copy);
	text = write_all(&fixture, true);
	has(text, "whywait_requests_total{service=\"s:255\",method=\"GET\",route=\"/\",status=\"200\"} 1\n");
	has(text, "whywait_requests_total{service=\"(other)\",method=\"GET\",route=\"/\",status=\"200\"} 50\n");
	has(text, "whywait_lost_total{cause=\"metric_services_over_cap\"} 50\n");
	free(text);
	teardown(&fixture);
}

/* Containers come and go: those that are gone for long make room, and the counts of the others stay what they are. */
static void test_services_that_are_gone_make_room(void **state)
{
	struct ww_totals_copy copy;
	struct fixture fixture;
	uint32_t stays;
	char *text;

	(void)state;
	setup(&fixture, 2);
	stays = add_endpoint(&fixture, add_service(&fixture, "stays"), "GET", "/");
	add_request(&fixture, stays, 200, 1 * MS, 2 * MS);
	end_second(&fixture);
	for (int i = 0; i < WW_TOTALS_SERVICES + 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "s:%d", i);
		add_request(&fixture, add_endpoint(&fixture, add_service(&fixture, name), "GET", "/"), 200, 1 * MS, 0);
	}
	for (int i = 0; i < WW_TOTALS_GONE + WW_TOTALS_RECENT + 2; i++) {
		add_request(&fixture, stays, i % 2 ? 200 : 404, 1 * MS, 2 * MS);
		end_second(&fixture);
	}
	add_request(&fixture, add_endpoint(&fixture, add_service(&fixture, "new"), "GET", "/"), 200, 1 * MS, 0);
	end_second(&fixture);
	assert_int_equal(ww_totals__copy(fixture.totals, &copy), 0);
	assert_int_equal(copy.services_len, 3); /* with "(other)" */
	ww_totals_copy__free(&copy);
	text = write_all(&fixture, true);
	has(text, "whywait_requests_total{service=\"new\",method=\"GET\",route=\"/\",status=\"200\"} 1\n");
	has(text, "whywait_requests_total{service=\"(other)\",method=\"GET\",route=\"/\",status=\"200\"} 51\n");
	has(text, "whywait_requests_total{service=\"stays\",method=\"GET\",route=\"/\",status=\"200\"} 307\n");
	has(text, "whywait_requests_total{service=\"stays\",method=\"GET\",route=\"/\",status=\"404\"} 306\n");
	has(text, "whywait_request_duration_seconds_count{service=\"stays\",method=\"GET\",route=\"/\"} 613\n");
	has_not(text, "service=\"s:1\"");
	free(text);
	teardown(&fixture);
}

static void test_routes_are_capped(void **state)
{
	struct fixture fixture;
	char *text;

	(void)state;
	setup(&fixture, 2);
	uint32_t service = add_service(&fixture, "s"), other = add_service(&fixture, "t");
	for (int i = 0; i < 5; i++) {
		char route[16];

		snprintf(route, sizeof(route), "/%d", i);
		add_request(&fixture, add_endpoint(&fixture, service, i < 4 ? "GET" : "WEIRD", route), 200, 1 * MS, 0);
	}
	add_request(&fixture, add_endpoint(&fixture, other, "GET", "/0"), 200, 1 * MS, 0);
	end_second(&fixture);
	text = write_all(&fixture, true);
	has(text, "whywait_requests_total{service=\"s\",method=\"GET\",route=\"/1\",status=\"200\"} 1\n");
	has(text, "whywait_requests_total{service=\"s\",method=\"GET\",route=\"(other)\",status=\"200\"} 2\n");
	has(text, "whywait_requests_total{service=\"s\",method=\"(other)\",route=\"(other)\",status=\"200\"} 1\n");
	has(text, "whywait_requests_total{service=\"t\",method=\"GET\",route=\"/0\",status=\"200\"} 1\n");
	has(text, "whywait_lost_total{cause=\"metric_routes_over_cap\"} 3\n");
	has_not(text, "/2");
	free(text);
	teardown(&fixture);
}

/* Counters never go down: not when names change, and not when another session numbers anew. */
static void test_names_change(void **state)
{
	struct fixture fixture;
	char *text;

	(void)state;
	setup(&fixture, 10);
	uint32_t service = add_service(&fixture, "python3:80");
	uint32_t endpoint = add_endpoint(&fixture, service, "GET", "/users/ann");
	add_request(&fixture, endpoint, 200, 1 * MS, 0);
	end_second(&fixture);
	ww_catalog__rename_endpoint(&fixture.catalog, endpoint, "GET", "/users/{name}");
	add_request(&fixture, endpoint, 200, 1 * MS, 0);
	end_second(&fixture);
	ww_catalog__free(&fixture.catalog);
	assert_int_equal(ww_catalog__init(&fixture.catalog), 0);
	fixture.session = 1;
	add_endpoint(&fixture, add_service(&fixture, "nginx:80"), "GET", "/");
	add_request(&fixture, 0, 200, 1 * MS, 0);
	end_second(&fixture);
	text = write_all(&fixture, true);
	has(text,
	    "whywait_requests_total{service=\"python3:80\",method=\"GET\",route=\"/users/ann\",status=\"200\"} 1\n");
	has(text,
	    "whywait_requests_total{service=\"python3:80\",method=\"GET\",route=\"/users/{name}\",status=\"200\"} 1\n");
	has(text, "whywait_requests_total{service=\"nginx:80\",method=\"GET\",route=\"/\",status=\"200\"} 1\n");
	free(text);
	teardown(&fixture);
}

/* Usage is told for the interval so far, the counter is for all of them. */
static void test_cpu_time_goes_on(void **state)
{
	struct ww_service_usage usage = {.rss_bytes = 4096, .cpu_ns = 1000 * MS};
	struct fixture fixture;
	char *text;

	(void)state;
	setup(&fixture, 10);
	add_service(&fixture, "s");
	end_second_with(&fixture, 0, &usage, 1);
	usage.cpu_ns = 1500 * MS;
	end_second_with(&fixture, 0, &usage, 1);
	usage.cpu_ns = 500 * MS;
	end_second_with(&fixture, 10, &usage, 1);
	text = write_all(&fixture, true);
	has(text, "whywait_service_cpu_seconds_total{service=\"s\"} 2.000000000\n");
	has(text, "whywait_service_memory_bytes{service=\"s\"} 4096\n");
	free(text);
	end_second_with(&fixture, 10, NULL, 0);
	text = write_all(&fixture, true);
	has(text, "whywait_service_cpu_seconds_total{service=\"s\"} 2.000000000\n");
	has(text, "whywait_service_memory_bytes{service=\"s\"} 0\n");
	free(text);
	teardown(&fixture);
}

static void test_negotiation(void **state)
{
	(void)state;
	assert_false(ww_openmetrics__is_accepted(NULL));
	assert_false(ww_openmetrics__is_accepted("*/*"));
	assert_false(ww_openmetrics__is_accepted("text/plain;version=0.0.4"));
	assert_true(ww_openmetrics__is_accepted("application/openmetrics-text"));
	assert_true(ww_openmetrics__is_accepted(
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
		"text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
	assert_false(ww_openmetrics__is_accepted("application/openmetrics-text;q=0.3, text/plain;q=0.9"));
	assert_false(ww_openmetrics__is_accepted("application/openmetrics-text;q=0"));
	assert_false(ww_openmetrics__is_accepted(",,;q=,"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds_sum_to_the_histogram),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_labels_are_escaped),
		cmocka_unit_test(test_routes_are_capped),
		cmocka_unit_test(test_services_are_capped),
		cmocka_unit_test(test_names_change),
		cmocka_unit_test(test_cpu_time_goes_on),
		cmocka_unit_test(test_negotiation),
		cmocka_unit_test(test_services_that_are_gone_make_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
