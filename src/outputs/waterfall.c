/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/waterfall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/catalog.h"
#include "model/names.h"
#include "outputs/bar.h"
#include "outputs/text.h"
#include "outputs/waterfall_parts.h"

#define NSEC	   1000000000ll
#define WIDTH_MAX  160
#define LABEL_MAX  26
#define AXIS_MIN   10
#define TEXT_BYTES 1024

/* A row: time of one kind and cause. */
struct row {
	enum ww_kind kind;
	const char *detail; /* "" when nothing more is known */
	uint64_t ns;
	bool drawn; /* from segments; otherwise the figure is all there is */
};

/* Adds to the row of that kind and cause, or makes it. */
static size_t add_to_rows(struct row *rows, size_t len, const struct row *part)
{
	for (size_t i = 0; i < len; i++)
		if (rows[i].kind == part->kind && !strcmp(rows[i].detail, part->detail)) {
			rows[i].ns += part->ns;
			return len;
		}
	rows[len] = *part;
	return len + 1;
}

/* Rows that sum to the wall time. Returns their number; `rows` has room for one per segment, detail and kind. */
static size_t make_rows(const struct ww_request *request, struct row *rows)
{
	uint64_t left[WW_KIND_COUNT];
	size_t len = 0;

	memcpy(left, request->kinds_ns, sizeof(left));
	for (size_t i = 0; i < request->segments_len; i++) {
		const struct ww_request_segment *segment = &request->segments[i];
		struct row part = {segment->kind, segment->detail, segment->duration_ns, true};
		len = add_to_rows(rows, len, &part);
		left[segment->kind] -= part.ns < left[segment->kind] ? part.ns : left[segment->kind];
	}
	for (size_t i = 0; i < request->details_len && !request->segments_len; i++) {
		const struct ww_request_detail *detail = &request->details[i];
		struct row part = {detail->kind, detail->name, detail->ns, false};
		len = add_to_rows(rows, len, &part);
		left[detail->kind] -= part.ns < left[detail->kind] ? part.ns : left[detail->kind];
	}
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		if (left[kind])
			rows[len++] = (struct row){kind, request->segments_len ? "(not drawn)" : "", left[kind], false};
	return len;
}

void ww_axis__fill(const struct ww_axis *axis, uint64_t start_ns, uint64_t duration_ns)
{
	int halves = 2 * axis->columns;
	double half_ns = (double)axis->request->wall_ns / halves;
	double start = half_ns > 0 ? (double)start_ns / half_ns : 0;
	double end = half_ns > 0 ? start + (double)duration_ns / half_ns : 0;

	for (int x = start < halves ? (int)start : halves; x < halves && x < end; x++) {
		double from = start > x ? start : x, to = end < x + 1 ? end : x + 1;
		axis->filled[x] += to - from;
	}
}

void ww_axis__write(const struct ww_axis *axis, enum ww_kind kind)
{
	/* By which halves are filled: none, left, right, both. Less than half of a half is a dot. */
	static const char *const blocks[] = {"·", "▌", "▐", "█"}, *const ascii[] = {".", "+", "+", "#"};
	const struct ww_style *style = &axis->style;
	const char *const *signs = style->utf8 ? blocks : ascii;

	fputs(ww_style__kind(style, kind), axis->out);
	for (int x = 0; x < axis->columns; x++) {
		double left = axis->filled[2 * x], right = axis->filled[2 * x + 1];
		fputs(left + right > 0 ? signs[(left >= 0.5) + 2 * (right >= 0.5)] : " ", axis->out);
		axis->filled[2 * x] = axis->filled[2 * x + 1] = 0;
	}
	fputs(ww_style__plain(style), axis->out);
}

static void write_row(const struct ww_axis *axis, const struct row *row)
{
	const struct ww_request *request = axis->request;
	const struct ww_style *style = &axis->style;
	char label[TEXT_BYTES], fitted[TEXT_BYTES], text[WW_TEXT_NUMBER];

	snprintf(label, sizeof(label), "%s%s%s", ww_kind_name(row->kind), *row->detail ? " " : "", row->detail);
	int used = ww_text__fit(fitted, sizeof(fitted), label, axis->label, style);
	fprintf(axis->out, "  %s%s%s%*s ", ww_style__kind(style, row->kind), fitted, ww_style__plain(style),
		axis->label - used, "");
	for (size_t i = 0; i < request->segments_len && row->drawn; i++) {
		const struct ww_request_segment *segment = &request->segments[i];
		if (segment->kind == row->kind && !strcmp(segment->detail, row->detail))
			ww_axis__fill(axis, segment->start_ns, segment->duration_ns);
	}
	ww_axis__write(axis, row->kind);
	fprintf(axis->out, " %*s\n", WW_AXIS_FIGURES, ww_text__duration(text, row->ns));
}

