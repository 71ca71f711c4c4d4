/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `whywait serve`: the daemon. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "commands/select.h"
#include "serve/config.h"
#include "serve/daemon.h"

/* As `record` has them, and for its reasons. */
#define SEGMENTS_OVER_NS 5000000
#define SEGMENTS_ONE_IN	 16

enum { KEY_CONFIG = 0x600, KEY_LISTEN, KEY_CHECK, KEY_OTLP, KEY_OTLP_HEADERS };

struct arguments {
	struct ww_select_arguments select;
	struct ww_serve_config config;
	bool check;
};

static void set(char **string, const char *value)
{
	if (ww_serve_config__set(string, value))
		exit(ww_command__fail("serve", WW_EXIT_CANT_OBSERVE, "out of memory"));
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		arguments->select.command = "serve";
		state->child_inputs[0] = &arguments->select;
		return 0;
	case 'o':
		set(&arguments->config.data, value);
		return 0;
	case KEY_LISTEN:
		set(&arguments->config.listen, value);
		return 0;
	case KEY_OTLP:
		set(&arguments->config.otlp_endpoint, value);
		return 0;
	case KEY_OTLP_HEADERS:
		set(&arguments->config.otlp_headers_file, value);
		return 0;
	case KEY_CHECK:
		arguments->check = true;
		return 0;
	case ARGP_KEY_ARG:
		ww_command__wrong("serve", "'%s': it takes options only", value);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{"data", 'o', "FILE", 0, "the recording (default " WW_SERVE_DATA ")", 1},
	{"listen", KEY_LISTEN, "ADDRESS:PORT|none", 0,
	 "where it answers HTTP: the live page, /metrics, /healthz, /readyz (default " WW_SERVE_LISTEN ")", 1},
	{"otlp", KEY_OTLP, "URL", 0, "send whole requests to this OpenTelemetry collector: http://HOST:4318", 1},
	{"otlp-headers", KEY_OTLP_HEADERS, "FILE", 0, "with these headers, lines of 'Name: value' (for its token)", 1},
	{"check", KEY_CHECK, 0, 0, "only say whether it is told rightly: exit status 0, or 2", 1},
	{0},
};
static const struct argp_child children[] = {{&ww_select_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {.options = options, .parser = parse, .children = children};
static const struct ww_example examples[] = {
	{"whywait serve -o /var/lib/whywait/whywait.db", "every server on this host, until it is ended"},
	{0},
};
static const struct ww_usage usage = {
	.name = "serve",
	.synopsis = "[SELECT] [-o FILE] [--listen ADDRESS:PORT] [--check]",
	.description =
		"The daemon: observes the servers on this host for as long as it is left on, and writes what their "
		"requests' time went to into a recording, which `whywait report` and the others can read at any time. "
		"SIGTERM or Ctrl-C ends it.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 2 3",
};

static int run(struct arguments *arguments)
{
	struct ww_daemon_options daemon = {.config = &arguments->config, .keep = WW_KEEP_DEFAULT};
	char message[512];
	int err;

	if (arguments->check)
		return WW_EXIT_DONE;
	ww_select_arguments__apply(&arguments->select, &daemon.session.observer, &daemon.session.ingest);
	daemon.session.observer.segments_over_ns = SEGMENTS_OVER_NS;
	daemon.session.observer.segments_one_in = SEGMENTS_ONE_IN;
	err = ww_daemon__run(&daemon, message, sizeof(message));
	if (err == -EINVAL)
		return ww_command__fail("serve", WW_EXIT_USAGE, "%s", message);
	return err ? ww_command__fail("serve", WW_EXIT_CANT_OBSERVE, "%s", message) : WW_EXIT_DONE;
}

int ww_command_serve(int argc, char **argv)
{
	struct arguments arguments = {0};
	int status;

	if (ww_serve_config__init(&arguments.config))
		return ww_command__fail("serve", WW_EXIT_CANT_OBSERVE, "out of memory");
	ww_command__parse(&usage, argc, argv, &arguments);
	status = run(&arguments);
	ww_select_arguments__free(&arguments.select);
	ww_serve_config__free(&arguments.config);
	return status;
}
