/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/http_reply.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/text.h"

void ww_reply__error(struct ww_reply *reply, unsigned status, const char *format, ...)
{
	char text[512], *clean;
	json_t *object;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	clean = ww_text__machine(text);
	object = clean ? json_pack("{s:s}", "error", clean) : NULL;
	free(clean);
	free(reply->body);
	*reply = (struct ww_reply){.status = status, .type = WW_JSON_TYPE};
	reply->body = object ? json_dumps(object, JSON_COMPACT) : NULL;
	reply->len = reply->body ? strlen(reply->body) : 0;
	json_decref(object);
}
