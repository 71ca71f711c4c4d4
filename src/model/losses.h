/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every cause of loss or error: those of the kernel side, in the order of enum ww_counter, then those of this side. */
#ifndef WHYWAIT_LOSSES_H
#define WHYWAIT_LOSSES_H

#include <stdbool.h>

#include "whywait/abi.h"

enum ww_loss_id {
	WW_LOSS_LAST_COUNTER = WW_COUNTER_COUNT - 1,
#define WW_LOSS(id, name, loses, meaning) WW_LOSS_##id,
#include "model/losses.def"
#undef WW_LOSS
	WW_LOSS_COUNT
};

/* `id` is one of enum ww_loss_id, or of enum ww_counter. */
const char *ww_loss_cause(unsigned id);
bool ww_loss_loses(unsigned id); /* whether requests or time are missing */

/* What a cause means, in a few words; "" for one that another version counted. */
const char *ww_loss_meaning(const char *cause);

#endif
