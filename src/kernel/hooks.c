/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/hooks.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "whywait.skel.h"

static const struct {
	const char *tracepoint;
	const char *function;
} substitutes[] = {
	{"sk_data_ready", "sock_def_readable"},
	{"sock_recv_length", "sock_recvmsg"},
	{"sock_send_length", "sock_sendmsg"},
};

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

const char *ww_hooks__substitute(const char *tracepoint)
{
	for (size_t i = 0; i < sizeof(substitutes) / sizeof(substitutes[0]); i++) {
		if (!strcmp(tracepoint, substitutes[i].tracepoint))
			return substitutes[i].function;
	}
	return NULL;
}

/* Loads the one program where the kernel has the tracepoint, the other where it has not. */
static void choose(const struct btf *btf, const char *tracepoint, struct bpf_program *by_tracepoint,
		   struct bpf_program *by_function)
{
	int arguments;
	bool there = ww_hooks__tracepoint(btf, tracepoint, &arguments);

	bpf_program__set_autoload(by_tracepoint, there);
	bpf_program__set_autoload(by_function, !there);
}

int ww_hooks__choose(struct whywait_bpf *bpf)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int arguments;

	if (!btf)
		return -errno;
	choose(btf, "sk_data_ready", bpf->progs.ww_sk_data_ready, bpf->progs.ww_sock_def_readable);
	choose(btf, "sock_recv_length", bpf->progs.ww_sock_recv_length, bpf->progs.ww_sock_recvmsg);
	choose(btf, "sock_send_length", bpf->progs.ww_sock_send_length, bpf->progs.ww_sock_sendmsg);
	bpf_program__set_autoload(bpf->progs.ww_kernel_sendpage, ww_hooks__function(btf, "kernel_sendpage"));
	bpf->rodata->ww_switch_tells_state = ww_hooks__tracepoint(btf, "sched_switch", &arguments) && arguments > 3;
	btf__free(btf);
	return 0;
}
