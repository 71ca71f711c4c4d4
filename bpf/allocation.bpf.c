// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The probes of allocators (`record --allocations`): loaded only when they are asked for, attached in windows only. A
 * program of a user probe may be preempted, so the addition is one instruction.
 */
#include "account.bpf.h"
#include "allocation.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define FIRST_ARGUMENT di
#elif defined(__TARGET_ARCH_arm64)
#define FIRST_ARGUMENT regs[0]
#endif

static __always_inline int ww_allocated(void)
{
	struct ww_thread *t = ww_allocations_window ? ww_thread_get(ww_current()) : NULL;
	if (t)
		__sync_fetch_and_add(&t->allocations, 1);
	return 0;
}

SEC("?uprobe")
int ww_allocate(struct pt_regs *ctx)
{
	return ww_allocated();
}

/* realloc() of nothing is malloc(), which tells of itself. */
SEC("?uprobe")
int ww_reallocate(struct pt_regs *ctx)
{
	return ctx->FIRST_ARGUMENT ? ww_allocated() : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
