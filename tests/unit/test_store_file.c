/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a new recording does to what lies where it is to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "recordings.h"

static void an_earlier_recording_is_moved_aside(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder = create(fixture, false);
	pid_t child;
	uint64_t kept;

	assert_false(ww_recorder__moved(recorder));
	commit(fixture, recorder, 7, true);
	ww_recorder__close(recorder);
	/* One that was killed: its log moves with it, and is not played into the new one. */
	child = fork();
	if (!child) {
		recorder = create(fixture, false);
		commit(fixture, recorder, 9, false);
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
	assert_int_equal(access(fixture->old, F_OK), 0);
	assert_int_equal(read_back(fixture, &kept, NULL), 9);
	recorder = create(fixture, false);
	assert_true(ww_recorder__moved(recorder));
	commit(fixture, recorder, 11, true);
	ww_recorder__close(recorder);
	assert_int_equal(read_back(fixture, &kept, NULL), 11);
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db.old", fixture->directory);
	assert_int_equal(read_back(fixture, &kept, NULL), 9);
	/* Deleted when that is asked for. */
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db", fixture->directory);
	recorder = create(fixture, true);
	assert_false(ww_recorder__moved(recorder));
	ww_recorder__close(recorder);
	snprintf(fixture->path, sizeof(fixture->path), "%s/x.db.old", fixture->directory);
	assert_int_equal(read_back(fixture, &kept, NULL), 9);
}

static int create_fails(struct fixture *fixture, const char *path)
{
	const struct ww_recorder_options options = {.path = path};
	struct ww_recorder *recorder = NULL;
	int err = ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message));

	assert_null(recorder);
	assert_non_null(strstr(fixture->message, path));
	assert_null(strchr(fixture->message, '\n'));
	return err;
}

static void what_is_no_recording_is_left_alone(void **state)
{
	struct fixture *fixture = *state;
	struct ww_recorder *recorder, *second;
	char path[160], text[8];
	FILE *file;

	write_file(fixture->path, "my notes", 8);
	assert_int_equal(create_fails(fixture, fixture->path), -EEXIST);
	file = fopen(fixture->path, "r");
	assert_int_equal(fread(text, 1, sizeof(text), file), 8);
	assert_memory_equal(text, "my notes", 8);
	fclose(file);
	assert_int_equal(create_fails(fixture, "/dev/null"), -EEXIST);
	assert_int_equal(create_fails(fixture, fixture->directory), -EISDIR);
	snprintf(path, sizeof(path), "%s/no/such.db", fixture->directory);
	assert_int_equal(create_fails(fixture, path), -ENOENT);
	/* An empty file, as mktemp(1) makes them, is nobody's. */
	write_file(fixture->path, "", 0);
	recorder = create(fixture, false);
	/* And one that is being written is somebody's. */
	assert_int_equal(create_fails(fixture, fixture->path), -EBUSY);
	assert_int_equal(ww_recorder__close(recorder), 0);
	/* What it would move it over is no less somebody's. */
	write_file(fixture->old, "my notes", 8);
	assert_int_equal(create_fails(fixture, fixture->path), -EEXIST);
	assert_non_null(strstr(fixture->message, fixture->old));
	file = fopen(fixture->old, "r");
	assert_int_equal(fread(text, 1, sizeof(text), file), 8);
	assert_memory_equal(text, "my notes", 8);
	fclose(file);
	unlink(fixture->old);
	assert_int_equal(mkdir(fixture->old, 0755), 0);
	assert_int_equal(create_fails(fixture, fixture->path), -EEXIST);
	rmdir(fixture->old);
	assert_int_equal(symlink("/nonexistent", fixture->old), 0);
	assert_int_equal(create_fails(fixture, fixture->path), -EEXIST);
	unlink(fixture->old);
	second = create(fixture, false);
	assert_int_equal(rename(fixture->path, fixture->old), 0);
	recorder = create(fixture, false);
	assert_int_equal(ww_recorder__close(recorder), 0);
	assert_int_equal(create_fails(fixture, fixture->path), -EBUSY);
	assert_int_equal(ww_recorder__close(second), 0);
	assert_int_equal(ww_recorder__close(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_earlier_recording_is_moved_aside, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(what_is_no_recording_is_left_alone, make_fixture, drop_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
