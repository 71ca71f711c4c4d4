/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/hooks.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "kernel/abilities.h"
#include "kernel/loader.h"
#include "kernel/user_probes.h"
#include "whywait.skel.h"

int ww_hooks__tracepoint(const struct btf *btf, const char *name, int *arguments)
{
	char type_name[96];
	const struct btf_type *type;

	/* tp_btf programs attach by the typedef btf_trace_NAME of a pointer to a function. */
	snprintf(type_name, sizeof(type_name), "btf_trace_%s", name);
	int id = btf__find_by_name_kind(btf, type_name, BTF_KIND_TYPEDEF);
	if (id <= 0)
		return 0;
	type = btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type);
	if (type && btf_is_ptr(type))
		type = btf__type_by_id(btf, type->type);
	if (!type || !btf_is_func_proto(type))
		return 0;
	*arguments = btf_vlen(type) - 1; /* the first is the attached program's own */
	return id;
}

int ww_hooks__function(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	return id > 0 ? id : 0;
}

/*
 * What stands in for tracepoints on older kernels: the functions that lie on the same way, one for each family of
 * sockets. A family that is not there has none.
 */
static const struct {
	const char *tracepoint; /* NULL: hooked beside whatever tracepoint */
	const char *function;
	const char *program;
} substitutes[] = {
	{"sk_data_ready", "sock_def_readable", "ww_sock_def_readable"},
	{"sock_recv_length", "inet_recvmsg", "ww_inet_recvmsg"},
	{"sock_recv_length", "inet6_recvmsg", "ww_inet6_recvmsg"},
	{"sock_recv_length", "unix_stream_recvmsg", "ww_unix_stream_recvmsg"},
	{"sock_send_length", "inet_sendmsg", "ww_inet_sendmsg"},
	{"sock_send_length", "inet6_sendmsg", "ww_inet6_sendmsg"},
	{"sock_send_length", "unix_stream_sendmsg", "ww_unix_stream_sendmsg"},
	{NULL, "inet_sendpage", "ww_inet_sendpage"},
	{NULL, "unix_stream_sendpage", "ww_unix_stream_sendpage"},
};

const char *ww_hooks__substitute(const char *tracepoint)
{
	for (size_t i = 0; i < sizeof(substitutes) / sizeof(substitutes[0]); i++) {
		if (substitutes[i].tracepoint && !strcmp(tracepoint, substitutes[i].tracepoint))
			return substitutes[i].function;
	}
	return NULL;
}

static bool has_tracepoint(const struct btf *btf, const char *name)
{
	int arguments;
	return ww_hooks__tracepoint(btf, name, &arguments);
}

/*
 * Whether a tracepoint's programs may be preempted: they can where SRCU's fast readers protect them, and not where
 * preemption is off around them. Without a way to turn it off it does not matter which.
 */
static bool preemptible(const struct btf *btf)
{
	return btf__find_by_name_kind(btf, "tracepoint_srcu_srcu_data", BTF_KIND_VAR) > 0 &&
	       ww_hooks__function(btf, "init_srcu_struct_fast") && ww_hooks__function(btf, "bpf_preempt_disable");
}

/*
 * Global functions come in two forms (bpf/global.bpf.h), and some are the turns of plain loops (bpf/loop.bpf.h). What
 * nothing calls is made static, which the verifier only looks at where it is called.
 */
static void globals_choose(struct whywait_bpf *bpf)
{
	const char *unused = bpf->rodata->ww_by_hand ? "_p" : "_n";
	bool plain = bpf->rodata->ww_without_loop;
	struct btf *btf = bpf_object__btf(bpf->obj);

	for (__u32 id = 1; id < btf__type_cnt(btf); id++) {
		struct btf_type *type = (struct btf_type *)btf__type_by_id(btf, id);
		if (!btf_is_func(type) || btf_vlen(type) != BTF_FUNC_GLOBAL)
			continue;
		const char *name = btf__name_by_offset(btf, type->name_off);
		size_t len = strlen(name);
		if ((len > 2 && !strcmp(name + len - 2, unused)) || (!plain && strstr(name, "_plain")))
			type->info = BTF_KIND_FUNC << 24 | BTF_FUNC_STATIC;
	}
}

