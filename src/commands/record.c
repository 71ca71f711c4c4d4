/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* `whywait record`: observes into a recording. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/child.h"
#include "commands/command.h"
#include "commands/select.h"
#include "kernel/features.h"
#include "kernel/session.h"
#include "kernel/units.h"
#include "model/names.h"
#include "store/recorder.h"

#define OUTPUT_DEFAULT "whywait.db"
#define LINE_SECONDS   10 /* between two lines where standard error is no terminal */
#define MOST_SECONDS   1e9
#define STACKS_SHARE   0.01
#define ALLOCATIONS    0.05
#define KINDS_NAMED    3

/*
 * Whose time line is sent: every slow request's, since it is the slow ones that are kept, and a part of the others'. To
 * send all of them would cost a fast server more than accounting for its requests.
 */
#define SEGMENTS_OVER_NS 5000000
#define SEGMENTS_ONE_IN	 16

enum { KEY_KEEP = 0x500, KEY_STACKS, KEY_REPLACE, KEY_UNIT, KEY_ALLOCATIONS };

struct arguments {
	struct ww_select_arguments select;
	const char *output;
	double seconds; /* 0: until it is ended */
	bool keep_all;
	unsigned keep;
	bool replace;
	const char *units[WW_UNITS_MAX]; /* as given */
	char *unit_names[WW_UNITS_MAX];
	size_t units_len;
	bool queues;
	bool stacks;
	double stacks_share; /* 0: every request's */
	double allocations;  /* share of the time in which they are counted; 0: they are not */
	char **command;	     /* ended by NULL; NULL: none */
};

/* What the session's callbacks work on. */
struct record {
	const struct arguments *arguments;
	struct ww_recorder *recorder;
	struct ww_session *session;
	bool terminal;
	unsigned seconds;   /* since the start */
	uint64_t requests;  /* as of the last line */
	unsigned last_line; /* the second of it */
};

/* "1%", "0.5%", "all" */
static void set_stacks(struct arguments *arguments, const char *value)
{
	char *end;

	arguments->stacks = true;
	arguments->stacks_share = STACKS_SHARE;
	if (!value)
		return;
	arguments->stacks_share = 0;
	if (!strcmp(value, "all"))
		return;
	arguments->stacks_share = strtod(value, &end) / 100;
	if (end == value || strcmp(end, "%") || !(arguments->stacks_share > 0 && arguments->stacks_share <= 1))
		ww_command__wrong("record", "--stacks=%s: give a share of the host's CPU time as 1%%, or `all`", value);
}

/* "5%", "all" */
static void set_allocations(struct arguments *arguments, const char *value)
{
	char *end;

	arguments->allocations = !value ? ALLOCATIONS : 1;
	if (!value || !strcmp(value, "all"))
		return;
	arguments->allocations = strtod(value, &end) / 100;
	if (end == value || strcmp(end, "%") || !(arguments->allocations >= 0.001 && arguments->allocations <= 0.5))
		ww_command__wrong("record", "--allocations=%s: give a share of the time, from 0.1%% to 50%%, or `all`",
				  value);
}

