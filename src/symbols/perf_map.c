/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/perf_map.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_LINES (1u << 18)
#define MOST_NAMES (32u << 20) /* bytes */
#define LINE	   1024

struct code {
	uint64_t start, end;
	uint32_t name; /* where in `names` */
	uint32_t line; /* later ones are newer */
};

struct ww_perf_map {
	struct code *codes; /* by start, of equal ones the newest last */
	size_t len, cap;
	char *names;
	size_t names_len, names_cap;
};

static int by_start(const void *a, const void *b)
{
	const struct code *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

/* False when there is no room or memory for it. */
static bool add(struct ww_perf_map *map, uint64_t start, uint64_t size, const char *name)
{
	size_t name_size = strlen(name) + 1;

	if (map->len == MOST_LINES || map->names_len + name_size > MOST_NAMES)
		return false;
	if (map->len == map->cap) {
		size_t cap = map->cap ? 2 * map->cap : 1024;
		struct code *more = reallocarray(map->codes, cap, sizeof(*more));

		if (!more)
			return false;
		map->codes = more;
		map->cap = cap;
	}
	if (map->names_len + name_size > map->names_cap) {
		size_t cap = map->names_cap ? 2 * map->names_cap : 65536;
		char *more = realloc(map->names, cap);

		if (!more)
			return false;
		map->names = more;
		map->names_cap = cap;
	}
	map->codes[map->len] = (struct code){start, start + size, (uint32_t)map->names_len, (uint32_t)map->len};
	map->len++;
	memcpy(map->names + map->names_len, name, name_size);
	map->names_len += name_size;
	return true;
}

struct ww_perf_map *ww_perf_map__parse(FILE *file)
{
	struct ww_perf_map *map = calloc(1, sizeof(*map));
	char line[LINE];
	bool whole = true; /* the line before was: this is the beginning of one */

	while (map && fgets(line, sizeof(line), file)) {
		bool begins = whole;
		unsigned long long start, size;
		int at = 0;

		whole = strchr(line, '\n') != NULL;
		if (!begins || sscanf(line, "%llx %llx %n", &start, &size, &at) != 2 || !at)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (!line[at] || !size || start + size < start)
			continue;
		if (!add(map, start, size, line + at))
			break;
	}
	if (map && map->len)
		qsort(map->codes, map->len, sizeof(*map->codes), by_start);
	return map;
}

/* The process's id in its own pid namespace; what others know it by when that can't be told. */
static long own_pid(pid_t pid)
{
	char path[64], line[256];
	long own = pid;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		char *last = strncmp(line, "NSpid:", 6) ? NULL : strrchr(line, '\t');

		if (last)
			own = strtol(last, NULL, 10);
	}
	if (file)
		fclose(file);
	return own;
}

struct ww_perf_map *ww_perf_map__read(pid_t pid)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/root/tmp/perf-%ld.map", pid, own_pid(pid));
	/* The process may have put anything there. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat what;
	FILE *file = fd >= 0 && !fstat(fd, &what) && S_ISREG(what.st_mode) ? fdopen(fd, "r") : NULL;
	if (!file) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	struct ww_perf_map *map = ww_perf_map__parse(file);
	fclose(file);
	return map;
}

const char *ww_perf_map__find(const struct ww_perf_map *map, uint64_t address)
{
	size_t low = 0, high = map->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->codes[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* What was overwritten since may reach further: it is looked through for a little. */
	for (size_t i = low, looked = 0; i > 0 && looked < 8; i--, looked++)
		if (address < map->codes[i - 1].end)
			return map->names + map->codes[i - 1].name;
	return NULL;
}

void ww_perf_map__free(struct ww_perf_map *map)
{
	if (!map)
		return;
	free(map->codes);
	free(map->names);
	free(map);
}
