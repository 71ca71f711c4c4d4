/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* CSV and JSON are read back by the programs that users read them with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "outputs/csv.h"
#include "outputs/json.h"
#include "sample_report.h"
#include "sample_request.h"

struct file {
	char name[32];
	FILE *stream;
};

static struct file begin(void)
{
	struct file file = {.name = "/tmp/whywait-test-XXXXXX"};

	file.stream = fdopen(mkstemp(file.name), "w");
	assert_non_null(file.stream);
	return file;
}

/* The check of that name in outputs_check.py passes for the file. */
static void check(struct file *file, const char *what)
{
	char command[128];

	assert_int_equal(fclose(file->stream), 0);
	snprintf(command, sizeof(command), "tests/unit/outputs_check.py %s %s", what, file->name);
	int status = system(command);
	unlink(file->name);
	assert_int_equal(status, 0);
}

static void report_as_json(void **state)
{
	struct file file = begin();

	(void)state;
	assert_int_equal(ww_json__report(file.stream, &sample_report), 0);
	check(&file, "report-json");
}

static void names_are_no_formulas_of_spreadsheets(void **state)
{
	static const struct {
		const char *text, *field;
	} fields[] = {
		{"=1+2", "\"'=1+2\""},
		{"+1", "\"'+1\""},
		{"-bash", "\"'-bash\""},
		{"@x", "\"'@x\""},
		{"a=b", "a=b"},
		{"=\"a\"", "\"'=\"\"a\"\"\""},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		char *made = NULL;
		size_t len;
		FILE *out = open_memstream(&made, &len);

		assert_non_null(out);
		assert_int_equal(ww_csv__text(out, fields[i].text), 0);
		fclose(out);
		assert_string_equal(made, fields[i].field);
		free(made);
	}
}

static void report_as_csv(void **state)
{
	struct file file = begin();

	(void)state;
	ww_csv__report_header(file.stream);
	assert_int_equal(ww_csv__report(file.stream, &sample_report), 0);
	check(&file, "report-csv");
}

static void requests_as_json(void **state)
{
	struct ww_request bare = sample_request;
	struct file file = begin();

	(void)state;
	bare.segments_len = 0;
	assert_int_equal(ww_json__request(file.stream, &sample_request), 0);
	assert_int_equal(ww_json__request(file.stream, &bare), 0);
	check(&file, "requests-json");
}

static void requests_as_csv(void **state)
{
	struct file file = begin();

	(void)state;
	ww_csv__request_header(file.stream);
	assert_int_equal(ww_csv__request(file.stream, &sample_request), 0);
	check(&file, "requests-csv");
}

static void integers_are_whole_or_refused(void **state)
{
	struct ww_request request = sample_request;
	char *text = NULL;
	size_t size;

	(void)state;
	request.cpu_ns = INT64_MAX;
	FILE *stream = open_memstream(&text, &size);
	assert_int_equal(ww_json__request(stream, &request), 0);
	fclose(stream);
	assert_non_null(strstr(text, "\"cpu_ns\":9223372036854775807,"));
	free(text);
	request.cpu_ns++;
	stream = open_memstream(&text, &size);
	assert_int_equal(ww_json__request(stream, &request), -EOVERFLOW);
	fclose(stream);
	assert_int_equal(size, 0);
	free(text);
}

static void nothing_is_still_well_formed(void **state)
{
	char *text = NULL;
	size_t size;

	(void)state;
	FILE *stream = open_memstream(&text, &size);
	assert_int_equal(ww_csv__report(stream, &sample_empty), 0);
	fclose(stream);
	assert_string_equal(text, "");
	free(text);
	stream = open_memstream(&text, &size);
	assert_int_equal(ww_json__report(stream, &sample_empty), 0);
	fclose(stream);
	assert_non_null(strstr(text, "\"complete\": true"));
	assert_non_null(strstr(text, "\"endpoints\": []"));
	free(text);
}

static void a_full_disk_is_an_error(void **state)
{
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(ww_json__report(full, &sample_report), -ENOSPC);
	assert_true(ferror(full));
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report_as_json),
		cmocka_unit_test(names_are_no_formulas_of_spreadsheets),
		cmocka_unit_test(report_as_csv),
		cmocka_unit_test(requests_as_json),
		cmocka_unit_test(requests_as_csv),
		cmocka_unit_test(integers_are_whole_or_refused),
		cmocka_unit_test(nothing_is_still_well_formed),
		cmocka_unit_test(a_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
