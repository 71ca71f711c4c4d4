/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/amdahl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct ww_speedup ww_speedup__none(void)
{
	struct ww_speedup speedup = {.parallel = false};

	for (int kind = 0; kind < WW_KIND_COUNT; kind++)
		speedup.factor[kind] = 1;
	return speedup;
}

/* What a case would take; *parallel_ns is what of the difference comes from running operations together. */
static double case_after(const struct ww_case *one, const struct ww_speedup *speedup, double *parallel_ns)
{
	double after = 0;

	*parallel_ns = 0;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		after += (double)one->kinds_ns[kind] / speedup->factor[kind];
		if (speedup->parallel)
			*parallel_ns += (double)one->parallel_ns[kind] / speedup->factor[kind];
	}
	return after - *parallel_ns;
}

/* The mean over all requests, of which the cases tell only what running operations together saves. */
static uint64_t mean_after(const struct ww_endpoint_report *endpoint, const struct ww_speedup *speedup,
			   const double *parallel_ns)
{
	const struct ww_outlook *outlook = &endpoint->outlook;
	double sum = 0;
	bool same = true;

	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		sum += (double)endpoint->kinds_sum_ns[kind] / speedup->factor[kind];
		same = same && (speedup->factor[kind] == 1 || !endpoint->kinds_sum_ns[kind]);
	}
	/* As the report has it, to the nanosecond. */
	if (same)
		sum = (double)endpoint->wall.mean * (double)endpoint->requests;
	for (size_t i = 0; i < outlook->stands_len; i++) {
		const struct ww_stand *stand = &outlook->stands[i];
		double was = (double)outlook->cases[stand->of].wall_ns;

		if (was > 0)
			sum -= stand->requests * (double)stand->wall_ns * (parallel_ns[stand->of] / was);
	}
	return sum > 0 ? (uint64_t)llround(sum / (double)endpoint->requests) : 0;
}

int ww_amdahl__predict(const struct ww_endpoint_report *endpoint, const struct ww_speedup *speedup,
		       struct ww_forecast *forecast)
{
	const struct ww_outlook *outlook = &endpoint->outlook;
	struct ww_forecast told = {0};
	uint64_t *after_ns;
	double *parallel_ns;
	int err;

	if (!outlook->stands_len || !endpoint->requests)
		return -ENODATA;
	after_ns = calloc(outlook->cases_len, sizeof(*after_ns));
	parallel_ns = calloc(outlook->cases_len, sizeof(*parallel_ns));
	if (!after_ns || !parallel_ns) {
		free(after_ns);
		free(parallel_ns);
		return -ENOMEM;
	}
	for (size_t i = 0; i < outlook->cases_len; i++) {
		double after = case_after(&outlook->cases[i], speedup, &parallel_ns[i]);

		after_ns[i] = after > 0 ? (uint64_t)llround(after) : 0;
	}
	err = ww_outlook__forecast(outlook, after_ns, &told);
	told.mean_ns = mean_after(endpoint, speedup, parallel_ns);
	free(after_ns);
	free(parallel_ns);
	if (!err)
		*forecast = told;
	return err;
}
