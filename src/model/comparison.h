/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two reports side by side, endpoint by endpoint: what differs, and whether that is more than noise. Of all the
 * differences of a comparison that are called sure, one in forty is expected to be noise at the most.
 */
#ifndef WHYWAIT_COMPARISON_H
#define WHYWAIT_COMPARISON_H

#include "model/estimate.h"
#include "model/report.h"
#include "model/sentence.h"

enum ww_metric {
#define WW_METRIC(id, name, unit, meaning) WW_METRIC_##id,
#include "model/metrics.def"
#undef WW_METRIC
	WW_METRIC_KIND, /* + enum ww_kind: time per request */
	WW_METRIC_COUNT = WW_METRIC_KIND + WW_KIND_COUNT
};

enum ww_unit {
	WW_UNIT_RATE,	/* per second */
	WW_UNIT_SHARE,	/* of 1 */
	WW_UNIT_TIME,	/* nanoseconds */
	WW_UNIT_NUMBER, /* per request */
	WW_UNIT_BYTES,
};

const char *ww_metric_name(enum ww_metric metric);
bool ww_metric_is_of_service(enum ww_metric metric); /* as a whole: its endpoints all have the same */
enum ww_unit ww_metric_unit(enum ww_metric metric);

enum ww_certainty {
	WW_CERTAINTY_NONE,  /* there are not both of them, or it is no figure of which that could be said */
	WW_CERTAINTY_SHORT, /* not known: too short a recording, or too few requests */
	WW_CERTAINTY_SAME,  /* less than 1 % apart, or of the wall time, and known to be no more than 5 % */
	WW_CERTAINTY_NOISE,
	WW_CERTAINTY_SURE,
};

const char *ww_certainty_name(enum ww_certainty certainty); /* "sure" */

struct ww_change {
	struct ww_estimate before, after;
	/* Of after - before, in 95 of 100 cases; infinite where they are not known. What is sure leaves out 0. */
	double low, high;
	double correlation; /* of the two, where they are of the same time; else 0 */
	double chance;	    /* how likely noise makes as large a difference */
	enum ww_certainty certainty;
};

struct ww_endpoint_comparison {
	const char *method, *route;
	const struct ww_endpoint_report *before, *after; /* NULL: it had no requests */
	struct ww_change changes[WW_METRIC_COUNT];
};

struct ww_comparison {
	const struct ww_report *before, *after;
	struct ww_endpoint_comparison *endpoints; /* by time, most first; those of both before those of one */
	size_t endpoints_len;
	size_t common; /* endpoints of both: the first so many */
};

/* Which services are compared: two within one recording. */
struct ww_comparison_sides {
	const char *before, *after; /* names of services; NULL: all of them, and they are matched by name first */
};

/*
 * Compares; reports with samplings, which have to outlive the comparison. Endpoints are those of the same service,
 * method and route; where a service has no such endpoint on the other side, the only one of its method and route there.
 * -ENOMEM. The content is the caller's, to be freed with ww_comparison__free().
 */
int ww_comparison__make(const struct ww_report *before, const struct ww_report *after,
			const struct ww_comparison_sides *sides, struct ww_comparison *comparison);

/* NULL-safe. Frees the content, not `comparison` itself. */
void ww_comparison__free(struct ww_comparison *comparison);

/* Whether a figure is there to be compared; a kind of time from 1 % of the wall time on, on either side. */
bool ww_comparison__counts(const struct ww_endpoint_comparison *endpoint, enum ww_metric metric);

/* Whether a figure of a service has been told with an endpoint before that one. */
bool ww_comparison__is_said(const struct ww_comparison *comparison, size_t endpoint, enum ww_metric metric);

/* What comes to it: "request", "message", .. */
const char *ww_comparison__unit(const struct ww_endpoint_comparison *endpoint);

/* What changed, in one sentence: "p95 212 -> 61 ms (-71 %, sure), by db -150 ms; compute unchanged". */
void ww_comparison__sentence(const struct ww_endpoint_comparison *endpoint, struct ww_sentence *sentence);

/* A figure as people read it, with its unit: "61.0 ms", "0.4 %", "3.1 MiB". */
void ww_sentence__metric(struct ww_sentence *sentence, enum ww_metric metric, double value);

/* Of 1: by how much the one is more than the other; NaN where that is nothing. */
double ww_change__part(const struct ww_change *change);

#endif
