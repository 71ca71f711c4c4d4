/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/mappings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT_MOST (1u << 20) /* bytes: some thousands of mappings; with more of them the file is read each time */

static _Thread_local struct {
	pid_t pid;
	char *text;
	size_t len;
} kept;

/* The whole file, and its length; NULL when it can't be read, or is too long. */
static char *read_all(const char *path, size_t *len)
{
	size_t size = 1 << 14;
	char *text = malloc(size);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 || !text ? -1 : 1;

	for (*len = 0; n > 0;) {
		if (*len == size) {
			char *larger = size < KEPT_MOST ? realloc(text, 2 * size) : NULL;
			if (!larger) {
				n = -1;
				break;
			}
			text = larger;
			size *= 2;
		}
		n = read(fd, text + *len, size - *len);
		*len += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	if (!n && *len)
		return text;
	free(text);
	return NULL;
}

void ww_mappings__keep(pid_t pid)
{
	char path[64];

	ww_mappings__drop();
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	kept.text = read_all(path, &kept.len);
	kept.pid = pid;
}

void ww_mappings__drop(void)
{
	free(kept.text);
	kept.text = NULL;
}

int ww_mappings__open(struct ww_mappings *mappings, pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	FILE *file = kept.text && kept.pid == pid ? fmemopen(kept.text, kept.len, "r") : fopen(path, "re");
	if (!file)
		return -errno;
	mappings->file = file;
	return 0;
}

/* A number, and the character behind it, which is gone over. */
static bool take_number(char **at, int base, char behind, uint64_t *number)
{
	char *end;

	*number = strtoull(*at, &end, base);
	if (end == *at || *end != behind)
		return false;
	*at = end + 1;
	return true;
}

static bool skip_word(char **at)
{
	*at = strchr(*at, ' ');
	return *at && ++*at;
}

/* START-END PERMISSIONS OFFSET DEVICE INODE PATH; by hand, as there are very many of them. */
static bool parse(struct ww_mappings *mappings)
{
	char *at = mappings->line;

	if (!take_number(&at, 16, '-', &mappings->start) || !take_number(&at, 16, ' ', &mappings->end) ||
	    !skip_word(&at) || !take_number(&at, 16, ' ', &mappings->offset) || !skip_word(&at) ||
	    !take_number(&at, 10, ' ', &mappings->inode))
		return false;
	mappings->path = at + strspn(at, " ");
	return true;
}

bool ww_mappings__next(struct ww_mappings *mappings)
{
	while (fgets(mappings->line, sizeof(mappings->line), mappings->file)) {
		/* A path's own line breaks are escaped. */
		mappings->line[strcspn(mappings->line, "\n")] = '\0';
		if (parse(mappings))
			return true;
	}
	return false;
}

void ww_mappings__close(struct ww_mappings *mappings)
{
	fclose(mappings->file);
}

uint64_t ww_mappings__program(pid_t pid)
{
	struct ww_mappings mappings;
	char link[32], path[sizeof(mappings.line)];
	uint64_t start = 0;
	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	if (len < 0 || ww_mappings__open(&mappings, pid))
		return 0;
	path[len] = '\0';
	while (!start && ww_mappings__next(&mappings))
		if (!mappings.offset && !strcmp(mappings.path, path))
			start = mappings.start;
	ww_mappings__close(&mappings);
	return start;
}
