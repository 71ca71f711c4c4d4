/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/utf8.h"

#define ARGUMENTS_SIZE 4096
#define STAT_SIZE      1024
#define CGROUP_FILE    4096

/* Up to size - 1 bytes of a file of the process, with a NUL behind them; their number, or a negative errno. */
static ssize_t read_file(const char *proc, pid_t pid, const char *name, char *data, size_t size)
{
	char path[PATH_MAX];
	ssize_t got, len = 0;
	int file;

	snprintf(path, sizeof(path), "%s/%d/%s", proc, (int)pid, name);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	while ((got = read(file, data + len, size - 1 - (size_t)len)) > 0)
		len += got;
	if (got < 0)
		len = -errno;
	close(file);
	if (len >= 0)
		data[len] = '\0';
	return len;
}

/* The part behind the last '/'. */
static const char *base_name(const char *path, size_t *len)
{
	const char *slash = memrchr(path, '/', *len);

	if (!slash)
		return path;
	*len -= (size_t)(slash + 1 - path);
	return slash + 1;
}

struct interpreter {
	const char *name;    /* its executable begins with it, a version may follow */
	const char *module;  /* the option whose value is a module, or a jar */
	const char *skipped; /* single letters of options that have a value in the next argument */
};

static const struct interpreter interpreters[] = {
	{"python", "-m", "WX"}, {"pypy", "-m", "WX"}, {"node", NULL, "r"}, {"nodejs", NULL, "r"},
	{"ruby", NULL, "rIC"},	{"php", "-f", "dcz"}, {"perl", NULL, "I"}, {"java", "-jar", ""},
	{"bun", NULL, "r"},	{"deno", NULL, ""},
};

static const struct interpreter *interpreter_of(const char *exe)
{
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(*interpreters); i++) {
		size_t len = strlen(interpreters[i].name);

		/* "python3.11", "php8.2", "perl5.36.0" */
		if (!strncmp(exe, interpreters[i].name, len) && strspn(exe + len, "0123456789.") == strlen(exe + len))
			return &interpreters[i];
	}
	return NULL;
}

/* The next argument; NULL behind the last one. */
static const char *next_argument(const char *argument, const char *end)
{
	argument += strnlen(argument, (size_t)(end - argument)) + 1;
	return argument < end && *argument ? argument : NULL;
}

static bool is_java(const struct interpreter *interpreter)
{
	return !strcmp(interpreter->name, "java");
}

/* The script, module, jar or class among the arguments; NULL when there is none. */
static const char *script_of(const struct interpreter *interpreter, const char *argument, const char *end)
{
	static const char *const java_skipped[] = {"-cp", "-classpath",	   "--class-path",
						   "-p",  "--module-path", "--add-modules"};

	while ((argument = next_argument(argument, end))) {
		bool skip = false;

		if (interpreter->module && !strcmp(argument, interpreter->module))
			return next_argument(argument, end);
		if (argument[0] != '-')
			return argument;
		if (is_java(interpreter)) {
			for (size_t i = 0; i < sizeof(java_skipped) / sizeof(*java_skipped); i++)
				skip |= !strcmp(argument, java_skipped[i]);
		} else {
			/* -c and -e carry the program itself */
			if (!strcmp(argument, "-c") || !strcmp(argument, "-e"))
				return NULL;
			skip = argument[1] && argument[1] != '-' && !argument[2] &&
			       strchr(interpreter->skipped, argument[1]);
		}
		if (skip && !(argument = next_argument(argument, end)))
			return NULL;
	}
	return NULL;
}

/* Without the "/__main__.py" of a Python package that was started by its path, as gunicorn does on an upgrade. */
static size_t package_len(const char *script, size_t len)
{
	static const char main_file[] = "/__main__.py";
	size_t tail = sizeof(main_file) - 1;

	return len > tail && !memcmp(script + len - tail, main_file, tail) ? len - tail : len;
}

void ww_process__program(const char *exe, const char *arguments, size_t len, char program[WW_PROGRAM_SIZE])
{
	const struct interpreter *interpreter = interpreter_of(exe);
	const char *name = exe, *end = arguments + len, *script = NULL;
	size_t name_len = strlen(exe), first_len = len ? strnlen(arguments, len) : 0;
	size_t title_len = strcspn(arguments, ": ");

	if (interpreter && len) {
		size_t base_len = first_len < title_len ? first_len : title_len;
		const char *base = base_name(arguments, &base_len);

		/* Servers that rename themselves: "gunicorn: worker [app]", "puma 5.6.5 (tcp://..) [app]". */
		if (title_len < first_len && base_len &&
		    strncmp(base, interpreter->name, strlen(interpreter->name)) != 0) {
			ww_utf8__copy(program, WW_PROGRAM_SIZE, base, base_len);
			return;
		}
		script = script_of(interpreter, arguments, end);
	}
	if (script) {
		name = script;
		name_len = package_len(script, strnlen(script, (size_t)(end - script)));
		name = base_name(name, &name_len);
		/* The class without its package. */
		if (is_java(interpreter) && !(name_len > 4 && !memcmp(name + name_len - 4, ".jar", 4))) {
			const char *dot = memrchr(name, '.', name_len);

			if (dot) {
				name_len -= (size_t)(dot + 1 - name);
				name = dot + 1;
			}
		}
	}
	ww_utf8__copy(program, WW_PROGRAM_SIZE, name, name_len);
}

