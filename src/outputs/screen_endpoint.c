/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The page of one endpoint: where its requests spent their time, all of them beside the slowest. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "model/catalog.h"
#include "model/names.h"
#include "outputs/screen_pages.h"
#include "outputs/text.h"

static const struct ww_pen plain_pen, dim_pen = {.attributes = WW_CELL_DIM}, bold_pen = {.attributes = WW_CELL_BOLD};

#define LABEL_WIDTH 11

/* Columns of the table of kinds; the tail and the bar are there when the width allows. */
struct kinds_places {
	int mean_x, share_x, tail_mean_x, tail_share_x, bar_x, bar_width;
	int name_width;
};

#define NUMBER_WIDTH 11

static struct kinds_places place_kinds(int width)
{
	struct kinds_places places = {.name_width = width < 60 ? 14 : 22};
	int x = places.name_width + 1;

	places.mean_x = x;
	places.share_x = x += NUMBER_WIDTH + 1;
	x += 8;
	if (width >= x + NUMBER_WIDTH + 8) {
		places.tail_mean_x = x;
		places.tail_share_x = x += NUMBER_WIDTH + 1;
		x += 8;
	}
	if (width >= x + 10) {
		places.bar_x = x;
		places.bar_width = width - x < 50 ? width - x : 50;
	}
	return places;
}

/* Columns of the table of operations; the peer is there when the width allows. */
struct operations_places {
	int name_width, each_x, mean_x, share_x, peer_x;
};

#define EACH_WIDTH 8

static struct operations_places place_operations(int width)
{
	int figures = EACH_WIDTH + 1 + NUMBER_WIDTH + 1 + 7, peer = width >= 100 ? width / 4 : 0;
	struct operations_places places = {.name_width = width - figures - 1 - (peer ? peer + 2 : 0)};

	if (places.name_width < 8)
		places.name_width = 8;
	places.each_x = places.name_width + 1;
	places.mean_x = places.each_x + EACH_WIDTH + 1;
	places.share_x = places.mean_x + NUMBER_WIDTH + 1;
	places.peer_x = peer ? places.share_x + 7 + 2 : 0;
	return places;
}

static void draw_fact(struct ww_screen *screen, int y, const char *label, const char *text)
{
	ww_screen__text(screen, y, 0, LABEL_WIDTH, dim_pen, label);
	ww_screen__text(screen, y, LABEL_WIDTH, screen->width - LABEL_WIDTH, plain_pen, text);
}

/* "12.345 ms" */
static void draw_mean(struct ww_screen *screen, int y, int x, struct ww_pen pen, uint64_t sum_ns, uint64_t requests)
{
	char text[48];

	snprintf(text, sizeof(text), "%.3f ms", requests ? (double)sum_ns / (double)requests / 1e6 : 0.0);
	ww_screen__text_right(screen, y, x, NUMBER_WIDTH, pen, text);
}

static void draw_share(struct ww_screen *screen, int y, int x, struct ww_pen pen, uint64_t part, uint64_t whole)
{
	char text[WW_TEXT_NUMBER];

	ww_screen__text_right(screen, y, x, 6, pen, ww_text__share(text, part, whole));
}

static void draw_status(const struct ww_endpoint_report *endpoint, struct ww_screen *screen, int y)
{
	char status[8], count[WW_TEXT_NUMBER];
	int x = LABEL_WIDTH;

	ww_screen__text(screen, y, 0, LABEL_WIDTH, dim_pen, "status");
	for (size_t i = 0; i < endpoint->status_len; i++) {
		if (endpoint->status[i].status)
			snprintf(status, sizeof(status), "%u", endpoint->status[i].status);
		else
			snprintf(status, sizeof(status), "none");
		x += ww_screen__print(screen, y, x, screen->width - x, plain_pen, "%s: %s  ", status,
				      ww_text__count(count, endpoint->status[i].requests));
	}
}

