/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Probes of the kernel's BPF: types, hooks, maps, helpers. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/abilities.h"
#include "kernel/features_probe.h"
#include "kernel/hooks.h"

#define BTF_FILE   "/sys/kernel/btf/vmlinux"
#define RING_BYTES (16u << 20) /* as much as an observer locks at a time */

static const char not_tried[] = "can't be tried with these privileges";

/* What is refused to those who hold the privileges is no matter of the kernel's age. */
static void refuse(struct ww_feature *row, const char *what, int err)
{
	if (err == EPERM || err == EACCES)
		row->mend = "a security module or lockdown forbids it: allow it for this program";
	ww_feature__bad(row, "%s: %s", what, strerror(err));
}

int ww_probe_bpf_error(void)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ww_probe", 4, 8, 1, NULL);

	if (map < 0)
		return -map;
	close(map);
	return 0;
}

void ww_probe_bpf(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	(void)argument;
	if (!probe->bpf_error)
		ww_feature__good(row, "made a map");
	else if (probe->bpf_error == EPERM && !ww_probe__privileged(probe))
		ww_feature__unknown(row, "%s", not_tried);
	else
		ww_feature__bad(row, "%s", strerror(probe->bpf_error));
}

void ww_probe_btf(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	struct stat file;

	(void)argument;
	if (stat(BTF_FILE, &file))
		ww_feature__bad(row, "%s: %s", BTF_FILE, strerror(errno));
	else if (!probe->btf)
		ww_feature__bad(row, "%s can't be read: %s", BTF_FILE, strerror(probe->btf_error));
	else
		ww_feature__good(row, "%s, %.1f MB, %u types", BTF_FILE, (double)file.st_size / 1e6,
				 btf__type_cnt(probe->btf));
}

/* return 0; */
static const struct bpf_insn empty_program[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
	{.code = BPF_JMP | BPF_EXIT},
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Attaches an empty program for a moment; false, and the row filled, when that does not work. */
static bool attaches(struct ww_feature *row, enum bpf_attach_type type, int id)
{
	int program = ww_abilities__load(type, id, empty_program, LENGTH(empty_program), NULL, 0);
	int link;

	if (program < 0) {
		refuse(row, "a program for it does not load", -program);
		return false;
	}
	link = bpf_raw_tracepoint_open(NULL, program);
	if (link < 0)
		refuse(row, "a program for it does not attach", -link);
	else
		close(link);
	close(program);
	return link >= 0;
}

/* There is no such tracepoint: a function that does its work may do. */
static void probe_substitute(const struct ww_probe *probe, struct ww_feature *row)
{
	const char *function = ww_hooks__substitute(row->name);

	if (!function || !ww_hooks__function(probe->btf, function))
		ww_feature__bad(row, "this kernel has no such tracepoint");
	else if (!ww_probe__may_load(probe))
		ww_feature__unknown(row, "its substitute %s() is there, %s", function, not_tried);
	else if (attaches(row, BPF_TRACE_FENTRY, ww_hooks__function(probe->btf, function)))
		ww_feature__good(row, "by the function %s()", function);
}

void ww_probe_tracepoint(const struct ww_probe *probe, struct ww_feature *row, int arguments_min)
{
	int id, arguments;

	if (!probe->btf) {
		ww_feature__unknown(row, "without BTF it can't be told");
		return;
	}
	id = ww_hooks__tracepoint(probe->btf, row->name, &arguments);
	if (!id) {
		probe_substitute(probe, row);
		return;
	}
	if (arguments < arguments_min) {
		ww_feature__bad(row, "has %d arguments, %d are needed", arguments, arguments_min);
		return;
	}
	if (!ww_probe__may_load(probe)) {
		ww_feature__unknown(row, "there, %s", not_tried);
		return;
	}
	if (attaches(row, BPF_TRACE_RAW_TP, id))
		ww_feature__good(row, "attached, %d argument%s", arguments, arguments == 1 ? "" : "s");
}

/* Fills a row by what libbpf's probe of a type has said. */
static void tell_type(const struct ww_probe *probe, struct ww_feature *row, const char *what, int supported)
{
	if (!ww_probe__may_load(probe))
		ww_feature__unknown(row, "%s", not_tried);
	else if (supported > 0)
		ww_feature__good(row, "made one");
	else if (supported == 0)
		ww_feature__bad(row, "this kernel has no such %s", what);
	else
		refuse(row, "can't be made", -supported);
}

void ww_probe_iterator(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	(void)argument;
	if (!probe->btf)
		ww_feature__unknown(row, "without BTF it can't be told");
	else if (ww_hooks__function(probe->btf, "bpf_iter_unix"))
		ww_feature__good(row, "there");
	else
		ww_feature__bad(row, "this kernel has none");
}

void ww_probe_map(const struct ww_probe *probe, struct ww_feature *row, int type)
{
	tell_type(probe, row, "map", libbpf_probe_bpf_map_type((enum bpf_map_type)type, NULL));
}

void ww_probe_program(const struct ww_probe *probe, struct ww_feature *row, int type)
{
	tell_type(probe, row, "program", libbpf_probe_bpf_prog_type((enum bpf_prog_type)type, NULL));
}

void ww_probe_helper(const struct ww_probe *probe, struct ww_feature *row, int helper)
{
	int arguments;

	if (!probe->btf || !ww_hooks__tracepoint(probe->btf, "sched_switch", &arguments)) {
		ww_feature__unknown(row, "without BTF it can't be told");
		return;
	}
	if (!ww_probe__may_load(probe)) {
		ww_feature__unknown(row, "%s", not_tried);
		return;
	}
	int known = ww_abilities__helper(probe->btf, helper);
	if (known < 0)
		refuse(row, "a program that calls it does not load", -known);
	else if (!known)
		ww_feature__bad(row, "this kernel does not let tracing programs call it");
	else
		ww_feature__good(row, "the verifier knows it");
}

static bool has_member(const struct btf *btf, const char *structure, const char *member)
{
	int id = btf__find_by_name_kind(btf, structure, BTF_KIND_STRUCT);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, (__u32)id);

	for (int i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), member))
			return true;
	return false;
}

