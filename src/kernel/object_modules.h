/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The types of the kernel's modules, which nothing here asks for. */
#ifndef WHYWAIT_OBJECT_MODULES_H
#define WHYWAIT_OBJECT_MODULES_H

struct bpf_object;

/* Has an opened, not yet loaded object look no further than at the kernel's own types, where looking takes
 * CAP_SYS_ADMIN. */
void ww_object_modules__leave_out(struct bpf_object *object);

#endif