static void draw_facts(const struct ww_endpoint_report *endpoint, struct ww_scroll *scroll, struct ww_screen *screen)
{
	char a[WW_TEXT_NUMBER], b[WW_TEXT_NUMBER], c[WW_TEXT_NUMBER], d[WW_TEXT_NUMBER], e[WW_TEXT_NUMBER], text[512];
	uint64_t requests = endpoint->requests ? endpoint->requests : 1;
	const char *unit = ww_protocol_unit(endpoint->protocol);
	char units[16];

	snprintf(text, sizeof(text), "%s, %s/s, in flight %s on average, %s at most",
		 ww_text__count(a, endpoint->requests), ww_text__number(b, endpoint->rate_per_s),
		 ww_text__number(c, endpoint->in_flight_mean), ww_text__count(d, endpoint->in_flight_max));
	snprintf(units, sizeof(units), "%ss", unit);
	draw_fact(screen, ww_scroll__next_line(scroll), units, text);
	snprintf(text, sizeof(text), "%s (%s), of them %s aborted by the client", ww_text__count(a, endpoint->errors),
		 ww_text__share(b, endpoint->errors, endpoint->requests), ww_text__count(c, endpoint->aborted));
	draw_fact(screen, ww_scroll__next_line(scroll), "errors", text);
	if (ww_protocol_answers(endpoint->protocol))
		draw_status(endpoint, screen, ww_scroll__next_line(scroll));
	snprintf(text, sizeof(text), "mean %s  p50 %s  p95 %s  p99 %s  max %s",
		 ww_text__duration(a, endpoint->wall.mean), ww_text__duration(b, endpoint->wall.p50),
		 ww_text__duration(c, endpoint->wall.p95), ww_text__duration(d, endpoint->wall.p99),
		 ww_text__duration(e, endpoint->wall.max));
	draw_fact(screen, ww_scroll__next_line(scroll), "wall", text);
	snprintf(text, sizeof(text), "mean %s over all threads", ww_text__duration(a, endpoint->cpu_sum_ns / requests));
	draw_fact(screen, ww_scroll__next_line(scroll), "cpu", text);
	snprintf(text, sizeof(text), "%s in, %s out per %s", ww_text__bytes(a, endpoint->bytes_in / requests),
		 ww_text__bytes(b, endpoint->bytes_out / requests), unit);
	draw_fact(screen, ww_scroll__next_line(scroll), "bytes", text);
	snprintf(text, sizeof(text), "%s exact, %s inferred, %s ambiguous",
		 ww_text__count(a, endpoint->attribution[WW_ATTRIBUTION_EXACT]),
		 ww_text__count(b, endpoint->attribution[WW_ATTRIBUTION_INFERRED]),
		 ww_text__count(c, endpoint->attribution[WW_ATTRIBUTION_AMBIGUOUS]));
	draw_fact(screen, ww_scroll__next_line(scroll), "accounts", text);
}

/* Both bars have the same length, so what the slow requests wait for more shows at a glance. */
static void draw_bars(const struct ww_endpoint_report *endpoint, struct ww_scroll *scroll, struct ww_screen *screen)
{
	int width = screen->width - LABEL_WIDTH < 100 ? screen->width - LABEL_WIDTH : 100;
	int y = ww_scroll__next_line(scroll);

	ww_screen__text(screen, y, 0, LABEL_WIDTH, dim_pen, "all");
	ww_screen__bar(screen, y, LABEL_WIDTH, width, endpoint->kinds_sum_ns);
	y = ww_scroll__next_line(scroll);
	ww_screen__text(screen, y, 0, LABEL_WIDTH, dim_pen, "slowest");
	ww_screen__bar(screen, y, LABEL_WIDTH, width, endpoint->tail_kinds_sum_ns);
}

static void draw_kinds_heading(const struct ww_endpoint_report *endpoint, const struct kinds_places *places,
			       struct ww_scroll *scroll, struct ww_screen *screen)
{
	char slowest[64];
	int y = ww_scroll__next_line(scroll);

	ww_screen__text_right(screen, y, places->mean_x, NUMBER_WIDTH, bold_pen, "all");
	snprintf(slowest, sizeof(slowest), "p95+ (%llu)", (unsigned long long)endpoint->tail_requests);
	if (places->tail_mean_x)
		ww_screen__text_right(screen, y, places->tail_mean_x - 4, NUMBER_WIDTH + 4, bold_pen, slowest);
	y = ww_scroll__next_line(scroll);
	ww_screen__text(screen, y, 0, places->name_width, bold_pen, "KIND");
	ww_screen__text_right(screen, y, places->mean_x, NUMBER_WIDTH, bold_pen, "MEAN");
	ww_screen__text_right(screen, y, places->share_x, 6, bold_pen, "SHARE");
	if (places->tail_mean_x) {
		ww_screen__text_right(screen, y, places->tail_mean_x, NUMBER_WIDTH, bold_pen, "MEAN");
		ww_screen__text_right(screen, y, places->tail_share_x, 6, bold_pen, "SHARE");
	}
}

