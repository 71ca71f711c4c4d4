/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/abilities.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/hooks.h"

int ww_abilities__load(enum bpf_attach_type type, int id, const struct bpf_insn *insns, size_t insns_len, char *log,
		       size_t log_size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type, .attach_btf_id = (__u32)id,
		    .log_buf = log, .log_size = (__u32)log_size, .log_level = log ? 1 : 0);

	return bpf_prog_load(BPF_PROG_TYPE_TRACING, "ww_probe", "GPL", insns, insns_len, &options);
}

/*
 * A helper exists for tracing programs when the verifier gets as far as its arguments, which are wrong on purpose.
 * libbpf's own probe does not know this type of program.
 */
int ww_abilities__helper(const struct btf *btf, int helper)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .imm = helper},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	char log[4096] = "";
	int arguments;
	int id = ww_hooks__tracepoint(btf, "sched_switch", &arguments);

	if (!id)
		return -ENOENT;
	int program =
		ww_abilities__load(BPF_TRACE_RAW_TP, id, insns, sizeof(insns) / sizeof(insns[0]), log, sizeof(log));
	if (program >= 0)
		close(program);
	if (program < 0 && !log[0])
		return program;
	return !strstr(log, "invalid func ") && !strstr(log, "unknown func ") && !strstr(log, "cannot use helper");
}

static bool left_out(const char *ability)
{
	const char *without = getenv("WHYWAIT_WITHOUT");

	return without && strstr(without, ability);
}

void ww_abilities__find(struct ww_abilities *abilities, const struct btf *btf)
{
	static const int helpers[] = {BPF_FUNC_task_storage_get, BPF_FUNC_sk_storage_get, BPF_FUNC_get_current_task_btf,
				      BPF_FUNC_task_pt_regs};

	abilities->storage = !left_out("storage");
	for (size_t i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
		abilities->storage &= ww_abilities__helper(btf, helpers[i]) != 0;
	abilities->whole = !left_out("whole");
	abilities->bpf_loop = abilities->storage && !left_out("loop") && ww_abilities__helper(btf, BPF_FUNC_loop) != 0;
}
