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

/* The text as a list; *err says why not. */
static json_t *load_list(const char *text, size_t len, int *err)
{
	json_t *list = json_loadb(text, len, 0, NULL);

	*err = json_is_array(list) ? 0 : -EBADMSG;
	return list;
}

int ww_request_json__read_details(const char *text, size_t len, struct ww_arena *arena, struct ww_request *request)
{
	struct ww_request_detail *details = NULL;
	int err;
	json_t *list = load_list(text, len, &err);
	size_t count = json_array_size(list);

	if (!err) {
		details = ww_arena__array(arena, count, sizeof(*details));
		err = details ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !err && i < count; i++) {
		const json_t *row = json_array_get(list, i);

		if (!read_kind(json_array_get(row, 0), &details[i].kind) ||
		    !read_number(json_array_get(row, 2), &details[i].ns) ||
		    !read_number(json_array_get(row, 3), &details[i].count))
			err = -EBADMSG;
		else
			err = read_string(json_array_get(row, 1), arena, &details[i].name);
	}
	json_decref(list);
	if (err)
		return err;
	request->details = details;
	request->details_len = count;
	return 0;
}

int ww_request_json__read_segments(const char *text, size_t len, struct ww_arena *arena, struct ww_request *request)
{
	struct ww_request_segment *segments = NULL;
	int err;
	json_t *list = load_list(text, len, &err);
	size_t count = json_array_size(list);

	if (!err) {
		segments = ww_arena__array(arena, count, sizeof(*segments));
		err = segments ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !err && i < count; i++) {
		const json_t *row = json_array_get(list, i);

		if (!read_kind(json_array_get(row, 0), &segments[i].kind) ||
		    !read_number(json_array_get(row, 1), &segments[i].start_ns) ||
		    !read_number(json_array_get(row, 2), &segments[i].duration_ns))
			err = -EBADMSG;
		else
			err = read_string(json_array_get(row, 3), arena, &segments[i].detail);
	}
	json_decref(list);
	if (err)
		return err;
	request->segments = segments;
	request->segments_len = count;
	return 0;
}

static int read_operation(const json_t *row, const struct ww_catalog *catalog, struct ww_arena *arena,
			  struct ww_operation *operation)
{
	struct ww_catalog_operation name;
	uint64_t id, flags;

	if (!read_number(json_array_get(row, 0), &id) || id >= ww_intern__len(catalog->operations) ||
	    !read_number(json_array_get(row, 1), &operation->start_ns) ||
	    !read_number(json_array_get(row, 2), &operation->duration_ns) ||
	    !read_number(json_array_get(row, 3), &flags) || flags > UINT16_MAX ||
	    !read_number(json_array_get(row, 5), &operation->bytes_out) ||
	    !read_number(json_array_get(row, 6), &operation->bytes_in) ||
	    !read_number(json_array_get(row, 7), &operation->arguments) ||
	    (json_array_size(row) > 8 && !read_number(json_array_get(row, 8), &operation->prepared)))
		return -EBADMSG;
	name = ww_catalog__operation_name(catalog, (uint32_t)id);
	operation->name = (uint32_t)id;
	operation->kind = name.kind;
	operation->system = name.system;
	operation->peer = name.peer;
	operation->summary = name.summary;
	operation->statement = name.statement;
	operation->flags = (uint16_t)flags;
	return read_string(json_array_get(row, 4), arena, &operation->error);
}

int ww_request_json__read_operations(const char *text, size_t len, const struct ww_catalog *catalog,
				     struct ww_arena *arena, struct ww_request *request)
{
	struct ww_operation *operations = NULL;
	int err;
	json_t *list = load_list(text, len, &err);
	size_t count = json_array_size(list);

	if (!err) {
		operations = ww_arena__array(arena, count, sizeof(*operations));
		err = operations ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !err && i < count; i++)
		err = read_operation(json_array_get(list, i), catalog, arena, &operations[i]);
	json_decref(list);
	if (err)
		return err;
	request->operations = operations;
	request->operations_len = count;
	return 0;
}
