/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A file that is not left behind unfinished: it goes when the process is interrupted. One of a process at a time. */
#ifndef WHYWAIT_UNFINISHED_H
#define WHYWAIT_UNFINISHED_H

/*
 * Creates a file, which must not exist, and returns its descriptor or a negative errno. From then on SIGINT, SIGTERM
 * and SIGHUP remove it before they end the process; those that are ignored stay so.
 */
int ww_unfinished__create(const char *path);

/* Removes its name and closes it; signals do what they did before. */
void ww_unfinished__remove(int file);

#endif
