/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the daemon is told, and what is said of what it can't be told; and its watchdog, which is as pure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/config.h"
#include "serve/watchdog.h"

#define SECOND 1000000000ull

/* What reading says: its errors, a line each. */
static int read_yaml(struct ww_serve_config *config, const char *yaml, char *said, size_t size)
{
	struct ww_config_errors errors = {0};
	int err = ww_serve_config__init(config);
	size_t used = 0;

	assert_int_equal(err, 0);
	err = ww_serve_config__read(config, "x.yaml", yaml, strlen(yaml), &errors);
	said[0] = '\0';
	for (size_t i = 0; i < errors.len; i++)
		used += (size_t)snprintf(said + used, size - used, "%s\n", errors.lines[i]);
	assert_int_equal(err, errors.len ? -EINVAL : 0);
	ww_config_errors__free(&errors);
	return err;
}

static void assert_says(const char *yaml, const char *wanted)
{
	struct ww_serve_config config;
	char said[4096];

	read_yaml(&config, yaml, said, sizeof(said));
	assert_string_equal(said, wanted);
	ww_serve_config__free(&config);
}

static void what_is_right_is_taken(void **state)
{
	struct ww_serve_config config;
	char said[4096];

	(void)state;
	read_yaml(&config,
		  "data: /d/w.db\nlisten: none\nuser: ww\nlog: debug\nmax_overhead: 1.5%\nbackoff: 90s\n"
		  "retention: {age: 2w, size: 1.5GiB, fine: 30m, minutes: 12h}\nkeep: 3\nstacks: 0.5%\noperations: no\n"
		  "collectors: no\nhandoffs: no\npromises: yes\nexact_goroutines: yes\n"
		  "select:\n  ports: [80, 8080]\n  services: web*\nnames:\n  'a:*': b\n  'c*': d\n"
		  "routes:\n  - /x/{y}\nlimits: {routes: 7, requests: 8, ring: 1MiB}\n",
		  said, sizeof(said));
	assert_string_equal(said, "");
	assert_string_equal(config.data, "/d/w.db");
	assert_string_equal(config.listen, "none");
	assert_string_equal(config.user, "ww");
	assert_int_equal(config.log, WW_LOG_DEBUG);
	assert_int_equal(config.max_overhead, 15000);
	assert_int_equal(config.backoff_ns, 90 * SECOND);
	assert_int_equal(config.age_ns, 14 * 86400 * SECOND);
	assert_int_equal(config.size_bytes, 3ll << 29);
	assert_int_equal(config.fine_ns, 1800 * SECOND);
	assert_int_equal(config.minutes_ns, 43200 * SECOND);
	assert_int_equal(config.keep, 3);
	assert_int_equal(config.stacks_share, 5000);
	assert_int_equal(config.operations, 0);
	assert_int_equal(config.collectors, 0);
	assert_int_equal(config.handoffs, 0);
	assert_int_equal(config.promises, 1);
	assert_int_equal(config.exact_goroutines, 1);
	assert_int_equal(config.ports.len, 2);
	assert_string_equal(config.ports.texts[1], "8080");
	assert_string_equal(config.services.texts[0], "web*");
	assert_int_equal(config.names.len, 4);
	assert_string_equal(config.names.texts[3], "d");
	assert_string_equal(config.routes.texts[0], "/x/{y}");
	assert_int_equal(config.routes_max, 7);
	assert_int_equal(config.requests_max, 8);
	assert_int_equal(config.ring_bytes, 1 << 20);
	ww_serve_config__free(&config);
	assert_says("", "");
	assert_says("# nothing\n", "");
}

static void all_that_is_wrong_is_told_with_its_place(void **state)
{
	(void)state;
	assert_says(
		"max_overhed: 2%\nretention:\n  fin: 1h\n  age: 7 days\nselect:\n  ports: [80, 99999]\nkeep: 1\nkeep: "
		"2\n",
		"x.yaml:1:1: max_overhed: there is no such setting, did you mean `max_overhead`?; see docs/serve.md\n"
		"x.yaml:3:3: retention.fin: there is no such setting, did you mean `fine`?; see docs/serve.md\n"
		"x.yaml:4:8: retention.age: '7 days' can't be that: give a duration from 1m on, as 7d, 12h or 30m\n"
		"x.yaml:6:15: select.ports: '99999' can't be that: give a list of ports\n"
		"x.yaml:8:1: keep: it is there twice; take one away\n");
	assert_says("listen: [a]\nretention: 7d\nroutes:\n- x/y\nnames: {a: [b]}\n",
		    "x.yaml:1:9: listen: it is a list: give ADDRESS:PORT, or none\n"
		    "x.yaml:2:12: retention: it is a value: give settings of its own, indented below it\n"
		    "x.yaml:4:3: routes: 'x/y' can't be that: give a list of patterns, as /shop/{name}/items\n"
		    "x.yaml:5:9: names: give a glob of services and a name, as `python3:80*: shop`\n");
	assert_says("- a\n", "x.yaml:1:1: it is a list: give settings, as `listen: " WW_SERVE_LISTEN "`\n");
	assert_says("a: [b\n", "x.yaml:2:1: this is no YAML: did not find expected ',' or ']'\n");
	assert_says("keep: 1\n---\nkeep: 2\n", "x.yaml:3:1: a second document begins here; take it away\n");
	assert_says("{\"ke\\u0001ep\": 1}", "x.yaml:1:2: ke?ep: there is no such setting, did you mean `keep`?; see "
					    "docs/serve.md\n");
	/* One that holds itself. */
	assert_says("retention: &a {age: 1d, more: *a}\n",
		    "x.yaml:1:25: retention.more: there is no such setting; see docs/serve.md\n");
}

