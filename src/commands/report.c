/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands/reading.h"
#include "outputs/baseline.h"
#include "outputs/csv.h"
#include "outputs/html.h"
#include "outputs/json.h"
#include "outputs/table.h"

#define NSEC 1000000000ll

/* Endpoints whose details a table shows; the others are a line each. */
#define DETAILED 12

enum { KEY_INTERVAL = 0x300, KEY_BASELINE };

struct arguments {
	struct ww_reading_arguments reading;
	int64_t interval_ns; /* 0: the whole window is one */
	bool baseline;
};

static const struct argp_option options[] = {
	{"interval", KEY_INTERVAL, "SECONDS", 0, "with --format csv: a row per endpoint for every so many seconds", 2},
	{"baseline", KEY_BASELINE, 0, 0,
	 "one page of Markdown to hold a change against: the figures of each endpoint and service", 2},
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
	case KEY_INTERVAL: {
		double seconds = strtod(arg, &end);
		if (end == arg || *end || !(seconds > 0 && seconds <= 1e9))
			ww_command__wrong("report", "--interval '%s' is no number of seconds above 0", arg);
		arguments->interval_ns = (int64_t)llround(seconds * NSEC);
		return 0;
	}
	case KEY_BASELINE:
		arguments->baseline = true;
		return 0;
	case ARGP_KEY_END:
		if (arguments->baseline && (arguments->interval_ns || arguments->reading.format != WW_FORMAT_TABLE))
			ww_command__wrong("report", "--baseline goes without --interval and --format");
		if (arguments->interval_ns && arguments->reading.format != WW_FORMAT_CSV)
			ww_command__wrong("report", "--interval goes with --format csv only");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&ww_reading_argp, 0, NULL, 1}, {0}};
static const struct argp argp = {.options = options, .parser = parse, .children = children};
static const struct ww_example examples[] = {
	{"whywait report shop.db", "every endpoint: rate, errors, latency, and what its time went to"},
	{"whywait report shop.db --endpoint 'GET /orders*' --since -5m", "some endpoints, in the last five minutes"},
	{"whywait report shop.db --format json | jq '.endpoints[].verdict.text'", "the verdicts alone"},
	{"whywait report shop.db --format csv --interval 60", "a row per endpoint and minute, for a spreadsheet"},
	{"whywait report shop.db --baseline >baseline.md", "the figures to hold a change against, for a pull request"},
	{"whywait report shop.db --format html >shop.html", "one page to mail or print, with the slowest requests"},
	{0},
};

static const struct ww_usage usage = {
	.name = "report",
	.synopsis = "FILE [--endpoint GLOB] [--since T] [--until T] [--format table|json|csv|html] [--interval "
		    "SECONDS] [--baseline]",
	.description =
		"Reads a recording and tells, for every endpoint, how much of its requests' time was compute, how "
		"much was wait, and what the wait was for: on the mean, and for the slowest requests, those at "
		"the 95th percentile and above. Below stand the operations that took most time: what was asked of "
		"databases and other peers, how often per request, and how long one takes.\n\n"
		"Every nanosecond of a request belongs to exactly one kind, so the kinds add up to the wall time. "
		"Where requests or a part of their time are missing, the report says NOT COMPLETE and why. A "
		"recording can be read while it is being written. The formats are explained in docs/outputs.md.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 2",
};

static int fail(const struct ww_recording *recording)
{
	return ww_command__fail("report", WW_EXIT_USAGE, "%s", ww_recording__message(recording));
}

/* The page has the time lines of the slowest requests; of so many the slowest of each endpoint are looked for. */
#define SLOWEST 1000

/* Of so many endpoints, those with most time, the page has where in the code that went, where stacks were recorded. */
#define FLAMES 10

/* A glob that means this endpoint only; the caller frees it. NULL: out of memory. */
static char *glob_of(const struct ww_endpoint_report *endpoint)
{
	const char *const names[] = {endpoint->service, endpoint->method, endpoint->route};
	size_t len = 0;
	char *glob = malloc(2 * (strlen(names[0]) + strlen(names[1]) + strlen(names[2])) + 3);

	for (size_t i = 0; glob && i < sizeof(names) / sizeof(names[0]); i++) {
		for (const char *c = names[i]; *c; c++) {
			if (strchr("*?[\\", *c))
				glob[len++] = '\\';
			glob[len++] = *c;
		}
		glob[len++] = i < 2 ? ' ' : '\0';
	}
	return glob;
}

