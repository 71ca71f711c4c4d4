/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a single wait of a request was for: the operation that was under way, where one is known. */
#ifndef WHYWAIT_WAIT_NAMES_H
#define WHYWAIT_WAIT_NAMES_H

#include "model/catalog.h"
#include "requests/detail_names.h"
#include "requests/operations.h"

/* A wait as the kernel side tells it. */
struct ww_wait {
	uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
	uint32_t value;
	uint8_t kind;	/* enum ww_kind */
	uint8_t detail; /* enum ww_detail_type: what `value` is */
};

/* What is known of the request that waited. */
struct ww_waiting {
	const struct ww_catalog *catalog;
	struct ww_detail_names *names;
	struct ww_request_operations done;
};

/*
 * The id of the wait's name in names->intern: "postgres SELECT items", "GET 10.0.0.2:8080 /stock"; "postgres" or
 * "fsync" where no operation of that peer ran then; WW_INTERN_NONE when it has none.
 */
uint32_t ww_wait_names__find(const struct ww_waiting *waiting, const struct ww_wait *wait);

#endif
