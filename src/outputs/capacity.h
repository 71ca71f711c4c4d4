/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What services need at a rate of requests. docs/capacity.md explains the figures. */
#ifndef WHYWAIT_OUTPUTS_CAPACITY_H
#define WHYWAIT_OUTPUTS_CAPACITY_H

#include <stdio.h>

#include "model/capacity.h"
#include "model/sentence.h"
#include "outputs/style.h"

/* What it takes for granted, in one sentence. */
#define WW_CAPACITY_ASSUMES                                                                                            \
	"a request takes as long as it did, but for queues and waits for a CPU: databases and other peers are as "     \
	"fast "                                                                                                        \
	"at any rate, and endpoints come in the mix said"

/* What becomes of a service at that rate, in one sentence. */
void ww_capacity__sentence(const struct ww_capacity_service *service, struct ww_sentence *sentence);

/* Errors of `out` are left to ferror(). */
void ww_capacity__table(FILE *out, const struct ww_capacity *capacity, const struct ww_style *style);
int ww_capacity__json(FILE *out, const struct ww_capacity *capacity); /* as ww_json__report() */
int ww_capacity__csv(FILE *out, const struct ww_capacity *capacity);  /* -ENOMEM */

#endif
