/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/runtimes.h"

#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/golang.h"
#include "kernel/probes.h"
#include "kernel/user_events.h"
#include "kernel/user_probes.h"
#include "kernel/v8.h"
#include "util/mappings.h"
#include "whywait.skel.h"

#define FILES_MAX    4096 /* remembered; those without probes are forgotten when there are more */
#define ATTACHED_MAX 256  /* files that programs are attached to at a time */

_Static_assert(WW_PROBE_PROGRAMS <= WW_USER_EVENT_TARGETS, "each program is a target of events");

struct file {
	dev_t device;
	ino_t inode;
	pid_t pid;			/* the last process that was seen to have it mapped */
	struct ww_user_probe *attached; /* NULL: it has no probes */
	size_t attached_len;
	bool goroutines; /* those of goroutines were looked for */
};

struct ww_runtimes {
	struct bpf_program *programs[WW_PROBE_PROGRAMS];
	struct file *files;
	size_t files_len, attached;
	uint64_t failed;
	bool collectors;
	bool promises; /* V8's are followed */
};

struct ww_runtimes *ww_runtimes__new(struct whywait_bpf *bpf, bool collectors)
{
	struct ww_runtimes *runtimes = calloc(1, sizeof(*runtimes));

	if (!runtimes)
		return NULL;
	runtimes->files = calloc(FILES_MAX, sizeof(*runtimes->files));
	if (!runtimes->files) {
		free(runtimes);
		return NULL;
	}
	struct bpf_program *const programs[WW_PROBE_PROGRAMS] = {
		[WW_PROBE_GC_BEGIN] = bpf->progs.ww_gc_begin,
		[WW_PROBE_GC_END] = bpf->progs.ww_gc_end,
		[WW_PROBE_GC_PART_BEGIN] = bpf->progs.ww_gc_part_begin,
		[WW_PROBE_GC_PART_END] = bpf->progs.ww_gc_part_end,
		[WW_PROBE_GC_CLOCK] = bpf->progs.ww_gc_clock,
		[WW_PROBE_GC_STEP_LEAVE] = bpf->progs.ww_gc_step_leave,
		[WW_PROBE_GC_ENTER] = bpf->progs.ww_gc_enter,
		[WW_PROBE_GC_LEAVE] = bpf->progs.ww_gc_leave,
		[WW_PROBE_STOP_BEGIN] = bpf->progs.ww_stop_begin,
		[WW_PROBE_STOP_END] = bpf->progs.ww_stop_end,
		[WW_PROBE_PAUSE_BEGIN] = bpf->progs.ww_pause_begin,
		[WW_PROBE_PAUSE_END] = bpf->progs.ww_pause_end,
		[WW_PROBE_PART_FIRST] = bpf->progs.ww_part_first,
		[WW_PROBE_PART_LAST] = bpf->progs.ww_part_last,
		[WW_PROBE_STOP_LEFT] = bpf->progs.ww_stop_left,
		[WW_PROBE_ASSIST_BEGIN] = bpf->progs.ww_assist_begin,
		[WW_PROBE_ASSIST_END] = bpf->progs.ww_assist_end,
		[WW_PROBE_PROMISE_MOVES] = bpf->progs.ww_promise_moves,
		[WW_PROBE_PROMISE_STEP] = bpf->progs.ww_promise_step,
		[WW_PROBE_GO_RUNS] = bpf->progs.ww_go_runs,
		[WW_PROBE_GO_PARKS] = bpf->progs.ww_go_parks,
		[WW_PROBE_GO_YIELDS] = bpf->progs.ww_go_yields,
		[WW_PROBE_GO_READIES] = bpf->progs.ww_go_readies,
	};
	memcpy(runtimes->programs, programs, sizeof(programs));
	runtimes->collectors = collectors;
	runtimes->promises = bpf->rodata->ww_promises_on;
	return runtimes;
}

/* Detaches all but the first ones; what was attached last goes first: beginnings before ends. */
static void file_detach_behind(struct file *file, size_t kept)
{
	while (file->attached_len > kept)
		ww_user_probe__detach(&file->attached[--file->attached_len]);
	if (kept)
		return;
	free(file->attached);
	file->attached = NULL;
}

static void file_detach(struct file *file)
{
	file_detach_behind(file, 0);
}

void ww_runtimes__free(struct ww_runtimes *runtimes)
{
	if (!runtimes)
		return;
	for (size_t i = 0; i < runtimes->files_len; i++)
		file_detach(&runtimes->files[i]);
	free(runtimes->files);
	free(runtimes);
}

