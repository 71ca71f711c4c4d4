/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `whywait capacity`: what services need at a rate of requests, and what saturates first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands/reading.h"
#include "outputs/capacity.h"

#define RATE_MOST    1e9
#define WORKERS_MOST 1000000

enum { KEY_RATE = 0x300, KEY_EACH, KEY_WORKERS, KEY_CPUS };

struct arguments {
	struct ww_reading_arguments reading;
	struct ww_capacity_plan plan;
};

static const struct argp_option options[] = {
	{"rate", KEY_RATE, "N", 0, "requests per second: of each service, its endpoints in the recorded mix", 2},
	{"each", KEY_EACH, NULL, 0, "N requests per second of every endpoint instead", 2},
	{"workers", KEY_WORKERS, "N", 0,
	 "threads of each service, which serve one request at a time; default: those that were seen", 2},
	{"cpus", KEY_CPUS, "N", 0, "CPUs of the host; default: as many as it had", 2},
	{0},
};

static unsigned parse_count(const char *option, const char *text)
{
	char *end;
	unsigned long count = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !count || count > WORKERS_MOST)
		ww_command__wrong("capacity", "%s '%s' is no number from 1 to %d", option, text, WORKERS_MOST);
	return (unsigned)count;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	char *end;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->reading;
		return 0;
	case KEY_RATE:
		arguments->plan.rate_per_s = strtod(arg, &end);
		/* Digits and a point, and an exponent: no sign, no nan. */
		if (!strchr("0123456789.", *arg) || arg[strspn(arg, "0123456789.eE+-")] || *end ||
		    !(arguments->plan.rate_per_s > 0) || arguments->plan.rate_per_s > RATE_MOST)
			ww_command__wrong("capacity",
					  "--rate '%s' is no number of requests per second above 0, up to 1e9", arg);
		return 0;
	case KEY_EACH:
		arguments->plan.each = true;
		return 0;
	case KEY_WORKERS:
		arguments->plan.workers = parse_count("--workers", arg);
		return 0;
	case KEY_CPUS:
		arguments->plan.cpus = parse_count("--cpus", arg);
		return 0;
	case ARGP_KEY_END:
		if (!(arguments->plan.rate_per_s > 0))
			ww_command__wrong("capacity", "--rate N, the requests per second, is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&ww_reading_argp, 0, NULL, 1}, {0}};
static const struct argp argp = {.options = options, .parser = parse, .children = children};
static const struct ww_example examples[] = {
	{"whywait capacity shop.db --rate 500", "what 500 requests a second need, and what ends first"},
	{"whywait capacity shop.db --rate 500 --workers 32 --cpus 8", "the same on a larger host"},
	{"whywait capacity shop.db --rate 20 --each -e 'GET *'", "20 a second of each of these endpoints"},
	{0},
};

static const struct ww_usage usage = {
	.name = "capacity",
	.synopsis = "FILE --rate N [--each] [--workers N] [--cpus N] [--endpoint GLOB] [--since T] [--until T] "
		    "[--format table|json|csv]",
	.description =
		"Tells for each service of a recording what it needs at N requests per second: cores, workers in "
		"flight, operations per second on each database and peer; and what saturates first, and at which "
		"rate: its workers, its event loops, or the host's CPUs. By the utilization law and Little's "
		"law.\n\n"
		"It assumes that a request takes as long as it did when it was recorded, but for queues and waits "
		"for a CPU: that databases and other peers stay as fast at any rate. So it is an upper bound, "
		"best near the rate that was recorded. Threads are those that were seen to answer requests: "
		"where some never did, say how many there are by --workers. A thread that answered only one is no "
		"worker: where most did so there is a "
		"thread a request, and no limit. docs/capacity.md says more.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 2",
};

static int fail(const struct ww_recording *recording)
{
	return ww_command__fail("capacity", WW_EXIT_USAGE, "%s", ww_recording__message(recording));
}

/* Which threads answered, from the requests that were kept. */
static int read_workers(struct ww_recording *recording, const struct ww_selection *selection,
			struct ww_workers *workers)
{
	struct ww_request_cursor *cursor = NULL;
	const struct ww_request *request;
	int err = ww_recording__requests(recording, selection, 0, &cursor), more;

	if (err)
		return fail(recording);
	while ((more = ww_request_cursor__next(cursor, &request)) > 0 && !err)
		err = ww_workers__add(workers, request);
	ww_request_cursor__close(cursor);
	if (more < 0)
		return fail(recording);
	return err ? ww_command__fail("capacity", WW_EXIT_USAGE, "out of memory") : WW_EXIT_DONE;
}

static int write_out(const struct arguments *arguments, const struct ww_report *report,
		     const struct ww_workers *workers)
{
	struct ww_style style = ww_style__of(stdout);
	struct ww_capacity capacity = {0};
	int err = ww_capacity__plan(report, workers, &arguments->plan, &capacity);

	if (err == -ENODATA)
		return ww_command__fail("capacity", WW_EXIT_USAGE,
					"%s: no service answered %d requests or more that are selected: record longer",
					arguments->reading.file, WW_CAPACITY_REQUESTS);
	if (!err && arguments->reading.format == WW_FORMAT_JSON)
		err = ww_capacity__json(stdout, &capacity);
	else if (!err && arguments->reading.format == WW_FORMAT_CSV)
		err = ww_capacity__csv(stdout, &capacity);
	else if (!err)
		ww_capacity__table(stdout, &capacity, &style);
	ww_capacity__free(&capacity);
	return (int)ww_reading__finish(&arguments->reading, err);
}

int ww_command_capacity(int argc, char **argv)
{
	struct arguments arguments = {.reading = {.command = "capacity"}};
	struct ww_recording *recording = NULL;
	struct ww_selection selection;
	struct ww_report *report = NULL;
	struct ww_workers workers = {0};

	ww_command__parse(&usage, argc, argv, &arguments);
	int status = (int)ww_reading__open(&arguments.reading, &recording, &selection);
	if (status)
		return status;
	selection.sums_only = true;
	arguments.plan.part = selection.endpoint;
	status = ww_recording__report(recording, &selection, &report) ? fail(recording) : WW_EXIT_DONE;
	if (!status) {
		/* A thread is busy with all that it serves. */
		selection.endpoint = NULL;
		status = read_workers(recording, &selection, &workers);
	}
	if (!status)
		status = write_out(&arguments, report, &workers);
	ww_workers__free(&workers);
	ww_report_free(report);
	ww_recording__close(recording);
	return status;
}
