/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "outputs/table_parts.h"
#include "outputs/text.h"

#define ID_COLUMNS 17 /* of the longest id, and the blanks behind it */
#define INDENT	   4  /* of the line below an endpoint */
#define SHOWN	   4  /* findings of an endpoint, at most */
#define TEXT_BYTES 1536

void ww_table__first_finding(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	const struct ww_finding *first = endpoint->findings;
	struct ww_wrap wrap = {.page = page, .indent = INDENT, .gap = 1};
	char line[TEXT_BYTES], saves[WW_TEXT_NUMBER];

	if (!endpoint->findings_len)
		return;
	snprintf(line, sizeof(line), "%s, saves %s: %s: %s", first->id, ww_text__duration(saves, first->saves_mean_ns),
		 first->text, first->advice);
	fputs(ww_style__dim(&page->style), page->out);
	ww_table__words(&wrap, line);
	fprintf(page->out, "%s\n", ww_style__plain(&page->style));
}

void ww_table__findings(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint)
{
	const struct ww_style *style = &page->style;
	char text[TEXT_BYTES], saves[WW_TEXT_NUMBER], mean[WW_TEXT_NUMBER], p95[WW_TEXT_NUMBER], all[WW_TEXT_NUMBER];

	for (size_t i = 0; i < endpoint->findings_len && i < SHOWN; i++) {
		const struct ww_finding *finding = &endpoint->findings[i];
		struct ww_wrap wrap = {.page = page, .indent = 2 + ID_COLUMNS, .column = 2 + ID_COLUMNS, .gap = 1};

		/* Narrow pages have no room for a column of ids. */
		if (style->width < 60)
			wrap.indent = INDENT;
		fprintf(page->out, "  %s%-*s%s", ww_style__bold(style), ID_COLUMNS - 1, finding->id,
			ww_style__plain(style));
		wrap.column--;
		snprintf(text, sizeof(text), "%s: %s (saves %s of %s; %s of %s at p95)", finding->text, finding->advice,
			 ww_text__duration(saves, finding->saves_mean_ns), ww_text__duration(mean, endpoint->wall.mean),
			 ww_text__duration(p95, finding->saves_p95_ns), ww_text__duration(all, endpoint->wall.p95));
		ww_table__words(&wrap, text);
		fputc('\n', page->out);
	}
}
