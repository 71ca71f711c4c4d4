/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/user_probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/user_events.h"

/* Of include/uapi/linux/bpf.h since 6.6: the headers and the library that this is built with may be older. */
#define TRACE_UPROBE_MULTI ((enum bpf_attach_type)48)
#define AT_RETURN	   1u

struct create {
	uint32_t program;
	uint32_t target;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path, offsets, semaphores, cookies;
	uint32_t len;
	uint32_t probe_flags;
	uint32_t pid;
	uint32_t padding;
};

int ww_user_probes__link(int program, const char *path, const struct ww_user_probe_places *places)
{
	const struct create create = {
		.program = (uint32_t)program,
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uint64_t)(uintptr_t)path,
		.offsets = (uint64_t)(uintptr_t)places->offsets,
		.semaphores = (uint64_t)(uintptr_t)places->semaphores,
		.len = (uint32_t)places->len,
		.probe_flags = places->at_returns ? AT_RETURN : 0,
	};
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof(create));

	return fd < 0 ? -errno : (int)fd;
}

int ww_user_probes__load_empty(void)
{
	static const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = TRACE_UPROBE_MULTI);

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "ww_probe", "GPL", nothing, 2, &options);
}

/* A directory has no places: it is refused for that, as late as can be. Nothing has to be attached to find out. */
bool ww_user_probes__many(void)
{
	static const uint64_t offset;
	const struct ww_user_probe_places places = {.len = 1, .offsets = &offset};
	const char *without = getenv("WHYWAIT_WITHOUT");
	int program = without && strstr(without, "many") ? -ENOTSUP : ww_user_probes__load_empty(), fd = -EBADF;

	if (program < 0)
		return false;
	fd = ww_user_probes__link(program, "/", &places);
	if (fd >= 0)
		close(fd);
	close(program);
	return fd == -EBADF;
}

void ww_user_probe__be_many(struct bpf_program *program)
{
	bpf_program__set_expected_attach_type(program, TRACE_UPROBE_MULTI);
}

/* By events that were opened before, or new ones. */
static int attach_events(struct ww_user_probe *probe, struct bpf_program *program, const char *path,
			 const struct ww_user_probe_places *places)
{
	probe->target = places->target;
	probe->events = calloc(places->len, sizeof(*probe->events));
	if (!probe->events)
		return -ENOMEM;
	for (size_t i = 0; i < places->len; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = places->at_returns,
			    .ref_ctr_offset = places->semaphores[i]);

		if (ww_user_events__has(path, places->target, places->offsets[i], places->at_returns)) {
			int err = ww_user_events__give(places->target, bpf_program__fd(program));

			if (err)
				return err;
			probe->given++;
			continue;
		}

		struct bpf_link *link =
			bpf_program__attach_uprobe_opts(program, -1, path, places->offsets[i], &options);

		if (!link)
			return -errno;
		probe->events[probe->events_len++] = link;
	}
	return 0;
}

/* What fails is counted by the caller, and is no line of its own in anybody's log. */
static int attach_quietly(struct ww_user_probe *probe, struct bpf_program *program, const char *path,
			  const struct ww_user_probe_places *places)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	int err = attach_events(probe, program, path, places);

	libbpf_set_print(print);
	return err;
}

int ww_user_probe__attach(struct ww_user_probe *probe, struct bpf_program *program, const char *path,
			  const struct ww_user_probe_places *places)
{
	struct ww_user_probe new = {.fd = -1};
	int err = 0;

	if (bpf_program__expected_attach_type(program) == TRACE_UPROBE_MULTI) {
		new.fd = ww_user_probes__link(bpf_program__fd(program), path, places);
		err = new.fd < 0 ? new.fd : 0;
	} else {
		err = attach_quietly(&new, program, path, places);
	}
	if (err)
		ww_user_probe__detach(&new);
	else
		*probe = new;
	return err;
}

void ww_user_probe__detach(struct ww_user_probe *probe)
{
	for (; probe->given; probe->given--)
		ww_user_events__take(probe->target);
	while (probe->events_len)
		bpf_link__destroy(probe->events[--probe->events_len]);
	free(probe->events);
	probe->events = NULL;
	if (probe->fd >= 0)
		close(probe->fd);
	probe->fd = -1;
}
