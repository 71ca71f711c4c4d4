/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a process has mapped, one mapping after the other: /proc/PID/maps. */
#ifndef WHYWAIT_MAPPINGS_H
#define WHYWAIT_MAPPINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct ww_mappings {
	uint64_t start, end, offset; /* of the mapping: its addresses, and where in the file it begins */
	uint64_t inode;		     /* of the file; 0: it is of none */
	const char *path;	     /* of the file, a name in brackets, or empty; until the next call */
	FILE *file;
	char line[4608];
};

/*
 * Until ww_mappings__drop(), or another one is kept, the calling thread sees the mappings that the process has now: for
 * those who look for several things in them. Where they can't be kept they are read each time.
 */
void ww_mappings__keep(pid_t pid);

void ww_mappings__drop(void);

/* Begins; a negative errno when the process can't be read. */
int ww_mappings__open(struct ww_mappings *mappings, pid_t pid);

/* Goes to the first or next mapping, by rising address; false after the last one. */
bool ww_mappings__next(struct ww_mappings *mappings);

void ww_mappings__close(struct ww_mappings *mappings);

/* Where the process has the beginning of its program's file; 0: that can't be told. */
uint64_t ww_mappings__program(pid_t pid);

#endif
