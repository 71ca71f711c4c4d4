/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What would be if something were faster: from requests, so that quantiles are those of requests. */
#include "cases.h"

#include "model/amdahl.h"

/* Of ten requests six compute 10 ms, four wait 20 ms. The last percent does both. */
static void fill(struct scene *scene, bool kept)
{
	scene_begin(scene);
	uint32_t endpoint = scene_endpoint(scene, "/");

	for (int number = 0; number < 1000; number++) {
		struct made *made = make();

		if (number % 100 == 99) {
			spend(made, WW_KIND_COMPUTE, 50 * MS);
			spend(made, WW_KIND_DB, 50 * MS);
		} else if (number % 10 < 6) {
			spend(made, WW_KIND_COMPUTE, 10 * MS);
		} else {
			spend(made, WW_KIND_DB, 20 * MS);
		}
		scene_add(scene, endpoint, made, kept && number % 9 == 0);
	}
}

static struct ww_speedup faster(enum ww_kind kind, double factor)
{
	struct ww_speedup speedup = ww_speedup__none();

	speedup.factor[kind] = factor;
	return speedup;
}

static void assert_near(uint64_t is, uint64_t should)
{
	/* A bucket is less than 1/128 wide. */
	if (is > should + should / 128 || is < should - should / 128)
		fail_msg("%llu instead of %llu", (unsigned long long)is, (unsigned long long)should);
}

static void nothing_faster_is_as_it_is(void **state)
{
	struct ww_speedup none = ww_speedup__none();

	(void)state;
	for (int kept = 0; kept < 2; kept++) {
		struct ww_forecast told;
		struct scene scene;

		fill(&scene, kept);
		const struct ww_endpoint_report *endpoint = scene_report(&scene, "/");

		assert_int_equal(ww_amdahl__predict(endpoint, &none, &told), 0);
		assert_int_equal(told.mean_ns, endpoint->wall.mean);
		assert_int_equal(told.p50_ns, endpoint->wall.p50);
		assert_int_equal(told.p95_ns, endpoint->wall.p95);
		assert_int_equal(told.p99_ns, endpoint->wall.p99);
		assert_true(endpoint->outlook.from_buckets == !kept);
		scene_end(&scene);
	}
}

static void quantiles_are_those_of_requests(void **state)
{
	struct ww_speedup compute = faster(WW_KIND_COMPUTE, 10), db = faster(WW_KIND_DB, 10), both = compute;

	(void)state;
	both.factor[WW_KIND_DB] = 2;
	for (int kept = 0; kept < 2; kept++) {
		struct ww_forecast told;
		struct scene scene;

		fill(&scene, kept);
		const struct ww_endpoint_report *endpoint = scene_report(&scene, "/");

		/* 590 or 600 requests of 1 ms, the others stay. */
		assert_int_equal(ww_amdahl__predict(endpoint, &compute, &told), 0);
		assert_near(told.p50_ns, MS);
		assert_near(told.p95_ns, 20 * MS);
		assert_near(told.p99_ns, 20 * MS);
		assert_near(told.mean_ns, (600 * MS + 390 * 20 * MS + 10 * 55 * MS) / 1000);
		assert_int_equal(told.mean_ns, endpoint->faster.mean_ns);
		assert_int_equal(told.p95_ns, endpoint->faster.p95_ns);
		/* Half of them were below 10 ms at once: those that wait are 2 ms now. */
		assert_int_equal(ww_amdahl__predict(endpoint, &db, &told), 0);
		assert_near(told.p50_ns, 10 * MS);
		assert_near(told.p95_ns, 10 * MS);
		assert_int_equal(ww_amdahl__predict(endpoint, &both, &told), 0);
		assert_near(told.p50_ns, MS);
		assert_near(told.p95_ns, 10 * MS);
		assert_near(told.mean_ns, (600 * MS + 390 * 10 * MS + 10 * 30 * MS) / 1000);
		scene_end(&scene);
	}
}

/* A stored request that took longer than any other of its endpoint stands for no more than itself. */
static void slow_requests_that_are_kept_do_not_weigh_more(void **state)
{
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t endpoint = scene_endpoint(&scene, "/");

	for (int number = 0; number < 1000; number++) {
		struct made *made = make();
		bool slow = number >= 990;

		spend(made, slow ? WW_KIND_COMPUTE : WW_KIND_DB, (slow ? 500 : 10) * MS + (uint64_t)number * 1000);
		scene_add(&scene, endpoint, made, slow || number < 10);
	}

	const struct ww_endpoint_report *report = scene_report(&scene, "/");
	double weights[20];

	assert_int_equal(report->outlook.cases_len, 20);
	assert_true(ww_outlook__weigh(&report->outlook, weights) > 999.9);
	for (int i = 10; i < 20; i++)
		assert_in_range(weights[i] * 10, 9, 11);
	/* Those whose like was not kept are like the nearest that was. */
	assert_in_range(report->faster.p50_ns, 10 * MS, 11 * MS);
	assert_in_range(report->faster.p95_ns, 10 * MS, 11 * MS);
	assert_in_range(report->faster.p99_ns, 10 * MS, 51 * MS);
	scene_end(&scene);
}

static void together_takes_as_long_as_the_longest(void **state)
{
	struct ww_speedup speedup = faster(WW_KIND_NET, 2);
	struct ww_forecast told;
	struct scene scene;

	(void)state;
	scene_begin(&scene);
	uint32_t endpoint = scene_endpoint(&scene, "/");

	for (int number = 0; number < 10; number++) {
		struct made *made = make();

		spend(made, WW_KIND_COMPUTE, 4 * MS);
		call(made, "a:1", "GET a", 10 * MS);
		call(made, "b:1", "GET b", 20 * MS);
		call(made, "c:1", "GET c", 30 * MS);
		scene_add(&scene, endpoint, made, true);
	}

	const struct ww_endpoint_report *report = scene_report(&scene, "/");

	speedup.parallel = true;
	assert_int_equal(ww_amdahl__predict(report, &speedup, &told), 0);
	assert_near(told.mean_ns, 19 * MS);
	assert_near(told.p99_ns, 19 * MS);
	speedup = ww_speedup__none();
	speedup.parallel = true;
	assert_int_equal(ww_amdahl__predict(report, &speedup, &told), 0);
	assert_near(told.mean_ns, 34 * MS);
	assert_near(told.p50_ns, 34 * MS);
	scene_end(&scene);
}

static void without_requests_nothing_is_said(void **state)
{
	const struct ww_endpoint_report none = {.requests = 0};
	struct ww_speedup speedup = ww_speedup__none();
	struct ww_forecast told = {.mean_ns = 1};

	(void)state;
	assert_int_equal(ww_amdahl__predict(&none, &speedup, &told), -ENODATA);
	assert_int_equal(told.mean_ns, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_faster_is_as_it_is),
		cmocka_unit_test(quantiles_are_those_of_requests),
		cmocka_unit_test(slow_requests_that_are_kept_do_not_weigh_more),
		cmocka_unit_test(together_takes_as_long_as_the_longest),
		cmocka_unit_test(without_requests_nothing_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
