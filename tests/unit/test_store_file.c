/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a new recording does to what lies where it is to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
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

/* What another process sees; one's own locks are none to oneself. */
static bool is_locked(const char *path)
{
	pid_t child = fork();
	int status;

	if (!child) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open(path, O_RDWR);

		_exit(fd >= 0 && !fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK);
	}
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

static void sessions_leave_a_reader_its_locks(void **state)
{
	struct fixture *fixture = *state;
	const struct ww_recorder_options options = {.path = fixture->path, .goes_on = true};
	struct ww_recorder *recorder = NULL;
	struct ww_recording *reader = NULL;
	uint64_t kept;

	assert_int_equal(ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)), 0);
	assert_int_equal(commit(fixture, recorder, 3, false), 0);
	assert_int_equal(ww_recording__open_own(&reader, fixture->path, fixture->message, sizeof(fixture->message)), 0);
	assert_true(is_locked(fixture->path));
	for (int i = 0; i < 2; i++) {
		ww_recorder__close(recorder);
		assert_true(is_locked(fixture->path));
		assert_int_equal(ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)),
				 0);
		assert_true(is_locked(fixture->path));
	}
	ww_recording__close(reader);
	ww_recorder__close(recorder);
	/* Where another file lies now, that one is gone on in. */
	assert_int_equal(rename(fixture->path, fixture->old), 0);
	assert_int_equal(ww_recorder__create(&recorder, &options, fixture->message, sizeof(fixture->message)), 0);
	assert_int_equal(commit(fixture, recorder, 2, true), 0);
	ww_recorder__close(recorder);
	assert_int_equal(read_back(fixture, &kept, NULL), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_earlier_recording_is_moved_aside, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(what_is_no_recording_is_left_alone, make_fixture, drop_fixture),
		cmocka_unit_test_setup_teardown(sessions_leave_a_reader_its_locks, make_fixture, drop_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
