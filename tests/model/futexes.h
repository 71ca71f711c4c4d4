/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Threads of the script (script.h) that wait for one another by a futex. */
#ifndef WHYWAIT_MODEL_FUTEXES_H
#define WHYWAIT_MODEL_FUTEXES_H

#include "script.h"

#define WAIT (9 | 128) /* FUTEX_WAIT_BITSET, private */
#define WAKE (1 | 128)

static void waits(u64 futex)
{
	blocks(WW_SYS_FUTEX, futex, WAIT, 0, 0);
}

/* The running thread wakes another one. */
static void wakes(u32 thread, u64 futex)
{
	struct pt_regs *regs = &host.current[0]->regs;
	memset(regs, 0, sizeof(*regs));
	regs->WW_REG_NR = WW_SYS_FUTEX;
	regs->WW_REG_ARG1 = futex;
	regs->WW_REG_ARG2 = WAKE;
	is_woken(thread);
}

#endif
