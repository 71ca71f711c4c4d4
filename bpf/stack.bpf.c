// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What runs, looked at by a clock on every CPU: the stacks of threads that work for a request whose stacks are taken,
 * and of those whose work is not known to be anybody's yet.
 */
#include "interval.bpf.h"
#include "stack.bpf.h"

SEC("?perf_event")
int ww_stack_tick(void *ctx)
{
	struct task_struct *task = ww_current();
	struct ww_thread *t = ww_thread_get(task);
	if (!t || t->off != WW_OFF_NOT || (t->ref && !t->sampled))
		return 0;
	bool collects = t->gc & WW_CLOCK_RUNS;
	if (collects && !t->sampled)
		return 0; /* it will be weighed as the account has it */
	u64 stack = ww_stack_take(ctx, task, t, WW_STACK_RUNNING);
	t->weighed = 1;
	struct ww_stack_weight *w = ww_weigh_begin(WW_STACK_WEIGHT);
	if (!w)
		return 0;
	w->kind = collects ? WW_KIND_GC : WW_KIND_COMPUTE;
	w->tid = t->tid;
	w->start_ns = t->start;
	w->at_ns = t->start;
	w->ns = ww_stack_period_ns;
	w->stack = stack;
	ww_weigh_end(w);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