/* The two places where compat.bpf.h looks. */
void ww_probe_throttle(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	(void)argument;
	if (!probe->btf)
		ww_feature__unknown(row, "without BTF it can't be told");
	else if (has_member(probe->btf, "task_struct", "throttled"))
		ww_feature__good(row, "known per thread");
	else if (has_member(probe->btf, "cfs_rq", "throttle_count"))
		ww_feature__good(row, "known per run queue");
	else
		ww_feature__bad(row, "this kernel has no CPU quota");
}

/* Kernels before 5.11 count maps against RLIMIT_MEMLOCK, later ones against the memory cgroup: try it. */
void ww_probe_memlock(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	struct rlimit limit = {0};
	char text[32] = "unlimited";
	int map;

	(void)argument;
	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur != RLIM_INFINITY)
		snprintf(text, sizeof(text), "%llu KiB", (unsigned long long)limit.rlim_cur >> 10);
	if (!ww_probe__may_load(probe)) {
		ww_feature__unknown(row, "ulimit -l is %s; %s", text, not_tried);
		return;
	}
	map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ww_probe", 0, 0, RING_BYTES, NULL);
	if (map < 0) {
		ww_feature__bad(row, "ulimit -l is %s, and a ring of %u MiB: %s", text, RING_BYTES >> 20,
				strerror(-map));
		return;
	}
	close(map);
	ww_feature__good(row, "made a ring of %u MiB (ulimit -l is %s)", RING_BYTES >> 20, text);
}

/* What runs, beside what this binary was built with. */
void ww_probe_libbpf(const struct ww_probe *probe, struct ww_feature *row, int argument)
{
	(void)probe;
	(void)argument;
	ww_feature__good(row, "%s, built with v%d.%d", libbpf_version_string(), LIBBPF_MAJOR_VERSION,
			 LIBBPF_MINOR_VERSION);
}
