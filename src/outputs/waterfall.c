/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/waterfall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/names.h"
#include "outputs/bar.h"
#include "outputs/text.h"

#define NSEC	   1000000000ll
#define WIDTH_MAX  160
#define LABEL_MAX  26
#define AXIS_MIN   10
#define FIGURES	   10 /* columns of a duration */
#define TEXT_BYTES 1024

/* A row: time of one kind and cause. */
struct row {
	enum ww_kind kind;
	const char *detail; /* "" when nothing more is known */
	uint64_t ns;
	bool drawn; /* from segments; otherwise the figure is all there is */
};

struct drawing {
	FILE *out;
	struct ww_style style;
	const struct ww_request *request;
	int label, axis; /* widths */
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

/* How much of each half of a column of the axis a row fills, 0 to 1. */
static void fill_axis(const struct drawing *drawing, const struct row *row, double *filled)
{
	const struct ww_request *request = drawing->request;
	int halves = 2 * drawing->axis;
	double half_ns = (double)request->wall_ns / halves;

	for (int x = 0; x < halves; x++)
		filled[x] = 0;
	for (size_t i = 0; i < request->segments_len && row->drawn; i++) {
		const struct ww_request_segment *segment = &request->segments[i];
		if (segment->kind != row->kind || strcmp(segment->detail, row->detail))
			continue;
		double start = (double)segment->start_ns / half_ns;
		double end = start + (double)segment->duration_ns / half_ns;
		for (int x = (int)start; x < halves && x < end; x++) {
			double from = start > x ? start : x, to = end < x + 1 ? end : x + 1;
			filled[x] += to - from;
		}
	}
}

static void write_axis(const struct drawing *drawing, const struct row *row, double *filled)
{
	/* By which halves are filled: none, left, right, both. Less than half of a half is a dot. */
	static const char *const blocks[] = {"·", "▌", "▐", "█"}, *const ascii[] = {".", "+", "+", "#"};
	const struct ww_style *style = &drawing->style;
	const char *const *signs = style->utf8 ? blocks : ascii;

	fill_axis(drawing, row, filled);
	fputs(ww_style__kind(style, row->kind), drawing->out);
	for (int x = 0; x < drawing->axis; x++) {
		double left = filled[2 * x], right = filled[2 * x + 1];
		fputs(left + right > 0 ? signs[(left >= 0.5) + 2 * (right >= 0.5)] : " ", drawing->out);
	}
	fputs(ww_style__plain(style), drawing->out);
}

static void write_row(const struct drawing *drawing, const struct row *row, double *filled)
{
	const struct ww_style *style = &drawing->style;
	char label[TEXT_BYTES], fitted[TEXT_BYTES], text[WW_TEXT_NUMBER];

	snprintf(label, sizeof(label), "%s%s%s", ww_kind_name(row->kind), *row->detail ? " " : "", row->detail);
	int used = ww_text__fit(fitted, sizeof(fitted), label, drawing->label, style);
	fprintf(drawing->out, "  %s%s%s%*s ", ww_style__kind(style, row->kind), fitted, ww_style__plain(style),
		drawing->label - used, "");
	write_axis(drawing, row, filled);
	fprintf(drawing->out, " %*s\n", FIGURES, ww_text__duration(text, row->ns));
}

static void write_title(const struct drawing *drawing)
{
	const struct ww_request *request = drawing->request;
	const struct ww_style *style = &drawing->style;
	time_t seconds = (time_t)(request->start_unix_ns / NSEC);
	char name[TEXT_BYTES], right[128], clock[16], status[16], text[WW_TEXT_NUMBER];
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(clock, sizeof(clock), "%H:%M:%S", &local);
	snprintf(status, sizeof(status), request->status ? "%u" : "no response", request->status);
	snprintf(right, sizeof(right), "%s  %s.%03d  %*s", status, clock,
		 (int)(request->start_unix_ns % NSEC / 1000000), FIGURES, ww_text__duration(text, request->wall_ns));
	int room = style->width - (int)strlen(right) - 2;
	snprintf(name, sizeof(name), "%s %s", request->method, request->path);
	if (room < AXIS_MIN)
		room = style->width;
	char fitted[TEXT_BYTES];
	int used = ww_text__fit(fitted, sizeof(fitted), name, room, style);
	const char *bad = request->status >= 500 || !request->status ? ww_style__bad(style) : "";
	fprintf(drawing->out, "%s%s%s%*s%s%s%s\n", ww_style__bold(style), fitted, ww_style__plain(style),
		room == style->width ? 2 : room - used + 2, room == style->width ? "\n  " : "", bad, right,
		ww_style__plain(style));
}

/* "shop, pid 4711, exact, aborted" */
static void write_notes(const struct drawing *drawing)
{
	const struct ww_request *request = drawing->request;
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
	ww_text__fit(fitted, sizeof(fitted), line, drawing->style.width - 2, &drawing->style);
	fprintf(drawing->out, "  %s%s%s\n", ww_style__dim(&drawing->style), fitted, ww_style__plain(&drawing->style));
}

int ww_waterfall__write(FILE *out, const struct ww_request *request, const struct ww_style *style)
{
	struct drawing drawing = {.out = out, .style = *style, .request = request};
	struct row *rows = calloc(request->segments_len + request->details_len + WW_KIND_COUNT, sizeof(*rows));
	double *filled = calloc(2 * WIDTH_MAX, sizeof(*filled));
	int err = -ENOMEM;

	if (!rows || !filled)
		goto out;
	err = 0;
	if (drawing.style.width > WIDTH_MAX)
		drawing.style.width = WIDTH_MAX;
	int room = drawing.style.width - 2 - 1 - 1 - FIGURES;
	drawing.label = room - AXIS_MIN < LABEL_MAX ? room - AXIS_MIN : LABEL_MAX;
	drawing.axis = room - drawing.label;
	write_title(&drawing);
	write_notes(&drawing);
	if (!request->segments_len) {
		fprintf(out, "  %-*s ", drawing.label, "no time line kept");
		err = ww_bar__write(out, request->kinds_ns, drawing.axis, &drawing.style);
		fputc('\n', out);
	}
	size_t len = make_rows(request, rows);
	for (size_t i = 0; i < len; i++)
		write_row(&drawing, &rows[i], filled);
	fputc('\n', out);
out:
	free(filled);
	free(rows);
	return err;
}
