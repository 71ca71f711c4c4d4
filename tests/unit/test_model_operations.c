/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "accounts.h"
#include "model/aggregate.h"
#include "model/catalog.h"
#include "model/report_build.h"

#define NAMES_MAX (WW_OPERATION_SUMS + 40)
#define MOST	  400

static const struct ww_operation query = {
	.kind = WW_KIND_DB,
	.system = "postgresql",
	.peer = "127.0.0.1:5432",
	.summary = "SELECT items",
	.statement = "SELECT name FROM items WHERE order_id = ?",
	.error = "",
};

static void equal_operations_have_one_name_and_others_have_others(void **state)
{
	struct ww_operation other = query;
	struct ww_catalog catalog;
	char statement[WW_STATEMENT_SIZE];
	uint32_t id;

	(void)state;
	assert_int_equal(ww_catalog__init(&catalog), 0);
	id = ww_catalog__operation(&catalog, &query);
	other.statement = strcpy(statement, query.statement);
	other.duration_ns = 17;
	assert_int_equal(ww_catalog__operation(&catalog, &other), id);
	other.kind = WW_KIND_NET;
	assert_int_not_equal(ww_catalog__operation(&catalog, &other), id);
	/* The same bytes in other places. */
	other = query;
	other.system = "";
	other.peer = "postgresql127.0.0.1:5432";
	assert_int_not_equal(ww_catalog__operation(&catalog, &other), id);
	/* The longest that there is. */
	other = query;
	memset(statement, 's', sizeof(statement) - 1);
	statement[sizeof(statement) - 1] = '\0';
	other.statement = statement;
	id = ww_catalog__operation(&catalog, &other);

	const struct ww_catalog_operation name = ww_catalog__operation_name(&catalog, id);

	assert_int_equal(name.kind, query.kind);
	assert_string_equal(name.system, query.system);
	assert_string_equal(name.peer, query.peer);
	assert_string_equal(name.summary, query.summary);
	assert_string_equal(name.statement, statement);
	assert_int_equal(catalog.operations_over_cap, 0);
	ww_catalog__free(&catalog);
}

static void names_are_bounded_and_the_rest_keeps_its_system(void **state)
{
	struct ww_operation operation = query;
	struct ww_catalog catalog;
	char statement[64], system[32];
	uint32_t first, postgres, redis;

	(void)state;
	assert_int_equal(ww_catalog__init(&catalog), 0);
	first = ww_catalog__operation(&catalog, &query);
	for (int i = 0; i < WW_CATALOG_OPERATIONS + 500; i++) {
		snprintf(statement, sizeof(statement), "SELECT %d", i);
		operation.statement = statement;
		postgres = ww_catalog__operation(&catalog, &operation);
	}
	assert_string_equal(ww_catalog__operation_name(&catalog, postgres).summary, WW_NAME_OTHER);
	assert_string_equal(ww_catalog__operation_name(&catalog, postgres).system, "postgresql");
	assert_string_equal(ww_catalog__operation_name(&catalog, postgres).statement, "");
	assert_int_equal(catalog.operations_over_cap, 500 + 3); /* beside the rests of the kinds and `first` */
	operation.system = "redis";
	redis = ww_catalog__operation(&catalog, &operation);
	assert_string_equal(ww_catalog__operation_name(&catalog, redis).system, "redis");
	assert_int_equal(ww_catalog__operation(&catalog, &query), first);
	/* Also when each of them claims to be of a system of its own. */
	for (int i = 0; i < 500; i++) {
		snprintf(system, sizeof(system), "system %d", i);
		operation.system = system;
		ww_catalog__operation(&catalog, &operation);
	}
	assert_true(ww_intern__len(catalog.operations) < WW_CATALOG_OPERATIONS + 100);
	assert_string_equal(ww_catalog__operation_name(&catalog, ww_catalog__operation(&catalog, &operation)).summary,
			    WW_NAME_OTHER);
	ww_catalog__free(&catalog);
}

static void long_names_are_bounded_by_their_bytes(void **state)
{
	struct ww_operation operation = query;
	char statement[WW_STATEMENT_SIZE];
	struct ww_catalog catalog;

	(void)state;
	assert_int_equal(ww_catalog__init(&catalog), 0);
	memset(statement, 's', sizeof(statement));
	operation.statement = statement;
	for (int i = 0; i < WW_CATALOG_OPERATIONS; i++) {
		snprintf(statement + sizeof(statement) - 16, 16, "%d", i);
		ww_catalog__operation(&catalog, &operation);
	}
	assert_true(catalog.operation_bytes < WW_CATALOG_OPERATION_BYTES + 4096);
	assert_true(catalog.operation_bytes > WW_CATALOG_OPERATION_BYTES - 4096);
	assert_true(catalog.operations_over_cap > WW_CATALOG_OPERATIONS / 2);
	ww_catalog__free(&catalog);
}

