/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A figure of an endpoint with how far it may be off, as the blocks of its requests tell, and the difference of two.
 * docs/compare.md says which methods these are, and from where.
 */
#ifndef WHYWAIT_ESTIMATE_H
#define WHYWAIT_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/blocks.h"

/* With fewer blocks how far they differ says nothing. */
#define WW_BLOCKS_LEAST 5

enum ww_estimate_how {
	WW_ESTIMATE_UNKNOWN, /* how far it may be off is not known */
	WW_ESTIMATE_EXACT,   /* it was so; nothing is inferred from it */
	WW_ESTIMATE_MEAN,
	WW_ESTIMATE_SHARE,
	WW_ESTIMATE_QUANTILE,
};

struct ww_estimate {
	enum ww_estimate_how how;
	double value;	/* NaN: there is none */
	double error;	/* MEAN: standard error */
	double freedom; /* degrees of freedom */
	double number;	/* SHARE, QUANTILE: independent requests that are as good as these */
	double share;	/* QUANTILE: 0.95 */
	const struct ww_sampling *sampling;
};

/* A sum over requests divided by their number; each tells one of them of a block. */
struct ww_estimate ww_estimate__ratio(const struct ww_sampling *sampling,
				      double (*sum)(const struct ww_block *block, int which),
				      double (*number)(const struct ww_block *block), int which);

/* The same of any two numbers of `len` stretches of time, one after the other. */
struct ww_estimate ww_estimate__series(const void *of, uint32_t len, double (*sum)(const void *of, uint32_t at),
				       double (*number)(const void *of, uint32_t at));

/* Requests of which `sum` counts some: as a share of `number`. */
struct ww_estimate ww_estimate__share(const struct ww_sampling *sampling,
				      double (*sum)(const struct ww_block *block, int which),
				      double (*number)(const struct ww_block *block), int which);

/* Requests per second, of which the value is as the report has it; from how many came in stretches of equal length. */
struct ww_estimate ww_estimate__rate(const struct ww_sampling *sampling, double rate_per_s);

/* A quantile of the wall times, whose value is as the report has it. */
struct ww_estimate ww_estimate__quantile(const struct ww_sampling *sampling, unsigned percent, uint64_t value_ns);

/* A value of which nothing more is known, and one that is what it is. */
struct ww_estimate ww_estimate__bare(double value);
struct ww_estimate ww_estimate__exact(double value);

/* Where it lies but for a part `alpha` of cases; infinite where it may be anything. */
void ww_estimate__interval(const struct ww_estimate *estimate, double alpha, double *low, double *high);

/*
 * How far two figures go up and down together, of 1: those of two endpoints over the same time, as their blocks tell;
 * `which_before` and `which_after` are handed on to `sum`. What can't be told is 0, and less than is likely is taken.
 */
double ww_sampling__correlation(const struct ww_sampling *before, const struct ww_sampling *after,
				double (*sum)(const struct ww_block *block, int which),
				double (*number)(const struct ww_block *block), int which_before, int which_after);

/* The same of a quantile of both. */
double ww_sampling__correlation_at(const struct ww_sampling *before, const struct ww_sampling *after,
				   uint64_t before_ns, uint64_t after_ns);

/*
 * The same as ww_estimate__interval() for after - factor * before; `correlation`: of the two, 0 where they are
 * independent. Of means that go up and down together it is told of their quotient, as a part of before.
 */
void ww_difference__interval(const struct ww_estimate *before, const struct ww_estimate *after, double correlation,
			     double factor, double alpha, double *low, double *high);

/*
 * How likely two that are the same differ as much by chance: the smallest alpha whose interval leaves 0 out. 1 when
 * nothing is known.
 */
double ww_difference__chance(const struct ww_estimate *before, const struct ww_estimate *after, double correlation);

#endif
