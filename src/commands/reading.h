/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the commands that read a recording share: its file, the choice of requests, the format. */
#ifndef WHYWAIT_READING_H
#define WHYWAIT_READING_H

#include <argp.h>
#include <stdbool.h>

#include "commands/command.h"
#include "store/recording.h"

enum ww_format { WW_FORMAT_TABLE, WW_FORMAT_JSON, WW_FORMAT_CSV, WW_FORMAT_HTML };

struct ww_reading_arguments {
	const char *command; /* its name, for messages; set it before parsing */
	const char *file;
	const char *endpoint, *since, *until; /* as typed; NULL: not given */
	enum ww_format format;
	bool html; /* the command has WW_FORMAT_HTML; set it before parsing */
};

/*
 * A child of a command's argp: FILE, --endpoint, --since, --until, --format. Set state->child_inputs[i] to a zeroed
 * struct ww_reading_arguments with `command` on ARGP_KEY_INIT.
 */
extern const struct argp ww_reading_argp;

/* The same without --format, for commands that have formats of their own. */
extern const struct argp ww_choosing_argp;

/*
 * Opens the recording and resolves the choice against its window. Returns WW_EXIT_DONE and the recording, which is the
 * caller's; or WW_EXIT_USAGE after a line on stderr.
 */
enum ww_exit ww_reading__open(const struct ww_reading_arguments *arguments, struct ww_recording **recording,
			      struct ww_selection *selection);

/* Ends the output: WW_EXIT_DONE, or WW_EXIT_USAGE after a line on stderr when `err` is one or stdout can't be written.
 */
enum ww_exit ww_reading__finish(const struct ww_reading_arguments *arguments, int err);

#endif
