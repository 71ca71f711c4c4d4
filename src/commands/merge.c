/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `whywait merge`: recordings of several hosts or hours as one. */
#include "commands/command.h"
#include "store/merge.h"

struct arguments {
	const char *out;
	const char *in[WW_MERGE_MOST];
	size_t in_len;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (!arguments->out)
			arguments->out = arg;
		else if (arguments->in_len < WW_MERGE_MOST)
			arguments->in[arguments->in_len++] = arg;
		else
			ww_command__wrong("merge", "%d recordings at the most: merge them in parts", WW_MERGE_MOST);
		return 0;
	case ARGP_KEY_END:
		if (!arguments->out)
			ww_command__wrong("merge", "OUT, the recording to make, is missing");
		if (arguments->in_len < 2)
			ww_command__wrong("merge", "give two recordings or more behind OUT");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {.parser = parse};
static const struct ww_example examples[] = {
	{"whywait merge day.db morning.db afternoon.db", "one after the other"},
	{"whywait merge fleet.db web1.db web2.db web3.db", "several hosts at the same time"},
	{0},
};

static const struct ww_usage usage = {
	.name = "merge",
	.synopsis = "OUT IN..",
	.description =
		"Makes one recording of several: of hosts that were observed at the same time, or of hours that "
		"follow one another. Services of the same name are one, and so are their endpoints: sums are exact, "
		"histograms are added up, and kept requests stay. Rates are of the window from the first "
		"start to the last end, but for time between recordings in which none was made: that is told, and a "
		"loss.\n\n"
		"OUT must not exist. Recordings of other versions of the schema can't be mixed, and none counts "
		"twice. A recording can be merged while it is being written: what was committed by then. "
		"While it works the result is OUT.merging; interrupted, it leaves nothing.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 2",
};

int ww_command_merge(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct ww_merged merged = {0};
	char message[1024];

	ww_command__parse(&usage, argc, argv, &arguments);
	if (ww_merge(arguments.out, arguments.in, arguments.in_len, &merged, message, sizeof(message)))
		return ww_command__fail("merge", WW_EXIT_USAGE, "%s", message);
	fprintf(stderr, "whywait: merged %zu recordings with %llu requests into %s", arguments.in_len,
		(unsigned long long)merged.requests, arguments.out);
	if (merged.unobserved_ns)
		fprintf(stderr, "; %.0f s between them were not observed: rates leave them out",
			(double)merged.unobserved_ns / 1e9);
	fputc('\n', stderr);
	return WW_EXIT_DONE;
}
