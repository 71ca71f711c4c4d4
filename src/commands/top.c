/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `whywait top`: the live table, on a terminal or as lines. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/command.h"
#include "commands/select.h"
#include "kernel/session.h"
#include "outputs/screen_plain.h"
#include "outputs/screen_terminal.h"
#include "outputs/screen_view.h"

#define INTERVAL_DEFAULT 2
#define INTERVAL_MAX	 300
#define COUNT_MAX	 1000000000

/* A shorter window on a screen that is read by people makes its quantiles jump. */
#define SCREEN_WINDOW 10

struct arguments {
	struct ww_select_arguments select;
	unsigned interval; /* seconds */
	unsigned count;	   /* blocks or screens; 0: until the user ends it */
};

/* What the session's callbacks work on. */
struct top {
	const struct arguments *arguments;
	struct ww_terminal *terminal; /* NULL: lines on stdout */
	struct ww_view view;
	struct ww_report *report; /* the newest; NULL: none yet */
	unsigned window;	  /* seconds that a report covers */
	unsigned seconds;	  /* since the last report */
	unsigned shown;		  /* reports */
	char watching[256];
};

static unsigned parse_number(const char *option, const char *text, unsigned most)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || number < 1 || number > most)
		ww_command__wrong("top", "%s %s: give a whole number from 1 to %u", option, text, most);
	return (unsigned)number;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		arguments->select.command = "top";
		state->child_inputs[0] = &arguments->select;
		return 0;
	case 'i':
		arguments->interval = parse_number("--interval", value, INTERVAL_MAX);
		return 0;
	case 'n':
		arguments->count = parse_number("--count", value, COUNT_MAX);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{"interval", 'i', "SECONDS", 0, "time between two updates (default 2)", 0},
	{"count", 'n', "COUNT", 0, "end after so many updates", 0},
	{0},
};
static const struct argp_child children[] = {{&ww_select_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {.options = options, .parser = parse, .children = children};
static const struct ww_example examples[] = {
	{"whywait top", "every server on this host"},
	{"whywait top --port 8080", "one server"},
	{"whywait top -i 10 -n 6 | tee minute.txt", "six blocks of lines, of ten seconds each"},
	{0},
};
static const struct ww_usage usage = {
	.name = "top",
	.synopsis = "[SELECT] [-i SECONDS] [-n COUNT]",
	.description =
		"Shows the endpoints whose requests take the most time: rate, errors, median and tail, and a bar of "
		"what the time went to. Enter opens an endpoint: all of its kinds with their details, the slow "
		"requests beside all. The other keys stand at the bottom and behind `?`.\n\n"
		"On a terminal the numbers are those of the last ten seconds, or of the interval where that is "
		"longer. Where standard output is no terminal, each interval prints a block of lines about the "
		"requests that ended in it. Colour follows the terminal and NO_COLOR, drawing characters the locale.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 2 3",
};

/* The i-th of a list: "process 12", then ",13"; ", port 80" when another list stands before it. */
__attribute__((format(printf, 5, 6))) static void add_word(char *text, size_t size, const char *label, size_t i,
							   const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	if (i)
		len += (size_t)snprintf(text + len, size - len, ",");
	else
		len += (size_t)snprintf(text + len, size - len, "%s%s ", len ? ", " : "", label);
	if (len >= size)
		return;
	va_start(args, format);
	vsnprintf(text + len, size - len, format, args);
	va_end(args);
}

static void describe(const struct ww_select_arguments *select, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < select->pids_len; i++)
		add_word(text, size, "process", i, "%d", select->pids[i]);
	for (size_t i = 0; i < select->comms_len; i++)
		add_word(text, size, "program", i, "%s", select->comms[i]);
	for (size_t i = 0; i < select->ports_len; i++)
		add_word(text, size, "port", i, "%u", select->ports[i]);
	for (size_t i = 0; i < select->cgroup_paths_len; i++)
		add_word(text, size, "cgroup", i, "%s", select->cgroup_paths[i]);
	for (size_t i = 0; i < select->containers_len; i++)
		add_word(text, size, "container", i, "%s", select->containers[i]);
	for (size_t i = 0; i < select->services_len; i++)
		add_word(text, size, "service", i, "%s", select->services[i]);
	if (!text[0])
		snprintf(text, size, "every process");
}

static void draw(struct top *top)
{
	ww_view__draw(&top->view, top->report, ww_terminal__screen(top->terminal));
	ww_terminal__show(top->terminal);
}

/* Takes a report and shows it. On a paused screen the old one stays. */
static int update(struct top *top, struct ww_session *session)
{
	struct ww_report *report = NULL;
	int err;

	if (top->view.paused && top->report)
		return 0;
	err = ww_ingest__report(ww_session__ingest(session), top->window, &report);
	if (err)
		return err;
	if (top->terminal) {
		err = ww_view__update(&top->view, report);
		if (!err) {
			ww_report_free(top->report);
			top->report = report;
			draw(top);
			return 0;
		}
	} else {
		struct ww_style style = ww_style__of(stdout);

		ww_plain__write(stdout, report, top->watching, &style);
		err = fflush(stdout) || ferror(stdout) ? -EIO : 0;
	}
	ww_report_free(report);
	return err;
}

static int each_second(void *ctx, struct ww_session *session)
{
	struct top *top = ctx;
	int err;

	if (++top->seconds < top->arguments->interval)
		return 0;
	top->seconds = 0;
	err = update(top, session);
	if (err)
		return err;
	top->shown++;
	return top->shown == top->arguments->count;
}

static int each_drain(void *ctx, struct ww_session *session)
{
	struct top *top = ctx;
	bool typed = false;
	int key, err;

	if (!top->terminal)
		return 0;
	/* The first screen comes at once: it says what is waited for. */
	if (!top->report) {
		err = update(top, session);
		if (err)
			return err;
	}
	while ((key = ww_terminal__key(top->terminal)) != WW_KEY_NONE) {
		ww_view__key(&top->view, key);
		typed = true;
	}
	if (typed)
		draw(top);
	return top->view.quit;
}

/* On a terminal the screen; elsewhere, and on terminals that can't place a cursor, lines. */
static int choose_output(struct top *top)
{
	int err = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) ? ww_terminal__open(&top->terminal) : -ENOTTY;

	if (err && err != -ENOTTY)
		return err;
	top->window = top->arguments->interval;
	if (!top->terminal)
		return 0;
	if (top->window < SCREEN_WINDOW)
		top->window = SCREEN_WINDOW;
	ww_screen__text(ww_terminal__screen(top->terminal), 0, 0, WW_VIEW_MIN_WIDTH, (struct ww_pen){0},
			"whywait: loading ..");
	ww_terminal__show(top->terminal);
	return 0;
}

