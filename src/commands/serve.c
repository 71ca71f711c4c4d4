/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `whywait serve`: the daemon. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands/command.h"
#include "commands/select.h"
#include "serve/config.h"
#include "serve/daemon.h"

/* As `record` has them, and for its reasons. */
#define SEGMENTS_OVER_NS 5000000
#define SEGMENTS_ONE_IN	 16

#define MILLION 1e6

enum { KEY_LISTEN = 0x600, KEY_CHECK, KEY_OTLP, KEY_OTLP_HEADERS };

/* What the command line says; the file and the environment are read below it. */
struct flags {
	const char *config, *data, *listen, *otlp, *otlp_headers;
	bool check;
};

/* One reading of all that the daemon is told. */
struct reading {
	struct reading *before; /* of an earlier one, which lives as long */
	struct ww_select_arguments select;
	struct ww_serve_config config;
	char settings[128];
	struct ww_daemon_options options;
};

struct serve {
	int argc;
	char **argv;
	struct flags flags;
	struct reading *last;
};

struct input {
	struct flags *flags;
	struct ww_select_arguments *select;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct input *input = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		input->select->command = "serve";
		state->child_inputs[0] = input->select;
		return 0;
	case 'c':
		input->flags->config = value;
		return 0;
	case 'o':
		input->flags->data = value;
		return 0;
	case KEY_LISTEN:
		input->flags->listen = value;
		return 0;
	case KEY_OTLP:
		input->flags->otlp = value;
		return 0;
	case KEY_OTLP_HEADERS:
		input->flags->otlp_headers = value;
		return 0;
	case KEY_CHECK:
		input->flags->check = true;
		return 0;
	case ARGP_KEY_ARG:
		ww_command__wrong("serve", "'%s': it takes options only", value);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{"config", 'c', "FILE", 0,
	 "settings, as YAML: docs/serve.md and the example tools/whywait.yaml say which there are. Options stand above "
	 "the environment (WHYWAIT_RETENTION_AGE=3d), that above the file",
	 1},
	{"data", 'o', "FILE", 0, "the recording (default " WW_SERVE_DATA "); an existing one is gone on in", 1},
	{"listen", KEY_LISTEN, "ADDRESS:PORT,..|none", 0,
	 "where it answers HTTP: the live page, /metrics, /healthz, /readyz (default " WW_SERVE_LISTEN ")", 1},
	{"otlp", KEY_OTLP, "URL", 0, "send whole requests to this OpenTelemetry collector: http://HOST:4318", 1},
	{"otlp-headers", KEY_OTLP_HEADERS, "FILE", 0, "with these headers, lines of 'Name: value' (for its token)", 1},
	{"check", KEY_CHECK, 0, 0, "only say whether all settings are right: exit status 0, or 2", 1},
	{0},
};
static const struct argp_child children[] = {{&ww_select_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {.options = options, .parser = parse, .children = children};
static const struct ww_example examples[] = {
	{"whywait serve --config /etc/whywait/whywait.yaml", "as the service does it"},
	{"whywait serve -o /tmp/w.db --port 8080", "one server, until Ctrl-C"},
	{"whywait serve --config whywait.yaml --check", "before a reload"},
	{"whywait report /var/lib/whywait/whywait.db --since -1h", "what it has seen in the last hour, at any time"},
	{0},
};
static const struct ww_usage usage = {
	.name = "serve",
	.synopsis = "[--config FILE] [SELECT] [-o FILE] [--listen ADDRESS:PORT,..] [--check]",
	.description =
		"The daemon: observes the servers on this host for as long as it is left on, and writes what their "
		"requests' time went to into a recording, which `whywait report` and the others can read at any time. "
		"Old intervals of it become minutes, then hours, and what is older than a week, or more than 1 GiB, is "
		"deleted. After a restart, or a crash, it goes on in the same file.\n\n"
		"SIGTERM or Ctrl-C ends it. On SIGHUP it reads its settings again, changes what can change, and says "
		"what can not. When observing costs more of the host's CPU time than max_overhead (3%), it detaches "
		"everything, says so, and comes back after a while.\n\n"
		"With `user` it becomes that user, and keeps CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH, "
		"CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 2 3",
};

static void out_of_memory(void)
{
	exit(ww_command__fail("serve", WW_EXIT_CANT_OBSERVE, "out of memory"));
}

/* Adds to SELECT what a setting says, as if it were an option: what is wrong with it is told, and ends the process. */
static void select_by(struct ww_select_arguments *select, const char *name, const struct ww_config_list *list)
{
	struct argp_state state = {.input = select};

	for (const struct argp_option *option = ww_select_argp.options; option->name || option->doc; option++) {
		if (!option->name || strcmp(option->name, name) != 0)
			continue;
		for (size_t i = 0; i < list->len; i++)
			ww_select_argp.parser(option->key, list->texts[i], &state);
	}
}

/* Lists of the command line stand in place of those of the configuration. */
static void add_select(struct ww_select_arguments *select, const struct ww_serve_config *config)
{
	if (!select->comms_len)
		select_by(select, "comm", &config->comms);
	if (!select->ports_len)
		select_by(select, "port", &config->ports);
	if (!select->cgroups_len) {
		select_by(select, "cgroup", &config->cgroups);
		select_by(select, "container", &config->containers);
	}
	if (!select->services_len)
		select_by(select, "service", &config->services);
	if (!select->routes_len)
		select_by(select, "route", &config->routes);
	if (!select->routes_max)
		select->routes_max = (unsigned)config->routes_max;
	if (!select->max_requests)
		select->max_requests = (uint32_t)config->requests_max;
	if (!select->ring)
		select->ring = (uint32_t)config->ring_bytes;
	select->no_operations |= !config->operations;
	select->no_collectors |= !config->collectors;
	select->no_handoffs |= !config->handoffs;
	select->promises |= config->promises;
	select->exact_goroutines |= config->exact_goroutines;
	ww_select_arguments__check(select);
}

static void set(struct ww_serve_config *config, char **string, const char *value)
{
	if (value && ww_serve_config__set_option(config, string, value))
		out_of_memory();
}

/* File, environment, options; all that is wrong is told. An exit status. */
static int read_config(const struct serve *serve, struct ww_serve_config *config)
{
	const char *file = serve->flags.config ? serve->flags.config : getenv("WHYWAIT_CONFIG");
	struct ww_config_errors errors = {0};
	int err = ww_serve_config__init(config), status = WW_EXIT_DONE;

	if (!err && file && ww_serve_config__read_file(config, file, &errors) == -ENOMEM)
		err = -ENOMEM;
	if (!err && ww_serve_config__read_environment(config, environ, &errors) == -ENOMEM)
		err = -ENOMEM;
	if (err)
		out_of_memory();
	set(config, &config->data, serve->flags.data);
	set(config, &config->listen, serve->flags.listen);
	set(config, &config->otlp_endpoint, serve->flags.otlp);
	set(config, &config->otlp_headers_file, serve->flags.otlp_headers);
	ww_serve_config__check(config, &errors);
	ww_serve_config__check_host(config, &errors);
	for (size_t i = 0; i < errors.len; i++)
		status = ww_command__fail("serve", WW_EXIT_USAGE, "%s", errors.lines[i]);
	if (errors.more)
		status = ww_command__fail("serve", WW_EXIT_USAGE, "%s: and %zu more errors",
					  file ? file : "environment", errors.more);
	ww_config_errors__free(&errors);
	return status;
}

/* Reads all anew, and makes it the last reading. An exit status; wrong usage ends the process. */
static int read_all(struct serve *serve)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	struct flags flags = {0};
	struct input input = {.flags = &flags};
	struct ww_session_options *session;
	int status;

	if (!reading)
		out_of_memory();
	input.select = &reading->select;
	ww_command__parse(&usage, serve->argc, serve->argv, &input);
	serve->flags = flags;
	reading->before = serve->last;
	serve->last = reading;
	status = read_config(serve, &reading->config);
	if (status)
		return status;
	add_select(&reading->select, &reading->config);
	reading->config.promises = reading->select.promises;
	session = &reading->options.session;
	ww_select_arguments__apply(&reading->select, &session->observer, &session->ingest);
	session->observer.segments_over_ns = SEGMENTS_OVER_NS;
	session->observer.segments_one_in = SEGMENTS_ONE_IN;
	session->observer.stacks = session->ingest.stacks = reading->config.stacks_share >= 0;
	session->observer.stacks_share =
		reading->config.stacks_share > 0 ? (double)reading->config.stacks_share / MILLION : 0;
	session->ingest.service_names = (const char *const *)reading->config.names.texts;
	session->ingest.service_names_len = reading->config.names.len / 2;
	snprintf(reading->settings, sizeof(reading->settings), "keep %u%s%s%s%s%s%s", (unsigned)reading->config.keep,
		 reading->select.no_operations ? "; no operations" : "",
		 reading->select.no_collectors ? "; no collectors" : "",
		 reading->select.no_handoffs ? "; no handoffs" : "", reading->select.promises ? "; promises" : "",
		 reading->select.exact_goroutines ? "; exact goroutines" : "",
		 session->observer.stacks ? "; stacks" : "");
	reading->options.settings = reading->settings;
	reading->options.config = &reading->config;
	return WW_EXIT_DONE;
}

/* What is wrong may end a process: a child's, whose words are heard all the same. */
static bool would_do(struct serve *serve)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(read_all(serve));
	if (child < 0)
		return false;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static const struct ww_daemon_options *reload(void *ctx)
{
	struct serve *serve = ctx;
	const struct reading *before = serve->last;

	if (!would_do(serve) || read_all(serve))
		return NULL;
	serve->last->options.reload = before->options.reload;
	serve->last->options.ctx = before->options.ctx;
	return &serve->last->options;
}

static void free_readings(struct serve *serve)
{
	while (serve->last) {
		struct reading *reading = serve->last;

		serve->last = reading->before;
		ww_select_arguments__free(&reading->select);
		ww_serve_config__free(&reading->config);
		free(reading);
	}
}

int ww_command_serve(int argc, char **argv)
{
	struct serve serve = {.argc = argc, .argv = argv};
	char message[512];
	int status = read_all(&serve), err;

	if (!status && !serve.flags.check) {
		serve.last->options.reload = reload;
		serve.last->options.ctx = &serve;
		err = ww_daemon__run(&serve.last->options, message, sizeof(message));
		if (err)
			status = ww_command__fail("serve", err == -EINVAL ? WW_EXIT_USAGE : WW_EXIT_CANT_OBSERVE, "%s",
						  message);
	}
	free_readings(&serve);
	return status;
}