bool ww_process__container(const char *cgroup, char container[WW_CONTAINER_SIZE])
{
	size_t id_len = WW_CONTAINER_SIZE - 1;

	/* ".../docker-<64 hex>.scope", ".../docker/<64 hex>", ".../cri-containerd-<64 hex>.scope", ".../libpod-<64
	 * hex>" */
	for (const char *at = cgroup; *at;) {
		size_t hex = strspn(at, "0123456789abcdef");

		if (hex == id_len && (at == cgroup || strchr("/-:", at[-1])) && strchr("/.", at[hex])) {
			memcpy(container, at, id_len);
			container[id_len] = '\0';
			return true;
		}
		at += hex ? hex : 1;
	}
	container[0] = '\0';
	return false;
}

static void read_cgroup(const char *proc, pid_t pid, struct ww_process *process)
{
	char text[CGROUP_FILE], *line;

	strcpy(process->cgroup, "/");
	process->container[0] = '\0';
	if (read_file(proc, pid, "cgroup", text, sizeof(text)) <= 0)
		return;
	/* The v2 hierarchy has the number 0 and no controllers. */
	line = !strncmp(text, "0::", 3) ? text : strstr(text, "\n0::");
	if (!line)
		return;
	line = strchr(line, ':') + 2;
	ww_utf8__copy(process->cgroup, sizeof(process->cgroup), line, strcspn(line, "\n"));
	line[strcspn(line, "\n")] = '\0';
	ww_process__container(line, process->container);
}

int ww_process__read(const char *proc, pid_t pid, struct ww_process *process)
{
	static const char deleted[] = " (deleted)";
	char path[PATH_MAX], exe[PATH_MAX], arguments[ARGUMENTS_SIZE];
	struct ww_process read = {0};
	const char *name;
	size_t name_len;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%d/exe", proc, (int)pid);
	len = readlink(path, exe, sizeof(exe) - 1);
	if (len <= 0)
		return -ESRCH;
	exe[len] = '\0';
	if ((size_t)len >= sizeof(deleted) && !strcmp(exe + len - (sizeof(deleted) - 1), deleted))
		exe[len - (ssize_t)(sizeof(deleted) - 1)] = '\0';
	ww_utf8__copy(read.exe, sizeof(read.exe), exe, strlen(exe));
	name_len = strlen(exe);
	name = base_name(exe, &name_len);
	len = read_file(proc, pid, "cmdline", arguments, sizeof(arguments));
	ww_process__program(name, len > 0 ? arguments : "", len > 0 ? (size_t)len : 0, read.program);
	read_cgroup(proc, pid, &read);
	*process = read;
	return 0;
}

int ww_process__usage(const char *proc, pid_t pid, struct ww_process_usage *usage)
{
	char text[STAT_SIZE], path[PATH_MAX], *at;
	unsigned long long user, system, start, minor, major;
	long threads, pages;
	struct stat exe;

	if (read_file(proc, pid, "stat", text, sizeof(text)) <= 0)
		return -ESRCH;
	/* The name may hold anything, also ')': what follows begins behind the last one. proc_pid_stat(5) */
	at = strrchr(text, ')');
	if (!at ||
	    sscanf(at + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %llu %*u %llu %*u %llu %llu %*d %*d %*d %*d %ld %*d %llu %*u %ld",
		   &minor, &major, &user, &system, &threads, &start, &pages) != 7)
		return -ESRCH;
	/* A zombie uses nothing any more; what it was can't be told either. */
	if (at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X'))
		return -ESRCH;
	snprintf(path, sizeof(path), "%s/%d/exe", proc, (int)pid);
	*usage = (struct ww_process_usage){
		.start_ticks = start,
		.exe_inode = stat(path, &exe) ? 0 : exe.st_ino,
		.cpu_ns = (user + system) * (1000000000ull / (unsigned long long)sysconf(_SC_CLK_TCK)),
		.rss_bytes = pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0,
		.threads = threads > 0 ? (uint64_t)threads : 0,
		.minor_faults = minor,
		.major_faults = major,
	};
	return 0;
}

int ww_process__pss(const char *proc, pid_t pid, uint64_t *bytes)
{
	char text[STAT_SIZE * 2];
	unsigned long long kilobytes;
	ssize_t len = read_file(proc, pid, "smaps_rollup", text, sizeof(text));
	const char *line = len > 0 ? strstr(text, "\nPss:") : NULL;

	if (len < 0)
		return (int)len;
	/* A process that has no memory, as a zombie, has an empty file. */
	if (!line || sscanf(line, "\nPss: %llu kB", &kilobytes) != 1)
		return -ESRCH;
	*bytes = kilobytes * 1024;
	return 0;
}
