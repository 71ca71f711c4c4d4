/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/naming.h"

#include <stdio.h>
#include <string.h>

static const char *const systems[WW_SYSTEM_COUNT] = {
#define WW_SYSTEM(id, detail, otel, kind, port) detail,
#include "whywait/systems.def"
#undef WW_SYSTEM
};

int64_t ww_naming__endpoint(struct ww_endpoints *endpoints, const struct ww_unit_names *units,
			    struct ww_messages *messages, uint32_t service, const struct ww_account *account,
			    char path[WW_PATH_SIZE], uint64_t *over_cap)
{
	char method[WW_METHOD_SIZE];

	if (account->flags & WW_FLAG_CALL) {
		*over_cap = 0;
		snprintf(path, WW_PATH_SIZE, "%s",
			 account->local < units->len ? units->names[account->local] : WW_ROUTE_OTHER);
		return ww_endpoints__unit(endpoints, service, WW_PROTOCOL_CALL, "call", path);
	}
	if (account->flags & WW_FLAG_MESSAGE) {
		ww_messages__take(messages, account->id, path);
		endpoints->protocol = WW_PROTOCOL_QUEUE;
		return ww_endpoints__find(endpoints, service,
					  account->local < WW_SYSTEM_COUNT ? systems[account->local] : "", path,
					  over_cap);
	}
	ww_http1__method(account->method, method);
	ww_http1__path(account->target, account->target_len, account->flags & WW_FLAG_TARGET_TRUNCATED,
		       !strcmp(method, "CONNECT"), path);
	endpoints->protocol = account->flags & WW_FLAG_FASTCGI ? "fastcgi" : "http";
	return ww_endpoints__find(endpoints, service, method, path, over_cap);
}
