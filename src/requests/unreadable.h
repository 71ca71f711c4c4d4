/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ports that carry what can't be read. Internal to src/requests. */
#ifndef WHYWAIT_UNREADABLE_H
#define WHYWAIT_UNREADABLE_H

#include "model/report.h"
#include "whywait/abi.h"

#define WW_UNREADABLE_MAX 256 /* ports and protocols */

/* All zeros is an empty one. */
struct ww_unreadable_ports {
	struct ww_unreadable_port ports[WW_UNREADABLE_MAX];
	size_t len;
};

/* How many connections a port has carried so far. -EINVAL: of no known protocol; -ENOSPC: there is no room. */
int ww_unreadable__set(struct ww_unreadable_ports *ports, uint16_t port, enum ww_unreadable what, uint64_t connections);

#endif