static void values_that_are_none_are_refused(void **state)
{
	static const char *const wrong[] = {
		"max_overhead: 3",
		"max_overhead: 0%",
		"max_overhead: 101%",
		"max_overhead: -1%",
		"max_overhead: nan%",
		"retention: {age: 0s}",
		"retention: {age: 1e9d}",
		"retention: {size: 1KiB}",
		"retention: {age: .d}",
		"keep: 101",
		"keep: -1",
		"keep: 0x10",
		"log: loud",
		"operations: maybe",
		"limits: {ring: 5000}",
		"select: {ports: [0]}",
		"select: {comms: ['a,b']}",
		"data: ''",
		"stacks: some",
		"data: \"a\\0b\"",
	};
	struct ww_serve_config config;
	char said[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (!read_yaml(&config, wrong[i], said, sizeof(said)))
			fail_msg("%s was taken", wrong[i]);
		ww_serve_config__free(&config);
	}
}

static void the_environment_stands_above_the_file(void **state)
{
	char *const environment[] = {(char *)"WHYWAIT_RETENTION_AGE=3d",
				     (char *)"WHYWAIT_SELECT_PORTS=1,2",
				     (char *)"WHYWAIT_KEEP=many",
				     (char *)"WHYWAIT_PORT=tcp://10.0.0.1:80",
				     (char *)"WHYWAIT_KEEPER=1",
				     (char *)"OTHER=1",
				     NULL};
	struct ww_config_errors errors = {0};
	struct ww_serve_config config;
	char said[256];

	(void)state;
	read_yaml(&config, "retention: {age: 1d}\nselect: {ports: [3]}\n", said, sizeof(said));
	assert_int_equal(ww_serve_config__read_environment(&config, environment, &errors), -EINVAL);
	assert_int_equal(config.age_ns, 3 * 86400 * SECOND);
	assert_int_equal(config.ports.len, 2);
	assert_string_equal(config.ports.texts[0], "1");
	assert_int_equal(errors.len, 1);
	assert_string_equal(errors.lines[0], "WHYWAIT_KEEP: 'many' can't be that: give a whole number from 0 to 100");
	ww_config_errors__free(&errors);
	ww_serve_config__free(&config);
}

static void settings_that_contradict_each_other_are_told(void **state)
{
	struct ww_config_errors errors = {0};
	struct ww_serve_config config;
	char said[256];

	(void)state;
	read_yaml(&config, "user: ww\ndata: w.db\ntls: {key: k}\nretention: {fine: 2d}\n", said, sizeof(said));
	assert_int_equal(ww_serve_config__check(&config, &errors), -EINVAL);
	assert_int_equal(errors.len, 3);
	/* With the place of what is to be changed. */
	assert_string_equal(errors.lines[0], "x.yaml:4:19: retention.fine is longer than retention.minutes: what is "
					     "told by 10 s becomes minutes first; make one of them shorter");
	assert_non_null(strstr(errors.lines[1], "x.yaml:3:12: tls.certificate and tls.key"));
	assert_non_null(strstr(errors.lines[2], "x.yaml:2:7: data 'w.db'"));
	ww_config_errors__free(&errors);
	assert_int_equal(ww_serve_config__set_option(&config, &config.data, "v.db"), 0);
	assert_int_equal(ww_serve_config__check(&config, &errors), -EINVAL);
	assert_non_null(strstr(errors.lines[2], "data 'v.db'"));
	assert_null(strstr(errors.lines[2], "x.yaml"));
	ww_config_errors__free(&errors);
	ww_serve_config__free(&config);
}