static void write_title(const struct ww_axis *axis)
{
	const struct ww_request *request = axis->request;
	const struct ww_style *style = &axis->style;
	time_t seconds = (time_t)(request->start_unix_ns / NSEC);
	char name[TEXT_BYTES], right[128], clock[16], status[16] = "", text[WW_TEXT_NUMBER];
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	bool answers = ww_protocol_answers(request->protocol);
	if (answers)
		snprintf(status, sizeof(status), request->status ? "%u  " : "no response  ", request->status);
	snprintf(right, sizeof(right), "%s%s.%03d  %*s", status, clock, (int)(request->start_unix_ns % NSEC / 1000000),
		 WW_AXIS_FIGURES, ww_text__duration(text, request->wall_ns));
	int room = style->width - (int)strlen(right) - 2;
	snprintf(name, sizeof(name), "%s %s", request->method, request->path);
	if (room < AXIS_MIN)
		room = style->width;
	char fitted[TEXT_BYTES];
	int used = ww_text__fit(fitted, sizeof(fitted), name, room, style);
	const char *bad = answers && (request->status >= 500 || !request->status) ? ww_style__bad(style) : "";
	fprintf(axis->out, "%s%s%s%*s%s%s%s\n", ww_style__bold(style), fitted, ww_style__plain(style),
		room == style->width ? 2 : room - used + 2, room == style->width ? "\n  " : "", bad, right,
		ww_style__plain(style));
}

/* "shop, pid 4711, exact, aborted" */
static void write_notes(const struct ww_axis *axis)
{
	const struct ww_request *request = axis->request;
	char line[TEXT_BYTES], fitted[TEXT_BYTES];
	int len = snprintf(line, sizeof(line), "%s, pid %u, %s", request->service, request->pid,
			   ww_attribution_name(request->attribution));

	for (unsigned bit = 0; bit < 16; bit++)
		if (request->flags & 1u << bit && ww_flag_name(bit) && len < TEXT_BYTES - 64)
			len += snprintf(line + len, sizeof(line) - (size_t)len, ", %s", ww_flag_name(bit));
	if (request->segments_truncated && len < TEXT_BYTES - 64)
		len += snprintf(line + len, sizeof(line) - (size_t)len, ", the end of the time line was not kept");
	if (*request->traceparent && len < TEXT_BYTES - 128)
		snprintf(line + len, sizeof(line) - (size_t)len, ", trace %s", request->traceparent);
	ww_text__fit(fitted, sizeof(fitted), line, axis->style.width - 2, &axis->style);
	fprintf(axis->out, "  %s%s%s\n", ww_style__dim(&axis->style), fitted, ww_style__plain(&axis->style));
}

int ww_waterfall__write(FILE *out, const struct ww_request *request, const struct ww_style *style)
{
	struct ww_axis axis = {.out = out, .style = *style, .request = request};
	struct row *rows = calloc(request->segments_len + request->details_len + WW_KIND_COUNT, sizeof(*rows));
	int err = -ENOMEM;

	axis.filled = calloc(2 * WIDTH_MAX, sizeof(*axis.filled));
	if (!rows || !axis.filled)
		goto out;
	err = 0;
	if (axis.style.width > WIDTH_MAX)
		axis.style.width = WIDTH_MAX;
	int room = axis.style.width - 2 - 1 - 1 - WW_AXIS_FIGURES;
	axis.label = room - AXIS_MIN < LABEL_MAX ? room - AXIS_MIN : LABEL_MAX;
	axis.columns = room - axis.label;
	write_title(&axis);
	write_notes(&axis);
	if (!request->segments_len) {
		fprintf(out, "  %-*s ", axis.label, "no time line kept");
		err = ww_bar__write(out, request->kinds_ns, axis.columns, &axis.style);
		fputc('\n', out);
	}
	size_t len = make_rows(request, rows);
	for (size_t i = 0; i < len; i++)
		write_row(&axis, &rows[i]);
	if (!err)
		err = ww_axis__operations(&axis);
	fputc('\n', out);
out:
	free(axis.filled);
	free(rows);
	return err;
}
