/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the daemon writes to its log, and tells the service manager. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve/log.h"

#define LINES 100

static char said[LINES * 64];

/* What is written to standard error, by `log`, into a file; as the journal's where that is said. */
static void read_log(bool journal, void (*log)(void))
{
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	struct stat status;
	char stream[64];
	ssize_t len;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &status), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
	setenv("JOURNAL_STREAM", journal ? stream : "1:1", 1);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	log();
	fflush(stderr);
	dup2(before, STDERR_FILENO);
	close(before);
	len = pread(fileno(file), said, sizeof(said) - 1, 0);
	said[len > 0 ? len : 0] = '\0';
	fclose(file);
	unsetenv("JOURNAL_STREAM");
}

static void one_of_each(void)
{
	ww_log(WW_LOG_ERROR, "one\nof %d", 2);
	ww_log(WW_LOG_WARNING, "two");
	ww_log(WW_LOG_INFO, "three");
	ww_log(WW_LOG_DEBUG, "four");
}

static void the_journal_is_told_levels(void **state)
{
	(void)state;
	ww_log__set_level(WW_LOG_DEBUG);
	read_log(true, one_of_each);
	assert_string_equal(said, "<3>one of 2\n<4>two\n<6>three\n<7>four\n");
	ww_log__set_level(WW_LOG_WARNING);
	read_log(true, one_of_each);
	assert_string_equal(said, "<3>one of 2\n<4>two\n");
}

/* JOURNAL_STREAM is inherited by those whose standard error is something else. */
static void others_are_told_words(void **state)
{
	(void)state;
	ww_log__set_level(WW_LOG_INFO);
	read_log(false, one_of_each);
	assert_string_equal(said, "whywait: error: one of 2\nwhywait: warning: two\nwhywait: three\n");
}

static void many(void)
{
	for (int i = 0; i < LINES; i++)
		ww_log(WW_LOG_INFO, "line %d", i);
}

static void again(void)
{
	ww_log(WW_LOG_INFO, "later");
}

static void lines_are_limited_and_those_left_out_counted(void **state)
{
	unsigned lines = 0, left_out = 0;

	(void)state;
	ww_log__set_level(WW_LOG_INFO);
	read_log(false, many);
	for (const char *c = said; *c; c++)
		lines += *c == '\n';
	/* The other tests have said something, too. */
	assert_in_range(lines, 40, 62);
	sleep(1);
	read_log(false, again);
	assert_int_equal(sscanf(said, "whywait: later (%u lines before it were left out)", &left_out), 1);
	assert_int_equal(left_out, LINES - lines);
}

static void the_manager_is_told(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = (socklen_t)offsetof(struct sockaddr_un, sun_path);
	char name[64], got[64] = "";

	(void)state;
	/* Of the abstract namespace, which is told by a "@". */
	snprintf(name, sizeof(name), "@whywait-test-%d", (int)getpid());
	strcpy(address.sun_path, name);
	address.sun_path[0] = '\0';
	len += (socklen_t)strlen(name);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	ww_log__notify("READY=1\nSTATUS=observing");
	assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), strlen("READY=1\nSTATUS=observing"));
	assert_string_equal(got, "READY=1\nSTATUS=observing");
	/* Nobody listens, or there is no such thing: nothing comes of it. */
	close(fd);
	ww_log__notify("READY=1");
	setenv("NOTIFY_SOCKET", "no-path", 1);
	ww_log__notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
	ww_log__notify("READY=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_journal_is_told_levels),
		cmocka_unit_test(others_are_told_words),
		cmocka_unit_test(lines_are_limited_and_those_left_out_counted),
		cmocka_unit_test(the_manager_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
