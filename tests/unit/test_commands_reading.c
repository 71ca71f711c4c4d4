/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `report`, `requests` and `whatif` on a recording that is made here: what they choose, what they say when they can't.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands/command.h"
#include "store/recorder.h"

#define MS	 1000000ull
#define SECOND	 1000000000ll
#define INTERVAL (10 * SECOND)
#define START	 (1795215000 * SECOND) /* 2026-11-20T22:50:00Z, a multiple of the interval */

static char file[] = "/tmp/whywait-test-XXXXXX";

static const struct endpoint {
	const char *method, *route;
	uint64_t wall_ms, db_ms;
} endpoints[] = {{"GET", "/orders/{id}", 20, 15}, {"POST", "/orders", 5, 1}};

/* In each of three intervals one request more than in the one before, of both endpoints. */
static void write_interval(struct ww_recorder *recorder, const struct ww_catalog *catalog, int number)
{
	struct ww_slice slice = {0};

	for (uint32_t e = 0; e < 2; e++)
		for (int i = 0; i <= number; i++) {
			uint64_t wall = (endpoints[e].wall_ms + (uint64_t)i) * MS, db = endpoints[e].db_ms * MS;
			uint64_t kinds[WW_KIND_COUNT] = {[WW_KIND_COMPUTE] = wall - db, [WW_KIND_DB] = db};
			struct ww_sample sample = {.kinds_ns = kinds, .status = 200, .in_flight = 1};
			struct ww_request request = {
				.start_unix_ns = START + number * INTERVAL + i * SECOND,
				.service = "shop",
				.protocol = "http/1.1",
				.method = endpoints[e].method,
				.route = endpoints[e].route,
				.path = endpoints[e].route,
				.comm = "shop",
				.traceparent = "",
				.status = 200,
				.wall_ns = wall,
			};
			memcpy(request.kinds_ns, kinds, sizeof(kinds));
			assert_int_equal(ww_slice__add(&slice, e, &sample), 0);
			if (ww_recorder__wants(recorder, e, wall, false))
				ww_recorder__keep(recorder, e, &request);
		}
	struct ww_commit commit = {
		.catalog = catalog,
		.slice = &slice,
		.interval = START + number * INTERVAL,
		.start_unix_ns = START,
		.end_unix_ns = START + (number + 1) * INTERVAL,
		.last = number == 2,
	};
	assert_int_equal(ww_recorder__commit(recorder, &commit), 0);
	ww_slice__free(&slice);
}

static int make_recording(void **state)
{
	struct ww_recorder_options options = {.path = file, .replace = true, .keep_all = true};
	struct ww_recorder *recorder = NULL;
	struct ww_catalog catalog;
	char message[256] = "";

	(void)state;
	close(mkstemp(file));
	unlink(file);
	assert_int_equal(ww_catalog__init(&catalog), 0);
	int64_t service = ww_catalog__add_service(&catalog, &(struct ww_catalog_service){"shop", "", "/"});
	for (size_t e = 0; e < 2; e++)
		ww_catalog__add_endpoint(&catalog,
					 &(struct ww_catalog_endpoint){(uint32_t)service, "http/1.1",
								       endpoints[e].method, endpoints[e].route});
	if (ww_recorder__create(&recorder, &options, message, sizeof(message)))
		fail_msg("%s", message);
	for (int number = 0; number < 3; number++)
		write_interval(recorder, &catalog, number);
	assert_int_equal(ww_recorder__close(recorder), 0);
	ww_catalog__free(&catalog);
	return 0;
}

static int remove_recording(void **state)
{
	(void)state;
	return unlink(file);
}

