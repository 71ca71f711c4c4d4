/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/page.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The compiler's assembler puts the files in as they are: paths are those from the root of the sources. */
#define EMBED(name, file)                                                                                              \
	__asm__(".pushsection .rodata\n.global ww_page_" #name "\nww_page_" #name ":\n.incbin \"" file                 \
		"\"\n.byte 0\n.popsection\n");                                                                         \
	extern const char ww_page_##name[]

EMBED(html, "src/serve/page/index.html");
EMBED(css, "src/serve/page/page.css");
EMBED(js, "src/serve/page/page.js");

/* A part of the page stands in the place of a mark. */
static int put_part(FILE *out, const char **rest, const char *mark, const char *part)
{
	const char *at = strstr(*rest, mark);

	if (!at)
		return -EIO;
	fwrite(*rest, 1, (size_t)(at - *rest), out);
	fputs(part, out);
	*rest = at + strlen(mark);
	return 0;
}

/* 'sha256-..', as a policy names an element by its text. */
static int name_by_hash(char *name, size_t size, const char *text)
{
	gnutls_datum_t encoded, hash = {.data = (unsigned char[32]){0}, .size = 32};

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), hash.data) ||
	    gnutls_base64_encode2(&hash, &encoded))
		return -EIO;
	snprintf(name, size, "'sha256-%.*s'", (int)encoded.size, (const char *)encoded.data);
	gnutls_free(encoded.data);
	return 0;
}

int ww_page__make(struct ww_page *page)
{
	struct ww_page new = {0};
	const char *rest = ww_page_html;
	char script[80], style[80];
	FILE *out = open_memstream(&new.html, &new.len);
	int err;

	if (!out)
		return -ENOMEM;
	err = put_part(out, &rest, "/*page.css*/", ww_page_css) ?: put_part(out, &rest, "/*page.js*/", ww_page_js);
	fputs(rest, out);
	if (fclose(out) && !err)
		err = -ENOMEM;
	err = err ?: name_by_hash(script, sizeof(script), ww_page_js) ?: name_by_hash(style, sizeof(style), ww_page_css);
	if (err) {
		free(new.html);
		return err;
	}
	snprintf(new.policy, sizeof(new.policy),
		 "default-src 'none'; script-src %s; style-src %s; connect-src 'self'; img-src data:; base-uri 'none'; "
		 "form-action 'none'; frame-ancestors 'none'",
		 script, style);
	*page = new;
	return 0;
}

void ww_page__free(struct ww_page *page)
{
	if (!page)
		return;
	free(page->html);
	*page = (struct ww_page){0};
}
