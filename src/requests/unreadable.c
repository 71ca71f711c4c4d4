/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/unreadable.h"

#include <errno.h>

static const char *const names[WW_UNREADABLE_COUNT] = {
	[WW_UNREADABLE_TLS] = "tls",
	[WW_UNREADABLE_HTTP2] = "http2",
};

int ww_unreadable__set(struct ww_unreadable_ports *ports, uint16_t port, enum ww_unreadable what, uint64_t connections)
{
	struct ww_unreadable_port *row = ports->ports, *end = row + ports->len;

	if (what >= WW_UNREADABLE_COUNT)
		return -EINVAL;
	while (row < end && (row->port != port || row->protocol != names[what]))
		row++;
	if (row == end) {
		if (ports->len == WW_UNREADABLE_MAX)
			return -ENOSPC;
		ports->len++;
		*row = (struct ww_unreadable_port){.port = port, .protocol = names[what]};
	}
	row->connections = connections;
	return 0;
}
