/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The lists that a kept request has in columns of its row, as JSON. docs/schema.md describes them. */
#ifndef WHYWAIT_REQUEST_JSON_H
#define WHYWAIT_REQUEST_JSON_H

#include "model/catalog.h"
#include "model/request.h"
#include "util/arena.h"
#include "util/bytes.h"

/* Appends [["db","postgres",NS,WAITS], ..]. */
void ww_request_json__put_details(struct ww_bytes *bytes, const struct ww_request *request);

/* Appends [["db",START_NS,DURATION_NS,"postgres"], ..]. */
void ww_request_json__put_segments(struct ww_bytes *bytes, const struct ww_request *request);

/* Appends [[NAME,START_NS,DURATION_NS,FLAGS,"error",BYTES_OUT,BYTES_IN,ARGUMENTS], ..], with PREPARED where it is not
 * 0. */
void ww_request_json__put_operations(struct ww_bytes *bytes, const struct ww_request *request);

/* Sets the list of a request from what was put; it lies in `arena`. -EBADMSG, -ENOMEM: the request is as it was. */
int ww_request_json__read_details(const char *text, size_t len, struct ww_arena *arena, struct ww_request *request);
int ww_request_json__read_segments(const char *text, size_t len, struct ww_arena *arena, struct ww_request *request);

/* The same; strings of their names are those of the catalog. */
int ww_request_json__read_operations(const char *text, size_t len, const struct ww_catalog *catalog,
				     struct ww_arena *arena, struct ww_request *request);

#endif
