/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "outputs/text.h"
#include "outputs/verdict.h"
#include "sample_report.h"

static const struct ww_style utf8 = {.utf8 = true}, ascii = {.utf8 = false};

static void assert_machine(const char *text, const char *wanted)
{
	char *clean = ww_text__machine(text);

	assert_non_null(clean);
	assert_string_equal(clean, wanted);
	free(clean);
}

static void machines_get_valid_utf8_that_does_not_act(void **state)
{
	(void)state;
	assert_machine("", "");
	assert_machine("/ü/€/𝄞/日本", "/ü/€/𝄞/日本");
	assert_machine("a\tb\r\n\033[0m\177", "a\\x09b\\x0d\\x0a\\x1b[0m\\x7f");
	assert_machine("\xc2\x9b", "\\u009b"); /* a control sequence introducer in one character */
	assert_machine("\xe2\x80\xae\xe2\x81\xa6", "\\u202e\\u2066"); /* directions */
	assert_machine("\xef\xbb\xbf\xe2\x80\x8b", "\\ufeff\\u200b");
	assert_machine("\xff\xc3", "\\xff\\xc3");
	assert_machine("\xc0\xaf\xed\xa0\x80\xf5\x80\x80\x80", "\\xc0\\xaf\\xed\\xa0\\x80\\xf5\\x80\\x80\\x80");
	assert_machine("\xf3\xa0\x80\x81", "\\U000e0001");
}

static void assert_fit(const char *text, int columns, const struct ww_style *style, const char *wanted, int used)
{
	char out[64];

	assert_int_equal(ww_text__fit(out, sizeof(out), text, columns, style), used);
	assert_string_equal(out, wanted);
}

static void people_get_what_fits(void **state)
{
	(void)state;
	assert_fit("/users", 6, &utf8, "/users", 6);
	assert_fit("/users", 5, &utf8, "/use…", 5);
	assert_fit("/users", 5, &ascii, "/use~", 5);
	assert_fit("日本語", 6, &utf8, "日本語", 6);
	assert_fit("日本語", 5, &utf8, "日本…", 5);
	assert_fit("日本語", 4, &utf8, "日…", 3);
	assert_fit("ü", 8, &ascii, "\\u00fc", 6);
	assert_fit("e\xcc\x81", 8, &utf8, "e\\u0301", 7); /* what has no width can hide what is before it */
	assert_fit("\033[2J", 8, &utf8, "\\x1b[2J", 7);
	assert_fit("\033[2J", 4, &utf8, "…", 1);
	assert_fit("abc", 0, &utf8, "", 0);
}

static void assert_fit_ends(const char *text, int columns, const struct ww_style *style, const char *wanted, int used)
{
	char out[64];

	assert_int_equal(ww_text__fit_ends(out, sizeof(out), text, columns, style), used);
	assert_string_equal(out, wanted);
}

static void both_ends_of_a_name_stay(void **state)
{
	char out[12];

	(void)state;
	assert_fit_ends("web:8000", 8, &utf8, "web:8000", 8);
	assert_fit_ends("gunicorn:/run/web.sock", 16, &utf8, "gunicor…web.sock", 16);
	assert_fit_ends("gunicorn:/run/web.sock", 16, &ascii, "gunicor~web.sock", 16);
	assert_fit_ends("gunicorn:/run/web.sock", 15, &utf8, "gunicor…eb.sock", 15);
	assert_fit_ends("日本語日本語", 7, &utf8, "日…語", 5);
	assert_fit_ends("a\033[2Jb\033[2J", 8, &ascii, "a~[2J", 5); /* escapes stay whole */
	assert_fit_ends("abc", 1, &utf8, "…", 1);
	assert_fit_ends("abc", 0, &utf8, "", 0);
	assert_int_equal(ww_text__fit_ends(out, sizeof(out), "日本語日本語", 9, &utf8), 4);
	assert_string_equal(out, "…本…");
}

static void small_buffers_hold_whole_characters(void **state)
{
	char out[9]; /* two characters, or one and the ellipsis */

	(void)state;
	assert_int_equal(ww_text__fit(out, sizeof(out), "日本語", 6, &utf8), 3);
	assert_string_equal(out, "日…");
}

static void assert_number(char *(*format)(char *, uint64_t), uint64_t number, const char *wanted)
{
	char out[WW_TEXT_NUMBER];

	assert_string_equal(format(out, number), wanted);
}

