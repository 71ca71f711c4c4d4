/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A command that is started to be observed: it waits until it is let go, and ends with whoever started it. */
#ifndef WHYWAIT_CHILD_H
#define WHYWAIT_CHILD_H

#include <sys/types.h>

#include "requests/process.h"

struct ww_child {
	pid_t pid;
	int gate; /* closing it ends the child before it becomes the command */
};

/* Starts a process that waits for ww_child__release() or ww_child__end(). A negative errno leaves *child untouched. */
int ww_child__start(struct ww_child *child, char **argv);

/* Lets it become the command; the negative errno of execvp() when that fails. */
int ww_child__release(struct ww_child *child);

/* Ends it if it still runs, by SIGTERM and a second later by SIGKILL, and waits for it. */
void ww_child__end(struct ww_child *child);

/* What the program is called that a command starts, as services are: the script of an interpreter. */
void ww_child__name(char *const *argv, char name[WW_PROGRAM_SIZE]);

#endif
