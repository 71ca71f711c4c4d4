/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where an ELF file of x86-64 calls a function of another file, with a number for the first argument and the caller's
 * own first argument for the second. So a file without symbols still tells what its code is for: what it asks of others
 * has to have a name. The file may hold anything.
 */
#ifndef WHYWAIT_CALL_SITES_H
#define WHYWAIT_CALL_SITES_H

#include <libelf.h>
#include <stdint.h>

typedef void ww_call_site_fn(void *ctx, uint64_t address);

/* Calls `each` with the address of each such call. `fd` is the file's. */
void ww_call_sites__each(Elf *elf, int fd, const char *function, uint32_t number, ww_call_site_fn *each, void *ctx);

#endif
