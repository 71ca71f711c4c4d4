/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The file of a recording: what lies there, and whose it is. */
#ifndef WHYWAIT_STORE_FILE_H
#define WHYWAIT_STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Claims `path` for a new recording: afterwards an empty file is there, and *fd holds a lock on it (flock) that other
 * writers respect. An existing recording is renamed to PATH.old (*moved), with its write-ahead log, or deleted if
 * `replace`.
 * Keep *fd open until SQLite has closed the file: closing any descriptor of a file drops the locks that SQLite has on
 * it. On failure returns a negative errno and writes one line to `message`: -EBUSY when another process writes it,
 * -EEXIST when it, or the PATH.old that would be replaced, is something else than a recording.
 */
int ww_store_file__claim(const char *path, bool replace, int *fd, bool *moved, char *message, size_t message_size);

/*
 * The same, but an existing recording stays: *existing says whether there is one.
 */
int ww_store_file__go_on(const char *path, int *fd, bool *existing, char *message, size_t message_size);

/*
 * In place of close(), for a file that this process will go on in and has readers of: the next ww_store_file__go_on()
 * finds it, with its lock. One file at a time, and one thread.
 */
void ww_store_file__keep(int fd);

/*
 * Checks by its first bytes and its size that a file is a recording of a version that this one can read: 0, or as
 * ww_recording__open() with its message.
 */
int ww_store_file__check(const char *path, char *message, size_t message_size);

#endif
