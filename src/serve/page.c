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
EMBED(base, "src/serve/page/base.js");
EMBED(charts, "src/serve/page/charts.js");
EMBED(requests, "src/serve/page/requests.js");
EMBED(views, "src/serve/page/views.js");
EMBED(main, "src/serve/page/page.js");

/* What stands in the place of each mark of the page, in the order of the marks. The style comes first. */
static const struct {
	const char *mark, *text;
} parts[] = {
	{"/*page.css*/", ww_page_css},	       {"/*base.js*/", ww_page_base},	{"/*charts.js*/", ww_page_charts},
	{"/*requests.js*/", ww_page_requests}, {"/*views.js*/", ww_page_views}, {"/*page.js*/", ww_page_main},
};

#define PARTS (sizeof(parts) / sizeof(*parts))

/* 'sha256-..', as a policy names an element by its text. */
static int put_hash(FILE *out, const char *text)
{
	gnutls_datum_t encoded, hash = {.data = (unsigned char[32]){0}, .size = 32};

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), hash.data) ||
	    gnutls_base64_encode2(&hash, &encoded))
		return -EIO;
	fprintf(out, " 'sha256-%.*s'", (int)encoded.size, (const char *)encoded.data);
	gnutls_free(encoded.data);
	return 0;
}

static int put_html(FILE *out)
{
	const char *rest = ww_page_html;

	for (size_t i = 0; i < PARTS; i++) {
		const char *at = strstr(rest, parts[i].mark);

		if (!at)
			return -EIO;
		fwrite(rest, 1, (size_t)(at - rest), out);
		fputs(parts[i].text, out);
		rest = at + strlen(parts[i].mark);
	}
	fputs(rest, out);
	return 0;
}

static int put_policy(FILE *out)
{
	int err = 0;

	fputs("default-src 'none'; style-src", out);
	err = put_hash(out, parts[0].text);
	fputs("; script-src", out);
	for (size_t i = 1; i < PARTS && !err; i++)
		err = put_hash(out, parts[i].text);
	fputs("; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", out);
	return err;
}

int ww_page__make(struct ww_page *page)
{
	struct ww_page new = {0};
	size_t policy_len;
	FILE *out = open_memstream(&new.html, &new.len), *policy = open_memstream(&new.policy, &policy_len);
	int err = out && policy ? 0 : -ENOMEM;

	if (!err)
		err = put_html(out) ?: put_policy(policy);
	if (out && fclose(out) && !err)
		err = -ENOMEM;
	if (policy && fclose(policy) && !err)
		err = -ENOMEM;
	if (err) {
		ww_page__free(&new);
		return err;
	}
	*page = new;
	return 0;
}

void ww_page__free(struct ww_page *page)
{
	if (!page)
		return;
	free(page->html);
	free(page->policy);
	*page = (struct ww_page){0};
}
