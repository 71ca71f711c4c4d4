/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * V8's promises, where they are followed: probes in Node's program, loaded and attached only then
 * (src/kernel/runtimes.c). Which function has which says src/kernel/probes.def.
 */
#include "chain.bpf.h"
#include "registers.bpf.h"

/* A function that continues an async one, in a context that is in a register. */
SEC("uprobe")
int ww_promise_step(struct pt_regs *ctx)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	if (t && t->loop && t->phase_at)
		ww_promise_steps(t, ctx->WW_REG_V8);
	return 0;
}

/* Garbage was collected: at the end, and in a large collection before the old places are given back. */
SEC("uprobe")
int ww_promise_moves(struct pt_regs *ctx)
{
	ww_promises_follow(ww_thread_get(ww_current()));
	return 0;
}