static int compare(const void *left, const void *right)
{
	const uint64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* What is known of the operations of one name, counted one by one. */
struct known {
	struct ww_operation_sum sum;
	uint64_t durations[MOST * 8];
};

static uint8_t kind_of(uint32_t name)
{
	return name % 3 ? WW_KIND_DB : WW_KIND_NET;
}

static void add_known(struct known *known, const struct ww_sample_operation *operation, uint64_t request)
{
	struct ww_operation_sum *sum = &known->sum;

	known->durations[sum->count] = operation->duration_ns;
	sum->flags = sum->count ? sum->flags & operation->flags : operation->flags;
	sum->count++;
	sum->requests += sum->last != request;
	sum->last = (uint32_t)request;
	sum->errors += operation->error;
	sum->ns += operation->duration_ns;
	if (sum->max_ns < operation->duration_ns)
		sum->max_ns = operation->duration_ns;
	sum->bytes_out += operation->bytes_out;
	sum->bytes_in += operation->bytes_in;
}

static void check_row(const struct ww_operation_sum *row, struct known *known)
{
	uint64_t exact, found, in_buckets = 0;

	assert_int_equal(row->requests, known->sum.requests);
	assert_int_equal(row->count, known->sum.count);
	assert_int_equal(row->errors, known->sum.errors);
	assert_int_equal(row->ns, known->sum.ns);
	assert_int_equal(row->max_ns, known->sum.max_ns);
	assert_int_equal(row->bytes_out, known->sum.bytes_out);
	assert_int_equal(row->bytes_in, known->sum.bytes_in);
	assert_int_equal(row->flags, known->sum.flags);
	assert_int_equal(row->kind, kind_of(row->name));
	for (uint16_t i = 0; i < row->durations_len; i++)
		in_buckets += row->durations[i].count;
	assert_int_equal(in_buckets, row->count);
	qsort(known->durations, row->count, sizeof(*known->durations), compare);
	exact = known->durations[(row->count * 95 + 99) / 100 - 1];
	found = ww_operation_sum__quantile(row, 95);
	assert_true(found <= exact + exact / 60 + 2 && exact <= found + found / 60 + 2);
}

static void sums_are_exact_and_merge_without_loss(void **state)
{
	struct draw draw = draw_start();
	static struct known known[NAMES_MAX];

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct ww_aggregate parts[3] = {0}, sum = {0};
		uint32_t names = (uint32_t)draw_number(&draw, WW_OPERATION_SUMS - 1) + 1;
		uint64_t counted = 0;

		memset(known, 0, sizeof(known));
		for (uint64_t request = 1; request <= MOST; request++) {
			const uint64_t kinds_ns[WW_KIND_COUNT] = {[WW_KIND_DB] = 1000};
			struct ww_sample_operation operations[8];
			struct ww_sample sample = {
				.kinds_ns = kinds_ns,
				.status = 200,
				.operations = operations,
				.operations_len = draw_number(&draw, 9),
				.operations_known = draw_number(&draw, 4),
			};

			for (size_t i = 0; i < sample.operations_len; i++) {
				uint32_t name = 2 + (uint32_t)draw_number(&draw, names);

				operations[i] = (struct ww_sample_operation){
					.name = name,
					.kind = kind_of(name),
					.flags = (uint16_t)(draw_number(&draw, 16) | 16),
					.error = !draw_number(&draw, 5),
					.duration_ns = draw_duration(&draw),
					.bytes_out = draw_number(&draw, 1000),
					.bytes_in = draw_number(&draw, 1000000),
				};
				if (sample.operations_known)
					add_known(&known[name], &operations[i], request);
			}
			counted += sample.operations_known;
			assert_int_equal(ww_aggregate__add(&parts[draw_number(&draw, 3)], &sample), 0);
		}
		/* Cleared ones are as good as new. */
		assert_int_equal(ww_aggregate__merge(&sum, &parts[0]), 0);
		ww_aggregate__clear(&sum);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(ww_aggregate__merge(&sum, &parts[i]), 0);
			ww_aggregate__free(&parts[i]);
		}
		assert_int_equal(sum.requests, MOST);
		assert_int_equal(sum.operations_requests, counted);
		for (uint32_t i = 0; i < sum.operations.len; i++) {
			check_row(&sum.operations.sums[i], &known[sum.operations.sums[i].name]);
			known[sum.operations.sums[i].name].sum.count = 0;
		}
		for (uint32_t name = 0; name < NAMES_MAX; name++)
			assert_int_equal(known[name].sum.count, 0);
		ww_aggregate__free(&sum);
	}
}

