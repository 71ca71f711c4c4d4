/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/schema.h"
#include "util/bytes.h"

/* The SQLite database header; https://www.sqlite.org/fileformat.html, 1.3. */
#define HEADER_SIZE	   100
#define HEADER_PAGE_SIZE   16
#define HEADER_PAGES	   28
#define HEADER_USER	   60
#define HEADER_APPLICATION 68

static const char magic[16] = "SQLite format 3";

static int fail(int err, char *message, size_t size, const char *format, ...) __attribute__((format(printf, 4, 5)));

static int fail(int err, char *message, size_t size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, size, format, arguments);
	va_end(arguments);
	return err;
}

static bool is_recording(const uint8_t *header, ssize_t len)
{
	return len == HEADER_SIZE && !memcmp(header, magic, sizeof(magic)) &&
	       ww_be32(header + HEADER_APPLICATION) == WW_SCHEMA_APPLICATION;
}

static int join(char *out, const char *path, const char *suffix)
{
	return snprintf(out, PATH_MAX, "%s%s", path, suffix) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Moves the recording with its write-ahead log (there is one when its writer was killed), or deletes both. */
static int clear_away(const char *path, bool delete)
{
	/* The log first: SQLite would play one that is left behind into the new recording. */
	static const char *const parts[] = {"-wal", "-shm", ""};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		char old[PATH_MAX], new[PATH_MAX], suffix[16];

		snprintf(suffix, sizeof(suffix), ".old%s", parts[i]);
		if (join(old, path, parts[i]) || join(new, path, suffix))
			return -ENAMETOOLONG;
		if (!delete)
			unlink(new);
		if ((delete ? unlink(old) : rename(old, new)) && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* Reads the file's header; returns how many bytes of it there are, or -1. */
static ssize_t read_header(int file, uint8_t header[static HEADER_SIZE])
{
	ssize_t got, len = 0;

	do {
		got = pread(file, header + len, HEADER_SIZE - (size_t)len, len);
		if (got > 0)
			len += got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	return got < 0 ? -1 : len;
}

/* Opens and locks what may be overwritten: a recording that nobody writes, or an empty file (*empty). */
static int take(const char *path, int flags, bool *empty, int *fd, char *message, size_t message_size)
{
	uint8_t header[HEADER_SIZE];
	struct stat status;
	int file = open(path, flags | O_CLOEXEC, 0644);

	if (file < 0)
		return fail(-errno, message, message_size, "can't write %s: %s", path, strerror(errno));
	if (fstat(file, &status) || !S_ISREG(status.st_mode)) {
		close(file);
		return fail(-EEXIST, message, message_size, "can't write %s: not a regular file", path);
	}
	if (flock(file, LOCK_EX | LOCK_NB)) {
		close(file);
		return fail(-EBUSY, message, message_size,
			    "%s is being written by another whywait; choose another file by -o", path);
	}
	if (status.st_size && !is_recording(header, read_header(file, header))) {
		close(file);
		return fail(-EEXIST, message, message_size,
			    "%s exists and is not a recording; choose another file by -o or remove it", path);
	}
	*empty = !status.st_size;
	*fd = file;
	return 0;
}

/* Whether PATH.old, where there is one, may be replaced. */
static int check_old(const char *path, char *message, size_t message_size)
{
	char old[PATH_MAX];
	struct stat status;
	bool empty = true;
	int file = -1, err;

	if (join(old, path, ".old"))
		return fail(-ENAMETOOLONG, message, message_size, "can't move %s: its name is too long", path);
	if (lstat(old, &status))
		return errno == ENOENT
			       ? 0
			       : fail(-errno, message, message_size, "can't write %s: %s", old, strerror(errno));
	/* Not opened before: a pipe would wait for a writer. */
	if (!S_ISREG(status.st_mode))
		return fail(-EEXIST, message, message_size, "can't write %s: not a regular file", old);
	err = take(old, O_RDONLY | O_NOFOLLOW, &empty, &file, message, message_size);
	if (!err)
		close(file);
	return err;
}

/* What was written last and may be gone on in, with its lock: of the one thread that writes. -1: nothing. */
static int kept = -1;

/* Whether it is what is at the path now. */
static bool is_kept(const char *path)
{
	struct stat there, here;

	return kept >= 0 && !stat(path, &there) && !fstat(kept, &here) && there.st_dev == here.st_dev &&
	       there.st_ino == here.st_ino;
}

static void forget_kept(void)
{
	if (kept >= 0)
		close(kept);
	kept = -1;
}

void ww_store_file__keep(int fd)
{
	if (fd != kept)
		forget_kept();
	kept = fd;
}

int ww_store_file__claim(const char *path, bool replace, int *fd, bool *moved, char *message, size_t message_size)
{
	bool empty = true;
	int file = -1, err;

	if (is_kept(path))
		forget_kept();
	err = take(path, O_RDWR | O_CREAT, &empty, &file, message, message_size);
	if (err)
		return err;
	if (empty) {
		*moved = false;
		*fd = file;
		return 0;
	}
	err = replace ? 0 : check_old(path, message, message_size);
	if (err) {
		close(file);
		return err;
	}
	err = clear_away(path, replace);
	close(file);
	if (err)
		return fail(err, message, message_size, "can't move %s to %s.old: %s", path, path, strerror(-err));
	file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (file < 0)
		return fail(-errno, message, message_size, "can't write %s: %s", path, strerror(errno));
	if (flock(file, LOCK_EX | LOCK_NB)) {
		close(file);
		return fail(-EBUSY, message, message_size,
			    "%s is being written by another whywait; choose another file by -o", path);
	}
	*moved = !replace;
	*fd = file;
	return 0;
}

/* Earlier versions made it readable for everyone; its log gets the same mode. Whoever may not change it leaves it so.
 */
static void hide(int fd)
{
	struct stat status;

	if (!fstat(fd, &status) && status.st_mode & S_IRWXO)
		fchmod(fd, status.st_mode & (S_IRWXU | S_IRWXG));
}

int ww_store_file__go_on(const char *path, int *fd, bool *existing, char *message, size_t message_size)
{
	bool empty = true;
	int err;

	if (is_kept(path)) {
		*existing = true;
		*fd = kept;
		kept = -1;
		return 0;
	}
	forget_kept();
	err = take(path, O_RDWR | O_CREAT, &empty, fd, message, message_size);
	if (err)
		return err;
	*existing = !empty;
	hide(*fd);
	return 0;
}

int ww_store_file__check(const char *path, char *message, size_t message_size)
{
	uint8_t header[HEADER_SIZE];
	char log[PATH_MAX];
	struct stat status;
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0 && errno == ENOENT)
		return fail(-ENOENT, message, message_size, "%s: No such file; `whywait record -o FILE` makes one",
			    path);
	if (file < 0)
		return fail(-errno, message, message_size, "can't read %s: %s", path, strerror(errno));
	if (fstat(file, &status) || !S_ISREG(status.st_mode)) {
		close(file);
		return fail(-EINVAL, message, message_size, "%s is not a recording: not a regular file", path);
	}

	ssize_t len = read_header(file, header);

	close(file);
	if (len > 0 && len < HEADER_SIZE &&
	    !memcmp(header, magic, (size_t)len < sizeof(magic) ? (size_t)len : sizeof(magic)))
		return fail(-EBADMSG, message, message_size, "%s is truncated: only %zd bytes are left of it", path,
			    len);
	if (!is_recording(header, len))
		return fail(-EINVAL, message, message_size, "%s is not a recording of whywait", path);

	uint32_t version = ww_be32(header + HEADER_USER);
	unsigned long long page_size = (unsigned)header[HEADER_PAGE_SIZE] << 8 | header[HEADER_PAGE_SIZE + 1];
	/* 1 stands for 65536, which has no room in two bytes. */
	unsigned long long size = ww_be32(header + HEADER_PAGES) * (page_size == 1 ? 65536 : page_size);

	if (version > WW_SCHEMA_VERSION_MOST)
		return fail(-EPROTONOSUPPORT, message, message_size,
			    "%s was written by a newer whywait (schema %u, this one reads up to %u); use that version",
			    path, version, WW_SCHEMA_VERSION_MOST);
	/* With a write-ahead log the file may be shorter than its header says until the log is written back. */
	if ((unsigned long long)status.st_size < size && (join(log, path, "-wal") || access(log, F_OK)))
		return fail(-EBADMSG, message, message_size,
			    "%s is truncated: it has %lld of %llu bytes; copy it again from where it was recorded",
			    path, (long long)status.st_size, size);
	return 0;
}
