/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/help.h"

#include <ctype.h>
#include <string.h>

#include "outputs/style.h"
#include "util/version.h"

#define TEXT_WIDTH_MAX 100
#define OPTION_COLUMN  26

static const struct {
	char status;
	const char *meaning;
} statuses[] = {
	{'0', "done"},
	{'1', "a requirement of compare is not met"},
	{'2', "wrong usage, or a file that can't be read or written"},
	{'3', "can't observe here: the message names the missing privilege or feature, and the mend"},
};

static const struct {
	const char *name, *summary;
} commands[] = {
#define WW_COMMAND(name, summary) {#name, summary},
#include "commands/commands.def"
#undef WW_COMMAND
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char *summary_of(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].summary;
	return "";
}

static const struct argp_option program_options[] = {
	{"help", 'h', NULL, 0, "list the commands; after a command: its options", 0},
	{"version", 'V', NULL, 0, "print the version", 0},
	{0},
};
static const struct argp program_argp = {.options = program_options};
static const struct ww_example program_examples[] = {
	{"whywait record -d 60 -o shop.db", "observe every server on this host for a minute"},
	{"whywait report shop.db", "see which endpoints compute, which wait, and what for"},
	{"whywait requests shop.db --slowest 5", "the five slowest requests, drawn as time lines"},
	{"whywait top", "the same live"},
	{0},
};

const struct ww_usage ww_help_program = {
	.synopsis = "COMMAND [OPTION..]",
	.description = "For every HTTP request that a server on this host answers, whywait tells how much of its time "
		       "was compute, how much was wait, and what it waited for: a database, another service, a disk, "
		       "a lock, a CPU. It settles whether a faster language would help before anyone rewrites "
		       "anything. The servers are neither changed nor restarted.",
	.argp = &program_argp,
	.examples = program_examples,
	.exit_status = "0 2 3",
};

typedef void (*option_fn)(void *ctx, const struct argp_option *option);

static const struct argp_option help_option = {
	"help", 'h', "man", OPTION_ARG_OPTIONAL, "print a help text; with =man: the man page", 0};

static bool is_heading(const struct argp_option *option)
{
	return !option->name && !option->key;
}

/*
 * Goes through the options of an argp and of its children: those that stand under a heading, or those that don't. As
 * with argp, a child comes behind its parent's options of the same or a lower group. A heading, which is an option
 * without a name or a child's header, goes on to the end of its argp.
 */
static void visit(const struct argp *argp, const char *header, bool headed, option_fn each, void *ctx)
{
	const struct argp_option *option = argp->options;
	bool under = header;

	if (headed && under)
		each(ctx, &(struct argp_option){.doc = header});
	for (const struct argp_child *child = argp->children;; child++) {
		bool last = !child || !child->argp;
		for (; option && (option->name || option->key || option->doc || option->group); option++) {
			if (!last && option->group > child->group)
				break;
			under = under || is_heading(option);
			if (under == headed && !(option->flags & OPTION_HIDDEN))
				each(ctx, option);
		}
		if (last)
			break;
		visit(child->argp, child->header, headed, each, ctx);
	}
}

/* Calls `each` for every documented option: first those under no heading, then the others with their headings. */
static void each_option(const struct ww_usage *usage, option_fn each, void *ctx)
{
	visit(usage->argp, NULL, false, each, ctx);
	if (usage->name)
		each(ctx, &help_option);
	visit(usage->argp, NULL, true, each, ctx);
}

/* "-e, --endpoint=GLOB" */
static void option_words(const struct argp_option *option, char *words, size_t size)
{
	bool has_short = option->key > ' ' && option->key < 127;
	bool optional = option->flags & OPTION_ARG_OPTIONAL;
	int len = 0;

	if (has_short)
		len = snprintf(words, size, "-%c%s", option->key, option->name ? ", " : "");
	else
		len = snprintf(words, size, "    ");
	if (option->name)
		len += snprintf(words + len, size - (size_t)len, "--%s", option->name);
	if (option->arg)
		snprintf(words + len, size - (size_t)len,
			 optional	? "[=%s]"
			 : option->name ? "=%s"
					: " %s",
			 option->arg);
}

/* Fills words into lines from column `indent` on; an empty line of the text starts a paragraph. */
static void fill(FILE *out, const char *text, int indent, int column, int width)
{
	while (*text) {
		if (text[0] == '\n' && text[1] == '\n') {
			fputs("\n\n", out);
			column = 0;
		}
		text += strspn(text, " \n");
		int len = (int)strcspn(text, " \n");
		if (!len)
			break;
		if (column > indent && column + 1 + len > width) {
			fputc('\n', out);
			column = 0;
		}
		if (column < indent)
			column += fprintf(out, "%*s", indent - column, "");
		else if (column > indent)
			column += fprintf(out, " ");
		column += fprintf(out, "%.*s", len, text);
		text += len;
	}
	fputc('\n', out);
}

struct text {
	FILE *out;
	int width;
};

static void text_option(void *ctx, const struct argp_option *option)
{
	const char *doc = option->doc ? option->doc : "";
	const struct text *text = ctx;
	char words[80];

	if (is_heading(option)) {
		fprintf(text->out, "\n%s\n", doc);
		return;
	}
	option_words(option, words, sizeof(words));
	int column = fprintf(text->out, "  %s", words);
	if (column > OPTION_COLUMN - 2) {
		fputc('\n', text->out);
		column = 0;
	}
	fill(text->out, doc, OPTION_COLUMN, column, text->width);
}