static void add_unit(struct arguments *arguments, const char *value)
{
	size_t len;
	const char *name = ww_unit__name(value, &len);

	if (!strcmp(value, "queue")) {
		arguments->queues = true;
		return;
	}
	if (!name)
		ww_command__wrong("record",
				  "--unit %s: give queue, uprobe:FILE:FUNCTION or usdt:FILE:PROVIDER:BEGIN:END", value);
	if (arguments->units_len == WW_UNITS_MAX)
		ww_command__wrong("record", "--unit %s: there may be %d", value, WW_UNITS_MAX);
	arguments->units[arguments->units_len] = value;
	arguments->unit_names[arguments->units_len] = strndup(name, len);
	if (!arguments->unit_names[arguments->units_len++])
		exit(ww_command__fail("record", WW_EXIT_CANT_OBSERVE, "out of memory"));
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	unsigned long keep;
	char *end;

	switch (key) {
	case ARGP_KEY_INIT:
		arguments->select.command = "record";
		state->child_inputs[0] = &arguments->select;
		return 0;
	case 'd':
		arguments->seconds = strtod(value, &end);
		if (end == value || *end || !(arguments->seconds > 0 && arguments->seconds <= MOST_SECONDS))
			ww_command__wrong("record", "--duration '%s': give a number of seconds above 0", value);
		return 0;
	case 'o':
		arguments->output = value;
		return 0;
	case KEY_KEEP:
		arguments->keep_all = !strcmp(value, "all");
		if (arguments->keep_all)
			return 0;
		keep = strtoul(value, &end, 10);
		if (end == value || *end || *value == '-' || keep > WW_KEEP_MOST)
			ww_command__wrong("record", "--keep '%s': give a number from 0 to %d, or `all`", value,
					  WW_KEEP_MOST);
		arguments->keep = (unsigned)keep;
		return 0;
	case KEY_REPLACE:
		arguments->replace = true;
		return 0;
	case KEY_UNIT:
		add_unit(arguments, value);
		return 0;
	case KEY_STACKS:
		set_stacks(arguments, value);
		return 0;
	case KEY_ALLOCATIONS:
		set_allocations(arguments, value);
		return 0;
	case ARGP_KEY_ARG:
		ww_command__wrong("record", "'%s': put -- in front of a command", value);
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{"duration", 'd', "SECONDS", 0, "end after so long (default: when it is ended)", 1},
	{"output", 'o', "FILE", 0,
	 "the recording (default " OUTPUT_DEFAULT "); an earlier recording of that name is renamed to FILE.old", 1},
	{"replace", KEY_REPLACE, 0, 0, "delete an earlier recording instead of renaming it", 1},
	{"keep", KEY_KEEP, "N|all", 0,
	 "requests kept whole per endpoint in every 10 s: the N slowest, N errors and N at random (default 10; fewer "
	 "when there are more than 100 endpoints), or all of them. What is counted and summed is always every request",
	 1},
	{"unit", KEY_UNIT, "UNIT", 0,
	 "also account for work outside of requests: queue, each message that a worker takes from a queue of Redis or "
	 "RabbitMQ, up to its next fetch; uprobe:FILE:FUNCTION, each call of a function, from its entry to its return; "
	 "or "
	 "usdt:FILE:PROVIDER:BEGIN:END, between two static probes, in whatever process has FILE; may be given "
	 "several times",
	 1},
	{"stacks", KEY_STACKS, "SHARE|all", OPTION_ARG_OPTIONAL,
	 "record where in the code requests compute and wait, for `whywait stacks`: of a sample of the requests, so "
	 "large that it costs SHARE of the host's CPU time (default 1%), or of all of them",
	 1},
	{"allocations", KEY_ALLOCATIONS, "SHARE|all", OPTION_ARG_OPTIONAL,
	 "count how often requests call malloc() and its kin: in windows of a quarter of a second "
	 "that are SHARE of the time (default 5%), or all the time. Within one each such call costs the program some "
	 "microseconds more. Of Go and the JVM their own counts are read, per request of the service",
	 1},
	{0},
};
static const struct argp_child children[] = {{&ww_select_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {.options = options, .parser = parse, .children = children};
static const struct ww_example examples[] = {
	{"whywait record", "every server on this host, until Ctrl-C"},
	{"whywait record --port 8080 -d 60 -o shop.db", "one server, for a minute"},
	{"whywait record --route '/shop/{name}/items' --keep all", "a route of one's own, and every request whole"},
	{"whywait record -- gunicorn -w 4 app:app", "a server from its start to its end"},
	{"whywait record --unit queue -d 60", "what the workers of queues do for each message"},
	{0},
};
static const struct ww_usage usage = {
	.name = "record",
	.synopsis = "[SELECT] [-d SECONDS] [-o FILE] [--keep N|all] [--stacks[=SHARE|all]] [--allocations[=SHARE|all]] "
		    "[--route PATTERN].. [--unit "
		    "UNIT].. [-- "
		    "COMMAND..]",
	.description =
		"Observes the servers on this host, without changing or restarting them, and writes what their "
		"requests' "
		"time went to into a recording: an SQLite file for `whywait report` and `whywait requests`, which can "
		"also read it while it is written. Ctrl-C, SIGTERM or SIGHUP ends it; it ends by itself after "
		"--duration, with the last process of --pid and of those that they have started, or with COMMAND, "
		"which it starts and "
		"which ends with it. A COMMAND that makes itself a daemon has ended when the daemon serves: keep it in "
		"the foreground, or observe the daemon by --port.\n\n"
		"It commits every second: whatever happens, what was recorded until then can be read. When the disk is "
		"full it says so and ends with exit status 2.\n\n"
		"Standard error says `whywait: observing ..` once everything is attached, then how many requests "
		"were seen and lost, and which ports carry what can't be read. Query strings and headers are not kept.",
	.argp = &argp,
	.examples = examples,
	.exit_status = "0 2 3",
};

static uint64_t count_lost(const struct record *record)
{
	size_t len;
	const struct ww_loss *losses = ww_ingest__losses(ww_session__ingest(record->session), &len);
	uint64_t lost = 0;

	for (size_t i = 0; i < len; i++)
		lost += losses[i].loses ? losses[i].count : 0;
	return lost;
}

/* "; not readable: 8443 tls (312 connections)" */
static void print_unreadable(const struct record *record)
{
	size_t len;
	const struct ww_unreadable_port *ports = ww_ingest__unreadable_ports(ww_session__ingest(record->session), &len);

	for (size_t i = 0; i < len; i++)
		fprintf(stderr, "%s port %u: %llu %s connections", i ? "," : "; not readable:", ports[i].port,
			(unsigned long long)ports[i].connections, strcmp(ports[i].protocol, "tls") ? "HTTP/2" : "TLS");
}

/* "; the command: 5 s, db 71 %, compute 20 %, 4512 operations" */
static void print_command(const struct record *record)
{
	uint64_t operations, kinds_ns[WW_KIND_COUNT], wall_ns;
	const struct ww_account *account = ww_ingest__run(ww_session__ingest(record->session), &operations);

	if (!account || account->end_ns <= account->start_ns || !ww_session__follows(record->session))
		return;
	wall_ns = account->end_ns - account->start_ns;
	memcpy(kinds_ns, account->kinds_ns, sizeof(kinds_ns));
	fprintf(stderr, "; the command: %.0f s", (double)wall_ns / 1e9);
	for (int i = 0; i < KINDS_NAMED; i++) {
		enum ww_kind most = 0;

		for (enum ww_kind kind = 1; kind < WW_KIND_COUNT; kind++)
			if (kinds_ns[kind] > kinds_ns[most])
				most = kind;
		if (kinds_ns[most] * 100 < wall_ns)
			break;
		fprintf(stderr, ", %s %.0f %%", ww_kind_name(most), 100 * (double)kinds_ns[most] / (double)wall_ns);
		kinds_ns[most] = 0;
	}
	fprintf(stderr, ", %llu operations", (unsigned long long)operations);
}

static void print_progress(struct record *record)
{
	const struct ww_ingest_totals *totals = ww_ingest__totals(ww_session__ingest(record->session));
	unsigned seconds = record->seconds - record->last_line;

	fprintf(stderr, "%swhywait: %u s, %llu requests (%.0f/s), %llu errors, %llu lost", record->terminal ? "\r" : "",
		record->seconds, (unsigned long long)totals->requests,
		(double)(totals->requests - record->requests) / (seconds ? seconds : 1),
		(unsigned long long)totals->errors, (unsigned long long)count_lost(record));
	print_command(record);
	print_unreadable(record);
	/* Clears what is left of a longer line. */
	fputs(record->terminal ? "\033[K" : "\n", stderr);
	record->requests = totals->requests;
	record->last_line = record->seconds;
}

static int each_second(void *ctx, struct ww_session *session)
{
	struct record *record = ctx;

	(void)session;
	record->seconds++;
	if (record->terminal || record->seconds % LINE_SECONDS == 0)
		print_progress(record);
	return 0;
}

/* "whywait: 5124 stacks, 99.9 % whole, 31.2 us each to unwind and 2.1 us for names; 80 ms once for 12 files, 9.1 MiB
 * kept" */
static void print_stacks(const struct record *record)
{
	struct ww_stacks_totals totals;

	if (ww_ingest__stacks(ww_session__ingest(record->session), &totals) || !totals.stacks)
		return;
	double each = 1e3 * (double)totals.stacks;
	fprintf(stderr,
		"whywait: %llu stacks, %.1f %% whole; each %.1f us to take, %.1f to unwind, %.1f for names; %.0f ms "
		"once for %u "
		"files, %.1f MiB kept\n",
		(unsigned long long)totals.stacks, 100 * (double)totals.whole / (double)totals.stacks,
		(double)totals.take_ns / each, (double)totals.unwind_ns / each, (double)totals.names_ns / each,
		(double)totals.once_ns / 1e6, totals.files, (double)totals.bytes / (1 << 20));
}

static void print_summary(const struct record *record)
{
	struct ww_ingest *ingest = ww_session__ingest(record->session);
	const struct ww_ingest_totals *totals = ww_ingest__totals(ingest);
	size_t len;
	const struct ww_loss *losses = ww_ingest__losses(ingest, &len);
	bool first = true;

	print_stacks(record);
	fprintf(stderr, "whywait: recorded %llu requests in %.1f s into %s", (unsigned long long)totals->requests,
		(double)ww_session__elapsed_ns(record->session) / 1e9, record->arguments->output);
	if (!count_lost(record))
		fputs(", nothing lost", stderr);
	print_command(record);
	if (!totals->requests)
		fputs("; nothing that was observed answered HTTP/1 requests", stderr);
	for (size_t i = 0; i < len; i++) {
		if (!losses[i].loses || !losses[i].count)
			continue;
		fprintf(stderr, "%s %llu %s", first ? ", NOT COMPLETE, lost:" : ",",
			(unsigned long long)losses[i].count, losses[i].cause);
		first = false;
	}
	print_unreadable(record);
	if (totals->routes_over_cap)
		fprintf(stderr, "; %llu requests are in `(other)`: see --routes-max and --route",
			(unsigned long long)totals->routes_over_cap);
	if (totals->filtered)
		fprintf(stderr, "; %llu requests were of other services", (unsigned long long)totals->filtered);
	fputc('\n', stderr);
}

/* Whether execvp() would find the command: better known before anything is attached. */
static bool is_command(const char *name)
{
	const char *path = getenv("PATH");
	char *copy, *rest, *directory, *file = NULL;
	bool found = false;

	if (strchr(name, '/'))
		return !access(name, X_OK);
	copy = rest = strdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
	while (!found && copy && (directory = strsep(&rest, ":"))) {
		if (asprintf(&file, "%s/%s", *directory ? directory : ".", name) < 0)
			break;
		found = !access(file, X_OK);
		free(file);
	}
	free(copy);
	return found;
}

static int observing_failed(const struct record *record, int err)
{
	if (*ww_recorder__message(record->recorder))
		return ww_command__fail("record", WW_EXIT_USAGE,
					"%s; recording ended, what was recorded before can be read",
					ww_recorder__message(record->recorder));
	return ww_command__fail("record", WW_EXIT_CANT_OBSERVE, "observing failed: %s", strerror(-err));
}

/* From the first line on standard error to the last. */
static int observe(struct record *record, struct ww_child *child)
{
	const struct arguments *arguments = record->arguments;
	enum ww_session_end end = WW_SESSION_CALLBACK;
	int err = ww_session__start(record->session);

	if (err)
		return observing_failed(record, err);
	err = child ? ww_child__release(child) : 0;
	if (err)
		return ww_command__fail("record", WW_EXIT_USAGE, "can't start %s: %s", arguments->command[0],
					strerror(-err));
	if (!ww_features__host_pids())
		fputs("whywait: warning: this is a pid namespace of its own: services are named by their processes' "
		      "names only, "
		      "asyncio and Node are told less exactly; run the container with --pid=host\n",
		      stderr);
	fprintf(stderr, "whywait: observing %s\n",
		child						  ? arguments->command[0]
		: ww_select_arguments__is_any(&arguments->select) ? "this host's servers"
								  : "the servers selected");
	err = ww_session__run(record->session, &end);
	if (record->terminal)
		fputs("\r\033[K", stderr);
	if (err)
		return observing_failed(record, err);
	if (end == WW_SESSION_PIDS)
		fprintf(stderr, "whywait: %s\n", child ? "the command has ended" : "every process of --pid has ended");
	print_summary(record);
	return WW_EXIT_DONE;
}

/* The recording is made last: a start that fails leaves none, and an earlier one where it was. */
static int record_into(struct record *record, struct ww_session_options *session_options, struct ww_child *child)
{
	const struct arguments *arguments = record->arguments;
	struct ww_recorder_options recorder_options = {
		.path = arguments->output,
		.replace = arguments->replace,
		.keep_all = arguments->keep_all,
		.keep = arguments->keep,
	};
	char message[512], settings[128];
	char share[32];
	int status, err;

	snprintf(share, sizeof(share), "%g %%", 100 * arguments->stacks_share);
	if (arguments->keep_all)
		snprintf(settings, sizeof(settings), "keep all");
	else
		snprintf(settings, sizeof(settings), "keep %u", arguments->keep);
	if (arguments->select.no_operations)
		strcat(settings, "; no operations");
	if (arguments->select.no_collectors)
		strcat(settings, "; no collectors");
	if (arguments->select.no_handoffs)
		strcat(settings, "; no handoffs");
	if (arguments->select.promises)
		strcat(settings, "; promises");
	if (arguments->select.exact_goroutines)
		strcat(settings, "; exact goroutines");
	if (arguments->stacks)
		snprintf(settings + strlen(settings), sizeof(settings) - strlen(settings), "; stacks %s",
			 arguments->stacks_share > 0 ? share : "all");
	if (arguments->allocations > 0)
		snprintf(settings + strlen(settings), sizeof(settings) - strlen(settings), "; allocations %g %%",
			 100 * arguments->allocations);
	recorder_options.settings = settings;
	if (ww_session__open(&record->session, session_options, message, sizeof(message)))
		return ww_command__fail("record", WW_EXIT_CANT_OBSERVE, "%s", message);
	recorder_options.stand_ins = ww_session__stand_ins(record->session);
	if (ww_recorder__create(&record->recorder, &recorder_options, message, sizeof(message))) {
		ww_session__close(record->session);
		return ww_command__fail("record", WW_EXIT_USAGE, "%s", message);
	}
	if (ww_recorder__moved(record->recorder))
		fprintf(stderr, "whywait: moved %s to %s.old\n", arguments->output, arguments->output);
	ww_session__set_recorder(record->session, record->recorder);
	status = observe(record, child);
	ww_session__close(record->session);
	err = ww_recorder__close(record->recorder);
	if (err && status == WW_EXIT_DONE)
		status = ww_command__fail("record", WW_EXIT_USAGE, "%s could not be completed: %s", arguments->output,
					  strerror(-err));
	return status;
}

/* The command is what follows the first `--`; returns how many words come before. */
static int split_command(int argc, char **argv, struct arguments *arguments)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		if (i + 1 == argc)
			ww_command__wrong("record", "a command is missing behind --");
		arguments->command = argv + i + 1;
		return i;
	}
	return argc;
}

int ww_command_record(int argc, char **argv)
{
	struct arguments arguments = {.output = OUTPUT_DEFAULT, .keep = WW_KEEP_DEFAULT};
	struct record record = {.arguments = &arguments, .terminal = isatty(STDERR_FILENO)};
	struct ww_session_options session_options = {.each_second = each_second, .ctx = &record};
	struct ww_child child;
	char name[WW_PROGRAM_SIZE];
	int status, err;

	argc = split_command(argc, argv, &arguments);
	ww_command__parse(&usage, argc, argv, &arguments);
	if (arguments.command) {
		if (!is_command(arguments.command[0]))
			return ww_command__fail("record", WW_EXIT_USAGE, "can't start %s: %s", arguments.command[0],
						strerror(errno));
		err = ww_child__start(&child, arguments.command);
		if (!err)
			err = ww_select_arguments__add_pid(&arguments.select, child.pid);
		if (err)
			return ww_command__fail("record", WW_EXIT_CANT_OBSERVE, "can't start a process: %s",
						strerror(-err));
	}
	session_options.command = arguments.command ? child.pid : 0;
	ww_select_arguments__apply(&arguments.select, &session_options.observer, &session_options.ingest);
	if (arguments.command) {
		ww_child__name(arguments.command, name);
		session_options.ingest.command = name;
	}
	session_options.observer.units = arguments.units;
	session_options.observer.units_len = arguments.units_len;
	session_options.observer.queues = arguments.queues;
	session_options.ingest.units.names = (const char *const *)arguments.unit_names;
	session_options.ingest.units.len = arguments.units_len;
	session_options.duration_ns = (uint64_t)llround(arguments.seconds * 1e9);
	session_options.observer.segments_over_ns = arguments.keep_all ? 0 : SEGMENTS_OVER_NS;
	session_options.observer.segments_one_in = SEGMENTS_ONE_IN;
	session_options.observer.stacks = session_options.ingest.stacks = arguments.stacks;
	session_options.observer.stacks_share = arguments.stacks_share;
	session_options.observer.allocations = arguments.allocations;
	/* Whoever reads what it says may go, the recording goes on. The command was started before: it has its own. */
	signal(SIGPIPE, SIG_IGN);
	status = record_into(&record, &session_options, arguments.command ? &child : NULL);
	if (arguments.command)
		ww_child__end(&child);
	ww_select_arguments__free(&arguments.select);
	for (size_t i = 0; i < arguments.units_len; i++)
		free(arguments.unit_names[i]);
	return status;
}
