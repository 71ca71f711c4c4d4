/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The live page, as one file that needs no other. */
#ifndef WHYWAIT_PAGE_H
#define WHYWAIT_PAGE_H

#include <stddef.h>

struct ww_page {
	char *html;
	size_t len;
	char *policy; /* its Content-Security-Policy: no script but its own, which is known by its hash */
};

/* Puts it together. The content is the caller's, to be freed with ww_page__free(). -ENOMEM, -EIO. */
int ww_page__make(struct ww_page *page);

/* NULL-safe. Frees the content. */
void ww_page__free(struct ww_page *page);

#endif
