/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is answered. Internal to the HTTP side. */
#ifndef WHYWAIT_HTTP_REPLY_H
#define WHYWAIT_HTTP_REPLY_H

#include <stddef.h>

#define WW_JSON_TYPE "application/json"
#define WW_TEXT_TYPE "text/plain; charset=utf-8"

struct ww_reply {
	unsigned status; /* of HTTP */
	const char *type;
	char *body; /* of malloc(); the reply's owner frees it */
	size_t len;
};

/* Says what was wrong, as JSON: {"error": ".."}. Without memory for it the body is empty. */
__attribute__((format(printf, 3, 4))) void ww_reply__error(struct ww_reply *reply, unsigned status, const char *format,
							   ...);

#endif
