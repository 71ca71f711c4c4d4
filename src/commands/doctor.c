/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `whywait doctor`: what works on this host, what degrades to what, and how to mend it. */
#include <errno.h>
#include <jansson.h>
#include <ncurses.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <zlib.h>

#include "commands/command.h"
#include "kernel/features.h"
#include "kernel/observer.h"
#include "outputs/style.h"
#include "outputs/text.h"
#include "util/version.h"

enum { KEY_FORMAT = 0x100 };

struct arguments {
	bool json;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	if (key != KEY_FORMAT)
		return ARGP_ERR_UNKNOWN;
	if (strcmp(value, "json") && strcmp(value, "table"))
		ww_command__wrong("doctor", "--format %s: there is only json and table", value);
	arguments->json = !strcmp(value, "json");
	return 0;
}

static const struct argp_option options[] = {
	{"format", KEY_FORMAT, "FORMAT", 0, "table (the default) or json", 0},
	{0},
};
static const struct argp doctor_argp = {.options = options, .parser = parse};
static const struct ww_example examples[] = {
	{"sudo whywait doctor", "see whether this host can be observed"},
	{"whywait doctor --format json", "the same for a script"},
	{0},
};
static const struct ww_usage usage = {
	.name = "doctor",
	.synopsis = "[--format table|json]",
	.description =
		"Lists each kernel feature, privilege and library that observing uses: whether it works here, what "
		"degrades to what without it, and how to mend it. Everything is tried, nothing is concluded from "
		"the kernel's version; without root, what can't be tried is marked unknown.\n\n"
		"A feature is ok; degraded (something is worse without it); missing (nothing can be observed "
		"without it); or unknown (it can't be tried with these privileges).",
	.argp = &doctor_argp,
	.examples = examples,
	.exit_status = "0 2 3",
};

#define LIBRARIES 4
#define ROWS	  (WW_FEATURE_COUNT + 1 + LIBRARIES)

/*
 * The proof: what every feature is there for. Verifiers differ, so that the programs may be refused where all that they
 * need is there.
 */
static void try_programs(struct ww_feature *row, bool features_there)
{
	const struct ww_observer_options defaults = {0};
	struct ww_observer *observer = NULL;
	char message[512] = "";

	*row = (struct ww_feature){.group = WW_FEATURE_GROUP_KERNEL,
				   .need = WW_FEATURE_REQUIRED,
				   .state = WW_FEATURE_UNKNOWN,
				   .name = "programs",
				   .purpose = "the programs of whywait load and attach",
				   .without = "nothing can be observed",
				   .mend = "report this line with the kernel's release: all that they need is there"};
	if (!features_there) {
		snprintf(row->found, sizeof(row->found), "not tried: something that they need is missing");
		return;
	}
	if (ww_observer__open(&observer, &defaults, message, sizeof(message))) {
		row->state = WW_FEATURE_MISSING;
		snprintf(row->found, sizeof(row->found), "%s", message);
		return;
	}
	ww_observer__close(observer);
	row->state = WW_FEATURE_OK;
	snprintf(row->found, sizeof(row->found), "attached, and detached again");
}

/* What runs, beside what this binary was built with: the dynamic linker chose the former. */
static void list_libraries(struct ww_feature rows[LIBRARIES])
{
	static const char mend[] = "install the library of the release that whywait was built on, or build it anew";
	const struct {
		const char *name, *purpose, *runs, *built;
	} libraries[LIBRARIES] = {
		{"zlib", "libbpf needs it", zlibVersion(), ZLIB_VERSION},
		{"sqlite", "recordings", sqlite3_libversion(), SQLITE_VERSION},
		{"jansson", "JSON output", jansson_version_str(), JANSSON_VERSION},
		{"ncurses", "the live screen", curses_version(), "ncurses " NCURSES_VERSION},
	};

	for (int i = 0; i < LIBRARIES; i++) {
		rows[i] = (struct ww_feature){.group = WW_FEATURE_GROUP_LIBRARY,
					      .need = WW_FEATURE_TOLD,
					      .state = WW_FEATURE_OK,
					      .name = libraries[i].name,
					      .purpose = libraries[i].purpose,
					      .without = "",
					      .mend = mend};
		snprintf(rows[i].found, sizeof(rows[i].found), "%s, built with %s", libraries[i].runs,
			 libraries[i].built);
	}
}

static const char *state_colour(const struct ww_style *style, enum ww_feature_state state)
{
	return state == WW_FEATURE_OK	     ? ww_style__good(style)
	       : state == WW_FEATURE_MISSING ? ww_style__bad(style)
					     : ww_style__bold(style);
}

#define TEXT_COLUMN 39

