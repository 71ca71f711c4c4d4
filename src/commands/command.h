/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a command is, and what all of them share: one way to read options, to explain themselves and to fail.
 *
 * A command is a line in commands.def and a function `ww_command_NAME` in a file of its name. Its struct ww_usage is
 * the one source of `whywait NAME --help` and of the man page whywait-NAME(1).
 */
#ifndef WHYWAIT_COMMAND_H
#define WHYWAIT_COMMAND_H

#include <argp.h>
#include <stdio.h>

/* What a command ends with. */
enum ww_exit {
	WW_EXIT_DONE,	      /* 0 */
	WW_EXIT_UNMET,	      /* 1: a requirement of `compare` is not met */
	WW_EXIT_USAGE,	      /* 2: wrong usage, or a file that can't be read or written */
	WW_EXIT_CANT_OBSERVE, /* 3: a privilege or kernel feature is missing */
};

/* Runs a command; argv[0] is its name. Returns an exit status. */
#define WW_COMMAND(name, summary) int ww_command_##name(int argc, char **argv);
#include "commands/commands.def"
#undef WW_COMMAND

struct ww_example {
	const char *line; /* "whywait report FILE" */
	const char *says; /* what it is for */
};

/* Static data of a command, in its file. */
struct ww_usage {
	const char *name;		   /* as in commands.def */
	const char *synopsis;		   /* arguments after the name, one form a line: "FILE [--endpoint GLOB]" */
	const char *description;	   /* paragraphs separated by an empty line; lines are filled */
	const struct argp *argp;	   /* its options, parser and children; args_doc and doc are not used */
	const struct ww_example *examples; /* ended by an entry without a line */
	const char *exit_status;	   /* "0", "0 2", "0 2 3": those of enum ww_exit that it can return */
};

/*
 * Parses argv by usage->argp, with `input` as the input of its parser (state->input). Handles --help and --help=man,
 * which print and exit. Wrong usage is one line on stderr and exit status 2: an unknown option is answered with the
 * nearest one that exists. Parsers report a bad value by ww_command__wrong(), not by argp_error(), which is silent
 * here.
 * "--" ends the options; the words after it come as ARGP_KEY_ARG.
 */
void ww_command__parse(const struct ww_usage *usage, int argc, char **argv, void *input);

/* One line on stderr, "whywait NAME: ..; see `whywait NAME --help`", and exit with status 2. For wrong usage only. */
void ww_command__wrong(const char *name, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

/* One line on stderr, "whywait NAME: ..": what, where, what to do. Returns `status`. */
int ww_command__fail(const char *name, enum ww_exit status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