/* -EIO: the recording's message says more. */
static int add_stacks(struct ww_recording *recording, const struct ww_selection *selection,
		      const struct ww_report *report, struct ww_html *html)
{
	const struct ww_stack_filter all = {.kinds = (1u << WW_KIND_COUNT) - 1};
	bool taken = true;
	int err = 0;

	for (size_t i = 0; !err && taken && i < report->endpoints_len && i < FLAMES; i++) {
		struct ww_selection one = *selection;
		struct ww_profile *profile = NULL;
		char *glob = glob_of(&report->endpoints[i]);

		one.endpoint = glob;
		err = !glob ? -ENOMEM : ww_recording__profile(recording, &one, &all, &profile) ? -EIO : 0;
		taken = !err && profile->taken;
		if (!err && profile->samples_len)
			err = ww_html__add_stacks(html, i, profile);
		ww_profile_free(profile);
		free(glob);
	}
	return err;
}

static int write_page(struct ww_recording *recording, const struct ww_selection *selection,
		      const struct ww_report *report)
{
	struct ww_request_cursor *cursor = NULL;
	const struct ww_request *request;
	struct ww_html *html = NULL;
	int err = ww_html__new(&html, report), more = 0;

	if (!err && ww_recording__requests(recording, selection, SLOWEST, &cursor))
		more = -EIO;
	while (!err && !more && (more = ww_request_cursor__next(cursor, &request)) > 0) {
		err = ww_html__add(html, request);
		more = 0;
	}
	ww_request_cursor__close(cursor);
	if (!err && more == 0)
		err = add_stacks(recording, selection, report, html);
	if (err == -EIO)
		more = err;
	if (!err && more == 0)
		err = ww_html__write(html, stdout);
	ww_html__free(html);
	return more < 0 ? fail(recording)
			: (int)ww_reading__finish(&(struct ww_reading_arguments){.command = "report"}, err);
}

static int write_report(const struct arguments *arguments, const struct ww_report *report)
{
	struct ww_style style;

	if (arguments->baseline)
		return ww_baseline__write(stdout, report);
	switch (arguments->reading.format) {
	case WW_FORMAT_JSON:
		return ww_json__report(stdout, report);
	case WW_FORMAT_CSV:
		return ww_csv__report(stdout, report);
	default:
		style = ww_style__of(stdout);
		return ww_table__write(stdout, report, &style, DETAILED);
	}
}

static int report_one(const struct arguments *arguments, struct ww_recording *recording,
		      const struct ww_selection *selection)
{
	struct ww_report *report = NULL;

	if (ww_recording__report(recording, selection, &report))
		return fail(recording);
	if (arguments->reading.format == WW_FORMAT_HTML) {
		int status = write_page(recording, selection, report);
		ww_report_free(report);
		return status;
	}
	int err = write_report(arguments, report);
	ww_report_free(report);
	return err ? (int)ww_reading__finish(&arguments->reading, err) : WW_EXIT_DONE;
}

static int check_interval(const struct arguments *arguments, const struct ww_recording *recording,
			  int64_t since_unix_ns)
{
	int64_t own = ww_recording__interval_ns(recording, since_unix_ns);

	if (arguments->interval_ns % own)
		return ww_command__fail("report", WW_EXIT_USAGE,
					"%s: --interval has to be a multiple of the recording's interval, %g s",
					arguments->reading.file, (double)own / NSEC);
	return WW_EXIT_DONE;
}

/* One report after the other, each over its part of the window; the parts start at multiples of their length. */
static int report_intervals(const struct arguments *arguments, struct ww_recording *recording,
			    const struct ww_selection *selection)
{
	int64_t start, end, step = arguments->interval_ns;

	ww_recording__window(recording, &start, &end);
	if (selection->since_unix_ns > start)
		start = selection->since_unix_ns;
	if (selection->until_unix_ns && selection->until_unix_ns < end)
		end = selection->until_unix_ns;
	for (int64_t from = start - start % step; from < end; from += step) {
		struct ww_selection part = {
			.endpoint = selection->endpoint,
			.since_unix_ns = from > start ? from : start,
			.until_unix_ns = from + step < end ? from + step : end,
			.sums_only = selection->sums_only,
			.over_time = true,
		};
		int status = report_one(arguments, recording, &part);
		if (status)
			return status;
	}
	return WW_EXIT_DONE;
}

int ww_command_report(int argc, char **argv)
{
	struct arguments arguments = {.reading = {.command = "report", .html = true}};
	struct ww_recording *recording = NULL;
	struct ww_selection selection;

	ww_command__parse(&usage, argc, argv, &arguments);
	int status = (int)ww_reading__open(&arguments.reading, &recording, &selection);
	if (status)
		return status;
	status = check_interval(&arguments, recording, selection.since_unix_ns);
	if (status) {
		ww_recording__close(recording);
		return status;
	}
	if (arguments.reading.format == WW_FORMAT_CSV) {
		selection.sums_only = true; /* it has no findings */
		ww_csv__report_header(stdout);
	}
	status = arguments.interval_ns ? report_intervals(&arguments, recording, &selection)
				       : report_one(&arguments, recording, &selection);
	ww_recording__close(recording);
	return status ? status : (int)ww_reading__finish(&arguments.reading, 0);
}
