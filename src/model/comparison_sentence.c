/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a comparison says of an endpoint, in one sentence. */
#include <math.h>

#include "model/catalog.h"
#include "model/comparison.h"
#include "model/names.h"

#define CAUSE_PART 0.2 /* of a difference, from which on a kind of time is named as its cause */

void ww_sentence__metric(struct ww_sentence *sentence, enum ww_metric metric, double value)
{
	if (isnan(value)) {
		ww_sentence__add(sentence, "-");
		return;
	}
	switch (ww_metric_unit(metric)) {
	case WW_UNIT_TIME:
		ww_sentence__ms(sentence, (uint64_t)llround(fmax(value, 0)));
		return;
	case WW_UNIT_SHARE:
		ww_sentence__add(sentence, value > 0 && value < 0.0995 ? "%.2g %%" : "%.0f %%", value * 100);
		return;
	case WW_UNIT_BYTES:
		ww_sentence__bytes(sentence, (uint64_t)fmax(value, 0));
		return;
	case WW_UNIT_RATE:
		ww_sentence__number(sentence, value);
		ww_sentence__add(sentence, "/s");
		return;
	default:
		ww_sentence__number(sentence, value);
	}
}

/* "212 -> 61.0 ms (-71 %, sure)" */
static void add_change(struct ww_sentence *sentence, const struct ww_endpoint_comparison *endpoint,
		       enum ww_metric metric)
{
	const struct ww_change *change = &endpoint->changes[metric];
	double part = ww_change__part(change);

	ww_sentence__add(sentence, "%s ", ww_metric_name(metric));
	ww_sentence__metric(sentence, metric, change->before.value);
	ww_sentence__add(sentence, " -> ");
	ww_sentence__metric(sentence, metric, change->after.value);
	ww_sentence__add(sentence, " (");
	if (!isnan(part) && ww_metric_unit(metric) != WW_UNIT_SHARE)
		ww_sentence__add(sentence, "%+.0f %%, ", part * 100);
	ww_sentence__add(sentence, "%s)", ww_certainty_name(change->certainty));
}

static bool is_sure(const struct ww_endpoint_comparison *endpoint, enum ww_metric metric)
{
	return endpoint->changes[metric].certainty == WW_CERTAINTY_SURE;
}

static double tail_mean(const struct ww_endpoint_report *endpoint, enum ww_kind kind)
{
	return (double)endpoint->tail_kinds_sum_ns[kind] / (double)endpoint->tail_requests;
}

/* What a kind contributes to a difference: at the tail that of the slowest requests. */
static double part_of_kind(const struct ww_endpoint_comparison *endpoint, enum ww_metric metric, enum ww_kind kind)
{
	const struct ww_change *change = &endpoint->changes[WW_METRIC_KIND + kind];

	if (metric == WW_METRIC_P95 || metric == WW_METRIC_P99)
		return tail_mean(endpoint->after, kind) - tail_mean(endpoint->before, kind);
	return change->after.value - change->before.value;
}

/* ", by db -150 ms, queue -20 ms": kinds that surely differ the same way. */
static bool add_causes(struct ww_sentence *sentence, const struct ww_endpoint_comparison *endpoint,
		       enum ww_metric metric)
{
	double whole = endpoint->changes[metric].after.value - endpoint->changes[metric].before.value;
	const char *joint = ", by ";
	bool compute = false;

	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		const struct ww_change *change = &endpoint->changes[WW_METRIC_KIND + kind];
		double part = part_of_kind(endpoint, metric, kind);

		if (!is_sure(endpoint, WW_METRIC_KIND + kind) || part * whole <= 0 ||
		    fabs(part) < CAUSE_PART * fabs(whole) || (change->after.value - change->before.value) * whole <= 0)
			continue;
		ww_sentence__add(sentence, "%s%s %c", joint, ww_kind_name(kind), part < 0 ? '-' : '+');
		ww_sentence__ms(sentence, (uint64_t)llround(fabs(part)));
		joint = ", ";
		compute |= kind == WW_KIND_COMPUTE;
	}
	return compute;
}

static void add_compute(struct ww_sentence *sentence, const struct ww_endpoint_comparison *endpoint)
{
	const struct ww_change *change = &endpoint->changes[WW_METRIC_KIND + WW_KIND_COMPUTE];
	double difference = change->after.value - change->before.value;

	if (!is_sure(endpoint, WW_METRIC_KIND + WW_KIND_COMPUTE)) {
		if (change->certainty != WW_CERTAINTY_SHORT)
			ww_sentence__add(sentence, "; compute unchanged");
		return;
	}
	ww_sentence__add(sentence, "; compute %c", difference < 0 ? '-' : '+');
	ww_sentence__ms(sentence, (uint64_t)llround(fabs(difference)));
}

const char *ww_comparison__unit(const struct ww_endpoint_comparison *endpoint)
{
	return ww_protocol_unit((endpoint->after ? endpoint->after : endpoint->before)->protocol);
}

void ww_comparison__sentence(const struct ww_endpoint_comparison *endpoint, struct ww_sentence *sentence)
{
	static const enum ww_metric heads[] = {WW_METRIC_P95, WW_METRIC_MEAN, WW_METRIC_P50, WW_METRIC_P99};
	/* Of fewer requests the mean is known, and the tail is not. */
	enum ww_metric shown =
		endpoint->changes[WW_METRIC_P95].certainty == WW_CERTAINTY_SHORT ? WW_METRIC_MEAN : WW_METRIC_P95;

	if (!endpoint->before || !endpoint->after) {
		ww_sentence__add(sentence, "no %ss %s", ww_comparison__unit(endpoint),
				 endpoint->before ? "after" : "before");
		return;
	}
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		if (!is_sure(endpoint, heads[i]))
			continue;
		add_change(sentence, endpoint, heads[i]);
		if (!add_causes(sentence, endpoint, heads[i]))
			add_compute(sentence, endpoint);
		break;
	}
	if (!sentence->len) {
		ww_sentence__add(sentence, endpoint->changes[shown].certainty == WW_CERTAINTY_SHORT
						   ? "too little was recorded to tell a difference from noise; "
						   : "no difference beyond noise; ");
		add_change(sentence, endpoint, shown);
	}
	if (is_sure(endpoint, WW_METRIC_ERRORS)) {
		ww_sentence__add(sentence, "; ");
		add_change(sentence, endpoint, WW_METRIC_ERRORS);
	}
	if (is_sure(endpoint, WW_METRIC_OPERATIONS)) {
		ww_sentence__add(sentence, "; ");
		add_change(sentence, endpoint, WW_METRIC_OPERATIONS);
	}
}
