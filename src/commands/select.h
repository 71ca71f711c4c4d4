/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * SELECT: the options of `record` and `top` that say whom to observe.
 */
#ifndef WHYWAIT_SELECT_H
#define WHYWAIT_SELECT_H

#include <argp.h>
#include <stdbool.h>

#include "kernel/observer.h"
#include "requests/ingest.h"

struct ww_select_arguments {
	const char *command; /* its name, for messages about wrong usage; set it before parsing */
	pid_t *pids;
	size_t pids_len;
	char **comms;
	size_t comms_len;
	uint16_t *ports;
	size_t ports_len;
	uint64_t *cgroups; /* ids of those that --cgroup and --container mean */
	size_t cgroups_len;
	char **cgroup_paths; /* as given */
	size_t cgroup_paths_len;
	char **containers; /* as given */
	size_t containers_len;
	char **services; /* globs */
	size_t services_len;
	char **routes; /* patterns */
	size_t routes_len;
	unsigned routes_max;
	uint32_t max_requests; /* in flight */
	uint32_t ring;	       /* bytes */
	bool no_operations;
	bool no_collectors;
	bool no_handoffs;
	bool promises;
	bool exact_goroutines;
};

/*
 * A child of a command's argp: set state->child_inputs[i] to a zeroed struct ww_select_arguments on ARGP_KEY_INIT. A
 * value that is wrong, a process or cgroup that does not exist, ends the program with exit status 2 and one line.
 */
extern const struct argp ww_select_argp;

/* Options that exclude each other end the program so, too; what else adds to them than a command line calls it. */
void ww_select_arguments__check(const struct ww_select_arguments *arguments);

/* Adds a process to the selection. */
int ww_select_arguments__add_pid(struct ww_select_arguments *arguments, pid_t pid);

/* Fills what SELECT means in both; they point into `arguments`. */
void ww_select_arguments__apply(const struct ww_select_arguments *arguments, struct ww_observer_options *observer,
				struct ww_ingest_options *ingest);

/* Whether nothing is selected, so that every server is observed. */
bool ww_select_arguments__is_any(const struct ww_select_arguments *arguments);

/* NULL-safe. Frees what was parsed, not `arguments` itself. */
void ww_select_arguments__free(struct ww_select_arguments *arguments);

#endif
