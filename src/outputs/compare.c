/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/compare.h"

#include <math.h>
#include <string.h>

#include "model/names.h"
#include "outputs/table.h"
#include "outputs/table_parts.h"
#include "outputs/text.h"

#define LABEL	   8  /* "before" */
#define WINDOW	   48 /* what is said of a recording beside its name */
#define NAME	   13
#define FIGURE	   11
#define CHANGE	   9
#define CERTAINTY  11 /* with the gap before it */
#define BETWEEN	   24
#define NAME_BYTES 1024
#define NSEC	   1e9

const char *ww_verdict_of_requirement_name(enum ww_verdict_of_requirement verdict)
{
	static const char *const names[] = {"met", "not met", "undecided"};

	return names[verdict];
}

static void write_side(const struct ww_page_out *page, const struct ww_compared *compared, int side)
{
	const struct ww_comparison *comparison = compared->comparison;
	const struct ww_report *report = side ? comparison->after : comparison->before;
	char line[2 * NAME_BYTES], name[NAME_BYTES], start[WW_TEXT_NUMBER], seconds[WW_TEXT_NUMBER];
	const char *dot = page->style.utf8 ? " · " : ", ";
	int room = page->style.width - LABEL - WINDOW;

	ww_table__cell(page, side ? "after" : "before", LABEL);
	/* On a narrow screen the line is wrapped anyway. */
	ww_text__fit_ends(name, sizeof(name), compared->names[side], room < LABEL ? page->style.width - LABEL : room,
			  &page->style);
	snprintf(line, sizeof(line), "%s%s%.19sZ, %s s%s%s", name, dot, ww_text__rfc3339(start, report->start_unix_ns),
		 ww_text__number(seconds, (double)ww_report__observed_ns(report) / NSEC), dot, report->host);
	ww_table__rest(page, line, LABEL);
}

static void write_doubt(const struct ww_page_out *page, const char *label, const struct ww_sentence *text)
{
	struct ww_wrap wrap = {.page = page, .gap = 1};
	char line[WW_SENTENCE + 32];

	snprintf(line, sizeof(line), "%s: %s", label, text->text);
	ww_table__words(&wrap, line);
	fprintf(page->out, "%s\n", ww_style__plain(&page->style));
}

static void write_doubts(const struct ww_page_out *page, const struct ww_doubts *doubts)
{
	for (size_t i = 0; i < doubts->len; i++) {
		fputs(ww_style__bad(&page->style), page->out);
		write_doubt(page, "warning", &doubts->texts[i]);
	}
	for (size_t i = 0; i < doubts->notes_len; i++)
		write_doubt(page, "note", &doubts->notes[i]);
}

static void write_sentence(const struct ww_page_out *page, const struct ww_endpoint_comparison *endpoint)
{
	struct ww_wrap wrap = {.page = page, .gap = 1};
	struct ww_sentence said = {0};
	char line[WW_SENTENCE + NAME_BYTES];
	const struct ww_endpoint_report *named = endpoint->before ? endpoint->before : endpoint->after;

	fprintf(page->out, "\n%s", ww_style__bold(&page->style));
	snprintf(line, sizeof(line), "%s %s", endpoint->method, endpoint->route);
	if (page->many_services)
		snprintf(line, sizeof(line), "%s %s %s", named->service, endpoint->method, endpoint->route);
	ww_table__words(&wrap, line);
	fputs(ww_style__plain(&page->style), page->out);
	fputs(":", page->out);
	wrap.column++;
	wrap.indent = 2;
	ww_comparison__sentence(endpoint, &said);
	ww_table__words(&wrap, said.text);
	fputc('\n', page->out);
}

/* "-12.3 .. -9.10 ms", "+24 KiB .. +1.1 MiB": a unit that both have is said once. */
static void add_between(struct ww_sentence *sentence, enum ww_metric metric, const struct ww_change *change)
{
	const double ends[2] = {change->low, change->high};
	struct ww_sentence texts[2] = {0};
	const char *units[2];

	if (isinf(change->low) && isinf(change->high))
		return;
	for (int i = 0; i < 2; i++) {
		if (isinf(ends[i]))
			ww_sentence__add(&texts[i], "?");
		else
			ww_sentence__metric(&texts[i], metric, fabs(ends[i]));
		units[i] = strchr(texts[i].text, ' ');
	}
	if (units[0] && units[1] && !strcmp(units[0], units[1]))
		texts[0].text[units[0] - texts[0].text] = '\0';
	for (int i = 0; i < 2; i++)
		ww_sentence__add(sentence, "%s%s%s", i ? " .. " : "",
				 isinf(ends[i]) ? ""
				 : ends[i] < 0	? "-"
						: "+",
				 texts[i].text);
}

/* What there is room for: on a narrow screen what was before, and between what a difference lies, are left out. */
static bool has_between(const struct ww_page_out *page)
{
	return page->style.width >= NAME + 2 * FIGURE + CHANGE + BETWEEN + CERTAINTY - 1;
}

static bool has_before(const struct ww_page_out *page)
{
	return page->style.width >= NAME + 2 * FIGURE + CHANGE + CERTAINTY;
}

static int figure_width(const struct ww_page_out *page)
{
	return has_before(page) ? FIGURE : FIGURE - 3;
}

