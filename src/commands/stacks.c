/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `whywait stacks`: where in the code a recording's requests spent their time. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands/reading.h"
#include "model/names.h"
#include "outputs/flame_svg.h"
#include "outputs/folded.h"
#include "outputs/speedscope.h"
#include "util/nearest.h"

enum { KEY_KINDS = 0x600, KEY_SLOWER, KEY_FORMAT, KEY_DIFF };

enum format { FOLDED, SVG, SPEEDSCOPE };

struct arguments {
	struct ww_reading_arguments reading;
	struct ww_stack_filter filter;
	const char *slower_than; /* as typed; NULL: not given */
	const char *before;	 /* the file; NULL: no difference is asked for */
	enum format format;
};

static const struct argp_option options[] = {
	{"kinds", KEY_KINDS, "KIND,..", 0,
	 "only what was spent so: compute, or waits such as db,lock (default: all kinds)", 2},
	{"slower-than", KEY_SLOWER, "QUANTILE", 0,
	 "only of the slowest requests of each endpoint: p95, or 0.95, for the slowest twentieth", 2},
	{"diff", KEY_DIFF, "BEFORE", 0,
	 "what differs from the recording BEFORE, per request of each endpoint: folded with two numbers a line, or svg "
	 "(--since and --until choose of FILE only)",
	 2},
	{"format", KEY_FORMAT, "FORMAT", 0,
	 "folded (the default), svg: a flame graph for a browser, or speedscope: for https://www.speedscope.app", 2},
	{0},
};

static uint32_t kinds_of(char *list)
{
	uint32_t kinds = 0;
	char *word;

	while ((word = strsep(&list, ","))) {
		int kind = 0;

		while (kind < WW_KIND_COUNT && strcmp(word, ww_kind_name((enum ww_kind)kind)) != 0)
			kind++;
		if (kind == WW_KIND_COUNT) {
			const char *names[WW_KIND_COUNT + 1] = {NULL};

			for (int i = 0; i < WW_KIND_COUNT; i++)
				names[i] = ww_kind_name((enum ww_kind)i);
			const char *near = ww_nearest(word, names);
			ww_command__wrong("stacks", "--kinds: there is no kind '%s'%s%s", word,
					  near ? ", did you mean " : "", near ? near : "");
		}
		kinds |= 1u << kind;
	}
	return kinds;
}

/* "p95", "p99.9", "0.95" */
static double quantile_of(const char *text)
{
	char *end;
	double value = *text == 'p' ? strtod(text + 1, &end) / 100 : strtod(text, &end);

	if (*end || end == text || end == text + (*text == 'p') || !(value > 0 && value < 1))
		ww_command__wrong("stacks", "--slower-than '%s' is no quantile: write p95, or 0.95", text);
	return value;
}

static enum format format_of(const char *name)
{
	static const char *const names[] = {[FOLDED] = "folded", [SVG] = "svg", [SPEEDSCOPE] = "speedscope", NULL};

	for (int format = 0; names[format]; format++)
		if (!strcmp(name, names[format]))
			return (enum format)format;
	const char *near = ww_nearest(name, names);
	ww_command__wrong("stacks", "there is no format '%s'%s%s: it can be folded, svg or speedscope", name,
			  near ? ", did you mean " : "", near ? near : "");
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->reading;
		return 0;
	case KEY_KINDS:
		arguments->filter.kinds = kinds_of(value);
		return 0;
	case KEY_SLOWER:
		arguments->filter.slower_than = quantile_of(value);
		arguments->slower_than = value;
		return 0;
	case KEY_DIFF:
		arguments->before = value;
		return 0;
	case KEY_FORMAT:
		arguments->format = format_of(value);
		return 0;
	case ARGP_KEY_END:
		if (arguments->before && arguments->format == SPEEDSCOPE)
			ww_command__wrong("stacks",
					  "--diff can't be told to speedscope: its format can be folded or svg");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&ww_choosing_argp, 0, NULL, 1}, {0}};
