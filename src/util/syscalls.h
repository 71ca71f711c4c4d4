/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Names of the system calls of the architecture that this is built for. */
#ifndef WHYWAIT_SYSCALLS_H
#define WHYWAIT_SYSCALLS_H

#include <stdint.h>

/* The name; NULL when there is none with that number. */
const char *ww_syscall_name(uint32_t number);

#endif
