/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The parts of the page. Internal to it: users call ww_html__write(). */
#ifndef WHYWAIT_HTML_PARTS_H
#define WHYWAIT_HTML_PARTS_H

#include <stdio.h>

#include "model/request.h"

/* The rule of a kind's colour. */
void ww_html__kind_style(FILE *out, enum ww_kind kind);

/* The time lines of an endpoint's requests, as they are in the page. */
struct ww_html_lines {
	char *text;
	size_t len;
	unsigned requests;
};

int ww_html_lines__add(struct ww_html_lines *lines, const struct ww_request *request); /* -ENOMEM */

#endif