static const struct argp argp = {.options = options, .parser = parse, .children = children};
static const struct ww_example examples[] = {
	{"whywait stacks shop.db | flamegraph.pl >shop.svg", "all of it, drawn by another program"},
	{"whywait stacks shop.db --format svg >shop.svg", "a flame graph, for any browser"},
	{"whywait stacks shop.db --endpoint 'GET /orders' --kinds compute", "what an endpoint computes"},
	{"whywait stacks shop.db --kinds db,lock --slower-than p95", "where the slowest twentieth waits"},
	{"whywait stacks new.db --diff old.db --format svg >what.svg",
	 "what a change did: red takes longer, blue less"},
	{0},
};
static const struct ww_usage usage = {
	.name = "stacks",
	.synopsis = "FILE [--endpoint GLOB] [--kinds KIND,..] [--slower-than QUANTILE] [--since T] [--until T]"
		    " [--diff BEFORE] [--format folded|svg|speedscope]",
	.description =
		"Prints where in the code the requests of a recording that was made with `record --stacks` spent their "
		"time: folded stacks, a line for each, of service, endpoint, functions from the thread's start on, and "
		"what was waited for, an operation by its name, with the microseconds that it took; flamegraph.pl and "
		"inferno draw them. "
		"Functions of the kernel end in _[k]; code without a name is [file+0x1234].\n\n"
		"The stacks are those of a sample of the requests, and stand for all of them: computing is sampled 99 "
		"times a second, waits have the length that they had. `[truncated]` is in front of stacks that could "
		"not be followed to the thread's start.\n\n"
		"With --diff there are two numbers a line, as difffolded.pl writes them: the nanoseconds that a "
		"request "
		"of the endpoint took there on average, in BEFORE and in FILE.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 2",
};

#define KINDS_TEXT 160 /* bytes that the names of all kinds take */

/* "compute, gc" */
static const char *name_kinds(char text[KINDS_TEXT], uint32_t kinds)
{
	size_t used = 0;

	text[0] = '\0';
	for (int kind = 0; kind < WW_KIND_COUNT && used < KINDS_TEXT; kind++)
		if (kinds & 1u << kind)
			used += (size_t)snprintf(text + used, KINDS_TEXT - used, "%s%s", used ? ", " : "",
						 ww_kind_name((enum ww_kind)kind));
	return text;
}

/* The file, and what of it was chosen: two graphs that lie side by side differ by that. */
static int write_svg(const struct arguments *arguments, const struct ww_profile *before,
		     const struct ww_profile *profile)
{
	const struct ww_reading_arguments *reading = &arguments->reading;
	const struct {
		const char *word, *value;
	} choices[] = {{"", reading->endpoint},
		       {"slower than ", arguments->slower_than},
		       {"since ", reading->since},
		       {"until ", reading->until}};
	char kinds[KINDS_TEXT], title[800];
	const char *between = ": ";
	size_t used = (size_t)snprintf(title, sizeof(title), "%.120s", reading->file);

	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
		if (!choices[i].value)
			continue;
		used += (size_t)snprintf(title + used, sizeof(title) - used, "%s%s%.60s", between, choices[i].word,
					 choices[i].value);
		between = "; ";
	}
	if (~arguments->filter.kinds)
		used += (size_t)snprintf(title + used, sizeof(title) - used, "%sonly %s", between,
					 name_kinds(kinds, arguments->filter.kinds));
	if (!before)
		return ww_flame_svg__write(stdout, profile, title);
	snprintf(title + used, sizeof(title) - used, "; against %.120s", arguments->before);
	return ww_flame_svg__write_difference(stdout, before, profile, title);
}

/* `before` is NULL where no difference is asked for. */
static int write_profile(const struct arguments *arguments, const struct ww_profile *before,
			 const struct ww_profile *profile)
{
	if (before && arguments->format == FOLDED)
		return ww_folded__write_difference(stdout, before, profile);
	switch (arguments->format) {
	case SVG:
		return write_svg(arguments, before, profile);
	case SPEEDSCOPE:
		return ww_speedscope__write(stdout, profile);
	default:
		return ww_folded__write(stdout, profile);
	}
}

