/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Student's t distribution, and the beta function that it and the binomial distribution are made of. */
#ifndef WHYWAIT_STUDENT_H
#define WHYWAIT_STUDENT_H

/* The regularized incomplete beta function I_x(a, b); a and b above 0, x from 0 to 1. */
double ww_beta__regularized(double a, double b, double x);

/* How likely a value is that is `t` or more from 0, on either side; `df` degrees of freedom, above 0. */
double ww_student__beyond(double t, double df);

/* The value with ww_student__beyond() = alpha; alpha above 0, up to 1. */
double ww_student__quantile(double alpha, double df);

#endif
