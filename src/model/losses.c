/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/losses.h"

#include <string.h>

static const struct {
	const char *cause, *meaning;
	bool loses;
} losses[WW_LOSS_COUNT] = {
#define WW_COUNTER(id, name, loses_, meaning_) [WW_COUNT_##id] = {name, meaning_, loses_},
#include "whywait/counters.def"
#undef WW_COUNTER
#define WW_LOSS(id, name, loses_, meaning_) [WW_LOSS_##id] = {name, meaning_, loses_},
#include "model/losses.def"
#undef WW_LOSS
};

const char *ww_loss_cause(unsigned id)
{
	return losses[id].cause;
}

bool ww_loss_loses(unsigned id)
{
	return losses[id].loses;
}

const char *ww_loss_meaning(const char *cause)
{
	for (unsigned i = 0; i < WW_LOSS_COUNT; i++) {
		if (!strcmp(cause, losses[i].cause))
			return losses[i].meaning;
	}
	return "";
}