/* Where threads and connections have their state: of the maps that stand in for one another one is made. */
static void state_choose(struct whywait_bpf *bpf)
{
	bool by_hand = bpf->rodata->ww_by_hand;

	bpf_map__set_autocreate(bpf->maps.ww_threads, !by_hand);
	bpf_map__set_autocreate(bpf->maps.ww_loops, !by_hand);
	bpf_map__set_autocreate(bpf->maps.ww_conns, !by_hand);
	bpf_map__set_autocreate(bpf->maps.ww_collectors, !by_hand);
	bpf_map__set_autocreate(bpf->maps.ww_hashed_collectors, by_hand);
	bpf_map__set_autocreate(bpf->maps.ww_hashed_threads, by_hand);
	bpf_map__set_autocreate(bpf->maps.ww_hashed_loops, by_hand);
	bpf_map__set_autocreate(bpf->maps.ww_hashed_conns, by_hand);
	bpf_map__set_autocreate(bpf->maps.ww_blanks, by_hand);
	bpf_map__set_autocreate(bpf->maps.ww_claims, by_hand);
	bpf_map__set_autocreate(bpf->maps.ww_free_peers, by_hand);
}

/*
 * Tables of the programs that run, of which most hosts have a few, take memory when something is put into them, which
 * user space does. Kernels without an allocator for that (6.1) want it beforehand.
 */
static void memory_choose(struct whywait_bpf *bpf, const struct btf *btf)
{
	struct bpf_map *const maps[] = {bpf->maps.ww_gos, bpf->maps.ww_pythons, bpf->maps.ww_interpreters};

	if (btf__find_by_name_kind(btf, "bpf_mem_alloc", BTF_KIND_STRUCT) <= 0)
		return;
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		bpf_map__set_map_flags(maps[i], BPF_F_NO_PREALLOC);
}

int ww_hooks__prepare(struct btf **btf, struct ww_abilities *abilities)
{
	struct btf *types = btf__load_vmlinux_btf();

	if (!types)
		return -errno;
	ww_abilities__find(abilities, types);
	int err = ww_loader__prepare(types, !abilities->storage);
	if (err) {
		btf__free(types);
		return err;
	}
	*btf = types;
	return 0;
}

/* Which program of a pair runs: the first one, or what stands in for it. */
static void choose(struct bpf_program *first, struct bpf_program *other, bool is_other)
{
	bpf_program__set_autoload(first, !is_other);
	bpf_program__set_autoload(other, is_other);
}

/* Programs of user probes are attached where runtimes are found (runtimes.c). */
static void runtimes_choose(struct whywait_bpf *bpf)
{
	bool can = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_KPROBE, NULL) == 1, many = ww_user_probes__many();
	struct bpf_program *program;

	bpf_object__for_each_program(program, bpf->obj)
	{
		if (bpf_program__type(program) != BPF_PROG_TYPE_KPROBE ||
		    !strncmp(bpf_program__name(program), "ww_unit_", 8) ||
		    strstr(bpf_program__name(program), "allocate"))
			continue;
		bpf_program__set_autoload(program, can);
		bpf_program__set_autoattach(program, false);
		if (many)
			ww_user_probe__be_many(program);
	}
}

/* Programs of tracepoints and functions that this kernel has, or has not. */
static void programs_choose(struct whywait_bpf *bpf, const struct btf *btf, bool by_hand)
{
	int arguments = 0;

	bpf_program__set_autoload(bpf->progs.ww_sk_data_ready, has_tracepoint(btf, "sk_data_ready"));
	bpf_program__set_autoload(bpf->progs.ww_sock_recv_length, has_tracepoint(btf, "sock_recv_length"));
	bpf_program__set_autoload(bpf->progs.ww_sock_send_length, has_tracepoint(btf, "sock_send_length"));
	for (size_t i = 0; i < sizeof(substitutes) / sizeof(substitutes[0]); i++) {
		const char *tracepoint = substitutes[i].tracepoint;
		bool needed = !tracepoint || !has_tracepoint(btf, tracepoint);
		bpf_program__set_autoload(bpf_object__find_program_by_name(bpf->obj, substitutes[i].program),
					  needed && ww_hooks__function(btf, substitutes[i].function));
	}
	ww_hooks__tracepoint(btf, "sched_switch", &arguments);
	choose(bpf->progs.ww_sched_switch, bpf->progs.ww_sched_switch_three, arguments < 4);
	choose(bpf->progs.ww_unix_before, bpf->progs.ww_unix_before_files, !ww_hooks__function(btf, "bpf_iter_unix"));
	/* They are run when they are wanted. */
	bpf_program__set_autoattach(bpf->progs.ww_unix_before, false);
	bpf_program__set_autoattach(bpf->progs.ww_unix_before_files, false);
	bpf_program__set_autoload(bpf->progs.ww_sched_process_free, by_hand);
	runtimes_choose(bpf);
	/* Functions can be hooked wherever they stand in for tracepoints, which they do where state is kept by hand. */
	bool functions = by_hand && !has_tracepoint(btf, "sk_data_ready");
	bpf_program__set_autoload(bpf->progs.ww_inet_sock_destruct, functions);
	bpf_program__set_autoload(bpf->progs.ww_unix_sock_destructor,
				  functions && ww_hooks__function(btf, "unix_sock_destructor"));
}