/* Why there is nothing to print, and what there is. */
static int fail_empty(const struct arguments *arguments, const char *file, const struct ww_profile *profile)
{
	char there[KINDS_TEXT], chosen[KINDS_TEXT];

	if (!profile->wanted && !profile->taken)
		return ww_command__fail("stacks", WW_EXIT_USAGE, "%s holds no stacks: record with --stacks", file);
	if (!profile->taken && !profile->ended)
		return ww_command__fail("stacks", WW_EXIT_USAGE, "%s holds no stacks: no requests were sampled yet",
					file);
	if (!profile->taken)
		return ww_command__fail("stacks", WW_EXIT_USAGE,
					"%s holds no stacks: no requests were sampled; "
					"record for longer, or with --stacks=all",
					file);
	if (!profile->kinds)
		return ww_command__fail("stacks", WW_EXIT_USAGE,
					"%s has stacks, but of the requests chosen none was sampled: choose more of "
					"--endpoint, --since, --until",
					file);
	return ww_command__fail("stacks", WW_EXIT_USAGE, "%s has no stacks of %s: of what was chosen it has %s", file,
				name_kinds(chosen, arguments->filter.kinds), name_kinds(there, profile->kinds));
}

/* What was chosen of a recording; an exit status, and nothing to free, when there is nothing. */
static int read_profile(const struct arguments *arguments, const struct ww_reading_arguments *reading,
			struct ww_profile **profile)
{
	struct ww_recording *recording = NULL;
	struct ww_selection selection;
	int status = (int)ww_reading__open(reading, &recording, &selection);

	if (status)
		return status;
	if (ww_recording__profile(recording, &selection, &arguments->filter, profile)) {
		status = ww_command__fail("stacks", WW_EXIT_USAGE, "%s", ww_recording__message(recording));
	} else if (!(*profile)->samples_len) {
		status = fail_empty(arguments, reading->file, *profile);
		ww_profile_free(*profile);
		*profile = NULL;
	}
	ww_recording__close(recording);
	return status;
}

#define ERROR_TOLD 0.01 /* of the sum: less than this is not worth a word */

/* How far off the sums may be, since not all were taken: twice the standard deviation, of the sum. 0: hardly. */
static double error_of(const struct ww_profile *profile)
{
	double error = profile->wall_ns > 0 ? 2 * profile->deviation_ns / profile->wall_ns : 0;

	return error < ERROR_TOLD ? 0 : error;
}

static void note_error(const char *file, const struct ww_profile *profile)
{
	if (error_of(profile) > 0)
		fprintf(stderr,
			"whywait: note: %s: %" PRIu64 " of %" PRIu64
			" requests were taken, by chance: the sum of all is "
			"within %.0f %% of theirs, 19 times in 20\n",
			file, profile->sampled, profile->requests, 100 * error_of(profile));
}

static void note_part(const char *file, const struct ww_profile *profile)
{
	if (profile->part)
		fprintf(stderr,
			"whywait: note: %s was merged of recordings with stacks and without: these are of a part of "
			"its requests\n",
			file);
}

int ww_command_stacks(int argc, char **argv)
{
	struct arguments arguments = {.reading = {.command = "stacks"}, .filter = {.kinds = ~0u}};
	struct ww_profile *profile, *before = NULL;

	ww_command__parse(&usage, argc, argv, &arguments);
	int status = read_profile(&arguments, &arguments.reading, &profile);
	if (status)
		return status;
	if (arguments.before) {
		struct ww_reading_arguments reading = arguments.reading;

		reading.file = arguments.before;
		reading.since = reading.until = NULL;
		status = read_profile(&arguments, &reading, &before);
	}
	if (!status)
		status = (int)ww_reading__finish(&arguments.reading, write_profile(&arguments, before, profile));
	if (!status) {
		note_part(arguments.reading.file, profile);
		note_error(arguments.reading.file, profile);
		if (before)
			note_part(arguments.before, before), note_error(arguments.before, before);
	}
	ww_profile_free(before);
	ww_profile_free(profile);
	return status;
}
