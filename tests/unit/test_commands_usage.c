/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How commands read options, explain themselves and fail: one line, the right exit status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

/* The unit tests link no commands: they would bring the kernel side along. */
#include "commands/command.c" // NOLINT(bugprone-suspicious-include)
#include "commands/help.c"    // NOLINT(bugprone-suspicious-include)
#include "golden.h"
#include "util/version.h"
#include "util/nearest.h"

static const struct argp_option child_options[] = {
	{"port", 'p', "PORT,..", 0, "only servers on these ports", 0},
	{0},
};

static error_t parse_child(int key, char *arg, struct argp_state *state)
{
	(void)state;
	if (key != 'p')
		return ARGP_ERR_UNKNOWN;
	printf("port %s\n", arg);
	return 0;
}

static const struct argp child_argp = {.options = child_options, .parser = parse_child};
static const struct argp_child sample_children[] = {{&child_argp, 0, "Whom to observe:", 1}, {0}};
static const struct argp_option sample_options[] = {
	{"since", 's', "T", 0, "only from then on, where T is written in one of the many ways that fill this line up",
	 0},
	{"stacks", 0x100, "SHARE", OPTION_ARG_OPTIONAL, "keep stacks", 0},
	{"quiet", 'q', NULL, 0, "say nothing", 2},
	{"sizes", 0x101, "BYTES", OPTION_HIDDEN, "for tests", 2},
	{0},
};

static error_t parse_sample(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 's':
		if (!strcmp(arg, "never"))
			ww_command__wrong("sample", "--since '%s' is no time", arg);
		printf("since %s\n", arg);
		return 0;
	case 0x100:
		printf("stacks %s\n", arg ? arg : "all");
		return 0;
	case 0x101:
		printf("sizes %s\n", arg);
		return 0;
	case 'q':
		printf("quiet\n");
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			return ARGP_ERR_UNKNOWN;
		printf("argument %s\n", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp sample_argp = {.options = sample_options, .parser = parse_sample, .children = sample_children};
static const struct ww_example sample_examples[] = {
	{"whywait report 'a\\b' -s -5m", "what it is for"},
	{".hidden", "'quoted"},
	{0},
};
static const struct ww_usage sample = {
	.name = "report",
	.synopsis = "FILE [--since T]\n-- COMMAND..",
	.description =
		"One paragraph that is filled into lines of the terminal's width, however it is written here.\n\n"
		".Another one.",
	.argp = &sample_argp,
	.examples = sample_examples,
	.exit_status = "0 2",
};

/* Runs the parser on the words in a child. Returns its exit status; `text` is what it wrote to both of its outputs. */
static int run(char **words, char *text, size_t size)
{
	int ends[2], argc = 0, status;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid_t child = fork();
	if (!child) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		while (words[argc])
			argc++;
		ww_command__parse(&sample, argc, words, NULL);
		fflush(stdout);
		_exit(0);
	}
	close(ends[1]);
	size_t len = 0;
	for (ssize_t got; (got = read(ends[0], text + len, size - 1 - len)) > 0;)
		len += (size_t)got;
	text[len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define WORDS(...) ((char *[]){(char *)"report", __VA_ARGS__, NULL})

static void assert_says(char **words, int status, const char *wanted)
{
	char text[8192];

	assert_int_equal(run(words, text, sizeof(text)), status);
	assert_string_equal(text, wanted);
}

static void options_reach_the_parser(void **state)
{
	(void)state;
	assert_says(WORDS("-q", "a", "--since=-5m", "-p80", "b"), 0,
		    "quiet\nsince -5m\nport 80\nargument a\nargument b\n");
	assert_says(WORDS("-qs", "1", "--stacks", "--stacks=0.5"), 0, "quiet\nsince 1\nstacks all\nstacks 0.5\n");
	assert_says(WORDS("--sin", "2", "--sizes", "3"), 0, "since 2\nsizes 3\n"); /* unambiguous beginnings */
	assert_says(WORDS("--", "-q", "--help"), 0, "argument -q\nargument --help\n");
}

static void wrong_usage_is_one_line(void **state)
{
	(void)state;
#define SEE "; see `whywait report --help`\n"
	assert_says(WORDS("--snice=1"), 2, "whywait report: there is no option --snice, did you mean --since?" SEE);
	assert_says(WORDS("--prot", "1"), 2, "whywait report: there is no option --prot, did you mean --port?" SEE);
	assert_says(WORDS("--wildly-off"), 2, "whywait report: there is no option --wildly-off" SEE);
	assert_says(WORDS("-qxs"), 2, "whywait report: there is no option -x" SEE);
	assert_says(WORDS("--since"), 2, "whywait report: --since needs a value" SEE);
	assert_says(WORDS("a", "-s"), 2, "whywait report: -s needs a value" SEE);
	assert_says(WORDS("--quiet=1"), 2, "whywait report: --quiet takes no value" SEE);
	assert_says(WORDS("a", "b", "c", "d"), 2,
		    "whywait report: 'c' is one argument too many" SEE "argument a\nargument b\n");
	assert_says(WORDS("--help=html"), 2, "whywait report: --help=html: there is only --help and --help=man" SEE);
	assert_says(WORDS("--since", "never"), 2,
		    "whywait sample: --since 'never' is no time; see `whywait sample --help`\n");
}

static void help_and_man_page_come_from_one_source(void **state)
{
	char text[8192];

	(void)state;
	assert_int_equal(run(WORDS("a", "--help", "b"), text, sizeof(text)), 0);
	assert_golden("usage-help.txt", text);
	assert_int_equal(run(WORDS("-h"), text, sizeof(text)), 0);
	assert_golden("usage-help.txt", text);
	assert_int_equal(run(WORDS("--help=man"), text, sizeof(text)), 0);
	char *version = strstr(text, ww_version);
	assert_non_null(version);
	memmove(version, version + strlen(ww_version), strlen(version + strlen(ww_version)) + 1);
	assert_golden("usage-man.txt", text);
}

static void the_nearest_word_is_near(void **state)
{
	static const char *const words[] = {"top", "record", "report", "requests", "doctor", NULL};

	(void)state;
	assert_string_equal(ww_nearest("reprot", words), "report");
	assert_string_equal(ww_nearest("recrod", words), "record");
	assert_string_equal(ww_nearest("request", words), "requests");
	assert_string_equal(ww_nearest("tpo", words), "top");
	assert_null(ww_nearest("serve", words));
	assert_null(ww_nearest("", words));
	assert_null(ww_nearest("a-word-that-is-far-too-long-to-be-compared", words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_reach_the_parser),
		cmocka_unit_test(wrong_usage_is_one_line),
		cmocka_unit_test(help_and_man_page_come_from_one_source),
		cmocka_unit_test(the_nearest_word_is_near),
	};

	setenv("COLUMNS", "72", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
