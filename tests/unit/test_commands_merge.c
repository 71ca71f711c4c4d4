/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `merge`: two hours, or two services, as one recording; and what it says when it can't. */
#include <signal.h>
#include <sqlite3.h>

#include "commands_recordings.h"
#include "store/unfinished.h"

static char first[] = "/tmp/whywait-test-XXXXXX", second[] = "/tmp/whywait-test-XXXXXX",
	    merged[] = "/tmp/whywait-test-XXXXXX";

static const struct load shop = {.service = "shop:80", .method = "GET", .route = "/", .db_ms = 20, .compute_ms = 10};

static const struct load feed = {.service = "feed:90", .method = "GET", .route = "/", .db_ms = 5, .compute_ms = 5};

static int make_recordings(void **state)
{
	(void)state;
	make_recording_of(first, &shop, 1, 0, 20);
	make_recording_of(second, (struct load[]){feed, shop}, 2, 25, 20);
	close(mkstemp(merged));
	return unlink(merged);
}

static int remove_recordings(void **state)
{
	(void)state;
	unlink(merged);
	return unlink(first) | unlink(second);
}

static void recordings_become_one(void **state)
{
	(void)state;
	assert_int_equal(RUN("merge", merged, second, first), 0);
	assert_int_equal(count("merged 2 recordings with 2400 requests into "), 1);
	assert_int_equal(count("; 5 s between them were not observed: rates leave them out\n"), 1);
	assert_int_equal(count("\n"), 1);
	assert_int_equal(RUN("report", merged, "--format", "csv"), 0);
	assert_int_equal(count("\r\n"), 3);
	assert_int_equal(
		count("2026-11-20T22:50:00.000000000Z,2026-11-20T22:50:45.000000000Z,shop:80,GET,/,1600,0,40,"), 1);
	assert_int_equal(count(",feed:90,GET,/,800,0,20,"), 1);
	assert_int_equal(RUN("report", merged, "--format", "json"), 0);
	assert_int_equal(count("\"not_observed\": 5"), 1);
	/* Kept requests have the operations, and all commands read it. */
	assert_int_equal(RUN("requests", merged, "--format", "csv"), 0);
	assert_true(count(",shop:80,") > 40 && count(",feed:90,") > 20);
	assert_int_equal(RUN("capacity", merged, "--rate", "10"), 0);
	assert_int_equal(RUN("compare", merged, first), 0);
	/* The first of the programs is told. */
	assert_int_equal(count("note: "), 0);
}

static void memory_of_services_is_told(void **state)
{
	char leaky[] = "/tmp/whywait-test-XXXXXX";
	const struct load load = {
		.service = "leaky:80", .method = "GET", .route = "/", .db_ms = 20, .compute_ms = 10, .leak = 1000};

	(void)state;
	make_recording(leaky, &load, 1, 60);
	assert_int_equal(RUN("report", leaky, "--format", "json"), 0);
	assert_int_equal(count("\"rss_growth_per_request_bytes\": 1000.0"), 1);
	assert_int_equal(count("\"minor\": 600"), 1);
	assert_int_equal(count("\"oom_kills\": 1"), 1);
	assert_int_equal(count("\"executable\": \"/usr/bin/shop\""), 1);
	/* Of two intervals it is not known. */
	assert_int_equal(RUN("report", leaky, "--format", "json", "--until", "+15s"), 0);
	assert_int_equal(count("\"rss_growth_per_request_bytes\": null"), 1);
	unlink(leaky);
}