static void draw_kind_bar(struct ww_screen *screen, int y, const struct kinds_places *places, enum ww_kind kind,
			  uint64_t part, uint64_t whole)
{
	uint64_t alone[WW_KIND_COUNT] = {0};
	int width = whole ? (int)((double)places->bar_width * (double)part / (double)whole + 0.5) : 0;

	alone[kind] = part;
	if (places->bar_x && part)
		ww_screen__bar(screen, y, places->bar_x, width ? width : 1, alone);
}

static void draw_details(const struct ww_endpoint_report *endpoint, enum ww_kind kind,
			 const struct kinds_places *places, struct ww_scroll *scroll, struct ww_screen *screen)
{
	for (size_t i = 0; i < endpoint->details_len; i++) {
		const struct ww_detail_row *detail = &endpoint->details[i];
		int y;

		if (detail->kind != kind)
			continue;
		y = ww_scroll__next_line(scroll);
		ww_screen__text(screen, y, 2, places->name_width - 2, dim_pen, detail->name);
		draw_mean(screen, y, places->mean_x, dim_pen, detail->sum_ns, endpoint->requests);
		draw_share(screen, y, places->share_x, dim_pen, detail->sum_ns, endpoint->wall.sum);
		if (places->tail_mean_x && endpoint->requests)
			ww_screen__print(screen, y, places->tail_mean_x + 2, screen->width - places->tail_mean_x - 2,
					 dim_pen, "%.2f waits a %s", (double)detail->count / (double)endpoint->requests,
					 ww_protocol_unit(endpoint->protocol));
	}
}

static void draw_kinds(const struct ww_endpoint_report *endpoint, struct ww_scroll *scroll, struct ww_screen *screen)
{
	struct kinds_places places = place_kinds(screen->width);
	int y;

	draw_kinds_heading(endpoint, &places, scroll, screen);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		uint64_t sum = endpoint->kinds_sum_ns[kind], tail = endpoint->tail_kinds_sum_ns[kind];
		struct ww_pen pen = sum ? plain_pen : dim_pen;

		y = ww_scroll__next_line(scroll);
		ww_screen__text(screen, y, 0, places.name_width, pen, ww_kind_name(kind));
		draw_mean(screen, y, places.mean_x, pen, sum, endpoint->requests);
		draw_share(screen, y, places.share_x, pen, sum, endpoint->wall.sum);
		if (places.tail_mean_x) {
			draw_mean(screen, y, places.tail_mean_x, pen, tail, endpoint->tail_requests);
			draw_share(screen, y, places.tail_share_x, pen, tail, endpoint->tail_wall_sum_ns);
		}
		draw_kind_bar(screen, y, &places, kind, sum, endpoint->wall.sum);
		draw_details(endpoint, kind, &places, scroll, screen);
	}
	y = ww_scroll__next_line(scroll);
	ww_screen__text(screen, y, 0, places.name_width, bold_pen, "wall");
	draw_mean(screen, y, places.mean_x, bold_pen, endpoint->wall.sum, endpoint->requests);
	draw_share(screen, y, places.share_x, bold_pen, endpoint->wall.sum, endpoint->wall.sum);
	if (places.tail_mean_x) {
		draw_mean(screen, y, places.tail_mean_x, bold_pen, endpoint->tail_wall_sum_ns, endpoint->tail_requests);
		draw_share(screen, y, places.tail_share_x, bold_pen, endpoint->tail_wall_sum_ns,
			   endpoint->tail_wall_sum_ns);
	}
}

/* The operations with most time, as many as the report has: a page scrolls. */
static void draw_operations(const struct ww_endpoint_report *endpoint, struct ww_scroll *scroll,
			    struct ww_screen *screen)
{
	uint64_t requests = endpoint->operations_requests;
	struct operations_places places = place_operations(screen->width);
	char text[WW_TEXT_NUMBER];
	int y;

