/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Instructions that a kernel does not know, in code that is never reached there: its verifier leaves such code out, but
 * first looks for instructions that are none.
 */
#ifndef WHYWAIT_INSTRUCTIONS_H
#define WHYWAIT_INSTRUCTIONS_H

struct btf;

/*
 * From now on, what is opened is loaded without them: by handlers of libbpf for each section that the programs use. The
 * kernel's `btf` is used as long as the process lives. A negative errno.
 */
int ww_instructions__replace(struct btf *btf);

#endif
