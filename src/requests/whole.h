/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A finished request as plain data, for the recording to keep whole. Internal to src/requests. */
#ifndef WHYWAIT_WHOLE_H
#define WHYWAIT_WHOLE_H

#include "model/catalog.h"
#include "model/request.h"
#include "requests/detail_names.h"
#include "requests/operations.h"

/* What a request is put together from. */
struct ww_parts {
	const struct ww_catalog *catalog;
	struct ww_detail_names *names;
	const struct ww_operations *operations; /* for errors' texts */
	int64_t unix_offset_ns;			/* Unix time less CLOCK_MONOTONIC */
	const struct ww_account *account;
	const struct ww_segments *line; /* NULL: it has none */
	uint32_t endpoint;
	const char *path;
	const struct ww_detail_sum *details; /* WW_DETAILS at the most */
	size_t details_len;
	struct ww_request_operations done;
};

/* Calls `take` with the request, which is only lent. */
void ww_whole__of(const struct ww_parts *parts, void (*take)(void *ctx, const struct ww_request *request), void *ctx);

#endif