/* Messages come after the terminal was given back. */
static int finish(struct top *top, int err, enum ww_session_end end)
{
	bool lines = !top->terminal;

	ww_terminal__close(top->terminal);
	top->terminal = NULL;
	if (err == -EIO && lines)
		return ww_command__fail("top", WW_EXIT_USAGE, "standard output can't be written: is its disk full?");
	if (err)
		return ww_command__fail("top", WW_EXIT_CANT_OBSERVE, "observing failed: %s", strerror(-err));
	if (end == WW_SESSION_PIDS)
		fprintf(stderr, "whywait top: every process of --pid has ended\n");
	return WW_EXIT_DONE;
}

static int run(struct top *top)
{
	struct ww_session_options session_options = {.each_drain = each_drain, .each_second = each_second, .ctx = top};
	enum ww_session_end end = WW_SESSION_CALLBACK;
	struct ww_session *session = NULL;
	char message[512];
	int err = choose_output(top);

	if (err)
		return ww_command__fail("top", WW_EXIT_USAGE, "the terminal: %s", strerror(-err));
	ww_select_arguments__apply(&top->arguments->select, &session_options.observer, &session_options.ingest);
	session_options.ingest.live_seconds = top->window;
	session_options.observer.segments_over_ns = UINT64_MAX; /* it draws no time lines */
	if (ww_session__open(&session, &session_options, message, sizeof(message))) {
		ww_terminal__close(top->terminal);
		return ww_command__fail("top", WW_EXIT_CANT_OBSERVE, "%s", message);
	}
	err = ww_session__run(session, &end);
	ww_session__close(session);
	return finish(top, err, end);
}

int ww_command_top(int argc, char **argv)
{
	struct arguments arguments = {.interval = INTERVAL_DEFAULT};
	struct top top = {.arguments = &arguments};
	int status;

	ww_command__parse(&usage, argc, argv, &arguments);
	describe(&arguments.select, top.watching, sizeof(top.watching));
	top.view.watching = top.watching;
	status = run(&top);
	ww_view__free(&top.view);
	ww_report_free(top.report);
	ww_select_arguments__free(&arguments.select);
	return status;
}
