/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What makes two recordings hard to compare: another host, another load, a part that is missing. */
#ifndef WHYWAIT_COMPARABILITY_H
#define WHYWAIT_COMPARABILITY_H

#include "model/comparison.h"

#define WW_DOUBTS_MAX 16

struct ww_doubts {
	struct ww_sentence texts[WW_DOUBTS_MAX];
	size_t len;
	/* What may differ on purpose: the version of a service. */
	struct ww_sentence notes[WW_DOUBTS_MAX];
	size_t notes_len;
};

/* Finds them, each a sentence without a full stop. */
void ww_comparability__doubt(const struct ww_comparison *comparison, struct ww_doubts *doubts);

#endif