void ww_hooks__choose(struct whywait_bpf *bpf, const struct btf *btf, const struct ww_abilities *abilities)
{
	bpf->rodata->ww_by_hand = !abilities->storage;
	bpf->rodata->ww_without_loop = !abilities->bpf_loop;
	bpf->rodata->ww_preemptible = !abilities->whole || preemptible(btf);
	bpf_program__set_autoload(bpf->progs.ww_sock_recv_length_again, bpf->rodata->ww_preemptible);
	bpf_program__set_autoload(bpf->progs.ww_sock_send_length_again, bpf->rodata->ww_preemptible);
	programs_choose(bpf, btf, !abilities->storage);
	state_choose(bpf);
	memory_choose(bpf, btf);
	globals_choose(bpf);
}

int ww_hooks__stand_ins(const struct whywait_bpf *bpf, char *text, size_t size)
{
	const struct {
		bool is;
		const char *what;
	} all[] = {
		{bpf->rodata->ww_by_hand, "tables for the state of threads and connections"},
		{bpf->rodata->ww_without_loop, "plain loops for bpf_loop"},
		{bpf_program__autoload(bpf->progs.ww_sched_switch_three),
		 "a task's state for sched_switch's prev_state"},
		{bpf_program__autoload(bpf->progs.ww_sock_def_readable), "sock_def_readable() for sk_data_ready"},
		{bpf_program__autoload(bpf->progs.ww_inet_recvmsg), "inet_recvmsg() and its like for sock_recv_length"},
		{bpf_program__autoload(bpf->progs.ww_inet_sendmsg), "inet_sendmsg() and its like for sock_send_length"},
		{bpf_program__autoload(bpf->progs.ww_unix_before_files), "open files for the unix socket iterator"},
	};
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && len < size; i++)
		if (all[i].is)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "", all[i].what);
	return len < size ? 0 : -ENOSPC;
}

static int misses_of(const struct bpf_program *program, uint64_t *misses)
{
	struct bpf_prog_info info = {0};
	__u32 size = sizeof(info);

	*misses = 0;
	if (!bpf_program__autoload(program))
		return 0;
	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		return -errno;
	*misses = info.recursion_misses;
	return 0;
}

/* What both copies of a program were left out for can't be more than what either was (bpf/again.bpf.h). */
static int skipped_by(const struct bpf_program *program, const struct bpf_program *again, uint64_t *skipped)
{
	uint64_t first = 0, second = 0;
	int err = misses_of(program, &first);

	if (!err && again && bpf_program__autoload(again)) {
		err = misses_of(again, &second);
		first = first < second ? first : second;
	}
	if (!err)
		*skipped += first;
	return err;
}

int ww_hooks__skipped(struct whywait_bpf *bpf, uint64_t *skipped)
{
	uint64_t sum = 0;
	int err = skipped_by(bpf->progs.ww_sock_recv_length, bpf->progs.ww_sock_recv_length_again, &sum);

	err = err ?: skipped_by(bpf->progs.ww_sock_send_length, bpf->progs.ww_sock_send_length_again, &sum);
	for (size_t i = 0; i < sizeof(substitutes) / sizeof(substitutes[0]) && !err; i++) {
		if (strcmp(substitutes[i].program, "ww_sock_def_readable"))
			err = skipped_by(bpf_object__find_program_by_name(bpf->obj, substitutes[i].program), NULL,
					 &sum);
	}
	if (!err)
		*skipped = sum;
	return err;
}
