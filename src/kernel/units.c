/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/units.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/static_probes.h"
#include "whywait.skel.h"

#define PARTS_MAX 5
#define TEXT_MAX  1024

struct ww_units {
	struct bpf_link **links;
	size_t len;
};

/* The parts between colons, within `copy`; how many, or 0 when it is no unit. */
static size_t split(char *copy, char *parts[PARTS_MAX])
{
	size_t len = 0;

	for (char *part; len < PARTS_MAX && (part = strsep(&copy, ":"));) {
		if (!*part)
			return 0;
		parts[len++] = part;
	}
	if (copy)
		return 0;
	if ((len == 3 && !strcmp(parts[0], "uprobe")) || (len == 5 && !strcmp(parts[0], "usdt")))
		return len;
	return 0;
}

const char *ww_unit__name(const char *unit, size_t *len)
{
	char copy[TEXT_MAX], *parts[PARTS_MAX];
	size_t parts_len, from;

	if (strlen(unit) >= sizeof(copy))
		return NULL;
	strcpy(copy, unit);
	parts_len = split(copy, parts);
	if (!parts_len)
		return NULL;
	from = (size_t)(parts[2] - copy);
	*len = parts_len == 3 ? strlen(parts[2]) : (size_t)(parts[3] - parts[2]) + strlen(parts[3]);
	return unit + from;
}

void ww_units__prepare(struct whywait_bpf *bpf, size_t len)
{
	bpf_program__set_autoload(bpf->progs.ww_unit_enter, len > 0);
	bpf_program__set_autoload(bpf->progs.ww_unit_leave, len > 0);
	bpf_program__set_autoload(bpf->progs.ww_unit_end, len > 0);
}

static int add(struct ww_units *units, struct bpf_link *link)
{
	struct bpf_link **larger;

	if (!link)
		return -errno;
	larger = reallocarray(units->links, units->len + 1, sizeof(*larger));
	if (!larger) {
		bpf_link__destroy(link);
		return -ENOMEM;
	}
	units->links = larger;
	units->links[units->len++] = link;
	return 0;
}

static int attach_function(struct ww_units *units, struct whywait_bpf *bpf, const char *file, const char *function,
			   uint64_t cookie)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .func_name = function, .bpf_cookie = cookie);
	int err = add(units, bpf_program__attach_uprobe_opts(bpf->progs.ww_unit_enter, -1, file, 0, &opts));

	opts.retprobe = true;
	return err ?: add(units, bpf_program__attach_uprobe_opts(bpf->progs.ww_unit_leave, -1, file, 0, &opts));
}

static int attach_static(struct ww_units *units, struct bpf_program *program, const char *file, const char *provider,
			 const char *name, uint64_t cookie)
{
	struct ww_static_probe sites[WW_UNIT_LINKS];
	int fd = open(file, O_RDONLY | O_CLOEXEC), len, err = 0;

	if (fd < 0)
		return -errno;
	len = ww_static_probes__find(fd, provider, name, sites, WW_UNIT_LINKS);
	close(fd);
	if (len <= 0)
		return len ?: -ENOENT;
	for (int i = 0; i < len && !err; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = cookie, .ref_ctr_offset = sites[i].semaphore);

		err = add(units, bpf_program__attach_uprobe_opts(program, -1, file, sites[i].offset, &opts));
	}
	return err;
}

/* Go moves the stacks that the return address of a probe would be written to. */
static bool is_go(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool is = fd >= 0 && ww_static_probes__has_section(fd, ".gopclntab");

	if (fd >= 0)
		close(fd);
	return is;
}

static int attach(struct ww_units *units, struct whywait_bpf *bpf, const char *text, uint64_t cookie, char *message,
		  size_t message_size)
{
	char copy[TEXT_MAX], *parts[PARTS_MAX];
	size_t len;
	int err;

	snprintf(copy, sizeof(copy), "%s", text);
	len = split(copy, parts);
	if (!len || access(parts[1], R_OK)) {
		snprintf(message, message_size, "--unit %s: %s", text,
			 len ? strerror(errno) : "give uprobe:FILE:FUNCTION or usdt:FILE:PROVIDER:BEGIN:END");
		return -EINVAL;
	}
	if (len == 3 && is_go(parts[1])) {
		snprintf(message, message_size,
			 "--unit %s: a Go program would crash, as it moves its stacks; it has no other units than "
			 "requests",
			 text);
		return -EINVAL;
	}
	if (len == 3) {
		err = attach_function(units, bpf, parts[1], parts[2], cookie);
	} else {
		err = attach_static(units, bpf->progs.ww_unit_enter, parts[1], parts[2], parts[3], cookie);
		err = err ?: attach_static(units, bpf->progs.ww_unit_end, parts[1], parts[2], parts[4], cookie);
	}
	if (err)
		snprintf(message, message_size, "--unit %s: %s", text,
			 err == -ENOENT ? "the file has no such function or probe: `nm -D` or `readelf -n` lists them"
					: strerror(-err));
	return err;
}

int ww_units__attach(struct ww_units **units, struct whywait_bpf *bpf, const char *const *texts, size_t len,
		     char *message, size_t message_size)
{
	struct ww_units *new = calloc(1, sizeof(*new));
	int err = new ? 0 : -ENOMEM;

	if (err)
		snprintf(message, message_size, "out of memory");
	for (size_t i = 0; i < len && !err; i++)
		err = attach(new, bpf, texts[i], i, message, message_size);
	if (err)
		ww_units__free(new);
	else
		*units = new;
	return err;
}

void ww_units__free(struct ww_units *units)
{
	if (!units)
		return;
	for (size_t i = 0; i < units->len; i++)
		bpf_link__destroy(units->links[i]);
	free(units->links);
	free(units);
}
