/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/instructions.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct btf *kernel_btf;

/* Sections, how what they name is called in the kernel's types, and as what it is there. */
static const struct section {
	const char *handled;
	const char *prefix;
	const char *type_name;
	__u32 kind;
	enum bpf_prog_type program;
	enum bpf_attach_type attach;
} sections[] = {
	{"tp_btf+", "tp_btf/", "btf_trace_%s", BTF_KIND_TYPEDEF, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP},
	{"fentry+", "fentry/", "%s", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY},
	{"fexit+", "fexit/", "%s", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT},
	{"iter+", "iter/", "bpf_iter_%s", BTF_KIND_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER},
	{"raw_tp+", NULL, NULL, 0, BPF_PROG_TYPE_RAW_TRACEPOINT, 0},
	{"uprobe+", NULL, NULL, 0, BPF_PROG_TYPE_KPROBE, 0},
	{"uretprobe+", NULL, NULL, 0, BPF_PROG_TYPE_KPROBE, 0},
	{"perf_event+", NULL, NULL, 0, BPF_PROG_TYPE_PERF_EVENT, 0},
};

/* Atomics but for the oldest, an addition; addresses of functions; calls of the kernel's own functions. */
static bool is_new(const struct bpf_insn *insn)
{
	if (BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC)
		return insn->imm != BPF_ADD;
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL;
}

static int replace(const struct bpf_program *program)
{
	static const struct bpf_insn nothing = {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0};
	size_t len = bpf_program__insn_cnt(program);
	struct bpf_insn *insns = calloc(len, sizeof(*insns));

	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(program), len * sizeof(*insns));
	for (size_t i = 0; i < len; i++) {
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) && insns[i].src_reg == BPF_PSEUDO_FUNC) {
			/* The function would be reached from nowhere, which is refused: it is called instead. */
			insns[i].code = BPF_JMP | BPF_CALL;
			insns[i].src_reg = BPF_PSEUDO_CALL;
			insns[i].dst_reg = 0;
			insns[++i] = nothing;
		} else if (is_new(&insns[i])) {
			insns[i] = nothing;
		}
	}
	int err = bpf_program__set_insns((struct bpf_program *)program, insns, len);
	free(insns);
	return err;
}

static int prepare(struct bpf_program *program, struct bpf_prog_load_opts *opts, long cookie)
{
	const struct section *section = &sections[cookie];
	char name[96];

	if (section->prefix) {
		snprintf(name, sizeof(name), section->type_name,
			 bpf_program__section_name(program) + strlen(section->prefix));
		int id = btf__find_by_name_kind(kernel_btf, name, section->kind);
		if (id < 0)
			return id;
		opts->attach_btf_id = (__u32)id;
	}
	return replace(program);
}

/* What is attached by hand (iterators) or not at all has no link. */
static int attach(const struct bpf_program *program, long cookie, struct bpf_link **link)
{
	const struct section *section = &sections[cookie];

	*link = NULL;
	if (!section->prefix || section->attach == BPF_TRACE_ITER)
		return 0;
	*link = bpf_program__attach_trace(program);
	return *link ? 0 : -errno;
}

int ww_instructions__replace(struct btf *btf)
{
	if (kernel_btf) {
		btf__free(btf);
		return 0;
	}
	kernel_btf = btf;
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .cookie = (long)i, .prog_prepare_load_fn = prepare,
			    .prog_attach_fn = attach);
		int err = libbpf_register_prog_handler(sections[i].handled, sections[i].program, sections[i].attach,
						       &opts);
		if (err < 0)
			return err;
	}
	return 0;
}
