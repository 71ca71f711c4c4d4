/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `whywait compare`: two recordings, or two services of one, side by side. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands/reading.h"
#include "outputs/compare.h"

#define REQUIREMENTS_MAX 64

/* Endpoints whose figures a table shows; the others have their sentence. */
#define DETAILED 12

enum { KEY_REQUIRE = 0x300, KEY_A, KEY_B };

struct arguments {
	struct ww_reading_arguments reading; /* `file` is BEFORE */
	const char *after;
	const char *a, *b; /* services */
	struct ww_requirement requirements[REQUIREMENTS_MAX];
	size_t requirements_len;
};

static const struct argp_option options[] = {
	{"require", KEY_REQUIRE, "EXPR", 0,
	 "a pass line, for every endpoint compared: 'p95 <= 220ms', 'compute -30%' (at least so much less), 'errors "
	 "+0', "
	 "'memory +5%' (at most so much more); may be given again",
	 2},
	{"a", KEY_A, "SERVICE", 0, "within one recording: the service that stands for before, by name or port", 2},
	{"b", KEY_B, "SERVICE", 0, "the one that stands for after", 2},
	{0},
};

static void add_requirement(struct arguments *arguments, const char *text)
{
	char message[512];

	if (arguments->requirements_len == REQUIREMENTS_MAX)
		ww_command__wrong("compare", "--require: %d at the most", REQUIREMENTS_MAX);
	if (ww_requirement__parse(text, &arguments->requirements[arguments->requirements_len], message,
				  sizeof(message)))
		ww_command__wrong("compare", "--require %s", message);
	arguments->requirements_len++;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->reading;
		return 0;
	case KEY_REQUIRE:
		add_requirement(arguments, arg);
		return 0;
	case KEY_A:
		arguments->a = arg;
		return 0;
	case KEY_B:
		arguments->b = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (!arguments->reading.file || arguments->after)
			return ARGP_ERR_UNKNOWN; /* the first is for the child */
		arguments->after = arg;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->a != !arguments->b)
			ww_command__wrong("compare", "--a and --b go together: two services of one recording");
		if (arguments->a && arguments->after)
			ww_command__wrong("compare",
					  "--a and --b compare within one recording: '%s' is one file too "
					  "many",
					  arguments->after);
		if (arguments->reading.file && !arguments->a && !arguments->after)
			ww_command__wrong("compare", "AFTER, the second recording, is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&ww_reading_argp, 0, NULL, 1}, {0}};
static const struct argp argp = {.options = options, .parser = parse, .children = children};
static const struct ww_example examples[] = {
	{"whywait compare old.db new.db", "what a change did, and what of it is noise"},
	{"whywait compare old.db new.db -e 'GET /orders/*' --require 'p95 <= 220ms' --require 'errors +0'",
	 "a gate: exit status 1 when one of them is not met"},
	{"whywait compare both.db --a 8000 --b 8001", "the old and the new service under the same traffic"},
	{0},
};

static const struct ww_usage usage = {
	.name = "compare",
	.synopsis = "BEFORE AFTER [--endpoint GLOB] [--require EXPR].. [--since T] [--until T] "
		    "[--format table|json|csv]\nFILE --a SERVICE --b SERVICE ..",
	.description =
		"Puts two recordings side by side, or two services of one recording: for every endpoint its rate, "
		"errors, wall time at the mean and at quantiles, each kind of time, CPU time and operations per "
		"request, and the service's memory; and says of each difference whether it is more than noise. How "
		"much is noise is told from how the seconds of each recording differ among themselves. What lasts "
		"for all of a recording, such as a busy neighbour, can't be seen in it: record each more than "
		"once.\n\n"
		"A pass line that the requests are too few to decide is not met, and says so. It warns where the "
		"recordings are not alike: another host, kernel or load, or not complete. docs/compare.md explains "
		"the methods.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 1 2",
};

/* Reads a report of a file. */
static int read_report(const struct ww_reading_arguments *arguments, struct ww_report **report)
{
	struct ww_recording *recording = NULL;
	struct ww_selection selection;
	int status = (int)ww_reading__open(arguments, &recording, &selection);

	if (status)
		return status;
	selection.sums_only = selection.sampling = true;
	if (ww_recording__report(recording, &selection, report))
		status = ww_command__fail("compare", WW_EXIT_USAGE, "%s", ww_recording__message(recording));
	ww_recording__close(recording);
	return status;
}

/* The service that a user means: by its name, or by its port. */
static int find_service(const struct arguments *arguments, const struct ww_report *report, const char *word,
			const char **service)
{
	const char *found = NULL;

	for (size_t i = 0; i < report->endpoints_len; i++) {
		const char *name = report->endpoints[i].service, *colon = strrchr(name, ':');

		if (strcmp(name, word) != 0 && (!colon || strcmp(colon + 1, word) != 0))
			continue;
		if (found && strcmp(found, name) != 0)
			return ww_command__fail("compare", WW_EXIT_USAGE, "'%s' may be %s or %s: give the whole name",
						word, found, name);
		found = name;
	}
	if (!found)
		return ww_command__fail("compare", WW_EXIT_USAGE,
					"%s: no service '%s' answered requests; `whywait report` lists them",
					arguments->reading.file, word);
	*service = found;
	return WW_EXIT_DONE;
}

/* Judges every pass line for every endpoint, or service. */
static int judge(const struct arguments *arguments, const struct ww_comparison *comparison,
		 struct ww_judgement **judgements, size_t *len, bool *met)
{
	size_t endpoints = comparison->endpoints_len ? comparison->endpoints_len : 1;
	struct ww_judgement *made = calloc(endpoints * arguments->requirements_len + 1, sizeof(*made));

	if (!made)
		return -ENOMEM;
	*len = 0;
	*met = true;
	for (size_t i = 0; i < arguments->requirements_len; i++) {
		for (size_t j = 0; j < comparison->endpoints_len; j++) {
			struct ww_judgement *judgement = &made[*len];

			if (ww_comparison__is_said(comparison, j, arguments->requirements[i].metric))
				continue;
			++*len;
			judgement->requirement = &arguments->requirements[i];
			judgement->endpoint = &comparison->endpoints[j];
			judgement->verdict =
				ww_requirement__judge(judgement->requirement, judgement->endpoint, &judgement->why);
			*met &= judgement->verdict == WW_REQUIREMENT_MET;
		}
	}
	*judgements = made;
	return 0;
}

/* A line for people where the output is for programs: the first pass line that is not met. */
static void say_unmet(const struct ww_compared *compared)
{
	const struct ww_judgement *first = NULL;
	size_t more = 0;
	char others[64] = "";

	for (size_t i = 0; i < compared->judgements_len; i++) {
		if (compared->judgements[i].verdict == WW_REQUIREMENT_MET)
			continue;
		if (first)
			more++;
		else
			first = &compared->judgements[i];
	}
	if (!first)
		return;
	if (more)
		snprintf(others, sizeof(others), " (and %zu more)", more);
	bool whole = ww_metric_is_of_service(first->requirement->metric);
	const struct ww_endpoint_report *named = first->endpoint->after ?: first->endpoint->before;

	ww_command__fail("compare", WW_EXIT_UNMET, "%s: '%s' for %s %s: %.200s%s",
			 ww_verdict_of_requirement_name(first->verdict), first->requirement->text,
			 whole ? "service" : first->endpoint->method, whole ? named->service : first->endpoint->route,
			 first->why.text, others);
}

static int write_out(const struct arguments *arguments, struct ww_compared *compared)
{
	struct ww_judgement *judgements = NULL;
	struct ww_style style = ww_style__of(stdout);
	bool met = true;
	int err = judge(arguments, compared->comparison, &judgements, &compared->judgements_len, &met);

	compared->judgements = judgements;
	if (!err && arguments->reading.format == WW_FORMAT_JSON)
		err = ww_compare__json(stdout, compared);
	else if (!err && arguments->reading.format == WW_FORMAT_CSV)
		err = ww_compare__csv(stdout, compared);
	else if (!err)
		ww_compare__table(stdout, compared, &style, DETAILED);
	int status = (int)ww_reading__finish(&arguments->reading, err);
	if (!status && !met && arguments->reading.format != WW_FORMAT_TABLE)
		say_unmet(compared);
	free(judgements);
	return status ? status : met ? WW_EXIT_DONE : WW_EXIT_UNMET;
}

static int compare(const struct arguments *arguments, const struct ww_report *before, const struct ww_report *after)
{
	struct ww_comparison comparison;
	struct ww_comparison_sides sides = {0};
	struct ww_doubts *doubts;
	int status = WW_EXIT_DONE;

	if (arguments->a)
		status = find_service(arguments, before, arguments->a, &sides.before);
	if (arguments->a && !status)
		status = find_service(arguments, after, arguments->b, &sides.after);
	if (status)
		return status;
	if (arguments->a && !strcmp(sides.before, sides.after))
		return ww_command__fail("compare", WW_EXIT_USAGE, "--a and --b are the same service, %s", sides.before);
	doubts = calloc(1, sizeof(*doubts));
	if (!doubts || ww_comparison__make(before, after, &sides, &comparison)) {
		free(doubts);
		return ww_command__fail("compare", WW_EXIT_USAGE, "out of memory");
	}
	ww_comparability__doubt(&comparison, doubts);

	struct ww_compared compared = {
		.comparison = &comparison,
		.names = {sides.before ? sides.before : arguments->reading.file,
			  sides.after ? sides.after : arguments->after},
		.services = sides.before,
		.doubts = doubts,
	};

	if (!comparison.common)
		status = ww_command__fail("compare", WW_EXIT_USAGE, "%s and %s have no endpoint in common",
					  compared.names[0], compared.names[1]);
	else
		status = write_out(arguments, &compared);
	ww_comparison__free(&comparison);
	free(doubts);
	return status;
}

/* Whether both names are of one file. */
static bool is_same_file(const char *a, const char *b)
{
	struct stat first, second;

	return !stat(a, &first) && !stat(b, &second) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

int ww_command_compare(int argc, char **argv)
{
	struct arguments arguments = {.reading = {.command = "compare"}};
	struct ww_report *before = NULL, *after = NULL;
	int status;

	ww_command__parse(&usage, argc, argv, &arguments);
	if (arguments.after && is_same_file(arguments.reading.file, arguments.after))
		return ww_command__fail("compare", WW_EXIT_USAGE,
					"%s and %s are the same recording; two services of one are compared by --a and "
					"--b",
					arguments.reading.file, arguments.after);
	status = read_report(&arguments.reading, &before);
	if (!status && arguments.after) {
		struct ww_reading_arguments second = arguments.reading;

		second.file = arguments.after;
		status = read_report(&second, &after);
	}
	if (!status)
		status = compare(&arguments, before, after ? after : before);
	ww_report_free(before);
	ww_report_free(after);
	return status;
}