/* Runs a command in a child; `text` is what it wrote to both of its outputs. Returns its exit status. */
static int run(char *text, size_t size, const char *output, char **words)
{
	int ends[2], argc = 0, status;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid_t child = fork();
	if (!child) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		while (words[argc])
			argc++;
		if (output && !freopen(output, "w", stdout))
			_exit(99);
		status = !strcmp(words[0], "report")	 ? ww_command_report(argc, words)
			 : !strcmp(words[0], "requests") ? ww_command_requests(argc, words)
							 : ww_command_whatif(argc, words);
		_exit(status);
	}
	close(ends[1]);
	size_t len = 0;
	for (ssize_t got; (got = read(ends[0], text + len, size - 1 - len)) > 0;)
		len += (size_t)got;
	text[len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static char text[1 << 18];

#define RUN(...)	 run(text, sizeof(text), NULL, (char *[]){__VA_ARGS__, NULL})
#define RUN_INTO(o, ...) run(text, sizeof(text), o, (char *[]){__VA_ARGS__, NULL})

static size_t count(const char *what)
{
	size_t found = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		found++;
	return found;
}

static void a_row_per_endpoint_and_interval(void **state)
{
	(void)state;
	assert_int_equal(RUN("report", file, "--format", "csv"), 0);
	assert_int_equal(count("\r\n"), 1 + 2);
	assert_int_equal(count("/orders/{id},6,0,0.2,"), 1);
	assert_int_equal(RUN("report", file, "--format", "csv", "--interval", "10"), 0);
	assert_int_equal(count("start,end,"), 1);
	assert_int_equal(count("\r\n"), 1 + 2 * 3);
	assert_int_equal(
		count("2026-11-20T22:50:10.000000000Z,2026-11-20T22:50:20.000000000Z,shop,GET,/orders/{id},2,"), 1);
	assert_int_equal(RUN("report", file, "--format", "csv", "--interval", "10", "--endpoint", "GET *"), 0);
	assert_int_equal(count("\r\n"), 1 + 3);
	/* Parts begin at multiples of their length, so the first of these holds one interval. */
	assert_int_equal(RUN("report", file, "--format", "csv", "--interval", "20", "--since", "+10s"), 0);
	assert_int_equal(count("\r\n"), 1 + 2 * 2);
	assert_int_equal(count("T22:50:10.000000000Z,2026-11-20T22:50:20.000000000Z,shop,POST,/orders,2,"), 1);
	assert_int_equal(count("T22:50:20.000000000Z,2026-11-20T22:50:30.000000000Z,shop,POST,/orders,3,"), 1);
	assert_int_equal(RUN("report", file, "--format", "csv", "--interval", "15"), 2);
	assert_string_equal(strrchr(text, ':'),
			    ": --interval has to be a multiple of the recording's interval, 10 s\n");
	assert_int_equal(count("\n"), 1);
}

static void endpoints_and_times_are_chosen(void **state)
{
	(void)state;
	assert_int_equal(RUN("report", file, "--format", "csv", "-e", "GET *"), 0);
	assert_int_equal(count("\r\n"), 1 + 1);
	assert_int_equal(
		RUN("report", file, "--format", "csv", "-e", "shop POST /orders", "--until", "2026-11-20T22:50:20Z"),
		0);
	assert_int_equal(count("\r\n"), 1 + 1);
	assert_int_equal(count("/orders,3,0,"), 1);
	assert_int_equal(RUN("requests", file, "--format", "json", "--since", "-10s"), 0);
	assert_int_equal(count("\n"), 6);
	assert_int_equal(RUN("requests", file, "--format", "csv", "--slowest", "2"), 0);
	assert_int_equal(count("\r\n"), 1 + 2);
	assert_true(strstr(text, ",22000000,") && strstr(text, ",22000000,") < strstr(text, ",21000000,"));
	/* A glob for nothing is a mistake. */
	assert_int_equal(RUN("requests", file, "-e", "/nothing"), 2);
	assert_non_null(strstr(text, " has no endpoint '/nothing': it has GET /orders/{id}, POST /orders\n"));
	assert_int_equal(count("\n"), 1);
	assert_int_equal(RUN("report", file, "-e", "/nothing", "--format", "json"), 2);
	assert_int_equal(RUN("whatif", file, "-e", "/nothing", "--compute", "10x"), 2);
}

static void tables_say_the_main_thing(void **state)
{
	(void)state;
	assert_int_equal(RUN("report", file), 0);
	assert_int_equal(count("\n  waits 73 %: db 73 %\n"), 1);
	assert_int_equal(count("\n  computes 82 %\n"), 1);
	assert_int_equal(RUN("requests", file, "--slowest", "1"), 0);
	assert_int_equal(count("GET /orders/{id} "), 1);
	assert_int_equal(RUN("report", file, "--format", "html"), 0);
	assert_int_equal(count("waits 73 %: db 73 %"), 2);
	assert_int_equal(count("<code>"), 6);
}

static void whatif_takes_any_mix(void **state)
{
	(void)state;
	/* 6 requests of 20 ms and up to 2 more, of which 15 ms are db; of 5 ms and up to 2 more, of which 1 ms. */
	assert_int_equal(RUN("whatif", file, "--compute", "10x", "--kind", "db=5x"), 0);
	assert_int_equal(count("if compute were 10 times as fast, db were 5 times as fast, and all else stayed"), 1);
	assert_int_equal(count("GET /orders/{id}         20.7"), 1);
	assert_int_equal(count("   3.57"), 1);
	assert_int_equal(RUN("whatif", file, "--parallel", "-e", "POST *"), 0);
	assert_int_equal(count("if serial operations on different peers ran together, and all else stayed"), 1);
	assert_int_equal(count("/orders"), 1);
	assert_int_equal(RUN("whatif", file, "--kind", "db=0.5x", "--format", "json"), 0);
	assert_int_equal(count("\"mean_ns\": 35666667,"), 1);
	assert_int_equal(count("\"parallel\": false,"), 1);
	assert_int_equal(RUN("whatif", file, "--compute", "1x"), 0);
	assert_int_equal(count("if all else stayed as it is\n"), 1);
}

static void failures_are_one_line_and_two(void **state)
{
	char kind[64];

	(void)state;
#define FAILS(line, ...)                                                                                               \
	do {                                                                                                           \
		assert_int_equal(RUN(__VA_ARGS__), 2);                                                                 \
		assert_int_equal(count("\n"), 1);                                                                      \
		assert_int_equal(text[strlen(text) - 1], '\n');                                                        \
		assert_non_null(strstr(text, line));                                                                   \
	} while (0)
	FAILS("whywait report: FILE, the recording, is missing; see", "report");
	FAILS("whywait report: 'b' is one argument too many", "report", file, "b");
	FAILS("whywait report: /nonexistent/x.db", "report", "/nonexistent/x.db");
	FAILS("whywait requests: /nonexistent/x.db", "requests", "/nonexistent/x.db");
	FAILS("whywait report: --since 'soon' is no time", "report", file, "--since", "soon");
	FAILS("--since -5s is not before --until -5s", "report", file, "--since", "-5s", "--until", "-5s");
	for (size_t command = 0; command < 2; command++) {
		static const char *const names[] = {"report", "requests"};
		char *name = (char *)names[command];
		FAILS(": the recording covers 2026-11-20T22:50:00Z to 2026-11-20T22:50:30Z\n", name, file, "--since",
		      "2026-11-20T22:50:30Z");
		FAILS(": the recording covers ", name, file, "--until", "2026-11-20T22:50:00Z");
		FAILS(": the recording covers ", name, file, "--since", "+1h", "--until", "+2h");
	}
	FAILS("there is no format 'html': it can be table, json or csv", "requests", file, "--format", "html");
	FAILS("there is no format 'pdf': it can be table, json, csv or html", "report", file, "--format", "pdf");
	FAILS("there is no format 'jsn', did you mean json?", "report", file, "--format", "jsn");
	FAILS("--interval '0' is no number of seconds above 0", "report", file, "--format", "csv", "--interval", "0");
	FAILS("--interval goes with --format csv only", "report", file, "--interval", "10");
	FAILS("--slowest '-1' is no number above 0", "requests", file, "--slowest=-1");
	FAILS("say what would be faster: --compute 10x, --kind db=2x or --parallel", "whatif", file);
	FAILS("--format csv: there is only table and json", "whatif", file, "--parallel", "--format=csv");
	FAILS("compute is given twice", "whatif", file, "--compute=2x", "--kind=compute=3x");
	FAILS("there is no kind 'dbb', did you mean db?", "whatif", file, "--kind=dbb=2x");
	FAILS("there is no kind 'coffee': the kinds are compute gc runq", "whatif", file, "--kind=coffee=2x");
	FAILS("--kind 'db': write KIND=Nx, such as db=2x", "whatif", file, "--kind=db");
	static const char *const factors[] = {
		"0x",	 "0.0x",   "-1x", "1000001x", "0.0001x", "99999999999999999999999x",
		"10",	 "x",	   "",	  "nanx",     "infx",	 "1e3x",
		"0x10x", "1.2.3x", "10X", " 10x",     "10x ",	 "2xx",
		".x"};
	for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
		FAILS("whywait whatif: --compute '", "whatif", file, "--compute", (char *)factors[i]);
		snprintf(kind, sizeof(kind), "db=%s", factors[i]);
		FAILS("whywait whatif: --kind '", "whatif", file, "--kind", kind);
	}
	for (size_t format = 0; format < 3; format++) {
		static const char *const formats[] = {"--format=table", "--format=json", "--format=csv"};
		assert_int_equal(RUN_INTO("/dev/full", "report", file, (char *)formats[format]), 2);
		assert_string_equal(text, "whywait report: standard output: No space left on device\n");
		assert_int_equal(RUN_INTO("/dev/full", "requests", file, (char *)formats[format]), 2);
		assert_string_equal(text, "whywait requests: standard output: No space left on device\n");
	}
	assert_int_equal(RUN_INTO("/dev/full", "whatif", file, "--parallel"), 2);
	assert_string_equal(text, "whywait whatif: standard output: No space left on device\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_per_endpoint_and_interval), cmocka_unit_test(endpoints_and_times_are_chosen),
		cmocka_unit_test(tables_say_the_main_thing),	   cmocka_unit_test(whatif_takes_any_mix),
		cmocka_unit_test(failures_are_one_line_and_two),
	};

	setenv("TZ", "UTC", 1);
	unsetenv("COLUMNS");
	return cmocka_run_group_tests(tests, make_recording, remove_recording);
}
