/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the families of findings share. Internal to them: users call ww_findings__fill(). */
#ifndef WHYWAIT_FINDINGS_PARTS_H
#define WHYWAIT_FINDINGS_PARTS_H

#include "model/findings.h"
#include "model/sentence.h"

#define WW_FINDINGS_MAX 32
#define WW_EVIDENCE_MAX 16

struct ww_finder {
	struct ww_arena *arena;
	const struct ww_endpoint_report *endpoint;
	const struct ww_findings_input *input;
	struct ww_forecast now;
	double *weights;    /* requests that each case of the outlook stands for */
	double requests;    /* their sum */
	uint64_t *saved_ns; /* by case: for a family to fill in */
	struct ww_finding *found;
	size_t found_len;
};

struct ww_saving {
	uint64_t mean_ns, p95_ns;
};

/* What the endpoint's wall times lose when each case loses saved_ns[case]. -ENOMEM. */
int ww_finder__save(const struct ww_finder *finder, struct ww_saving *saving);

/* The same when it loses a share of a kind: the mean is exact. */
int ww_finder__save_kind(const struct ww_finder *finder, enum ww_kind kind, double share, struct ww_saving *saving);

/* Whether it is worth it: `share` of the mean or of the 95th percentile, and more than nothing. */
bool ww_finder__worth(const struct ww_finder *finder, const struct ww_saving *saving, double share);

/* A finding in the making. Names of evidence are literals; texts are copied when it is added. */
struct ww_making {
	const char *id;
	struct ww_sentence text;
	struct ww_sentence advice;
	struct ww_saving saving;
	struct ww_evidence evidence[WW_EVIDENCE_MAX];
	size_t evidence_len;
};

void ww_making__text(struct ww_making *making, const char *name, const char *text);
void ww_making__number(struct ww_making *making, const char *name, double number);

/* Adds it. -ENOMEM. */
int ww_finder__add(struct ww_finder *finder, struct ww_making *making);

/* What to do about a statement that runs too often, is asked again, or takes too long: what fits it. */
void ww_advise__rounds(struct ww_sentence *advice, const struct ww_subject *subject);
void ww_advise__repeats(struct ww_sentence *advice, const struct ww_subject *subject);
void ww_advise__slow(struct ww_sentence *advice, const struct ww_subject *subject);

/* The families. -ENOMEM. */
int ww_findings__operations(struct ww_finder *finder);
int ww_findings__serial(struct ww_finder *finder);
int ww_findings__queue(struct ww_finder *finder);
int ww_findings__kinds(struct ww_finder *finder);
int ww_findings__batch(struct ww_finder *finder);

#endif
