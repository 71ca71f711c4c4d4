/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What /proc says of a process: what it is called, where it runs, and what it uses. */
#ifndef WHYWAIT_PROCESS_H
#define WHYWAIT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WW_PROGRAM_SIZE	  64
#define WW_CONTAINER_SIZE 65
#define WW_CGROUP_SIZE	  256
#define WW_EXE_SIZE	  256

/* Strings are printable UTF-8, cut where they are too long. */
struct ww_process {
	char program[WW_PROGRAM_SIZE];	   /* of an interpreter its script or module: "gunicorn", "server.js"; else the
					      executable's name */
	char exe[WW_EXE_SIZE];		   /* path of the executable, in the process's own root */
	char cgroup[WW_CGROUP_SIZE];	   /* path in the cgroup v2 hierarchy, "/" when there is none */
	char container[WW_CONTAINER_SIZE]; /* id of 64 hex digits; "" when it runs in none */
};

struct ww_process_usage {
	uint64_t start_ticks; /* tells processes of the same number apart */
	uint64_t exe_inode;   /* changes with exec */
	uint64_t cpu_ns;      /* user and system time of all its threads */
	uint64_t rss_bytes;
	uint64_t threads;
	uint64_t minor_faults, major_faults; /* since its start */
};

/* 0, or -ESRCH when the process is gone (or can't be looked into). `proc` is where the proc file system is. */
int ww_process__read(const char *proc, pid_t pid, struct ww_process *process);
int ww_process__usage(const char *proc, pid_t pid, struct ww_process_usage *usage);

/*
 * The memory of a process, of which it has a part only of what it shares with others ("proportional set size"). -ESRCH
 * when it is gone, -EACCES and others when it can't be looked into. The kernel goes through all its pages for it.
 */
int ww_process__pss(const char *proc, pid_t pid, uint64_t *bytes);

/*
 * The name of a program from the arguments that it was started with: `len` bytes of NUL-separated strings with one more
 * NUL behind them, as in /proc/PID/cmdline. `exe` is the name of its executable.
 */
void ww_process__program(const char *exe, const char *arguments, size_t len, char program[WW_PROGRAM_SIZE]);

/* The id of the container that a cgroup belongs to: Docker, containerd, CRI-O, Podman, with systemd or without. */
bool ww_process__container(const char *cgroup, char container[WW_CONTAINER_SIZE]);

#endif