static void what_the_host_does_not_have_is_told(void **state)
{
	struct ww_config_errors errors = {0};
	struct ww_serve_config config;
	char said[256];

	(void)state;
	read_yaml(&config,
		  "listen: '9248,0.0.0.0:80'\nuser: nobody-here\n"
		  "tls: {certificate: /nonexistent/c, key: /nonexistent/k}\n",
		  said, sizeof(said));
	assert_int_equal(ww_serve_config__check_host(&config, &errors), -EINVAL);
	assert_int_equal(errors.len, 5);
	assert_non_null(strstr(errors.lines[0], "x.yaml:1:9: can't listen on '9248'"));
	assert_non_null(strstr(errors.lines[1], "x.yaml:1:9: 0.0.0.0:80 is beyond loopback"));
	assert_non_null(strstr(errors.lines[2], "x.yaml:2:7: user 'nobody-here'"));
	assert_non_null(strstr(errors.lines[3], "x.yaml:3:20: tls.certificate: '/nonexistent/c'"));
	ww_config_errors__free(&errors);
	ww_serve_config__free(&config);
	/* A token makes it right, but there is none. */
	read_yaml(&config, "listen: 0.0.0.0:80,[::1]:80\ntoken_file: /nonexistent/t\n", said, sizeof(said));
	assert_int_equal(ww_serve_config__check_host(&config, &errors), -EINVAL);
	assert_int_equal(errors.len, 1);
	assert_non_null(strstr(errors.lines[0], "x.yaml:2:13: /nonexistent/t: the token can't be read"));
	ww_config_errors__free(&errors);
	ww_serve_config__free(&config);
	read_yaml(&config, "user: root\n", said, sizeof(said));
	assert_int_equal(ww_serve_config__check_host(&config, &errors), 0);
	ww_serve_config__free(&config);
}

static void note(void *ctx, const char *path, enum ww_config_reload needs)
{
	char *said = ctx;

	sprintf(said + strlen(said), "%s %d;", path, needs);
}

static void a_reload_knows_what_has_changed(void **state)
{
	struct ww_serve_config a, b;
	char said[256], changes[256] = "";

	(void)state;
	read_yaml(&a, "log: info\nroutes: [/a]\nuser: x\n", said, sizeof(said));
	read_yaml(&b, "log: debug\nroutes: [/b]\nlisten: none\n", said, sizeof(said));
	assert_int_equal(ww_serve_config__compare(&a, &a, note, changes), 0);
	assert_string_equal(changes, "");
	assert_int_equal(ww_serve_config__compare(&a, &b, note, changes), 4);
	assert_string_equal(changes, "listen 2;user 2;log 0;routes 1;");
	ww_serve_config__free(&a);
	ww_serve_config__free(&b);
}

static void the_watchdog_tells_the_share_of_the_last_seconds(void **state)
{
	struct ww_watchdog watchdog = {.cpus = 4};
	double share = 0;

	(void)state;
	ww_watchdog__start(&watchdog, 0);
	for (unsigned i = 0; i < WW_WATCHDOG_SECONDS; i++)
		assert_true(ww_watchdog__second(&watchdog, i * SECOND, i * SECOND / 10) == 0);
	for (unsigned i = 0; i < 20; i++)
		share = ww_watchdog__second(&watchdog, (10 + i) * SECOND, (10 + i) * SECOND / 10);
	assert_true(fabs(share - 0.025) < 1e-9);
	ww_watchdog__start(&watchdog, 30 * SECOND);
	assert_true(ww_watchdog__second(&watchdog, 31 * SECOND, 100 * SECOND) == 0);
}

static void the_watchdog_backs_off_for_longer_each_time(void **state)
{
	struct ww_watchdog watchdog = {.cpus = 1};
	uint64_t now = 0;

	(void)state;
	for (uint64_t wanted = 60; wanted < 3600; wanted *= 2) {
		ww_watchdog__start(&watchdog, now);
		assert_int_equal(ww_watchdog__back_off(&watchdog, now + 20 * SECOND, 60 * SECOND), wanted * SECOND);
	}
	assert_int_equal(ww_watchdog__back_off(&watchdog, now + 20 * SECOND, 60 * SECOND), 3600 * SECOND);
	ww_watchdog__start(&watchdog, now);
	assert_int_equal(ww_watchdog__back_off(&watchdog, now + 40000 * SECOND, 60 * SECOND), 60 * SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_is_taken),
		cmocka_unit_test(all_that_is_wrong_is_told_with_its_place),
		cmocka_unit_test(values_that_are_none_are_refused),
		cmocka_unit_test(the_environment_stands_above_the_file),
		cmocka_unit_test(settings_that_contradict_each_other_are_told),
		cmocka_unit_test(what_the_host_does_not_have_is_told),
		cmocka_unit_test(a_reload_knows_what_has_changed),
		cmocka_unit_test(the_watchdog_tells_the_share_of_the_last_seconds),
		cmocka_unit_test(the_watchdog_backs_off_for_longer_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
