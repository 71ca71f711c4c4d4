/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A request that is kept names its operations as the catalog does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "accounts.h"
#include "requests/whole.h"

static const struct ww_operation query = {
	.kind = WW_KIND_DB,
	.system = "postgresql",
	.peer = "127.0.0.1:5432",
	.summary = "SELECT items",
	.statement = "SELECT ?",
};

struct taken {
	unsigned requests;
	uint32_t name;
};

static void take(void *ctx, const struct ww_request *request)
{
	struct taken *taken = ctx;

	taken->requests++;
	assert_int_equal(request->operations_len, 1);
	assert_true(request->operations_missing);
	assert_int_equal(request->operations[0].name, taken->name);
	assert_int_equal(request->operations[0].kind, query.kind);
	assert_string_equal(request->operations[0].system, query.system);
	assert_string_equal(request->operations[0].peer, query.peer);
	assert_string_equal(request->operations[0].summary, query.summary);
	assert_string_equal(request->operations[0].statement, query.statement);
	assert_string_equal(request->operations[0].error, "");
	assert_int_equal(request->operations[0].start_ns, 100);
	assert_int_equal(request->operations[0].duration_ns, 30);
	assert_int_equal(request->operations[0].bytes_out, 7);
	assert_int_equal(request->operations[0].bytes_in, 8);
	assert_int_equal(request->operations[0].arguments, 9);
	assert_int_equal(request->operations[0].flags, WW_OPERATION_READ);
}

static void operations_keep_their_names(void **state)
{
	struct draw draw = draw_start();
	struct ww_account account = draw_account(&draw, 1, "/", 1ull << 50);
	struct ww_operations *operations = ww_operations__new();
	struct ww_catalog catalog;
	struct ww_detail_names names = {0};
	struct taken taken = {0};

	(void)state;
	assert_int_equal(ww_catalog__init(&catalog), 0);
	ww_catalog__add_service(&catalog, &(struct ww_catalog_service){.name = "s", .container = "", .cgroup = ""});
	ww_catalog__add_endpoint(&catalog,
				 &(struct ww_catalog_endpoint){.protocol = "http", .method = "GET", .route = "/"});
	taken.name = ww_catalog__operation(&catalog, &query);
	names.intern = catalog.names;

	const struct ww_done done = {
		.name = taken.name,
		.flags = WW_OPERATION_READ,
		.start_ns = account.start_ns + 100,
		.end_ns = account.start_ns + 130,
		.bytes_out = 7,
		.bytes_in = 8,
		.arguments = 9,
	};
	const struct ww_parts parts = {
		.catalog = &catalog,
		.names = &names,
		.operations = operations,
		.account = &account,
		.path = "/",
		.done = {.done = &done, .len = 1},
	};

	ww_whole__of(&parts, take, &taken);
	assert_int_equal(taken.requests, 1);
	ww_operations__free(operations);
	ww_catalog__free(&catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_keep_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