static void print_row(const struct ww_feature *row, const struct ww_style *style)
{
	int used = TEXT_COLUMN + ww_text__columns(row->purpose, style);
	bool fits = used + ww_text__columns(row->found, style) + 3 <= style->width;

	printf("  %s%-8s%s  %-26s %s", state_colour(style, row->state), ww_feature_state_name(row->state),
	       ww_style__plain(style), row->name, row->purpose);
	if (fits)
		printf(" %s(%s)%s\n", ww_style__dim(style), row->found, ww_style__plain(style));
	else
		printf("\n%*s%s(%s)%s\n", TEXT_COLUMN, "", ww_style__dim(style), row->found, ww_style__plain(style));
	if (row->state == WW_FEATURE_OK || row->state == WW_FEATURE_UNKNOWN)
		return;
	printf("%*swithout: %s\n%*smend:    %s\n", TEXT_COLUMN, "", row->without, TEXT_COLUMN, "", row->mend);
}

static int print_table(const struct ww_feature rows[ROWS], const struct utsname *host, bool can_observe)
{
	struct ww_style style = ww_style__of(stdout);
	int group = -1;

	printf("whywait %s on %s: Linux %s, %s\n", ww_version, host->nodename, host->release, host->machine);
	for (int i = 0; i < ROWS; i++) {
		if ((int)rows[i].group != group)
			printf("\n%s%s%s\n", ww_style__bold(&style), ww_feature_group_name(rows[i].group),
			       ww_style__plain(&style));
		group = (int)rows[i].group;
		print_row(&rows[i], &style);
	}
	if (can_observe)
		printf("\nObserving works here.\n");
	return fflush(stdout) || ferror(stdout) ? -EIO : 0;
}

static json_t *json_of_row(const struct ww_feature *row)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s}", "group", ww_feature_group_name(row->group), "name",
			 row->name, "state", ww_feature_state_name(row->state), "required",
			 row->need == WW_FEATURE_REQUIRED, "found", row->found, "purpose", row->purpose, "without",
			 row->without, "mend", row->mend);
}

static int print_json(const struct ww_feature rows[ROWS], const struct utsname *host, bool can_observe,
		      const char *message)
{
	json_t *features = json_array();
	json_t *root = json_pack("{s:i, s:s, s:{s:s, s:s, s:s}, s:b, s:s, s:o}", "schema", 1, "version", ww_version,
				 "host", "name", host->nodename, "kernel", host->release, "architecture", host->machine,
				 "can_observe", can_observe, "message", message, "features", features);
	int err = root ? 0 : -ENOMEM;

	for (int i = 0; i < ROWS && !err; i++)
		err = json_array_append_new(features, json_of_row(&rows[i])) ? -ENOMEM : 0;
	if (!err && json_dumpf(root, stdout, JSON_INDENT(2)))
		err = -EIO;
	if (!err && (putchar('\n') == EOF || fflush(stdout)))
		err = -EIO;
	json_decref(root);
	return err;
}

/* All rows, group by group. Returns whether observing works here; otherwise `message` says why not. */
static bool examine(const struct ww_features *features, struct ww_feature rows[ROWS], char *message, size_t size)
{
	bool can_observe = ww_features__can_observe(features, message, size);
	struct ww_feature added[1 + LIBRARIES];
	int len = 0;

	try_programs(&added[0], can_observe);
	if (can_observe && added[0].state != WW_FEATURE_OK) {
		can_observe = false;
		snprintf(message, size, "can't observe here: %s", added[0].found);
	}
	list_libraries(&added[1]);
	for (enum ww_feature_group group = 0; group < WW_FEATURE_GROUP_COUNT; group++) {
		for (int i = 0; i < WW_FEATURE_COUNT; i++)
			if (features->rows[i].group == group)
				rows[len++] = features->rows[i];
		for (int i = 0; i < 1 + LIBRARIES; i++)
			if (added[i].group == group)
				rows[len++] = added[i];
	}
	return can_observe;
}

int ww_command_doctor(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct ww_feature rows[ROWS];
	struct ww_features features;
	struct utsname host;
	char message[512] = "";
	bool can_observe;
	int err;

	ww_command__parse(&usage, argc, argv, &arguments);
	err = ww_features__probe(&features);
	if (err)
		return ww_command__fail("doctor", WW_EXIT_USAGE, "probing this host: %s", strerror(-err));
	can_observe = examine(&features, rows, message, sizeof(message));
	uname(&host);
	err = arguments.json ? print_json(rows, &host, can_observe, message) : print_table(rows, &host, can_observe);
	if (err)
		return ww_command__fail("doctor", WW_EXIT_USAGE, "standard output: %s", strerror(-err));
	return can_observe ? WW_EXIT_DONE : ww_command__fail("doctor", WW_EXIT_CANT_OBSERVE, "%s", message);
}
