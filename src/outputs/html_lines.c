/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The time line of a request in a page: a row for each kind of time, and for what it asked of others. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "model/catalog.h"
#include "model/names.h"
#include "outputs/html_parts.h"
#include "outputs/screen.h"
#include "outputs/text.h"

#define OPERATIONS 12 /* rows */

/* The colours are the live screen's: of the 256 of xterm, 16 to 231 are a cube of 6 steps, the rest are greys. */
void ww_html__kind_style(FILE *out, enum ww_kind kind)
{
	static const int steps[] = {0, 95, 135, 175, 215, 255};
	int colour = ww_kind_colour(kind), cube = colour - 16, grey = 8 + 10 * (colour - 232);
	int red = steps[cube / 36 % 6], green = steps[cube / 6 % 6], blue = steps[cube % 6];

	if (colour >= 232)
		red = green = blue = grey;
	fprintf(out, ".k%d{background:#%02x%02x%02x;fill:#%02x%02x%02x}\n", (int)kind, red, green, blue, red, green,
		blue);
}

static void put_stretch(FILE *out, uint8_t kind, uint64_t start_ns, uint64_t duration_ns, uint64_t wall_ns)
{
	double left = 100.0 * (double)start_ns / (double)wall_ns, width = 100.0 * (double)duration_ns / (double)wall_ns;

	/* What the clocks of two hooks make longer than the request stays within it. */
	left = left > 100 ? 100 : left;
	width = left + width > 100 ? 100 - left : width;
	fprintf(out, "<span class=\"k%d\" style=\"left:%.2f%%;width:%.2f%%\"></span>", kind, left, width);
}

static void put_kind(FILE *out, const struct ww_request *request, enum ww_kind kind)
{
	char ms[WW_TEXT_NUMBER];

	fprintf(out, "<tr><td>%s</td><td class=\"n\">%s ms</td><td style=\"width:60%%\"><div class=\"line\">",
		ww_kind_name(kind), ww_text__ms(ms, request->kinds_ns[kind]));
	for (size_t i = 0; i < request->segments_len; i++)
		if (request->segments[i].kind == kind)
			put_stretch(out, kind, request->segments[i].start_ns, request->segments[i].duration_ns,
				    request->wall_ns);
	fputs("</div></td></tr>\n", out);
}

static bool is_equal(const struct ww_operation *a, const struct ww_operation *b)
{
	return a->kind == b->kind && !strcmp(a->summary, b->summary) && !strcmp(a->peer, b->peer) &&
	       !strcmp(a->error, b->error);
}

/* Equal ones that follow one another share a row. Returns how many they are. */
static size_t put_operations(FILE *out, const struct ww_request *request, size_t first)
{
	const struct ww_operation *operation = &request->operations[first];
	uint64_t sum_ns = operation->duration_ns;
	size_t end = first + 1;
	char ms[WW_TEXT_NUMBER];

	for (; end < request->operations_len && is_equal(operation, &request->operations[end]); end++)
		sum_ns += request->operations[end].duration_ns;
	fputs("<tr><td class=\"dim\">", out);
	ww_text__markup(out, *operation->summary ? operation->summary : "round trip");
	if (end - first > 1)
		fprintf(out, " &times;%zu", end - first);
	if (*operation->error) {
		fputs(" <span class=\"bad\">", out);
		ww_text__markup(out, operation->error);
		fputs("</span>", out);
	}
	fprintf(out, "</td><td class=\"n dim\">%s ms</td><td><div class=\"line\">", ww_text__ms(ms, sum_ns));
	for (size_t i = first; i < end; i++)
		put_stretch(out, operation->kind, request->operations[i].start_ns, request->operations[i].duration_ns,
			    request->wall_ns);
	fputs("</div></td></tr>\n", out);
	return end - first;
}

static void put_request(FILE *out, const struct ww_request *request)
{
	char start[WW_TEXT_NUMBER], ms[WW_TEXT_NUMBER];
	size_t told = 0;

	fputs("<p><code>", out);
	ww_text__markup(out, request->method);
	fputc(' ', out);
	ww_text__markup(out, request->path);
	fprintf(out, "</code> <span class=\"dim\">%.23s, ", ww_text__rfc3339(start, request->start_unix_ns));
	if (ww_protocol_answers(request->protocol))
		fprintf(out, request->status ? "status %u, " : "no response, ", request->status);
	fprintf(out, "%s ms%s</span></p>\n<table>\n", ww_text__ms(ms, request->wall_ns),
		request->segments_len ? "" : ", no time line was kept");
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++)
		if (request->kinds_ns[kind])
			put_kind(out, request, kind);
	for (size_t rows = 0; rows < OPERATIONS && told < request->operations_len; rows++)
		told += put_operations(out, request, told);
	if (told < request->operations_len)
		fprintf(out, "<tr><td class=\"dim\" colspan=\"3\">and %zu operations more</td></tr>\n",
			request->operations_len - told);
	if (request->segments_truncated)
		fputs("<tr><td class=\"dim\" colspan=\"3\">what came after the last stretch is not drawn</td></tr>\n",
		      out);
	fputs("</table>\n", out);
}

int ww_html_lines__add(struct ww_html_lines *lines, const struct ww_request *request)
{
	char *text = NULL, *larger;
	size_t len = 0;
	FILE *out;

	/* Of no time nothing can be drawn. */
	if (!request->wall_ns)
		return 0;
	out = open_memstream(&text, &len);
	if (!out)
		return -ENOMEM;
	put_request(out, request);
	larger = fclose(out) ? NULL : realloc(lines->text, lines->len + len + 1);
	if (!larger) {
		free(text);
		return -ENOMEM;
	}
	memcpy(larger + lines->len, text, len);
	free(text);
	lines->text = larger;
	lines->len += len;
	lines->requests++;
	return 0;
}