static void too_many_names_go_to_the_rest_of_their_kind(void **state)
{
	const uint64_t kinds_ns[WW_KIND_COUNT] = {[WW_KIND_DB] = 1000};
	struct ww_sample_operation operations[NAMES_MAX];
	struct ww_sample sample = {
		.kinds_ns = kinds_ns,
		.operations = operations,
		.operations_len = NAMES_MAX,
		.operations_known = true,
	};
	struct ww_aggregate aggregate = {0};
	uint64_t count = 0, ns = 0;

	(void)state;
	for (uint32_t i = 0; i < NAMES_MAX; i++)
		operations[i] = (struct ww_sample_operation){.name = 2 + i, .kind = kind_of(2 + i), .duration_ns = i};
	assert_int_equal(ww_aggregate__add(&aggregate, &sample), 0);
	assert_int_equal(ww_aggregate__add(&aggregate, &sample), 0);
	assert_int_equal(aggregate.operations.len, WW_OPERATION_SUMS + 2);
	for (uint32_t i = 0; i < aggregate.operations.len; i++) {
		const struct ww_operation_sum *row = &aggregate.operations.sums[i];

		count += row->count;
		ns += row->ns;
		assert_int_equal(row->requests, 2);
		if (i < WW_OPERATION_SUMS)
			assert_int_equal(row->count, 2);
		else
			assert_int_equal(row->name, ww_operation_other(row->kind));
	}
	assert_int_equal(count, 2 * NAMES_MAX);
	assert_int_equal(ns, NAMES_MAX * (NAMES_MAX - 1));
	ww_aggregate__free(&aggregate);
}

static void a_report_has_them_by_their_time(void **state)
{
	const uint64_t kinds_ns[WW_KIND_COUNT] = {[WW_KIND_DB] = 100};
	struct ww_operation connect = query;
	struct ww_catalog catalog;
	struct ww_slice slice = {0};
	struct ww_report *report;

	(void)state;
	connect.summary = "connect";
	connect.statement = "";
	assert_int_equal(ww_catalog__init(&catalog), 0);
	ww_catalog__add_service(&catalog, &(struct ww_catalog_service){.name = "s", .container = "", .cgroup = ""});
	ww_catalog__add_endpoint(&catalog,
				 &(struct ww_catalog_endpoint){.protocol = "http", .method = "GET", .route = "/"});

	const struct ww_sample_operation operations[] = {
		{.name = ww_catalog__operation(&catalog, &connect), .kind = WW_KIND_DB, .duration_ns = 30},
		{.name = ww_catalog__operation(&catalog, &query), .kind = WW_KIND_DB, .duration_ns = 20, .bytes_in = 9},
		{.name = ww_catalog__operation(&catalog, &query), .kind = WW_KIND_DB, .duration_ns = 25, .error = true},
	};
	const struct ww_sample sample = {
		.kinds_ns = kinds_ns,
		.operations = operations,
		.operations_len = 3,
		.operations_known = true,
	};

	assert_int_equal(ww_slice__add(&slice, 0, &sample), 0);
	assert_int_equal(ww_slice__add(&slice, 0, &(struct ww_sample){.kinds_ns = kinds_ns}), 0);
	assert_int_equal(
		ww_report__build(&(struct ww_report_frame){.host = "", .kernel = ""}, &catalog, &slice, &report), 0);
	ww_catalog__free(&catalog);
	ww_slice__free(&slice);

	const struct ww_endpoint_report *endpoint = &report->endpoints[0];

	assert_int_equal(endpoint->requests, 2);
	assert_int_equal(endpoint->operations_requests, 1);
	assert_int_equal(endpoint->operations_len, 2);
	assert_string_equal(endpoint->operations[0].statement, query.statement);
	assert_string_equal(endpoint->operations[0].peer, query.peer);
	assert_int_equal(endpoint->operations[0].sum_ns, 45);
	assert_int_equal(endpoint->operations[0].count, 2);
	assert_int_equal(endpoint->operations[0].requests, 1);
	assert_int_equal(endpoint->operations[0].errors, 1);
	assert_int_equal(endpoint->operations[0].p95_ns, 25);
	assert_int_equal(endpoint->operations[0].bytes_in, 9);
	assert_string_equal(endpoint->operations[1].summary, "connect");
	ww_report_free(report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_operations_have_one_name_and_others_have_others),
		cmocka_unit_test(names_are_bounded_and_the_rest_keeps_its_system),
		cmocka_unit_test(long_names_are_bounded_by_their_bytes),
		cmocka_unit_test(sums_are_exact_and_merge_without_loss),
		cmocka_unit_test(too_many_names_go_to_the_rest_of_their_kind),
		cmocka_unit_test(a_report_has_them_by_their_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
