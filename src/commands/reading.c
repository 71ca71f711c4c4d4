/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands/when.h"
#include "outputs/text.h"
#include "util/nearest.h"

enum { KEY_SINCE = 0x200, KEY_UNTIL, KEY_FORMAT };

/* What --endpoint, --since and --until say. */
#define CHOICE                                                                                                         \
	{"endpoint",                                                                                                   \
	 'e',                                                                                                          \
	 "GLOB",                                                                                                       \
	 0,                                                                                                            \
	 "only endpoints that match: a glob for ROUTE, \"METHOD ROUTE\", SERVICE or \"SERVICE METHOD ROUTE\"; * "      \
	 "matches / too",                                                                                              \
	 1},                                                                                                           \
		{"since",                                                                                              \
		 KEY_SINCE,                                                                                            \
		 "T",                                                                                                  \
		 0,                                                                                                    \
		 "only from then on: 2026-11-20T16:22:10Z, 16:22 (local time), -5m (before the recording's end) or "   \
		 "+5m (after "                                                                                         \
		 "its "                                                                                                \
		 "start)",                                                                                             \
		 1},                                                                                                   \
		{"until", KEY_UNTIL, "T", 0, "only before then", 1},

static const struct argp_option choice_options[] = {CHOICE{0}};
static const struct argp_option options[] = {
	CHOICE{"format", KEY_FORMAT, "FORMAT", 0,
	       "how it is written: table (the default), or another one of those above", 2},
	{0},
};

static void set_format(struct ww_reading_arguments *arguments, const char *name)
{
	const char *const names[] = {"table", "json", "csv", arguments->html ? "html" : NULL, NULL};

	for (int format = 0; names[format]; format++)
		if (!strcmp(name, names[format])) {
			arguments->format = (enum ww_format)format;
			return;
		}
	const char *near = ww_nearest(name, names);
	if (near)
		ww_command__wrong(arguments->command, "there is no format '%s', did you mean %s?", name, near);
	ww_command__wrong(arguments->command, "there is no format '%s': it can be table, json%s", name,
			  arguments->html ? ", csv or html" : " or csv");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct ww_reading_arguments *arguments = state->input;

	switch (key) {
	case 'e':
		arguments->endpoint = arg;
		return 0;
	case KEY_SINCE:
		arguments->since = arg;
		return 0;
	case KEY_UNTIL:
		arguments->until = arg;
		return 0;
	case KEY_FORMAT:
		set_format(arguments, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->file)
			return ARGP_ERR_UNKNOWN;
		arguments->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->file)
			ww_command__wrong(arguments->command, "FILE, the recording, is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp ww_reading_argp = {.options = options, .parser = parse};
const struct argp ww_choosing_argp = {.options = choice_options, .parser = parse};

static int resolve(const struct ww_reading_arguments *arguments, const struct ww_recording *recording,
		   const char *option, const char *text, int64_t *unix_ns)
{
	int64_t start, end;

	if (!text)
		return 0;
	ww_recording__window(recording, &start, &end);
	if (!ww_when__parse(text, start, end, unix_ns))
		return 0;
	ww_command__fail(arguments->command, WW_EXIT_USAGE,
			 "--%s '%s' is no time: write 2026-11-20T16:22:10Z, 16:22, -5m or +5m", option, text);
	return -EINVAL;
}

/* Whether nothing of the selected time was observed. */
static bool is_outside(const struct ww_recording *recording, const struct ww_selection *selection)
{
	int64_t start, end;

	ww_recording__window(recording, &start, &end);
	return (selection->since_unix_ns > start && selection->since_unix_ns >= end) ||
	       (selection->until_unix_ns && selection->until_unix_ns <= start);
}

static void fail_outside(const struct ww_reading_arguments *arguments, const struct ww_recording *recording)
{
	char first[WW_TEXT_NUMBER], last[WW_TEXT_NUMBER];
	int64_t start, end;

	ww_recording__window(recording, &start, &end);
	/* To the second: up to the fraction. */
	ww_command__fail(arguments->command, WW_EXIT_USAGE, "%s: the recording covers %.19sZ to %.19sZ",
			 arguments->file, ww_text__rfc3339(first, start), ww_text__rfc3339(last, end));
}

enum ww_exit ww_reading__open(const struct ww_reading_arguments *arguments, struct ww_recording **recording,
			      struct ww_selection *selection)
{
	struct ww_selection chosen = {.endpoint = arguments->endpoint};
	struct ww_recording *opened = NULL;
	char message[512];

	if (ww_recording__open(&opened, arguments->file, message, sizeof(message)))
		return (enum ww_exit)ww_command__fail(arguments->command, WW_EXIT_USAGE, "%s", message);
	if (resolve(arguments, opened, "since", arguments->since, &chosen.since_unix_ns) ||
	    resolve(arguments, opened, "until", arguments->until, &chosen.until_unix_ns)) {
		ww_recording__close(opened);
		return WW_EXIT_USAGE;
	}
	if (chosen.since_unix_ns && chosen.until_unix_ns && chosen.since_unix_ns >= chosen.until_unix_ns) {
		ww_recording__close(opened);
		return (enum ww_exit)ww_command__fail(arguments->command, WW_EXIT_USAGE,
						      "--since %s is not before --until %s", arguments->since,
						      arguments->until);
	}
	if (is_outside(opened, &chosen)) {
		fail_outside(arguments, opened);
		ww_recording__close(opened);
		return WW_EXIT_USAGE;
	}
	if (chosen.endpoint && ww_recording__check_endpoint(opened, chosen.endpoint)) {
		/* It names some of the recording's, which may hold anything. */
		char *clean = ww_text__machine(ww_recording__message(opened));

		ww_command__fail(arguments->command, WW_EXIT_USAGE, "%s", clean ? clean : "out of memory");
		free(clean);
		ww_recording__close(opened);
		return WW_EXIT_USAGE;
	}
	*recording = opened;
	*selection = chosen;
	return WW_EXIT_DONE;
}

enum ww_exit ww_reading__finish(const struct ww_reading_arguments *arguments, int err)
{
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = errno ? -errno : -EIO;
	if (err)
		return (enum ww_exit)ww_command__fail(arguments->command, WW_EXIT_USAGE, "standard output: %s",
						      strerror(-err));
	return WW_EXIT_DONE;
}
