/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/select.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/command.h"
#include "requests/process.h"
#include "protocols/route.h"

enum {
	KEY_COMM = 0x400,
	KEY_PORT,
	KEY_CGROUP,
	KEY_CONTAINER,
	KEY_SERVICE,
	KEY_ROUTE,
	KEY_ROUTES_MAX,
	KEY_MAX_REQUESTS,
	KEY_RING,
	KEY_NO_OPERATIONS,
	KEY_NO_COLLECTORS,
	KEY_NO_HANDOFFS,
	KEY_PROMISES,
	KEY_EXACT_GOROUTINES,
};

#define CGROUPS_MAX	 256 /* as many as the BPF side takes */
#define CONTAINER_ID_MIN 4

static const struct argp_option options[] = {
	{0, 0, 0, 0, "Whom to observe; where several are given, all have to apply:", 10},
	{"pid", 'p', "PID,..", 0, "processes, with those that they start", 10},
	{"comm", KEY_COMM, "NAME,..", 0, "threads of that name, as in /proc/PID/comm", 10},
	{"port", KEY_PORT, "PORT,..", 0, "servers on these ports", 10},
	{"cgroup", KEY_CGROUP, "PATH", 0, "processes in this cgroup, or in one below it, also when it is made later",
	 10},
	{"container", KEY_CONTAINER, "ID", 0, "processes of the container whose id begins so", 10},
	{"service", KEY_SERVICE, "NAME", 0, "services of this name, as in reports; a glob", 10},
	{0, 0, 0, 0, "How requests are told apart, and how many at a time:", 11},
	{"route", KEY_ROUTE, "PATTERN", 0,
	 "paths that match are one endpoint: /shop/{name}/items; {rest...} stands for all that follows; the first "
	 "pattern that matches counts",
	 11},
	{"routes-max", KEY_ROUTES_MAX, "N", 0,
	 "endpoints a service may have; the rest is `(other)` (default 200). Where paths have had more than N/2 words "
	 "at "
	 "one place, those that came seldom are {name}",
	 11},
	{"max-requests", KEY_MAX_REQUESTS, "N", 0, "requests in flight on this host (default 4096)", 11},
	{"no-operations", KEY_NO_OPERATIONS, 0, 0,
	 "leave out what requests ask of databases and other services: only how long they wait for them is told", 11},
	{"no-collectors", KEY_NO_COLLECTORS, 0, 0,
	 "have no probes in programs: when they collect garbage they compute, or wait for a lock", 11},
	{"exact-goroutines", KEY_EXACT_GOROUTINES, 0, 0,
	 "have probes in observed programs of Go's wherever a goroutine comes or goes: what requests compute, and wait "
	 "for locks, channels and timers, is exact then; it takes 1 us of CPU time each time (some 7 us a request of "
	 "net/http)",
	 11},
	{"no-handoffs", KEY_NO_HANDOFFS, 0, 0,
	 "don't follow requests to other threads of CPython and tasks of tokio, which costs more than all else: such "
	 "requests lack what those ask for, and say so",
	 11},
	{"promises", KEY_PROMISES, 0, 0,
	 "follow the promises of Node 18 to 26, to tell for which request it goes on after a timer, libuv's pool or a "
	 "worker's message. It costs some 4 us of CPU time each time that an async function goes on. Not with "
	 "--no-collectors",
	 11},
	{"ring", KEY_RING, "BYTES", 0,
	 "room for finished requests until they are taken in, a power of two (default 4194304)", 11},
	{0},
};

static void out_of_memory(const struct ww_select_arguments *arguments)
{
	exit(ww_command__fail(arguments->command, WW_EXIT_CANT_OBSERVE, "out of memory"));
}

/* Appends to a list whose elements are `size` bytes long. */
static void append(const struct ww_select_arguments *arguments, void *list, size_t *len, const void *element,
		   size_t size)
{
	void **array = list;
	char *larger = reallocarray(*array, *len + 1, size);

	if (!larger)
		out_of_memory(arguments);
	memcpy(larger + *len * size, element, size);
	*array = larger;
	++*len;
}

static void append_text(const struct ww_select_arguments *arguments, char ***list, size_t *len, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		out_of_memory(arguments);
	append(arguments, list, len, &copy, sizeof(copy));
}

static uint64_t parse_number(const struct ww_select_arguments *arguments, const char *option, const char *text,
			     uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long number;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || number < least || number > most)
		ww_command__wrong(arguments->command, "%s '%s': give a whole number from %llu to %llu", option, text,
				  (unsigned long long)least, (unsigned long long)most);
	return number;
}

/* Calls `add` for each of "A,B,..". */
static void each_of(struct ww_select_arguments *arguments, const char *option, const char *list,
		    void (*add)(struct ww_select_arguments *, const char *option, const char *text))
{
	char *copy = strdup(list), *rest = copy, *part;

	if (!copy)
		out_of_memory(arguments);
	while ((part = strsep(&rest, ",")))
		add(arguments, option, part);
	free(copy);
}

