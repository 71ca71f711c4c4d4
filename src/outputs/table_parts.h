/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of a table, top to bottom. Internal to the table: users call ww_table__write(). */
#ifndef WHYWAIT_TABLE_PARTS_H
#define WHYWAIT_TABLE_PARTS_H

#include <stdbool.h>
#include <stdio.h>

#include "model/report.h"
#include "outputs/style.h"

/* Where parts are written to. */
struct ww_page_out {
	FILE *out;
	struct ww_style style;
	bool many_services; /* so that an endpoint's service has to be said */
};

/* Host, window, whether the report is complete and what is missing from it. */
void ww_table__head(const struct ww_page_out *page, const struct ww_report *report);

/* One line an endpoint, under its service. */
int ww_table__endpoints(const struct ww_page_out *page, const struct ww_report *report);

/* What an endpoint's time went to, on the mean and at the tail. */
void ww_table__details(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint);

/* Below its line: what to mend first; nothing where nothing was found. */
void ww_table__first_finding(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint);

/* What to mend, by what that saves. */
void ww_table__findings(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint);

/* What an endpoint's requests asked of others: the operations that took most of their time. */
void ww_table__operations(const struct ww_page_out *page, const struct ww_endpoint_report *endpoint);

void ww_table__services(const struct ww_page_out *page, const struct ww_report *report);

/* How sure the accounts are, what can't be read, and what was counted without being a loss. */
void ww_table__foot(const struct ww_page_out *page, const struct ww_report *report);

/* The rest of a line, cut at the page's width when it starts at `column`; ends the line. */
void ww_table__rest(const struct ww_page_out *page, const char *text, int column);

/* Text in `columns` columns: cut when longer, padded when shorter, to the left of it when `columns` is negative. */
void ww_table__cell(const struct ww_page_out *page, const char *text, int columns);

/* Words side by side from column `indent` on, wrapped at the page's width. */
struct ww_wrap {
	const struct ww_page_out *page;
	int indent, column; /* where lines start; where the line is now */
	int gap;	    /* blanks between words */
};

/* `word` may hold blanks, at which it is not broken; what is wider than a line is cut. */
void ww_table__wrap(struct ww_wrap *wrap, const char *word);

/* All words of a text, which is taken apart. */
void ww_table__words(struct ww_wrap *wrap, char *text);

#endif
