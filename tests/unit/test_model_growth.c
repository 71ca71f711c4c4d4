/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "model/growth.h"

static struct ww_growth_point points[2000];

static void a_leak_is_its_slope(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++)
		points[i] =
			(struct ww_growth_point){.requests = 100.0 * i, .bytes = 5e7 + 100.0 * i * 300 + i % 7 * 4096};
	assert_true(fabs(ww_growth__per_request(points, 2000) - 300) < 3);
	assert_true(fabs(ww_growth__per_request(points, 40) - 300) < 30);
	/* A step is no slope. */
	for (int i = 0; i < 60; i++)
		points[i].bytes = i < 20 ? 5e7 : 6e7;
	assert_true(ww_growth__per_request(points, 60) == 0);
}

static void too_little_tells_nothing(void **state)
{
	(void)state;
	assert_true(isnan(ww_growth__per_request(points, 0)));
	assert_true(isnan(ww_growth__per_request(points, 3)));
	for (int i = 0; i < 60; i++)
		points[i].requests = 5;
	assert_true(isnan(ww_growth__per_request(points, 60)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leak_is_its_slope),
		cmocka_unit_test(too_little_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