static void add_pid(struct ww_select_arguments *arguments, const char *option, const char *text)
{
	pid_t pid = (pid_t)parse_number(arguments, option, text, 1, INT_MAX);

	if (kill(pid, 0) && errno == ESRCH)
		ww_command__wrong(arguments->command, "%s %d: there is no such process", option, (int)pid);
	if (ww_select_arguments__add_pid(arguments, pid))
		out_of_memory(arguments);
}

static void add_comm(struct ww_select_arguments *arguments, const char *option, const char *text)
{
	if (!*text || strlen(text) >= WW_COMM)
		ww_command__wrong(arguments->command, "%s '%s': names have 1 to %d bytes; see /proc/PID/comm", option,
				  text, WW_COMM - 1);
	append_text(arguments, &arguments->comms, &arguments->comms_len, text);
}

static void add_port(struct ww_select_arguments *arguments, const char *option, const char *text)
{
	uint16_t port = (uint16_t)parse_number(arguments, option, text, 1, UINT16_MAX);

	append(arguments, &arguments->ports, &arguments->ports_len, &port, sizeof(port));
}

/* Where the cgroup v2 hierarchy is mounted. */
static const char *cgroup_root(const struct ww_select_arguments *arguments, const char *option)
{
	static char root[PATH_MAX];
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *mount;

	root[0] = '\0';
	while (mounts && !root[0] && (mount = getmntent(mounts))) {
		if (!strcmp(mount->mnt_type, "cgroup2"))
			snprintf(root, sizeof(root), "%s", mount->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
	if (!root[0])
		exit(ww_command__fail(arguments->command, WW_EXIT_CANT_OBSERVE,
				      "%s needs cgroup v2, which is not mounted here; use --pid", option));
	return root;
}

static void append_cgroup(struct ww_select_arguments *arguments, const char *option, const char *text, uint64_t cgroup)
{
	if (arguments->cgroups_len == CGROUPS_MAX)
		ww_command__wrong(arguments->command, "%s %s: %d cgroups can be selected at most", option, text,
				  CGROUPS_MAX);
	append(arguments, &arguments->cgroups, &arguments->cgroups_len, &cgroup, sizeof(cgroup));
}

/* Adds the topmost cgroups at and below `path` that are those of containers whose ids begin with `container`. */
static void add_containers(struct ww_select_arguments *arguments, const char *path, const char *container)
{
	char id[WW_CONTAINER_SIZE], below[PATH_MAX];
	const struct dirent *entry;
	struct stat status;
	DIR *directory;

	if (ww_process__container(path, id) && !strncmp(id, container, strlen(container)) && !stat(path, &status)) {
		append_cgroup(arguments, "--container", container, status.st_ino);
		return;
	}
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
		    snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) < (int)sizeof(below))
			add_containers(arguments, below, container);
	}
	if (directory)
		closedir(directory);
}

static bool is_at_or_below(const char *path, const char *directory)
{
	size_t len = strlen(directory);

	return !strncmp(path, directory, len) && (path[len] == '/' || !path[len]);
}

static void add_cgroup(struct ww_select_arguments *arguments, const char *text)
{
	const char *root = cgroup_root(arguments, "--cgroup");
	char path[PATH_MAX], resolved[PATH_MAX];
	struct stat status;

	/* As mounted, or as in /proc/PID/cgroup. */
	if (is_at_or_below(text, root))
		snprintf(path, sizeof(path), "%s", text);
	else
		snprintf(path, sizeof(path), "%s/%s", root, text);
	if (!*text || !realpath(path, resolved) || !is_at_or_below(resolved, root) || stat(resolved, &status) ||
	    !S_ISDIR(status.st_mode))
		ww_command__wrong(arguments->command, "--cgroup '%s': there is no such cgroup below %s", text, root);
	/* In cgroup v2 that is its id; what is below belongs to it, also when it is made later. */
	append_cgroup(arguments, "--cgroup", text, status.st_ino);
	append_text(arguments, &arguments->cgroup_paths, &arguments->cgroup_paths_len, text);
}

static void add_container(struct ww_select_arguments *arguments, const char *text)
{
	size_t before = arguments->cgroups_len;

	if (strlen(text) < CONTAINER_ID_MIN || strspn(text, "0123456789abcdef") != strlen(text))
		ww_command__wrong(arguments->command,
				  "--container '%s': give the id, or its first %d or more hexadecimal digits", text,
				  CONTAINER_ID_MIN);
	add_containers(arguments, cgroup_root(arguments, "--container"), text);
	if (arguments->cgroups_len == before)
		ww_command__wrong(arguments->command, "--container %s: no cgroup belongs to such a container", text);
	append_text(arguments, &arguments->containers, &arguments->containers_len, text);
}

