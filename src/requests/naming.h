/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a unit of work says of itself becomes its endpoint. Internal to src/requests. */
#ifndef WHYWAIT_NAMING_H
#define WHYWAIT_NAMING_H

#include <stddef.h>

#include "protocols/http1.h"
#include "requests/endpoints.h"
#include "requests/messages.h"
#include "whywait/abi.h"

/* What functions are called that are units of work, by number. */
struct ww_unit_names {
	const char *const *names;
	size_t len;
};

/*
 * The endpoint of a request, of a function's call (`units`: their names) or of a message of a queue (`messages`:
 * theirs), as ww_endpoints__find(); writes its path.
 */
int64_t ww_naming__endpoint(struct ww_endpoints *endpoints, const struct ww_unit_names *units,
			    struct ww_messages *messages, uint32_t service, const struct ww_account *account,
			    char path[WW_PATH_SIZE], uint64_t *over_cap);

#endif
