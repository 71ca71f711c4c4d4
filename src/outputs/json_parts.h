/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How the writers of JSON put a document together. Internal to them. */
#ifndef WHYWAIT_JSON_PARTS_H
#define WHYWAIT_JSON_PARTS_H

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "outputs/text.h"

#define WW_JSON_SCHEMA	  1
#define WW_JSON_PRECISION 15 /* digits that any double keeps */

/* Collects the first error, so that a document is put together without a check at every field. */
struct ww_builder {
	int err;
};

static inline void put(struct ww_builder *b, json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) && !b->err)
		b->err = -ENOMEM;
}

static inline void append(struct ww_builder *b, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) && !b->err)
		b->err = -ENOMEM;
}

static inline void put_integer(struct ww_builder *b, json_t *object, const char *key, uint64_t number)
{
	if (number > INT64_MAX && !b->err)
		b->err = -EOVERFLOW;
	put(b, object, key, json_integer((json_int_t)number));
}

static inline void put_real(struct ww_builder *b, json_t *object, const char *key, double number)
{
	put(b, object, key, json_real(number));
}

static inline void put_text(struct ww_builder *b, json_t *object, const char *key, const char *text)
{
	char *clean = ww_text__machine(text);

	put(b, object, key, clean ? json_string(clean) : NULL);
	free(clean);
}

/* Puts an empty object or array and returns it; the parent owns it. */
static inline json_t *put_object(struct ww_builder *b, json_t *parent, const char *key)
{
	json_t *object = json_object();

	put(b, parent, key, object);
	return object;
}

static inline json_t *put_array(struct ww_builder *b, json_t *parent, const char *key)
{
	json_t *array = json_array();

	put(b, parent, key, array);
	return array;
}

static inline json_t *append_object(struct ww_builder *b, json_t *array)
{
	json_t *object = json_object();

	append(b, array, object);
	return object;
}

static inline void put_time(struct ww_builder *b, json_t *object, const char *key, int64_t unix_ns)
{
	char text[WW_TEXT_NUMBER];

	put_text(b, object, key, ww_text__rfc3339(text, unix_ns));
}

/* Null where there is none. */
static inline void put_number(struct ww_builder *b, json_t *object, const char *key, double number)
{
	put(b, object, key, isfinite(number) ? json_real(number) : json_null());
}

/* Writes the document and a newline. */
static inline int write_out(FILE *out, struct ww_builder *b, const json_t *object, size_t flags)
{
	if (b->err)
		return b->err;
	errno = 0;
	if (json_dumpf(object, out, flags | JSON_REAL_PRECISION(WW_JSON_PRECISION)) || fputc('\n', out) == EOF)
		return errno ? -errno : -EIO;
	return 0;
}

#endif
