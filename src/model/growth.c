/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/growth.h"

#include <math.h>
#include <stdlib.h>

#define POINTS_MOST 256

static int compare(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

double ww_growth__per_request(const struct ww_growth_point *points, size_t len)
{
	size_t step = (len + POINTS_MOST - 1) / POINTS_MOST, slopes_len = 0;
	double *slopes, median = NAN;

	if (len < WW_GROWTH_LEAST)
		return NAN;
	slopes = calloc((size_t)POINTS_MOST * POINTS_MOST / 2, sizeof(*slopes));
	if (!slopes)
		return NAN;
	for (size_t i = 0; i < len; i += step) {
		for (size_t j = i + step; j < len; j += step) {
			double requests = points[j].requests - points[i].requests;

			if (requests > 0)
				slopes[slopes_len++] = (points[j].bytes - points[i].bytes) / requests;
		}
	}
	qsort(slopes, slopes_len, sizeof(*slopes), compare);
	if (slopes_len >= WW_GROWTH_LEAST)
		median = (slopes[(slopes_len - 1) / 2] + slopes[slopes_len / 2]) / 2;
	free(slopes);
	return median;
}
