/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/request_json.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "model/names.h"

#define PUT(bytes, literal) ww_bytes__put(bytes, literal, sizeof(literal) - 1)

static void put_string(struct ww_bytes *bytes, const char *string)
{
	static const char hex[] = "0123456789abcdef";

	PUT(bytes, "\"");
	for (const char *at = string; *at; at++) {
		unsigned char byte = (unsigned char)*at;
		char escaped[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};

		if (byte < 0x20)
			ww_bytes__put(bytes, escaped, sizeof(escaped));
		else if (byte == '"' || byte == '\\')
			ww_bytes__put(bytes, (char[]){'\\', (char)byte}, 2);
		else
			ww_bytes__put(bytes, at, 1);
	}
	PUT(bytes, "\"");
}

static void put_integer(struct ww_bytes *bytes, uint64_t number)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + number % 10);
	while (number /= 10);
	ww_bytes__put(bytes, at, (size_t)(digits + sizeof(digits) - at));
}

void ww_request_json__put_details(struct ww_bytes *bytes, const struct ww_request *request)
{
	PUT(bytes, "[");
	for (size_t i = 0; i < request->details_len; i++) {
		const struct ww_request_detail *detail = &request->details[i];

		if (i)
			PUT(bytes, ",");
		PUT(bytes, "[");
		put_string(bytes, ww_kind_name(detail->kind));
		PUT(bytes, ",");
		put_string(bytes, detail->name);
		PUT(bytes, ",");
		put_integer(bytes, detail->ns);
		PUT(bytes, ",");
		put_integer(bytes, detail->count);
		PUT(bytes, "]");
	}
	PUT(bytes, "]");
}

void ww_request_json__put_segments(struct ww_bytes *bytes, const struct ww_request *request)
{
	PUT(bytes, "[");
	for (size_t i = 0; i < request->segments_len; i++) {
		const struct ww_request_segment *segment = &request->segments[i];

		if (i)
			PUT(bytes, ",");
		PUT(bytes, "[");
		put_string(bytes, ww_kind_name(segment->kind));
		PUT(bytes, ",");
		put_integer(bytes, segment->start_ns);
		PUT(bytes, ",");
		put_integer(bytes, segment->duration_ns);
		PUT(bytes, ",");
		put_string(bytes, segment->detail);
		PUT(bytes, "]");
	}
	PUT(bytes, "]");
}

void ww_request_json__put_operations(struct ww_bytes *bytes, const struct ww_request *request)
{
	PUT(bytes, "[");
	for (size_t i = 0; i < request->operations_len; i++) {
		const struct ww_operation *operation = &request->operations[i];

		if (i)
			PUT(bytes, ",");
		PUT(bytes, "[");
		put_integer(bytes, operation->name);
		PUT(bytes, ",");
		put_integer(bytes, operation->start_ns);
		PUT(bytes, ",");
		put_integer(bytes, operation->duration_ns);
		PUT(bytes, ",");
		put_integer(bytes, operation->flags);
		PUT(bytes, ",");
		put_string(bytes, operation->error);
		PUT(bytes, ",");
		put_integer(bytes, operation->bytes_out);
		PUT(bytes, ",");
		put_integer(bytes, operation->bytes_in);
		PUT(bytes, ",");
		put_integer(bytes, operation->arguments);
		if (operation->prepared) {
			PUT(bytes, ",");
			put_integer(bytes, operation->prepared);
		}
		PUT(bytes, "]");
	}
	PUT(bytes, "]");
}

static bool read_kind(const json_t *json, uint8_t *kind)
{
	const char *name = json_string_value(json);

	for (uint8_t i = 0; name && i < WW_KIND_COUNT; i++) {
		if (!strcmp(name, ww_kind_name(i))) {
			*kind = i;
			return true;
		}
	}
	return false;
}

static bool read_number(const json_t *json, uint64_t *number)
{
	if (!json_is_integer(json) || json_integer_value(json) < 0)
		return false;
	*number = (uint64_t)json_integer_value(json);
	return true;
}

static int read_string(const json_t *json, struct ww_arena *arena, const char **string)
{
	if (!json_is_string(json))
		return -EBADMSG;
	*string = ww_arena__strdup(arena, json_string_value(json));
	return *string ? 0 : -ENOMEM;
}

