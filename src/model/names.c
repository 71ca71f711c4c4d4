/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/names.h"

#include <stddef.h>
#include <string.h>

#include "model/operation.h"

const char *ww_kind_name(enum ww_kind kind)
{
	static const char *const names[WW_KIND_COUNT] = {
#define WW_KIND(id, name, meaning) [WW_KIND_##id] = name,
#include "whywait/kinds.def"
#undef WW_KIND
	};

	return names[kind];
}

const char *ww_attribution_name(enum ww_attribution attribution)
{
	static const char *const names[WW_ATTRIBUTION_COUNT] = {
		[WW_ATTRIBUTION_EXACT] = "exact",
		[WW_ATTRIBUTION_INFERRED] = "inferred",
		[WW_ATTRIBUTION_AMBIGUOUS] = "ambiguous",
	};

	return names[attribution];
}

const char *ww_flag_name(unsigned bit)
{
	switch (1u << bit) {
	case WW_FLAG_ABORTED:
		return "aborted";
	case WW_FLAG_UPGRADED:
		return "upgraded";
	case WW_FLAG_UNTIL_CLOSE:
		return "until_close";
	case WW_FLAG_PIPELINED:
		return "pipelined";
	case WW_FLAG_TARGET_TRUNCATED:
		return "target_truncated";
	case WW_FLAG_ARRIVAL_UNKNOWN:
		return "arrival_unknown";
	default:
		return NULL;
	}
}

const char *ww_operation_flag_name(unsigned bit)
{
	static const char *const names[] = {"connect",	 "read",     "write", "fetch",	    "control",	  "batch",
					    "pipelined", "blocking", "cut",   "unfinished", "uncaptured", "unseen"};

	_Static_assert(1 << (sizeof(names) / sizeof(*names) - 1) == WW_OPERATION_UNSEEN, "each flag has a name");
	return bit < sizeof(names) / sizeof(*names) ? names[bit] : NULL;
}

const char *ww_system_name(const char *system)
{
	static const struct {
		const char *otel, *detail;
	} systems[] = {
#define WW_SYSTEM(id, detail, otel, kind, port) {otel, detail},
#include "whywait/systems.def"
#undef WW_SYSTEM
	};

	for (size_t i = 0; i < sizeof(systems) / sizeof(*systems); i++) {
		if (*system && !strcmp(system, systems[i].otel))
			return systems[i].detail;
	}
	return system;
}