static struct file *file_find(struct ww_runtimes *runtimes, const struct stat *of)
{
	for (size_t i = 0; i < runtimes->files_len; i++)
		if (runtimes->files[i].inode == of->st_ino && runtimes->files[i].device == of->st_dev)
			return &runtimes->files[i];
	return NULL;
}

/* Forgets files without probes, or detaches from those whose last known process is gone. */
static void make_room(struct ww_runtimes *runtimes, bool of_attached)
{
	size_t kept = 0;

	for (size_t i = 0; i < runtimes->files_len; i++) {
		struct file *file = &runtimes->files[i];
		bool goes = of_attached ? file->attached && kill(file->pid, 0) && errno == ESRCH : !file->attached;

		if (goes) {
			runtimes->attached -= file->attached != NULL;
			file_detach(file);
		} else {
			runtimes->files[kept++] = *file;
		}
	}
	runtimes->files_len = kept;
}

/* Those places in a row, from `at` on, that one program is attached to in one way. */
static size_t places_of(const struct ww_probe_site *sites, size_t at, size_t len, struct ww_user_probe_places *places,
			uint64_t *offsets, uint64_t *semaphores)
{
	size_t end = at;

	for (; end < len && sites[end].program == sites[at].program && sites[end].at_return == sites[at].at_return;
	     end++) {
		offsets[end - at] = sites[end].offset;
		semaphores[end - at] = sites[end].semaphore;
	}
	*places = (struct ww_user_probe_places){
		.at_returns = sites[at].at_return,
		.len = end - at,
		.offsets = offsets,
		.semaphores = semaphores,
		.target = sites[at].program,
	};
	return end;
}

static int file_attach(struct ww_runtimes *runtimes, struct file *file, int fd, const struct ww_probe_site *sites,
		       size_t sites_len)
{
	uint64_t offsets[WW_PROBE_SITES], semaphores[WW_PROBE_SITES];
	size_t before = file->attached_len;
	char path[32];

	if (!bpf_program__autoload(runtimes->programs[sites[0].program]))
		return -ENOTSUP;
	struct ww_user_probe *more =
		reallocarray(file->attached, file->attached_len + sites_len, sizeof(*file->attached));
	if (!more)
		return -ENOMEM;
	file->attached = more;
	/* By its descriptor: the file may be in another mount namespace, or have no name any more. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (size_t at = 0, next; at < sites_len; at = next) {
		struct bpf_program *program = runtimes->programs[sites[at].program];
		struct ww_user_probe_places places;

		next = places_of(sites, at, sites_len, &places, offsets, semaphores);
		int err = ww_user_probe__attach(&file->attached[file->attached_len], program, path, &places);
		if (err) {
			file_detach_behind(file, before);
			return err;
		}
		file->attached_len++;
	}
	return 0;
}

static bool is_of_promises(const struct ww_probe_site *site)
{
	return site->program == WW_PROBE_PROMISE_STEP || site->program == WW_PROBE_PROMISE_MOVES;
}

/*
 * Finds those that are attached to every file, which come first, of V8's promises only where these are followed, and
 * those of goroutines; how many of each.
 */
static int sites_find(int fd, struct ww_probe_site sites[WW_PROBE_SITES], bool promises, int *goroutines)
{
	int all = ww_probes__find(fd, sites), kept = 0;

	for (int i = 0; i < all; i++)
		if (promises || !is_of_promises(&sites[i]))
			sites[kept++] = sites[i];
	int len = all < 0 ? all : kept;
	while (len > 0 && sites[len - 1].program >= WW_PROBE_GO_RUNS)
		len--;
	*goroutines = all < 0 ? 0 : kept - len;
	return len;
}

/* The process has ended, or is about to. */
static bool is_gone(pid_t pid)
{
	struct ww_mappings mappings;

	if (ww_mappings__open(&mappings, pid))
		return true;
	bool gone = !ww_mappings__next(&mappings);
	ww_mappings__close(&mappings);
	return gone;
}

/*
 * How many of the sites are of promises, which come last. Less than 0: so many that are of no use, as steps have none,
 * so that nobody asks where promises are, or what V8's objects are is not known.
 */
static int promises_count(const struct ww_probe_site *sites, int len, pid_t pid)
{
	struct ww_v8_version version;
	bool steps = false;
	int count = 0;

	for (; count < len && is_of_promises(&sites[len - 1 - count]); count++)
		steps |= sites[len - 1 - count].program == WW_PROBE_PROMISE_STEP;
	int err = !steps ? -ENOENT : count ? ww_v8__version(pid, &version) : 0;
	return err == -ENOENT || err == -EOPNOTSUPP ? -count : count;
}

/* Remembers a file, and attaches to it where it has probes. */
static void file_look(void *ctx, uint32_t pid, int fd)
{
	struct ww_runtimes *runtimes = ctx;
	struct ww_probe_site sites[WW_PROBE_SITES];
	struct stat stat;

	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode))
		return;
	struct file *file = file_find(runtimes, &stat);
	if (file) {
		file->pid = (pid_t)pid;
		return;
	}
	int goroutines, len = runtimes->collectors ? sites_find(fd, sites, runtimes->promises, &goroutines) : 0;
	int promises = promises_count(sites, len, (pid_t)pid);
	bool failed = promises < 0;

	/* What V8 it has could not be seen: the next process that runs it tells. */
	if (failed && is_gone((pid_t)pid))
		return;
	len -= abs(promises);
	if (runtimes->files_len == FILES_MAX)
		make_room(runtimes, false);
	if (len > 0 && runtimes->attached >= ATTACHED_MAX)
		make_room(runtimes, true);
	if (runtimes->files_len == FILES_MAX || (len > 0 && runtimes->attached >= ATTACHED_MAX)) {
		runtimes->failed++;
		return;
	}
	file = &runtimes->files[runtimes->files_len++];
	*file = (struct file){.device = stat.st_dev, .inode = stat.st_ino, .pid = (pid_t)pid};
	failed |= len < 0 || (len > 0 && file_attach(runtimes, file, fd, sites, (size_t)len));
	/* By themselves: what was opened before privileges were given up may have been without them. */
	if (!failed && promises)
		failed = file_attach(runtimes, file, fd, sites + len, (size_t)promises);
	runtimes->failed += failed;
	runtimes->attached += file->attached != NULL;
}