static void set_ring(struct ww_select_arguments *arguments, const char *text)
{
	long page = sysconf(_SC_PAGESIZE);

	arguments->ring = (uint32_t)parse_number(arguments, "--ring", text, (uint64_t)page, 1u << 30);
	if (arguments->ring & (arguments->ring - 1))
		ww_command__wrong(arguments->command, "--ring %s: give a power of two, at least %ld", text, page);
}

void ww_select_arguments__check(const struct ww_select_arguments *arguments)
{
	if (arguments->promises && arguments->no_collectors)
		ww_command__wrong(
			arguments->command,
			"promises are followed by probes that collectors have, too, as collections move them: "
			"give --promises (promises: true) or --no-collectors (collectors: false), not both");
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct ww_select_arguments *arguments = state->input;

	switch (key) {
	case 'p':
		each_of(arguments, "--pid", value, add_pid);
		return 0;
	case KEY_COMM:
		each_of(arguments, "--comm", value, add_comm);
		return 0;
	case KEY_PORT:
		each_of(arguments, "--port", value, add_port);
		return 0;
	case KEY_CGROUP:
		add_cgroup(arguments, value);
		return 0;
	case KEY_CONTAINER:
		add_container(arguments, value);
		return 0;
	case KEY_SERVICE:
		append_text(arguments, &arguments->services, &arguments->services_len, value);
		return 0;
	case KEY_ROUTE:
		if (ww_route__check_pattern(value))
			ww_command__wrong(
				arguments->command,
				"--route '%s': a pattern begins with / and has its braces around whole segments",
				value);
		append_text(arguments, &arguments->routes, &arguments->routes_len, value);
		return 0;
	case KEY_ROUTES_MAX:
		arguments->routes_max = (unsigned)parse_number(arguments, "--routes-max", value, 1, 100000);
		return 0;
	case KEY_MAX_REQUESTS:
		arguments->max_requests = (uint32_t)parse_number(arguments, "--max-requests", value, 1, 65536);
		return 0;
	case KEY_NO_OPERATIONS:
		arguments->no_operations = true;
		return 0;
	case KEY_NO_COLLECTORS:
		arguments->no_collectors = true;
		return 0;
	case KEY_EXACT_GOROUTINES:
		arguments->exact_goroutines = true;
		return 0;
	case KEY_NO_HANDOFFS:
		arguments->no_handoffs = true;
		return 0;
	case KEY_PROMISES:
		arguments->promises = true;
		return 0;
	case KEY_RING:
		set_ring(arguments, value);
		return 0;
	case ARGP_KEY_END:
		ww_select_arguments__check(arguments);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp ww_select_argp = {.options = options, .parser = parse};

int ww_select_arguments__add_pid(struct ww_select_arguments *arguments, pid_t pid)
{
	pid_t *pids = reallocarray(arguments->pids, arguments->pids_len + 1, sizeof(*pids));

	if (!pids)
		return -ENOMEM;
	arguments->pids = pids;
	pids[arguments->pids_len++] = pid;
	return 0;
}

void ww_select_arguments__apply(const struct ww_select_arguments *arguments, struct ww_observer_options *observer,
				struct ww_ingest_options *ingest)
{
	observer->select = (struct ww_select){
		.pids = arguments->pids,
		.pids_len = arguments->pids_len,
		.comms = (const char *const *)arguments->comms,
		.comms_len = arguments->comms_len,
		.ports = arguments->ports,
		.ports_len = arguments->ports_len,
		.cgroups = arguments->cgroups,
		.cgroups_len = arguments->cgroups_len,
	};
	observer->max_requests = arguments->max_requests;
	observer->account_ring = arguments->ring;
	observer->traffic_ring = arguments->ring;
	observer->no_operations = arguments->no_operations;
	observer->no_collectors = arguments->no_collectors;
	observer->exact_goroutines = arguments->exact_goroutines;
	observer->no_handoffs = arguments->no_handoffs;
	observer->promises = arguments->promises;
	ingest->no_operations = arguments->no_operations;
	ingest->routes = (const char *const *)arguments->routes;
	ingest->routes_len = arguments->routes_len;
	ingest->routes_max = arguments->routes_max;
	ingest->services = (const char *const *)arguments->services;
	ingest->services_len = arguments->services_len;
}

bool ww_select_arguments__is_any(const struct ww_select_arguments *arguments)
{
	return !(arguments->pids_len || arguments->comms_len || arguments->ports_len || arguments->cgroups_len ||
		 arguments->services_len);
}

static void free_texts(char **list, size_t len)
{
	for (size_t i = 0; i < len; i++)
		free(list[i]);
	free(list);
}

void ww_select_arguments__free(struct ww_select_arguments *arguments)
{
	if (!arguments)
		return;
	free_texts(arguments->comms, arguments->comms_len);
	free_texts(arguments->cgroup_paths, arguments->cgroup_paths_len);
	free_texts(arguments->containers, arguments->containers_len);
	free_texts(arguments->services, arguments->services_len);
	free_texts(arguments->routes, arguments->routes_len);
	free(arguments->pids);
	free(arguments->ports);
	free(arguments->cgroups);
}