	if (!endpoint->operations_len || !requests)
		return;
	ww_scroll__next_line(scroll);
	y = ww_scroll__next_line(scroll);
	ww_screen__text(screen, y, 0, places.name_width, bold_pen, "OPERATION");
	ww_text__per(text, ww_protocol_unit(endpoint->protocol));
	for (char *at = text; *at; at++)
		*at = (char)toupper(*at);
	ww_screen__text_right(screen, y, places.each_x, EACH_WIDTH, bold_pen, text);
	ww_screen__text_right(screen, y, places.mean_x, NUMBER_WIDTH, bold_pen, "MEAN");
	ww_screen__text_right(screen, y, places.share_x, 7, bold_pen, "OF WALL");
	if (places.peer_x)
		ww_screen__text(screen, y, places.peer_x, screen->width - places.peer_x, bold_pen, "PEER");
	for (size_t i = 0; i < endpoint->operations_len; i++) {
		const struct ww_operation_row *row = &endpoint->operations[i];
		const struct ww_pen pen = {.tint = (uint8_t)(WW_TINT_KIND + row->kind)};

		y = ww_scroll__next_line(scroll);
		/* These say little without who it was. */
		bool with_peer = !places.peer_x && (row->flags & WW_OPERATION_CONNECT || !*row->summary);

		ww_screen__print(screen, y, 0, places.name_width, pen, "%s%s%s",
				 *row->summary ? row->summary : "round trip", with_peer ? " " : "",
				 with_peer ? row->peer : "");
		ww_text__number(text, (double)row->count / (double)requests);
		ww_screen__text_right(screen, y, places.each_x, EACH_WIDTH, plain_pen, text);
		draw_mean(screen, y, places.mean_x, plain_pen, row->sum_ns, row->count);
		ww_text__share(text, row->sum_ns / requests, endpoint->wall.mean);
		ww_screen__text_right(screen, y, places.share_x, 7, plain_pen, text);
		if (places.peer_x)
			ww_screen__print(screen, y, places.peer_x, screen->width - places.peer_x, dim_pen, "%s%s%s",
					 ww_system_name(row->system), *row->system ? " " : "", row->peer);
		if (ww_text__says_more(row->statement, row->summary))
			ww_screen__text(screen, ww_scroll__next_line(scroll), 2, screen->width - 2, dim_pen,
					row->statement);
	}
}

/* What to mend, by what that saves. Live, requests are not kept: these are the findings that sums tell. */
static void draw_findings(const struct ww_endpoint_report *endpoint, struct ww_scroll *scroll, struct ww_screen *screen)
{
	char text[512], saves[WW_TEXT_NUMBER];

	for (size_t i = 0; i < endpoint->findings_len; i++) {
		const struct ww_finding *finding = &endpoint->findings[i];

		snprintf(text, sizeof(text), "%s, saves %s: %s: %s", finding->id,
			 ww_text__duration(saves, finding->saves_mean_ns), finding->text, finding->advice);
		draw_fact(screen, ww_scroll__next_line(scroll), i ? "" : "mend", text);
	}
}

void ww_endpoint__draw(struct ww_view *view, const struct ww_report *report, struct ww_screen *screen)
{
	const char *keys = screen->unicode ? "q quit  ? help  Esc back  \u2191\u2193 scroll  p pause"
					   : "q quit  ? help  Esc back  up/down scroll  p pause";
	const struct ww_endpoint_report *endpoint = ww_view__find(view, view->drilled);
	struct ww_scroll scroll = {.first = view->scroll};
	char text[256];

	scroll.body = ww_frame__draw(view, report, screen, keys);
	if (!endpoint) {
		ww_screen__text(screen, ww_scroll__next_line(&scroll), 0, screen->width, bold_pen, view->drilled);
		ww_scroll__next_line(&scroll);
		ww_screen__text(screen, ww_scroll__next_line(&scroll), 0, screen->width, plain_pen,
				"Nothing of it has ended in this time.");
	} else {
		ww_screen__print(screen, ww_scroll__next_line(&scroll), 0, screen->width, bold_pen, "%s %s",
				 endpoint->method, endpoint->route);
		snprintf(text, sizeof(text), "%s, %s", endpoint->service, endpoint->protocol);
		draw_fact(screen, ww_scroll__next_line(&scroll), "service", text);
		draw_facts(endpoint, &scroll, screen);
		draw_bars(endpoint, &scroll, screen);
		draw_findings(endpoint, &scroll, screen);
		ww_scroll__next_line(&scroll);
		draw_kinds(endpoint, &scroll, screen);
		draw_operations(endpoint, &scroll, screen);
	}
	if (ww_scroll__end(&scroll, view)) {
		ww_screen__blank(screen);
		ww_endpoint__draw(view, report, screen);
	}
}
