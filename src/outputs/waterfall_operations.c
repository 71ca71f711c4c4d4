/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The operations of a request on its time line: equal ones share a row, as far as they came one after the other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/names.h"
#include "outputs/text.h"
#include "outputs/waterfall_parts.h"

#define TEXT_BYTES 1024
#define ROWS	   24 /* beyond them those at the same time share a row, too, and then all the others one */

struct row {
	const struct ww_operation *first; /* NULL: the rest */
	uint64_t count, errors;
	uint64_t end_ns; /* of the last one */
	uint64_t ns;
};

static bool are_equal(const struct ww_operation *a, const struct ww_operation *b)
{
	return a->kind == b->kind && !strcmp(a->summary, b->summary) && !strcmp(a->statement, b->statement) &&
	       !strcmp(a->peer, b->peer) && !strcmp(a->system, b->system);
}

/* The row of an operation, which may be a new one. */
static size_t row_of(const struct row *rows, size_t len, const struct ww_operation *operation)
{
	size_t equal = len;

	for (size_t i = 0; i < len; i++) {
		if (!rows[i].first || !are_equal(rows[i].first, operation))
			continue;
		if (rows[i].end_ns <= operation->start_ns)
			return i;
		equal = equal == len ? i : equal;
	}
	if (len < ROWS)
		return len;
	return equal < len ? equal : ROWS;
}

/* Returns the number of rows, at most ROWS + 1; `places` is to have room for the row of each operation. */
static size_t make_rows(const struct ww_request *request, struct row rows[ROWS + 1], size_t *places)
{
	size_t len = 0;

	for (size_t i = 0; i < request->operations_len; i++) {
		const struct ww_operation *operation = &request->operations[i];
		size_t place = row_of(rows, len, operation);
		struct row *row = &rows[place];

		if (place == len)
			rows[len++] = (struct row){.first = place < ROWS ? operation : NULL};
		row->count++;
		row->errors += *operation->error != '\0';
		row->ns += operation->duration_ns;
		row->end_ns = operation->start_ns + operation->duration_ns;
		places[i] = place;
	}
	return len;
}

/* What stands behind a row's name: how many there are, and how they failed. */
static void describe(char *out, size_t size, const struct row *row, const struct ww_style *style)
{
	char count[WW_TEXT_NUMBER];

	*out = '\0';
	if (row->count > 1)
		snprintf(out, size, " %s%s", style->utf8 ? "\u00d7" : "x", ww_text__count(count, row->count));
	size_t len = strlen(out);
	if (row->errors && row->count > 1)
		snprintf(out + len, size - len, ", %s failed", ww_text__count(count, row->errors));
	else if (row->errors)
		snprintf(out + len, size - len, ": %s", row->first ? row->first->error : "failed");
}

static void write_label(const struct ww_axis *axis, const struct row *row)
{
	const struct ww_style *style = &axis->style;
	const struct ww_operation *first = row->first;
	char name[TEXT_BYTES], fitted[TEXT_BYTES], more[64];

	describe(more, sizeof(more), row, style);
	if (!first)
		snprintf(name, sizeof(name), "others");
	else if (first->flags & WW_OPERATION_CONNECT || !*first->summary)
		snprintf(name, sizeof(name), "%s %s %s", ww_kind_name(first->kind),
			 *first->summary ? first->summary : "round trip", first->peer);
	else
		snprintf(name, sizeof(name), "%s %s", ww_kind_name(first->kind), first->summary);
	int room = axis->label - ww_text__columns(more, style);
	int used = ww_text__fit_ends(fitted, sizeof(fitted), name, room > 0 ? room : 0, style);
	fprintf(axis->out, "  %s%s%s", first ? ww_style__kind(style, first->kind) : "", fitted, ww_style__plain(style));
	used += ww_text__fit(fitted, sizeof(fitted), more, axis->label - used, style);
	fprintf(axis->out, "%s%s%s%*s ", row->errors ? ww_style__bad(style) : "", fitted, ww_style__plain(style),
		axis->label - used, "");
}

int ww_axis__operations(const struct ww_axis *axis)
{
	const struct ww_request *request = axis->request;
	struct row rows[ROWS + 1];
	char text[WW_TEXT_NUMBER];
	size_t *places, len;

	if (!request->operations_len)
		return 0;
	places = calloc(request->operations_len, sizeof(*places));
	if (!places)
		return -ENOMEM;
	len = make_rows(request, rows, places);
	fprintf(axis->out, "  %soperations%s%s\n", ww_style__dim(&axis->style),
		request->operations_missing ? ", as far as they are known" : "", ww_style__plain(&axis->style));
	for (size_t row = 0; row < len; row++) {
		write_label(axis, &rows[row]);
		for (size_t i = 0; i < request->operations_len; i++)
			if (places[i] == row)
				ww_axis__fill(axis, request->operations[i].start_ns,
					      request->operations[i].duration_ns);
		ww_axis__write(axis, rows[row].first ? rows[row].first->kind : WW_KIND_OTHER);
		fprintf(axis->out, " %*s\n", WW_AXIS_FIGURES, ww_text__duration(text, rows[row].ns));
	}
	free(places);
	return 0;
}
