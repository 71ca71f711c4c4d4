/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* BSON documents (bsonspec.org), of which the end may be missing. No length in them is trusted. */
#ifndef WHYWAIT_BSON_H
#define WHYWAIT_BSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/bytes.h"

/* A document's elements that are still to be read. */
struct ww_bson {
	const uint8_t *at, *end; /* `end`: of what is at hand */
	bool cut;		 /* the document goes on behind `end` */
};

enum ww_bson_type {
	WW_BSON_DOUBLE = 0x01,
	WW_BSON_STRING = 0x02,
	WW_BSON_DOCUMENT = 0x03,
	WW_BSON_ARRAY = 0x04,
	WW_BSON_BOOL = 0x08,
	WW_BSON_INT32 = 0x10,
	WW_BSON_INT64 = 0x12,
};

struct ww_bson_element {
	uint8_t type;
	const char *name; /* ends with a NUL */
	const uint8_t *value;
	size_t len; /* bytes of the value that are at hand */
	bool cut;   /* there are more */
};

/* The document at the start of `bytes`, of which `len` are at hand; false when there is none. */
bool ww_bson__begin(struct ww_bson *document, const uint8_t *bytes, size_t len);

/* The next element; false behind the last one, or where it can't be read. */
bool ww_bson__next(struct ww_bson *document, struct ww_bson_element *element);

/* The text of a string, which need not end with a NUL; NULL when it is none. */
const char *ww_bson_element__string(const struct ww_bson_element *element, size_t *len);

/* A number or a bool, cut to an integer; false when it is none. */
bool ww_bson_element__number(const struct ww_bson_element *element, int64_t *number);

/*
 * Writes the shape of a document or an array: {"customer": ?, "total": {"$gt": ?}}. Names stay, values do not. What is
 * deeper than a few levels is {..}. Returns whether it is whole: all at hand, and all within `size`.
 */
bool ww_bson_element__shape(const struct ww_bson_element *element, char *text, size_t size);

#endif