static void write_row(const struct ww_page_out *page, enum ww_metric metric, const struct ww_change *change)
{
	struct ww_sentence before = {0}, after = {0}, between = {0};
	const struct ww_style *style = &page->style;
	double part = ww_change__part(change);
	bool sure = change->certainty == WW_CERTAINTY_SURE;
	char text[WW_TEXT_NUMBER] = "";

	ww_sentence__metric(&before, metric, change->before.value);
	ww_sentence__metric(&after, metric, change->after.value);
	add_between(&between, metric, change);
	if (!isnan(part) && ww_metric_unit(metric) != WW_UNIT_SHARE)
		snprintf(text, sizeof(text), "%+.*f %%", fabs(part) < 0.0995 ? 1 : 0, part * 100);
	fputs("  ", page->out);
	ww_table__cell(page, ww_metric_name(metric), NAME - 2);
	if (has_before(page))
		ww_table__cell(page, before.text, -FIGURE);
	ww_table__cell(page, after.text, -figure_width(page));
	fputs(!sure					   ? ""
	      : change->after.value < change->before.value ? ww_style__good(style)
							   : ww_style__bad(style),
	      page->out);
	ww_table__cell(page, text, -CHANGE);
	fputs(ww_style__plain(style), page->out);
	if (change->certainty == WW_CERTAINTY_NONE) {
		fputc('\n', page->out);
		return;
	}
	if (has_between(page))
		ww_table__cell(page, between.text, -BETWEEN);
	fprintf(page->out, "%s%s%s%s\n", has_before(page) ? "  " : " ",
		sure ? ww_style__bold(style) : ww_style__dim(style), ww_certainty_name(change->certainty),
		ww_style__plain(style));
}

static void write_rows(const struct ww_page_out *page, const struct ww_endpoint_comparison *endpoint, bool services)
{
	char line[NAME_BYTES], counts[3][WW_TEXT_NUMBER];
	uint64_t before = endpoint->before->requests, after = endpoint->after->requests;

	fprintf(page->out, "  %s", ww_style__dim(&page->style));
	ww_table__cell(page, "", NAME - 2);
	if (has_before(page))
		ww_table__cell(page, "before", -FIGURE);
	ww_table__cell(page, "after", -figure_width(page));
	ww_table__cell(page, "change", -CHANGE);
	if (has_between(page))
		ww_table__cell(page, "95 % between", -BETWEEN);
	fprintf(page->out, "%s\n", ww_style__plain(&page->style));
	for (enum ww_metric metric = 0; metric < WW_METRIC_COUNT; metric++)
		if (ww_comparison__counts(endpoint, metric))
			write_row(page, metric, &endpoint->changes[metric]);
	snprintf(line, sizeof(line), "%s %ss before, %s after%s%s", ww_text__count(counts[0], before),
		 ww_comparison__unit(endpoint), ww_text__count(counts[1], after), services ? ": it served " : "",
		 services ? ww_text__share(counts[2], after, before + after) : "");
	fprintf(page->out, "  %s", ww_style__dim(&page->style));
	ww_table__rest(page, line, 2);
}

static void write_judgements(const struct ww_page_out *page, const struct ww_compared *compared)
{
	if (!compared->judgements_len)
		return;
	fprintf(page->out, "\n%srequired%s\n", ww_style__bold(&page->style), ww_style__plain(&page->style));
	for (size_t i = 0; i < compared->judgements_len; i++) {
		const struct ww_judgement *judgement = &compared->judgements[i];
		struct ww_wrap wrap = {.page = page, .indent = 4, .gap = 1};
		char line[WW_SENTENCE + 2 * NAME_BYTES];
		bool met = judgement->verdict == WW_REQUIREMENT_MET;

		fprintf(page->out, "  %s", met ? ww_style__good(&page->style) : ww_style__bad(&page->style));
		ww_table__cell(page, ww_verdict_of_requirement_name(judgement->verdict), 10);
		fputs(ww_style__plain(&page->style), page->out);
		wrap.column = NAME;
		wrap.indent = NAME;
		const struct ww_endpoint_comparison *endpoint = judgement->endpoint;
		const char *service = endpoint->after ? endpoint->after->service : endpoint->before->service;

		if (ww_metric_is_of_service(judgement->requirement->metric))
			snprintf(line, sizeof(line), "%s for %s: %s", judgement->requirement->text, service,
				 judgement->why.text);
		else
			snprintf(line, sizeof(line), "%s for %s%s%s %s: %s", judgement->requirement->text,
				 page->many_services ? service : "", page->many_services ? " " : "", endpoint->method,
				 endpoint->route, judgement->why.text);
		ww_table__words(&wrap, line);
		fputc('\n', page->out);
	}
}

void ww_compare__table(FILE *out, const struct ww_compared *compared, const struct ww_style *style, size_t detailed)
{
	const struct ww_comparison *comparison = compared->comparison;
	struct ww_page_out page = {.out = out, .style = *style};

	if (page.style.width > WW_TABLE_WIDTH_MAX)
		page.style.width = WW_TABLE_WIDTH_MAX;
	for (size_t i = 1; i < comparison->common; i++)
		page.many_services |= !compared->services && strcmp(comparison->endpoints[i].before->service,
								    comparison->endpoints[0].before->service) != 0;
	write_side(&page, compared, 0);
	write_side(&page, compared, 1);
	write_doubts(&page, compared->doubts);
	for (size_t i = 0; i < comparison->endpoints_len; i++) {
		write_sentence(&page, &comparison->endpoints[i]);
		if (i < comparison->common && i < detailed)
			write_rows(&page, &comparison->endpoints[i], compared->services);
	}
	write_judgements(&page, compared);
}
