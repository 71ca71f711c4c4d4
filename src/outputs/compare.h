/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Two reports side by side. docs/compare.md explains what is said. */
#ifndef WHYWAIT_OUTPUTS_COMPARE_H
#define WHYWAIT_OUTPUTS_COMPARE_H

#include <stdio.h>

#include "model/comparability.h"
#include "model/requirement.h"
#include "outputs/style.h"

/* A pass line, judged for an endpoint. */
struct ww_judgement {
	const struct ww_requirement *requirement;
	const struct ww_endpoint_comparison *endpoint;
	enum ww_verdict_of_requirement verdict;
	struct ww_sentence why;
};

struct ww_compared {
	const struct ww_comparison *comparison;
	const char *names[2]; /* of the files; with `services` of the two services */
	bool services;	      /* two of one recording */
	const struct ww_doubts *doubts;
	const struct ww_judgement *judgements;
	size_t judgements_len;
};

/* "met", "not met", "undecided" */
const char *ww_verdict_of_requirement_name(enum ww_verdict_of_requirement verdict);

/* Endpoints beyond `detailed` have their sentence, and no rows. Errors of `out` are left to ferror(). */
void ww_compare__table(FILE *out, const struct ww_compared *compared, const struct ww_style *style, size_t detailed);

int ww_compare__json(FILE *out, const struct ww_compared *compared); /* as ww_json__report() */
int ww_compare__csv(FILE *out, const struct ww_compared *compared);  /* -ENOMEM */

#endif