/* Whether a file is named like an interpreter or its library. */
static bool is_interpreter(const char *path)
{
	static const char *const names[] = {"python", "libjvm.so", "node", "ruby", "php"};
	const char *name = strrchr(path, '/');

	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
		if (strstr(name, names[i]))
			return true;
	return false;
}

/* Opens what is mapped: by the mapping, or, where that takes a privilege that is not there, by its name there. */
static int mapped_open(uint32_t pid, const struct ww_mappings *mapping)
{
	char path[sizeof(mapping->line) + 32];

	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", pid, (unsigned long long)mapping->start,
		 (unsigned long long)mapping->end);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 || errno != EPERM)
		return fd;
	snprintf(path, sizeof(path), "/proc/%u/root%s", pid, mapping->path);
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* Calls `each` for the files that the process has mapped: all, or those that are named like interpreters. */
static void each_file(uint32_t pid, bool all, void (*each)(void *ctx, uint32_t pid, int fd), void *ctx)
{
	struct ww_mappings mappings;
	char last[sizeof(mappings.line)] = "";

	if (ww_mappings__open(&mappings, (pid_t)pid))
		return;
	while (ww_mappings__next(&mappings)) {
		/* The first mapping of a file is its lowest. */
		if (mappings.offset || mappings.path[0] != '/' || !strcmp(mappings.path, last) ||
		    (!all && !is_interpreter(mappings.path)))
			continue;
		snprintf(last, sizeof(last), "%s", mappings.path);
		int fd = mapped_open(pid, &mappings);
		if (fd < 0)
			continue;
		each(ctx, pid, fd);
		close(fd);
	}
	ww_mappings__close(&mappings);
}

void ww_runtimes__look(struct ww_runtimes *runtimes, uint32_t pid, bool serves)
{
	each_file(pid, serves, file_look, runtimes);
}

void ww_runtimes__want_goroutines(struct whywait_bpf *bpf, bool wanted)
{
	struct bpf_program *const programs[] = {bpf->progs.ww_go_runs, bpf->progs.ww_go_parks, bpf->progs.ww_go_yields,
						bpf->progs.ww_go_readies};

	for (size_t i = 0; !wanted && i < sizeof(programs) / sizeof(programs[0]); i++)
		bpf_program__set_autoload(programs[i], false);
}

