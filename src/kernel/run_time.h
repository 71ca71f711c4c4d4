/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs in the kernel cost, as the kernel itself measures it. */
#ifndef WHYWAIT_RUN_TIME_H
#define WHYWAIT_RUN_TIME_H

#include <stdint.h>

struct bpf_object;

/*
 * Has the kernel measure, for as long as the descriptor is open that it returns. -EPERM without CAP_SYS_ADMIN, -EINVAL
 * before Linux 5.8.
 */
int ww_run_time__measure(void);

/* Adds how long one program has run while it was measured. A negative errno. */
int ww_run_time__add(int program, uint64_t *ns);

/* Adds up how long all programs of the object have run while it was measured. A negative errno. */
int ww_run_time__of(const struct bpf_object *object, uint64_t *ns);

#endif
