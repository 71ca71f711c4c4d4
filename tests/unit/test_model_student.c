/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Against tables: Student's t of Abramowitz and Stegun 26.10, binomial sums worked out term by term. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "model/student.h"

static void quantiles_are_those_of_the_table(void **state)
{
	static const struct {
		double df, alpha, t;
	} table[] = {
		{1, 0.05, 12.706}, {2, 0.05, 4.303},   {4, 0.01, 4.604},   {9, 0.05, 2.262},   {9, 0.002, 4.297},
		{30, 0.05, 2.042}, {120, 0.01, 2.617}, {10, 0.001, 4.587}, {1e6, 0.05, 1.960}, {5, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_true(fabs(ww_student__quantile(table[i].alpha, table[i].df) - table[i].t) < 6e-4);
	assert_true(fabs(ww_student__beyond(2.2622, 9) - 0.05) < 1e-5);
	assert_true(ww_student__beyond(0, 9) == 1);
}

static void binomial_sums_are_beta_functions(void **state)
{
	(void)state;
	for (int n = 1; n < 60; n += 7) {
		for (int percent = 5; percent < 100; percent += 15) {
			double p = percent / 100.0, term = pow(1 - p, n), sum = term;

			for (int k = 0; k < n; k++) {
				assert_true(fabs(ww_beta__regularized(n - k, k + 1, 1 - p) - sum) < 1e-10);
				term *= (double)(n - k) / (k + 1) * p / (1 - p);
				sum += term;
			}
		}
	}
	assert_true(ww_beta__regularized(2, 3, 0) == 0 && ww_beta__regularized(2, 3, 1) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_those_of_the_table),
		cmocka_unit_test(binomial_sums_are_beta_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
