/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/command.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "commands/help.h"
#include "util/nearest.h"

#define OPTIONS_MAX 64
#define WORD_SIZE   32
#define LONG_BASE   0x10000 /* values of long options, clear of every short one */

/* A command's options as getopt takes them, and as words to suggest. */
struct table {
	struct option longs[OPTIONS_MAX + 1];
	const char *words[OPTIONS_MAX + 1];
	char shorts[3 * OPTIONS_MAX + 2];
	size_t len;
};

static void table_add(struct table *table, const struct argp_option *option)
{
	char *end = table->shorts + strlen(table->shorts);
	int has_arg = !option->arg			    ? no_argument
		      : option->flags & OPTION_ARG_OPTIONAL ? optional_argument
							    : required_argument;

	if (option->key > ' ' && option->key < 127)
		sprintf(end, "%c%.*s", option->key, has_arg, "::");
	if (option->name) {
		table->longs[table->len] =
			(struct option){.name = option->name, .has_arg = has_arg, .val = LONG_BASE + (int)table->len};
		table->words[table->len] = option->name;
		table->len++;
	}
}

static void table_fill(struct table *table, const struct argp *argp)
{
	const struct argp_option *option = argp->options;

	for (; option && (option->name || option->key || option->doc || option->group); option++)
		if (table->len < OPTIONS_MAX)
			table_add(table, option);
	for (const struct argp_child *child = argp->children; child && child->argp; child++)
		table_fill(table, child->argp);
}

/*
 * Goes over the words once before argp does: getopt's own messages take two lines and name no remedy. Prints help when
 * it is asked for.
 */
static void check(const struct ww_usage *usage, int argc, char **words)
{
	struct table table = {.shorts = ":"};
	int option;

	table_add(&table, &(struct argp_option){"help", 'h', "man", OPTION_ARG_OPTIONAL, NULL, 0});
	table_fill(&table, usage->argp);
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, words, table.shorts, table.longs, NULL)) != -1) {
		if (option == 'h' || option == LONG_BASE) {
			if (optarg && strcmp(optarg, "man"))
				ww_command__wrong(usage->name, "--help=%s: there is only --help and --help=man",
						  optarg);
			exit(optarg ? ww_help__man(stdout, usage) : ww_help__text(stdout, usage));
		}
		if (option != '?' && option != ':')
			continue;
		const char *what = option == ':' ? "needs a value" : "takes no value";
		if (optopt >= LONG_BASE)
			ww_command__wrong(usage->name, "--%s %s", table.longs[optopt - LONG_BASE].name, what);
		if (optopt && option == ':')
			ww_command__wrong(usage->name, "-%c %s", optopt, what);
		if (optopt)
			ww_command__wrong(usage->name, "there is no option -%c", optopt);
		char typed[WORD_SIZE];
		snprintf(typed, sizeof(typed), "%s", words[optind - 1] + 2);
		typed[strcspn(typed, "=")] = '\0';
		const char *near = ww_nearest(typed, table.words);
		if (near)
			ww_command__wrong(usage->name, "there is no option --%s, did you mean --%s?", typed, near);
		ww_command__wrong(usage->name, "there is no option --%s", typed);
	}
}

void ww_command__parse(const struct ww_usage *usage, int argc, char **argv, void *input)
{
	/* getopt moves words: the check works on a copy, argp on the original. */
	char **words = calloc((size_t)argc + 1, sizeof(*words));
	if (!words)
		exit(ww_command__fail(usage->name, WW_EXIT_USAGE, "out of memory"));
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	check(usage, argc, words);
	free(words);

	int end = argc;
	if (argp_parse(usage->argp, argc, argv, ARGP_NO_HELP | ARGP_NO_ERRS, &end, input))
		ww_command__wrong(usage->name, "wrong usage");
	if (end < argc)
		ww_command__wrong(usage->name, "'%s' is one argument too many", argv[end]);
}

static void say(const char *name, const char *format, va_list args, const char *after)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, args);
	fprintf(stderr, "whywait %s: %s%s\n", name, text, after);
}

void ww_command__wrong(const char *name, const char *format, ...)
{
	char after[64];
	va_list args;

	snprintf(after, sizeof(after), "; see `whywait %s --help`", name);
	va_start(args, format);
	say(name, format, args, after);
	va_end(args);
	exit(WW_EXIT_USAGE);
}

int ww_command__fail(const char *name, enum ww_exit status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(name, format, args, "");
	va_end(args);
	return status;
}