static void numbers_have_the_digits_that_count(void **state)
{
	char out[WW_TEXT_NUMBER];

	(void)state;
	assert_number(ww_text__ms, 0, "0");
	assert_number(ww_text__ms, 111, "<0.001");
	assert_number(ww_text__ms, 412345, "0.412");
	assert_number(ww_text__ms, 9994999, "9.99");
	assert_number(ww_text__ms, 9995000, "10.0");
	assert_number(ww_text__ms, 99950000, "100");
	assert_number(ww_text__ms, 1410000000, "1410");
	assert_number(ww_text__duration, 9999000000, "9999 ms");
	assert_number(ww_text__duration, 14100000000, "14.1 s");
	assert_number(ww_text__count, 0, "0");
	assert_number(ww_text__count, 999, "999");
	assert_number(ww_text__count, UINT64_MAX, "18,446,744,073,709,551,615");
	assert_number(ww_text__bytes, 1023, "1023 B");
	assert_number(ww_text__bytes, 1024, "1.0 KiB");
	assert_number(ww_text__bytes, UINT64_MAX, "16 EiB");
	assert_string_equal(ww_text__number(out, 999.4), "999");
	assert_string_equal(ww_text__number(out, 999.6), "1,000");
	assert_string_equal(ww_text__plural(out, 1, "process"), "1 process");
	assert_string_equal(ww_text__plural(out, 1000, "process"), "1,000 processes");
	assert_string_equal(ww_text__plural(out, 0, "request"), "0 requests");
}

static void shares_do_not_flatter(void **state)
{
	char out[WW_TEXT_NUMBER];

	(void)state;
	assert_string_equal(ww_text__share(out, 0, 5), "0 %");
	assert_string_equal(ww_text__share(out, 1, 1000000), "<1 %");
	assert_string_equal(ww_text__share(out, 999999, 1000000), "99 %");
	assert_string_equal(ww_text__share(out, 7, 7), "100 %");
	assert_string_equal(ww_text__share(out, 0, 0), "0 %");
}

static void machine_numbers_are_exact(void **state)
{
	char out[WW_TEXT_NUMBER];

	(void)state;
	assert_number(ww_text__exact_ms, 0, "0");
	assert_number(ww_text__exact_ms, 1, "0.000001");
	assert_number(ww_text__exact_ms, 91300000, "91.3");
	assert_number(ww_text__exact_ms, 400000000, "400");
	assert_number(ww_text__exact_ms, UINT64_MAX, "18446744073709.551615");
	assert_string_equal(ww_text__real(out, 0.1), "0.1");
	assert_string_equal(ww_text__real(out, 1.0 / 3), "0.3333333333333333");
	assert_string_equal(ww_text__real(out, 0.1 + 0.2), "0.30000000000000004");
	assert_string_equal(ww_text__rfc3339(out, 1763655731123456789ll), "2025-11-20T16:22:11.123456789Z");
	assert_string_equal(ww_text__rfc3339(out, -1), "1969-12-31T23:59:59.999999999Z");
}

static void verdicts_name_the_largest_waits(void **state)
{
	struct ww_endpoint_report none = {.service = "", .method = "", .route = ""};

	(void)state;
	assert_string_equal(ww_verdict__of(&sample_endpoints[0]).text, "waits 93 %: db (postgres) 90 %");
	assert_string_equal(ww_verdict__of(&sample_endpoints[1]).text, "computes 91 %");
	assert_string_equal(ww_verdict__of(&sample_endpoints[2]).text,
			    "computes 45 %, waits 55 %: disk (fsync) 44 %, client 10 %");
	assert_string_equal(ww_verdict__of(&sample_endpoints[0]).faster,
			    "a language 10 times as fast leaves 86.2 ms of 92.1 ms, at p95 139 ms of 141 ms");
	assert_string_equal(
		ww_verdict__of(&sample_endpoints[1]).faster,
		"a language 10 times as fast leaves 5.40 ms of 30.0 ms, at p95 11.0 ms of 41.0 ms (no request was "
		"kept: by the means of its histogram)");
	/* To collect garbage is neither the program's work nor a wait. */
	struct ww_endpoint_report collects = {.service = "", .method = "", .route = "", .requests = 2};
	collects.wall.sum = 200000000;
	collects.wall.mean = 100000000;
	collects.faster.mean_ns = 97300000;
	collects.kinds_sum_ns[WW_KIND_COMPUTE] = 6000000;
	collects.kinds_sum_ns[WW_KIND_GC] = 130000000;
	collects.kinds_sum_ns[WW_KIND_RUNQ] = 64000000;
	assert_string_equal(ww_verdict__of(&collects).text, "collects garbage 65 %, waits 32 %: runq 32 %");
	assert_non_null(strstr(ww_verdict__of(&collects).faster,
			       "; one without a garbage collector spares up to 65.0 ms more"));
	assert_string_equal(ww_verdict__of(&none).text, "took no time");
	assert_string_equal(ww_verdict__of(&none).faster, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machines_get_valid_utf8_that_does_not_act),
		cmocka_unit_test(people_get_what_fits),
		cmocka_unit_test(both_ends_of_a_name_stay),
		cmocka_unit_test(small_buffers_hold_whole_characters),
		cmocka_unit_test(numbers_have_the_digits_that_count),
		cmocka_unit_test(shares_do_not_flatter),
		cmocka_unit_test(machine_numbers_are_exact),
		cmocka_unit_test(verdicts_name_the_largest_waits),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