/* Stacks, as `record --stacks` leaves them. */
static void add_stacks(const char *path)
{
	static const char add[] =
		"INSERT INTO stack_frame VALUES (0, 'sort'), (1, 'main'); INSERT INTO stack VALUES (0, 1, '[1,0]');"
		"INSERT INTO stack_requests SELECT interval, endpoint, 5, 1, 1 FROM endpoint_interval LIMIT 1;"
		"INSERT INTO stack_sample SELECT interval, endpoint, 5, 0, NULL, 0, 3000, 1 FROM endpoint_interval "
		"LIMIT 1;";
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, add, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void stacks_of_a_part_say_so(void **state)
{
	char with[] = "/tmp/whywait-test-XXXXXX", other[] = "/tmp/whywait-test-XXXXXX",
	     without[] = "/tmp/whywait-test-XXXXXX", all[] = "/tmp/whywait-test-XXXXXX";
	struct load load = shop;

	(void)state;
	load.settings = "keep 5; stacks";
	make_recording_of(with, &load, 1, 0, 20);
	make_recording_of(other, &load, 1, 25, 20);
	load.settings = "keep 5";
	make_recording_of(without, &load, 1, 25, 20);
	add_stacks(with);
	add_stacks(other);
	close(mkstemp(all));
	unlink(all);
	assert_int_equal(RUN("merge", all, with, other), 0);
	assert_int_equal(RUN("stacks", all), 0);
	assert_int_equal(count("main;sort"), 1);
	assert_int_equal(count("note: "), 0);
	unlink(all);
	assert_int_equal(RUN("merge", all, with, without), 0);
	assert_int_equal(RUN("stacks", all), 0);
	assert_int_equal(count("main;sort"), 1);
	assert_int_equal(
		count("was merged of recordings with stacks and without: these are of a part of its requests\n"), 1);
	unlink(all);
	unlink(with);
	unlink(other);
	unlink(without);
}

/* A child that is ended by the signal while it has an unfinished file; the file is gone. */
static void interrupts(const char *path, int number, bool ignored)
{
	int status;
	pid_t child = fork();

	if (!child) {
		signal(number, ignored ? SIG_IGN : SIG_DFL);
		int file = ww_unfinished__create(path);

		if (file < 0 || access(path, F_OK))
			_exit(1);
		raise(number);
		if (!ignored || access(path, F_OK))
			_exit(2);
		ww_unfinished__remove(file);
		raise(SIGUSR1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), ignored ? SIGUSR1 : number);
	assert_int_equal(access(path, F_OK), -1);
}

static void an_interrupted_merge_leaves_nothing(void **state)
{
	char path[64];
	int status;

	(void)state;
	snprintf(path, sizeof(path), "%s.merging", merged);
	interrupts(path, SIGINT, false);
	interrupts(path, SIGTERM, false);
	interrupts(path, SIGHUP, false);
	interrupts(path, SIGHUP, true);
	/* The command, as soon as the file is there. */
	unlink(merged);
	fflush(NULL);
	pid_t child = fork();
	if (!child)
		_exit(command_of(4, (char *[]){"merge", merged, first, second, NULL}));
	while (access(path, F_OK) && !waitpid(child, &status, WNOHANG))
		;
	kill(child, SIGTERM);
	waitpid(child, &status, 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void what_a_killed_merge_left_is_told(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s.merging", merged);
	unlink(merged);
	fclose(fopen(path, "w"));
	FAILS(".merging exists: another merge is at work on it, or was killed and left it: then remove it", "merge",
	      merged, first, second);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	assert_int_equal(RUN("merge", merged, first, second), 0);
}

static void failures_are_one_line_and_two(void **state)
{
	(void)state;
	FAILS("whywait merge: OUT, the recording to make, is missing", "merge");
	FAILS("whywait merge: give two recordings or more behind OUT", "merge", "/tmp/x.db", first);
	FAILS("are the same recording: its requests would count twice", "merge", "/tmp/whywait-none.db", first, first);
	FAILS("exists: merge into another file, or remove it", "merge", first, first, second);
	FAILS("whywait merge: /nonexistent/x.db", "merge", "/tmp/whywait-none.db", first, "/nonexistent/x.db");
	assert_int_equal(access("/tmp/whywait-none.db", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recordings_become_one),
		cmocka_unit_test(memory_of_services_is_told),
		cmocka_unit_test(stacks_of_a_part_say_so),
		cmocka_unit_test(an_interrupted_merge_leaves_nothing),
		cmocka_unit_test(what_a_killed_merge_left_is_told),
		cmocka_unit_test(failures_are_one_line_and_two),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, make_recordings, remove_recordings);
}
