/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Instructions that a kernel does not know, in code that is never reached there: its verifier leaves such code out, but
 * first looks for instructions that are none.
 */
#ifndef WHYWAIT_INSTRUCTIONS_H
#define WHYWAIT_INSTRUCTIONS_H

struct bpf_program;

/* Leaves them out of a program that is about to be loaded. A negative errno. */
int ww_instructions__replace(struct bpf_program *program);

#endif
