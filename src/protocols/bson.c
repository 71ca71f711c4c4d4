/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/bson.h"

#include <math.h>
#include <string.h>

#include "protocols/key_pattern.h"

#define DEEPEST	  6
#define NAME_SIZE 64

bool ww_bson__begin(struct ww_bson *document, const uint8_t *bytes, size_t len)
{
	uint32_t size;

	if (len < 5)
		return false;
	size = ww_le32(bytes);
	if (size < 5 || size > INT32_MAX)
		return false;
	document->cut = size > len;
	document->at = bytes + 4;
	/* Without the 0 that ends it. */
	document->end = bytes + (document->cut ? len : size - 1);
	return true;
}

/* The length of a text with its NUL; 0 when that is not at hand. */
static size_t text_len(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *zero = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;

	return zero ? (size_t)(zero - at) + 1 : 0;
}

/* The length of a value at `at`, as it says itself; 0 for unknown types, and -1 when that can't be told. */
static int64_t value_len(uint8_t type, const uint8_t *at, const uint8_t *end)
{
	size_t first, second;

	switch (type) {
	case WW_BSON_DOUBLE:
	case 0x09: /* date */
	case 0x11: /* timestamp */
	case WW_BSON_INT64:
		return 8;
	case WW_BSON_INT32:
		return 4;
	case WW_BSON_BOOL:
		return 1;
	case 0x07: /* object id */
		return 12;
	case 0x13: /* decimal */
		return 16;
	case 0x06: /* undefined */
	case 0x0a: /* null */
	case 0x7f: /* what is above all */
	case 0xff: /* what is below all */
		return 0;
	case 0x0b: /* regular expression and its options */
		first = text_len(at, end);
		second = first ? text_len(at + first, end) : 0;
		return second ? (int64_t)(first + second) : -1;
	}
	if (end - at < 4)
		return -1;
	switch (type) {
	case WW_BSON_DOCUMENT:
	case WW_BSON_ARRAY:
	case 0x0f: /* code with its variables */
		return ww_le32(at);
	case WW_BSON_STRING:
	case 0x0d: /* code */
	case 0x0e: /* symbol */
		return 4 + (int64_t)ww_le32(at);
	case 0x05: /* bytes */
		return 5 + (int64_t)ww_le32(at);
	case 0x0c: /* pointer */
		return 16 + (int64_t)ww_le32(at);
	}
	return -1;
}

bool ww_bson__next(struct ww_bson *document, struct ww_bson_element *element)
{
	size_t name_len;
	int64_t len;

	if (document->at >= document->end)
		return false;
	element->type = *document->at;
	name_len = text_len(document->at + 1, document->end);
	if (!name_len)
		return false;
	element->name = (const char *)document->at + 1;
	element->value = document->at + 1 + name_len;
	len = value_len(element->type, element->value, document->end);
	element->cut = len < 0 || len > document->end - element->value;
	/* Of a whole document nothing is cut: it lies. */
	if (element->cut && !document->cut)
		return false;
	element->len = element->cut ? (size_t)(document->end - element->value) : (size_t)len;
	document->at = element->value + element->len;
	return true;
}

const char *ww_bson_element__string(const struct ww_bson_element *element, size_t *len)
{
	if (element->type != WW_BSON_STRING || element->cut || element->len < 5)
		return NULL;
	*len = element->len - 5;
	return (const char *)element->value + 4;
}

bool ww_bson_element__number(const struct ww_bson_element *element, int64_t *number)
{
	uint64_t bits = 0;
	double value;

	if (element->cut)
		return false;
	for (size_t i = 0; i < element->len && i < 8; i++)
		bits |= (uint64_t)element->value[i] << 8 * i;
	switch (element->type) {
	case WW_BSON_DOUBLE:
		memcpy(&value, &bits, sizeof(value));
		*number = fabs(value) < 1e15 ? (int64_t)value : 0;
		return true;
	case WW_BSON_INT32:
		*number = (int32_t)(uint32_t)bits;
		return true;
	case WW_BSON_BOOL:
	case WW_BSON_INT64:
		*number = (int64_t)bits;
		return true;
	}
	return false;
}

struct text {
	char *at, *end;
	bool whole;
};

static void put(struct text *text, const char *what)
{
	size_t len = strlen(what);

	if ((size_t)(text->end - text->at) < len)
		text->whole = false;
	if (!text->whole)
		return;
	memcpy(text->at, what, len);
	text->at += len;
}

/* Operators begin with a '$', and names of a path are joined by dots. */
static void put_name(struct text *text, const char *name)
{
	char pattern[NAME_SIZE];

	put(text, "\"");
	if (*name == '$') {
		put(text, "$");
		name++;
	}
	ww_key_pattern(name, strlen(name), false, pattern, sizeof(pattern));
	put(text, pattern);
	put(text, "\": ");
}

static bool is_nested(const struct ww_bson_element *element)
{
	return element->type == WW_BSON_DOCUMENT || element->type == WW_BSON_ARRAY;
}

/* An array of values says no more than one of them does. */
static void put_shape(struct text *text, const struct ww_bson_element *whole, int depth)
{
	bool array = whole->type == WW_BSON_ARRAY, first = true, value = false;
	struct ww_bson_element element;
	struct ww_bson document;

	if (!is_nested(whole)) {
		put(text, "?");
		text->whole &= !whole->cut;
		return;
	}
	if (depth == DEEPEST || !ww_bson__begin(&document, whole->value, whole->len)) {
		put(text, array ? "[..]" : "{..}");
		text->whole &= !whole->cut;
		return;
	}
	put(text, array ? "[" : "{");
	while (text->whole && ww_bson__next(&document, &element)) {
		if (array && !is_nested(&element)) {
			if (!value)
				put(text, first ? "?" : ", ?");
			value = true;
			first = false;
			text->whole &= !element.cut;
			continue;
		}
		if (!first)
			put(text, ", ");
		first = false;
		if (!array)
			put_name(text, element.name);
		put_shape(text, &element, depth + 1);
	}
	put(text, array ? "]" : "}");
	text->whole &= !document.cut;
}

bool ww_bson_element__shape(const struct ww_bson_element *element, char *text, size_t size)
{
	struct text out = {.at = text, .end = text + size - 1, .whole = true};

	put_shape(&out, element, 0);
	*out.at = '\0';
	return out.whole;
}
