/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which addresses of a collector are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "serve/curl_library.h"
#include "serve/otlp_post.h"

static char message[512];

static int open_with(const char *endpoint)
{
	const struct ww_otlp_post_options options = {.endpoint = endpoint};
	struct ww_otlp_post *post = NULL;
	int err = ww_otlp_post__open(&post, &options, message, sizeof(message));

	ww_otlp_post__close(post);
	return err;
}

static void an_address_has_no_secrets(void **state)
{
	static const char *const with[] = {
		"https://me:hush@collector:4318",
		"https://hush@collector",
		"ftp://me:hush@collector",
		"http://me:hush@collector:port",
		"https://:hush@collector:4318/v1/traces",
	};
	const struct ww_curl_library *library;

	(void)state;
	if (ww_curl_library__load(&library, message, sizeof(message)))
		skip();
	for (size_t i = 0; i < sizeof(with) / sizeof(*with); i++) {
		assert_int_equal(open_with(with[i]), -EINVAL);
		assert_non_null(strstr(message, "file of headers"));
		assert_null(strstr(message, "hush"));
	}
	assert_int_equal(open_with("collector"), -EINVAL);
	assert_non_null(strstr(message, "http://HOST:4318"));
	assert_int_equal(open_with("https://collector:4318/@x"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(an_address_has_no_secrets)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
