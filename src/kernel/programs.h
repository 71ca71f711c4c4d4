/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the BPF side has to know of the program that a process is: which runtime, and where that keeps what it does. */
#ifndef WHYWAIT_PROGRAMS_H
#define WHYWAIT_PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>

struct whywait_bpf;

/*
 * Tells the BPF side what it can't find out about a process, once for each program that the process is. False when
 * there is nothing to tell, or the process can't be read.
 */
bool ww_programs__learn(struct whywait_bpf *bpf, uint32_t pid);

#endif
