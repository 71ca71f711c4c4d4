/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands/reading.h"
#include "outputs/csv.h"
#include "outputs/json.h"
#include "outputs/waterfall.h"

enum { KEY_SLOWEST = 0x300 };

struct arguments {
	struct ww_reading_arguments reading;
	uint64_t slowest; /* 0: all, in the order of their start */
};

static const struct argp_option options[] = {
	{"slowest", KEY_SLOWEST, "N", 0,
	 "only the N slowest, longest first; without it all, in the order of their start", 2},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	char *end;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->reading;
		return 0;
	case KEY_SLOWEST:
		errno = 0;
		arguments->slowest = strtoull(arg, &end, 10);
		if (errno || end == arg || *end || !arguments->slowest || *arg == '-')
			ww_command__wrong("requests", "--slowest '%s' is no number above 0", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&ww_reading_argp, 0, NULL, 1}, {0}};
static const struct argp argp = {.options = options, .parser = parse, .children = children};
static const struct ww_example examples[] = {
	{"whywait requests shop.db --slowest 5", "the five slowest requests that were kept, as time lines"},
	{"whywait requests shop.db --endpoint 'POST /orders' --since 16:20 --until 16:25",
	 "what happened at that time"},
	{"whywait requests shop.db --format json | jq 'select(.status >= 500)'", "those that failed"},
	{0},
};

static const struct ww_usage usage = {
	.name = "requests",
	.synopsis = "FILE [--endpoint GLOB] [--slowest N] [--since T] [--until T] [--format table|json|csv]",
	.description =
		"Prints the whole requests that a recording kept: the slowest of every endpoint, and a part of the "
		"others. Each is drawn as a waterfall: a row for everything that it computed or waited for, over "
		"its time from left to right, and on the same time line what it asked of databases and other "
		"peers; equal operations, one after the other, share a row that counts them.\n\n"
		"With --format json each request is one object in one line, with csv one row; times are integers "
		"in nanoseconds, and the kinds sum to the wall time. The formats are explained in docs/outputs.md.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 2",
};

static int write_request(enum ww_format format, const struct ww_style *style, const struct ww_request *request)
{
	switch (format) {
	case WW_FORMAT_JSON:
		return ww_json__request(stdout, request);
	case WW_FORMAT_CSV:
		return ww_csv__request(stdout, request);
	default:
		return ww_waterfall__write(stdout, request, style);
	}
}

/* Returns an exit status. */
static int write_all(const struct arguments *arguments, struct ww_recording *recording,
		     const struct ww_selection *selection)
{
	enum ww_format format = arguments->reading.format;
	struct ww_style style = ww_style__of(stdout);
	struct ww_request_cursor *cursor = NULL;
	const struct ww_request *request;
	uint64_t written = 0;
	int err = 0;

	int more = ww_recording__requests(recording, selection, arguments->slowest, &cursor);
	if (!more && format == WW_FORMAT_CSV)
		ww_csv__request_header(stdout);
	if (!more) {
		while ((more = ww_request_cursor__next(cursor, &request)) == 1) {
			err = write_request(format, &style, request);
			if (err)
				break;
			written++;
		}
	}
	ww_request_cursor__close(cursor);
	if (more < 0)
		return ww_command__fail("requests", WW_EXIT_USAGE, "%s", ww_recording__message(recording));
	if (!err && !written && format == WW_FORMAT_TABLE)
		puts("No requests.");
	return (int)ww_reading__finish(&arguments->reading, err);
}

int ww_command_requests(int argc, char **argv)
{
	struct arguments arguments = {.reading = {.command = "requests"}};
	struct ww_recording *recording = NULL;
	struct ww_selection selection;

	ww_command__parse(&usage, argc, argv, &arguments);
	int status = (int)ww_reading__open(&arguments.reading, &recording, &selection);
	if (status)
		return status;
	status = write_all(&arguments, recording, &selection);
	ww_recording__close(recording);
	return status;
}