/* What the rows of a list are read into: one of them is `at`, `size` bytes before the next. */
struct rows {
	size_t size;
	struct ww_arena *arena;
	const struct ww_catalog *catalog;
	int (*read)(const struct rows *rows, const json_t *row, void *at);
};

/* The text is a list: its rows, and how many. On failure nothing is set. */
static int read_rows(const struct rows *rows, const char *text, size_t len, const void **list, size_t *count)
{
	json_t *json = json_loadb(text, len, 0, NULL);
	char *array = NULL;
	int err = json_is_array(json) ? 0 : -EBADMSG;

	if (!err) {
		array = ww_arena__array(rows->arena, json_array_size(json), rows->size);
		err = array ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !err && i < json_array_size(json); i++)
		err = rows->read(rows, json_array_get(json, i), array + i * rows->size);
	if (!err) {
		*list = array;
		*count = json_array_size(json);
	}
	json_decref(json);
	return err;
}

static int read_detail(const struct rows *rows, const json_t *row, void *at)
{
	struct ww_request_detail *detail = at;

	if (!read_kind(json_array_get(row, 0), &detail->kind) || !read_number(json_array_get(row, 2), &detail->ns) ||
	    !read_number(json_array_get(row, 3), &detail->count))
		return -EBADMSG;
	return read_string(json_array_get(row, 1), rows->arena, &detail->name);
}

static int read_segment(const struct rows *rows, const json_t *row, void *at)
{
	struct ww_request_segment *segment = at;

	if (!read_kind(json_array_get(row, 0), &segment->kind) ||
	    !read_number(json_array_get(row, 1), &segment->start_ns) ||
	    !read_number(json_array_get(row, 2), &segment->duration_ns))
		return -EBADMSG;
	return read_string(json_array_get(row, 3), rows->arena, &segment->detail);
}

static int read_operation(const struct rows *rows, const json_t *row, void *at)
{
	struct ww_operation *operation = at;
	struct ww_catalog_operation name;
	uint64_t id, flags;

	if (!read_number(json_array_get(row, 0), &id) || id >= ww_intern__len(rows->catalog->operations) ||
	    !read_number(json_array_get(row, 1), &operation->start_ns) ||
	    !read_number(json_array_get(row, 2), &operation->duration_ns) ||
	    !read_number(json_array_get(row, 3), &flags) || flags > UINT16_MAX ||
	    !read_number(json_array_get(row, 5), &operation->bytes_out) ||
	    !read_number(json_array_get(row, 6), &operation->bytes_in) ||
	    !read_number(json_array_get(row, 7), &operation->arguments) ||
	    (json_array_size(row) > 8 && !read_number(json_array_get(row, 8), &operation->prepared)))
		return -EBADMSG;
	name = ww_catalog__operation_name(rows->catalog, (uint32_t)id);
	operation->name = (uint32_t)id;
	operation->kind = name.kind;
	operation->system = name.system;
	operation->peer = name.peer;
	operation->summary = name.summary;
	operation->statement = name.statement;
	operation->flags = (uint16_t)flags;
	return read_string(json_array_get(row, 4), rows->arena, &operation->error);
}

int ww_request_json__read_details(const char *text, size_t len, struct ww_arena *arena, struct ww_request *request)
{
	const struct rows rows = {.size = sizeof(*request->details), .arena = arena, .read = read_detail};

	const void *list;
	int err = read_rows(&rows, text, len, &list, &request->details_len);

	if (!err)
		request->details = list;
	return err;
}

int ww_request_json__read_segments(const char *text, size_t len, struct ww_arena *arena, struct ww_request *request)
{
	const struct rows rows = {.size = sizeof(*request->segments), .arena = arena, .read = read_segment};

	const void *list;
	int err = read_rows(&rows, text, len, &list, &request->segments_len);

	if (!err)
		request->segments = list;
	return err;
}

int ww_request_json__read_operations(const char *text, size_t len, const struct ww_catalog *catalog,
				     struct ww_arena *arena, struct ww_request *request)
{
	const struct rows rows = {
		.size = sizeof(*request->operations), .arena = arena, .catalog = catalog, .read = read_operation};

	const void *list;
	int err = read_rows(&rows, text, len, &list, &request->operations_len);

	if (!err)
		request->operations = list;
	return err;
}