void ww_runtimes__look_at_goroutines(struct ww_runtimes *runtimes, uint32_t pid)
{
	struct ww_probe_site sites[WW_PROBE_SITES];
	struct ww_golang_about about;
	struct stat stat;
	char path[32];

	if (!bpf_program__autoload(runtimes->programs[WW_PROBE_GO_RUNS]))
		return;
	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	file_look(runtimes, pid, fd);
	struct file *file = fstat(fd, &stat) ? NULL : file_find(runtimes, &stat);
	if (file && !file->goroutines) {
		bool had = file->attached != NULL;
		int goroutines, len = sites_find(fd, sites, false, &goroutines);

		file->goroutines = true;
		if (goroutines > 0 ? file_attach(runtimes, file, fd, sites + len, (size_t)goroutines)
				   : !ww_golang__tell((pid_t)pid, &about))
			runtimes->failed++;
		runtimes->attached += !had && file->attached;
	}
	close(fd);
}

/* Files whose probes' events are open, or that have none. */
struct prepared {
	struct {
		dev_t device;
		ino_t inode;
	} files[FILES_MAX];
	size_t len;
	bool promises;
};

static void file_prepare(void *ctx, uint32_t pid, int fd)
{
	struct ww_probe_site sites[WW_PROBE_SITES];
	struct prepared *prepared = ctx;
	struct stat stat;

	(void)pid;
	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode) || prepared->len == FILES_MAX)
		return;
	for (size_t i = 0; i < prepared->len; i++)
		if (prepared->files[i].inode == stat.st_ino && prepared->files[i].device == stat.st_dev)
			return;
	prepared->files[prepared->len].device = stat.st_dev;
	prepared->files[prepared->len++].inode = stat.st_ino;

	int goroutines, len = sites_find(fd, sites, prepared->promises, &goroutines);

	/* What can't be opened now is counted when programs are to be attached. */
	for (int i = 0; i < len; i++)
		if (ww_user_events__open(fd, sites[i].program, sites[i].offset, sites[i].semaphore, sites[i].at_return))
			return;
}

static void path_prepare(struct prepared *prepared, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	file_prepare(prepared, 0, fd);
	close(fd);
}

/* What runs: each program, as Go's are runtimes themselves, and interpreters' libraries. */
static void running_prepare(struct prepared *prepared)
{
	DIR *proc = opendir("/proc");

	for (struct dirent *entry = proc ? readdir(proc) : NULL; entry; entry = readdir(proc)) {
		char *end, path[32];
		long pid = strtol(entry->d_name, &end, 10);

		if (*end || pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/exe", pid);
		path_prepare(prepared, path);
		each_file((uint32_t)pid, false, file_prepare, prepared);
	}
	if (proc)
		closedir(proc);
}

/* What may be started later, where packages put it: of the host, also when this runs in a container of its own. */
static void installed_prepare(struct prepared *prepared)
{
	static const char *const patterns[] = {
		"/usr/{,local/}bin/{python3.*,node,nodejs,ruby,ruby[1-9]*,php,php[5-9]*}",
		"/usr/{,local/}sbin/php-fpm*",
		"/usr/{lib,lib64,lib/*-linux-gnu,local/lib}/lib{python3.*.so,python3.*.so.*,node.so.*}",
		"/usr/{lib,lib64,lib/*-linux-gnu,local/lib}/lib{ruby*.so,ruby*.so.*}",
		"/usr/{lib,lib64}/{apache2,httpd}/modules/libphp*.so",
		"/{usr/lib/jvm,opt,usr/local}/*/lib/server/libjvm.so",
	};
	static const char *const roots[] = {"/proc/1/root", ""};
	char pattern[256];
	glob_t found;

	for (size_t root = 0; root < sizeof(roots) / sizeof(roots[0]); root++) {
		for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
			snprintf(pattern, sizeof(pattern), "%s%s", roots[root], patterns[i]);
			if (glob(pattern, GLOB_BRACE | GLOB_NOSORT, NULL, &found))
				continue;
			for (size_t at = 0; at < found.gl_pathc; at++)
				path_prepare(prepared, found.gl_pathv[at]);
			globfree(&found);
		}
	}
}

void ww_runtimes__prepare(bool promises)
{
	struct prepared *prepared;
	struct rlimit files;

	if (ww_user_probes__many())
		return;
	/* Each event is a descriptor, and each place has one. */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	prepared = calloc(1, sizeof(*prepared));
	if (!prepared)
		return;
	prepared->promises = promises;
	running_prepare(prepared);
	installed_prepare(prepared);
	free(prepared);
}

uint64_t ww_runtimes__failed(const struct ww_runtimes *runtimes)
{
	return runtimes->failed;
}
