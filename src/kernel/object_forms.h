/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Global functions of the BPF programs come in two forms (bpf/global.bpf.h), of which a kernel gets one. Calls of the
 * other one are never reached, but what they name would be loaded with each program, and a program may have 256
 * functions: so they name the one that is used.
 */
#ifndef WHYWAIT_OBJECT_FORMS_H
#define WHYWAIT_OBJECT_FORMS_H

#include <stdbool.h>
#include <stddef.h>

struct whywait_bpf;

/* Opens the skeleton with the forms that take numbers, or pointers. NULL: errno tells. */
struct whywait_bpf *ww_object_forms__open(bool numbers);

/*
 * In the bytes of a BPF object (ELF of this machine's byte order), has each relocation that names a function of the
 * form that is not used name its other form. -EINVAL: it is no such object; -ENOMEM.
 */
int ww_object_forms__choose(void *object, size_t size, bool numbers);

#endif
