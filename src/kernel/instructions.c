/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/instructions.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Atomics but for the oldest, an addition; addresses of functions; calls of the kernel's own functions. */
static bool is_new(const struct bpf_insn *insn)
{
	if (BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC)
		return insn->imm != BPF_ADD;
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL;
}

int ww_instructions__replace(struct bpf_program *program)
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
	int err = bpf_program__set_insns(program, insns, len);
	free(insns);
	return err;
}
