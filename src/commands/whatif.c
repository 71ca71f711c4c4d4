/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `whywait whatif`: what each endpoint's wall times would be if parts of them were faster. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands/reading.h"
#include "model/names.h"
#include "outputs/json.h"
#include "outputs/whatif.h"
#include "util/nearest.h"

/* clang-format off: a string in the middle of which a file is included */
#define WW_KIND(id, name, meaning) " " name
static const char all_kinds[] =
#include "whywait/kinds.def"
	;
#undef WW_KIND
/* clang-format on */

enum { KEY_COMPUTE = 0x300, KEY_KIND, KEY_PARALLEL };

/* Beyond these a speed-up says nothing more, and times would not fit. */
#define FACTOR_LEAST 0.001
#define FACTOR_MOST  1e6

struct arguments {
	struct ww_reading_arguments reading;
	struct ww_speedup speedup;
	bool given[WW_KIND_COUNT];
};

static const struct argp_option options[] = {
	{"compute", KEY_COMPUTE, "Nx", 0, "compute is N times as fast: as in a faster language", 2},
	{"kind", KEY_KIND, "KIND=Nx", 0, "a kind of time is N times as fast, such as db=2x; may be given again", 2},
	{"parallel", KEY_PARALLEL, NULL, 0,
	 "operations on different peers that ran one after the other run together, and take as long as the longest", 2},
	{0},
};

/* "10x", "1.5x": digits and a point, an x, nothing else, so no sign, no exponent, no nan. */
static double parse_factor(const char *option, const char *text)
{
	size_t digits = strspn(text, "0123456789."), len = strlen(text);
	char *end;
	double factor;

	if (!digits || strcmp(text + digits, "x"))
		ww_command__wrong("whatif", "%s '%s': write how many times as fast, such as 10x", option, text);
	factor = strtod(text, &end);
	if (end != text + len - 1)
		ww_command__wrong("whatif", "%s '%s': write how many times as fast, such as 10x", option, text);
	if (!(factor >= FACTOR_LEAST && factor <= FACTOR_MOST))
		ww_command__wrong("whatif", "%s '%s': it has to be from %gx to %.0fx", option, text, FACTOR_LEAST,
				  FACTOR_MOST);
	return factor;
}

static void set_factor(struct arguments *arguments, enum ww_kind kind, const char *option, const char *text)
{
	if (arguments->given[kind])
		ww_command__wrong("whatif", "%s is given twice", ww_kind_name(kind));
	arguments->speedup.factor[kind] = parse_factor(option, text);
	arguments->given[kind] = true;
}

static void set_kind(struct arguments *arguments, const char *text)
{
	const char *names[WW_KIND_COUNT + 1] = {NULL}, *equals = strchr(text, '=');
	char name[32];

	if (!equals)
		ww_command__wrong("whatif", "--kind '%s': write KIND=Nx, such as db=2x", text);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - text < 31 ? equals - text : 31), text);
	for (enum ww_kind kind = 0; kind < WW_KIND_COUNT; kind++) {
		names[kind] = ww_kind_name(kind);
		if (!strcmp(name, names[kind])) {
			set_factor(arguments, kind, "--kind", equals + 1);
			return;
		}
	}
	const char *near = ww_nearest(name, names);
	if (near)
		ww_command__wrong("whatif", "there is no kind '%s', did you mean %s?", name, near);
	ww_command__wrong("whatif", "there is no kind '%s': the kinds are%s", name, all_kinds);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->reading;
		return 0;
	case KEY_COMPUTE:
		set_factor(arguments, WW_KIND_COMPUTE, "--compute", arg);
		return 0;
	case KEY_KIND:
		set_kind(arguments, arg);
		return 0;
	case KEY_PARALLEL:
		arguments->speedup.parallel = true;
		return 0;
	case ARGP_KEY_END: {
		bool any = arguments->speedup.parallel;
		for (int kind = 0; kind < WW_KIND_COUNT; kind++)
			any = any || arguments->given[kind];
		if (!any)
			ww_command__wrong("whatif", "say what would be faster: --compute 10x, --kind db=2x or "
						    "--parallel");
		if (arguments->reading.format == WW_FORMAT_CSV)
			ww_command__wrong("whatif", "--format csv: there is only table and json");
		return 0;
	}
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&ww_reading_argp, 0, NULL, 1}, {0}};
static const struct argp argp = {.options = options, .parser = parse, .children = children};
static const struct ww_example examples[] = {
	{"whywait whatif shop.db --compute 10x", "would a faster language help here?"},
	{"whywait whatif shop.db --kind db=2x --kind lock=1000x", "a database twice as fast, and no locks"},
	{"whywait whatif shop.db --parallel --endpoint 'POST /checkout'", "its calls at the same time"},
	{0},
};

static const struct ww_usage usage = {
	.name = "whatif",
	.synopsis = "FILE [--compute Nx] [--kind KIND=Nx].. [--parallel] [--endpoint GLOB] [--since T] [--until T] "
		    "[--format table|json]",
	.description =
		"Reads a recording and tells what each endpoint's mean, p50, p95 and p99 would be if a part of its "
		"time were faster and everything else stayed as it is (Amdahl's law). It is worked out request by "
		"request from those that were kept, each of which stands for the requests that took about as long, "
		"since a mean says nothing of quantiles; where none was kept, from the means of the histogram's "
		"buckets, and it says so.\n\n"
		"What is faster does not wait less for others: queues that would be shorter, too, are not reckoned "
		"with. Speed-ups below 1x are slow-downs. Whether calls can run together, because none needs "
		"what another answers, is yours to know.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 2",
};

int ww_command_whatif(int argc, char **argv)
{
	struct arguments arguments = {.reading = {.command = "whatif"}, .speedup = ww_speedup__none()};
	struct ww_recording *recording = NULL;
	struct ww_selection selection;
	struct ww_report *report = NULL;
	struct ww_style style;

	ww_command__parse(&usage, argc, argv, &arguments);
	int status = (int)ww_reading__open(&arguments.reading, &recording, &selection);
	if (status)
		return status;
	if (ww_recording__report(recording, &selection, &report)) {
		status = ww_command__fail("whatif", WW_EXIT_USAGE, "%s", ww_recording__message(recording));
		ww_recording__close(recording);
		return status;
	}
	style = ww_style__of(stdout);
	int err = arguments.reading.format == WW_FORMAT_JSON
			  ? ww_json__whatif(stdout, report, &arguments.speedup)
			  : ww_whatif__table(stdout, report, &arguments.speedup, &style);
	ww_report_free(report);
	ww_recording__close(recording);
	return (int)ww_reading__finish(&arguments.reading, err);
}
