/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/service_samples.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int ww_service_samples__add(struct ww_arena *arena, struct ww_service_report *service,
			    const struct ww_service_sample *sample)
{
	size_t len = service->samples_len;
	struct ww_service_sample *samples = (struct ww_service_sample *)service->samples;

	/* Room is doubled: it is full where the number is a power of two. */
	if (!(len & (len - 1))) {
		samples = ww_arena__array(arena, len ? 2 * len : 1, sizeof(*samples));
		if (!samples)
			return -ENOMEM;
		if (len)
			memcpy(samples, service->samples, len * sizeof(*samples));
	}
	samples[len] = *sample;
	service->samples = samples;
	service->samples_len++;
	return 0;
}

/* A number of bytes, and how long it was so. */
struct lasting {
	uint64_t bytes;
	double samples;
};

static int compare_bytes(const void *left, const void *right)
{
	const struct lasting *a = left, *b = right;

	return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* What it was less than for half of the time. */
static uint64_t median(struct lasting *bytes, size_t len)
{
	double all = 0, upto = 0;
	size_t at = 0;

	for (size_t i = 0; i < len; i++)
		all += bytes[i].samples;
	qsort(bytes, len, sizeof(*bytes), compare_bytes);
	while (at + 1 < len && (upto += bytes[at].samples) <= all / 2)
		at++;
	return bytes[at].bytes;
}

int ww_service_samples__sum(struct ww_service_report *service)
{
	struct lasting *bytes = service->samples_len ? calloc(service->samples_len, sizeof(*bytes)) : NULL;
	size_t len = 0;

	if (service->samples_len && !bytes)
		return -ENOMEM;
	for (size_t i = 0; i < service->samples_len; i++) {
		const struct ww_service_sample *sample = &service->samples[i];

		if (sample->pss_bytes)
			bytes[len++] = (struct lasting){sample->pss_bytes, (double)sample->samples};
		if (sample->allocations_known) {
			service->allocations += sample->allocations;
			service->allocations_requests += sample->requests;
		}
		if (sample->allocated_known) {
			service->allocated_bytes += sample->allocated_bytes;
			service->allocated_requests += sample->requests;
		}
	}
	if (len)
		service->pss_steady_bytes = median(bytes, len);
	free(bytes);
	return 0;
}

/* By how long they are: an interval says as much as its seconds. */
static double rss_of(const void *of, uint32_t at)
{
	const struct ww_service_sample *sample = (const struct ww_service_sample *)of + at;

	return (double)sample->rss_bytes * (double)sample->samples;
}

static double samples_of(const void *of, uint32_t at)
{
	return (double)((const struct ww_service_sample *)of)[at].samples;
}

struct ww_estimate ww_service_samples__memory(const struct ww_service_report *service)
{
	struct ww_estimate estimate;
	double steady = service->rss_steady_bytes ? (double)service->rss_steady_bytes : NAN;

	/* Recordings of earlier versions tell no more than that. */
	if (!service->samples_len || isnan(steady))
		return ww_estimate__exact(steady);
	estimate = ww_estimate__series(service->samples, (uint32_t)service->samples_len, rss_of, samples_of);
	estimate.value = steady;
	return estimate;
}

static double allocated_of(const void *of, uint32_t at)
{
	const struct ww_service_sample *sample = (const struct ww_service_sample *)of + at;

	return sample->allocated_known ? (double)sample->allocated_bytes : 0;
}

static double requests_of(const void *of, uint32_t at)
{
	const struct ww_service_sample *sample = (const struct ww_service_sample *)of + at;

	return sample->allocated_known ? (double)sample->requests : 0;
}

struct ww_estimate ww_service_samples__allocated(const struct ww_service_report *service)
{
	if (!service->allocated_requests)
		return ww_estimate__bare(NAN);
	return ww_estimate__series(service->samples, (uint32_t)service->samples_len, allocated_of, requests_of);
}