int ww_help__text(FILE *out, const struct ww_usage *usage)
{
	struct text text = {.out = out, .width = ww_style__of(out).width};
	const char *space = usage->name ? " " : "", *name = usage->name ? usage->name : "";

	if (text.width > TEXT_WIDTH_MAX)
		text.width = TEXT_WIDTH_MAX;
	const char *form = usage->synopsis;
	for (bool first = true; *form; first = false) {
		int len = (int)strcspn(form, "\n");
		fprintf(out, "%s whywait%s%s %.*s\n", first ? "Usage:" : "      ", space, name, len, form);
		form += len + (form[len] == '\n');
	}
	fputc('\n', out);
	fill(out, usage->description, 0, 0, text.width);
	if (!usage->name) {
		fputs("\nCommands:\n", out);
		for (size_t i = 0; i < COMMANDS; i++)
			fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	}
	fputs("\nOptions:\n", out);
	each_option(usage, text_option, &text);
	fputs("\nExamples:\n", out);
	for (const struct ww_example *example = usage->examples; example && example->line; example++) {
		fprintf(out, "  %s\n", example->line);
		fill(out, example->says, 6, 0, text.width);
	}
	fputs("\nExit status:\n", out);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strchr(usage->exit_status, statuses[i].status))
			fill(out, statuses[i].meaning, 5, fprintf(out, "  %c", statuses[i].status), text.width);
	return fflush(out) || ferror(out) ? WW_EXIT_USAGE : WW_EXIT_DONE;
}

/* Text for roff: hyphens that are typed, backslashes, and no line that looks like a request. */
static void roff(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool starts = !i || text[i - 1] == '\n';
		if (text[i] == '\\')
			fputs("\\e", out);
		else if (text[i] == '-')
			fputs("\\-", out);
		else if (text[i] == '~')
			fputs("\\(ti", out);
		else if (text[i] == '^')
			fputs("\\(ha", out);
		else if (text[i] == '`')
			fputs("\\(ga", out);
		else if (starts && (text[i] == '.' || text[i] == '\''))
			fprintf(out, "\\&%c", text[i]);
		else
			fputc(text[i], out);
	}
}

static void roff_line(FILE *out, const char *before, const char *text, const char *after)
{
	fputs(before, out);
	roff(out, text, strlen(text));
	fprintf(out, "%s\n", after);
}

static void man_option(void *ctx, const struct argp_option *option)
{
	const char *doc = option->doc ? option->doc : "";
	FILE *out = ctx;
	char words[80];

	if (is_heading(option)) {
		fputs(".SS ", out);
		roff(out, doc, strcspn(doc, ":"));
		fputc('\n', out);
		return;
	}
	option_words(option, words, sizeof(words));
	roff_line(out, ".TP\n\\fB", words + strspn(words, " "), "\\fR");
	roff_line(out, "", doc, "");
}

static void man_head(FILE *out, const struct ww_usage *usage)
{
	if (usage->name) {
		fputs(".TH WHYWAIT\\-", out);
		for (const char *c = usage->name; *c; c++)
			fputc(toupper((unsigned char)*c), out);
		fprintf(out, " 1 \"\" \"whywait %s\" \"User Commands\"\n", ww_version);
		fprintf(out, ".SH NAME\nwhywait\\-%s \\- ", usage->name);
		roff_line(out, "", summary_of(usage->name), "");
	} else {
		fprintf(out, ".TH WHYWAIT 1 \"\" \"whywait %s\" \"User Commands\"\n.SH NAME\n", ww_version);
		fputs("whywait \\- tell compute from wait, per HTTP request, in production\n", out);
	}
	fputs(".SH SYNOPSIS\n", out);
	for (const char *form = usage->synopsis; *form;) {
		size_t len = strcspn(form, "\n");
		fprintf(out, "%s\\fBwhywait%s%s\\fR ", form == usage->synopsis ? "" : ".br\n", usage->name ? " " : "",
			usage->name ? usage->name : "");
		roff(out, form, len);
		fputc('\n', out);
		form += len + (form[len] == '\n');
	}
}

int ww_help__man(FILE *out, const struct ww_usage *usage)
{
	man_head(out, usage);
	fputs(".SH DESCRIPTION\n", out);
	for (const char *text = usage->description; *text;) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) : strlen(text);
		if (text != usage->description)
			fputs(".PP\n", out);
		roff(out, text, len);
		fputc('\n', out);
		text += len + (end ? 2 : 0);
	}
	if (!usage->name) {
		fputs(".SH COMMANDS\n", out);
		for (size_t i = 0; i < COMMANDS; i++) {
			fprintf(out, ".TP\n\\fBwhywait\\-%s\\fR(1)\n", commands[i].name);
			roff_line(out, "", commands[i].summary, "");
		}
	}
	fputs(".SH OPTIONS\n", out);
	each_option(usage, man_option, out);
	fputs(".SH EXIT STATUS\n", out);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strchr(usage->exit_status, statuses[i].status)) {
			fprintf(out, ".TP\n\\fB%c\\fR\n", statuses[i].status);
			roff_line(out, "", statuses[i].meaning, "");
		}
	fputs(".SH EXAMPLES\n", out);
	for (const struct ww_example *example = usage->examples; example && example->line; example++) {
		roff_line(out, ".TP\n\\fB", example->line, "\\fR");
		roff_line(out, "", example->says, "");
	}
	fputs(".SH SEE ALSO\n", out);
	if (usage->name)
		fputs(".BR whywait (1),\n", out);
	bool comma = false;
	for (size_t i = 0; i < COMMANDS; i++) {
		if (usage->name && !strcmp(usage->name, commands[i].name))
			continue;
		fprintf(out, "%s.BR whywait\\-%s (1)", comma ? ",\n" : "", commands[i].name);
		comma = true;
	}
	fputc('\n', out);
	return fflush(out) || ferror(out) ? WW_EXIT_USAGE : WW_EXIT_DONE;
}
