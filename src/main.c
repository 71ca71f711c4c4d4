/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program: finds the command and runs it. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "commands/command.h"
#include "commands/help.h"
#include "util/version.h"
#include "util/nearest.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
#define WW_COMMAND(name, summary) {#name, ww_command_##name},
#include "commands/commands.def"
#undef WW_COMMAND
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int unknown(const char *word)
{
	const char *names[COMMANDS + 1] = {NULL};

	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	const char *near = ww_nearest(word, names);
	if (word[0] == '-')
		fprintf(stderr,
			"whywait: options come after a command: whywait COMMAND [OPTION..]; see `whywait --help`\n");
	else if (near)
		fprintf(stderr, "whywait: there is no command '%s'; did you mean `whywait %s`?\n", word, near);
	else
		fprintf(stderr, "whywait: there is no command '%s'; see `whywait --help`\n", word);
	return WW_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");

	const char *word = argc > 1 ? argv[1] : "";
	if (!*word) {
		fprintf(stderr, "whywait: a command is missing; see `whywait --help`\n");
		return WW_EXIT_USAGE;
	}
	if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
		printf("whywait %s\n", ww_version);
		return WW_EXIT_DONE;
	}
	if (!strcmp(word, "--help=man"))
		return ww_help__man(stdout, &ww_help_program);
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return ww_help__text(stdout, &ww_help_program);
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(word, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return unknown(word);
}
