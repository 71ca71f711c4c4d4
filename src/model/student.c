/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/student.h"

#include <float.h>
#include <math.h>

#define FRACTION_STEPS 400 /* more than degrees of freedom of any number need */
#define HALVINGS       100

/*
 * The continued fraction of the incomplete beta function, DLMF 8.17.22 (https://dlmf.nist.gov/8.17#v), by the method of
 * Lentz (Applied Optics 15, 1976). It converges fast for x below (a + 1) / (a + b + 2).
 */
static double fraction(double a, double b, double x)
{
	const double tiny = DBL_MIN * 1e10;
	double c = 1, d = 1 - (a + b) * x / (a + 1), value;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	value = d;
	for (int m = 1; m <= FRACTION_STEPS; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), step;

		d = 1 + even * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + even / c;
		c = fabs(c) < tiny ? tiny : c;
		value *= d * c;
		d = 1 + odd * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + odd / c;
		c = fabs(c) < tiny ? tiny : c;
		step = d * c;
		value *= step;
		if (fabs(step - 1) < 1e-14)
			break;
	}
	return value;
}

double ww_beta__regularized(double a, double b, double x)
{
	int sign;
	double front;

	if (x <= 0 || x >= 1)
		return x <= 0 ? 0 : 1;
	front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * fraction(a, b, x) / a;
	/* DLMF 8.17.4: I_x(a, b) = 1 - I_(1-x)(b, a) */
	return 1 - front * fraction(b, a, 1 - x) / b;
}

/* Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.1 with 26.5.2 */
double ww_student__beyond(double t, double df)
{
	return ww_beta__regularized(df / 2, 0.5, df / (df + t * t));
}

double ww_student__quantile(double alpha, double df)
{
	double low = 0, high = 1;

	if (alpha >= 1)
		return 0;
	while (ww_student__beyond(high, df) > alpha && high < DBL_MAX / 4)
		high *= 2;
	for (int i = 0; i < HALVINGS && high - low > 1e-12 * high; i++) {
		double middle = (low + high) / 2;

		if (ww_student__beyond(middle, df) > alpha)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}
