/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/programs.h"

#include <bpf/bpf.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "kernel/golang.h"
#include "kernel/interpreter.h"
#include "kernel/libuv.h"
#include "kernel/python.h"
#include "kernel/tasks_jvm.h"
#include "kernel/tokio.h"
#include "kernel/uvloop.h"
#include "kernel/v8.h"
#include "kernel/virtual.h"
#include "whywait.skel.h"

/* True when the process is an interpreter with a lock. */
static bool lock_learn(struct whywait_bpf *bpf, uint32_t pid)
{
	struct ww_interpreter_layout interpreter;
	int interpreters = bpf_map__fd(bpf->maps.ww_interpreters);

	if (ww_interpreter__find((pid_t)pid, &interpreter)) {
		bpf_map_delete_elem(interpreters, &pid);
		return false;
	}
	bpf->bss->ww_interpreters_known = 1;
	if (interpreter.by_mutex)
		bpf->bss->ww_relays_known = 1;
	return !bpf_map_update_elem(interpreters, &pid, &interpreter, BPF_ANY);
}

#define LEARNT_NS 1000000ull /* writing what was learnt takes less */

/* True when the process has a loop of uvloop's that is followed. What the BPF side has seen of the same one stays. */
static bool uvloop_learn(struct whywait_bpf *bpf, uint32_t pid, const struct ww_python_layout *python)
{
	struct ww_uvloop_layout found, before;
	struct timespec now;
	int uvloops = bpf_map__fd(bpf->maps.ww_uvloops);

	if (!python->uvloop || ww_uvloop__find((pid_t)pid, python, &found)) {
		bpf_map_delete_elem(uvloops, &pid);
		return false;
	}
	bool known = !bpf_map_lookup_elem(uvloops, &pid, &before);
	if (known && !memcmp(&before, &found, offsetof(struct ww_uvloop_layout, protocol)))
		return true;
	clock_gettime(CLOCK_MONOTONIC, &now);
	found.unsure_at = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + LEARNT_NS;
	bpf->bss->ww_python_loops = 1;
	return !bpf_map_update_elem(uvloops, &pid, &found, BPF_ANY);
}

/* Where its promises are followed. */
static void v8_learn(struct whywait_bpf *bpf, uint32_t pid)
{
	struct ww_v8_objects objects;
	int v8s = bpf_map__fd(bpf->maps.ww_v8s);

	if (!bpf->rodata->ww_promises_on)
		return;
	if (ww_v8__find((pid_t)pid, &objects))
		bpf_map_delete_elem(v8s, &pid);
	else
		bpf_map_update_elem(v8s, &pid, &objects, BPF_ANY);
}

/* A CPython is known; what its event loop is may be. */
static bool python_learn(struct whywait_bpf *bpf, uint32_t pid, struct ww_python_layout *python)
{
	struct ww_python_layout before;
	int pythons = bpf_map__fd(bpf->maps.ww_pythons);

	if (uvloop_learn(bpf, pid, python))
		python->uvloop = WW_UVLOOP_FOLLOWED;
	if (!bpf_map_lookup_elem(pythons, &pid, &before)) {
		python->loops = before.loops;
		if (!memcmp(&before, python, sizeof(before)))
			return true;
	}
	return !bpf_map_update_elem(pythons, &pid, python, BPF_ANY);
}

/* A Java process with virtual threads. What the BPF side has seen of it stays. */
static bool virtual_learn(struct whywait_bpf *bpf, uint32_t pid, const struct ww_virtual_layout *found)
{
	struct ww_golang_layout before, threads = {.is_virtual = 1, .java = *found};
	int gos = bpf_map__fd(bpf->maps.ww_gos);

	if (!bpf_map_lookup_elem(gos, &pid, &before) && before.is_virtual) {
		threads.java.stray = before.java.stray;
		threads.java.carried = before.java.carried;
	}
	bpf->bss->ww_go_any = 1;
	bpf->bss->ww_virtual_any = 1;
	return !bpf_map_update_elem(gos, &pid, &threads, BPF_ANY);
}

/* A Java process whose pools' tasks are followed. What the BPF side has seen of it stays. */
static bool tasks_learn(struct whywait_bpf *bpf, uint32_t pid)
{
	struct ww_tasks_layout found = {0}, before;
	int tasks = bpf_map__fd(bpf->maps.ww_tasks);

	if (ww_tasks_jvm__find((pid_t)pid, &found)) {
		bpf_map_delete_elem(tasks, &pid);
		return false;
	}
	bpf->bss->ww_tasks_known = 1;
	if (!bpf_map_lookup_elem(tasks, &pid, &before) &&
	    !memcmp(&before, &found, offsetof(struct ww_tasks_layout, slots_len)))
		return true;
	return !bpf_map_update_elem(tasks, &pid, &found, BPF_ANY);
}

bool ww_programs__learn(struct whywait_bpf *bpf, uint32_t pid)
{
	bool locks = lock_learn(bpf, pid);
	struct ww_python_layout python;
	struct ww_libuv_layout libuv;
	struct ww_golang_layout golang;
	struct ww_tokio_layout tokio;
	struct ww_virtual_layout virtual;
	int pythons = bpf_map__fd(bpf->maps.ww_pythons);
	int libuvs = bpf_map__fd(bpf->maps.ww_libuvs);
	int gos = bpf_map__fd(bpf->maps.ww_gos);
	if (!ww_python__find((pid_t)pid, &python))
		return python_learn(bpf, pid, &python);
	if (!ww_libuv__find((pid_t)pid, &libuv)) {
		v8_learn(bpf, pid);
		return !bpf_map_update_elem(libuvs, &pid, &libuv, BPF_ANY);
	}
	bool tasks_known = tasks_learn(bpf, pid);
	if (!ww_virtual__find((pid_t)pid, &virtual))
		return virtual_learn(bpf, pid, &virtual);
	if (tasks_known)
		return true;
	if (!ww_golang__find((pid_t)pid, &golang)) {
		bpf->bss->ww_go_any = 1;
		return !bpf_map_update_elem(gos, &pid, &golang, BPF_ANY);
	}
	if (!ww_tokio__find((pid_t)pid, &tokio)) {
		struct ww_golang_layout tasks = {.is_tokio = 1, .startpc = WW_TOKIO_VTABLE, .tokio = tokio};
		bpf->bss->ww_tokio_any = 1;
		bpf->bss->ww_go_any = 1;
		return !bpf_map_update_elem(gos, &pid, &tasks, BPF_ANY);
	}
	/* A look may end when the process is another program already. */
	bpf_map_delete_elem(pythons, &pid);
	bpf_map_delete_elem(bpf_map__fd(bpf->maps.ww_uvloops), &pid);
	bpf_map_delete_elem(libuvs, &pid);
	bpf_map_delete_elem(bpf_map__fd(bpf->maps.ww_v8s), &pid);
	bpf_map_delete_elem(gos, &pid);
	return locks;
}
