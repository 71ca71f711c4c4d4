/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who held the locks of its program that an endpoint's requests waited for. */
#ifndef WHYWAIT_LOCK_HOLDERS_H
#define WHYWAIT_LOCK_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/report.h"

#define WW_LOCK_HOLDERS 3

struct ww_lock_holders {
	uint64_t waited_ns, waits; /* for such locks, whoever held them */
	struct ww_lock_holder {
		const char *name; /* "GET /report", "thread flusher"; the report's */
		uint64_t ns;
	} holders[WW_LOCK_HOLDERS]; /* those that did so longest, the first one most */
	unsigned len;
};

struct ww_lock_holders ww_lock_holders__of(const struct ww_endpoint_report *endpoint);

/* Whether that is the endpoint itself. */
bool ww_lock_holder__is(const struct ww_lock_holder *holder, const struct ww_endpoint_report *endpoint);

#endif
