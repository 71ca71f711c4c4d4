/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* .gnu_debugdata: symbols that are not exported, in a file of their own, packed by xz into the program's. */
#ifndef WHYWAIT_PACKED_SYMBOLS_H
#define WHYWAIT_PACKED_SYMBOLS_H

#include <stddef.h>

/*
 * What it unpacks to, in bytes; 0: it must not be given to libdw, which unpacks whatever it becomes (a MiB may become
 * a GiB), and trusts what is in there: it is packed otherwise, damaged, too large, or no file of symbols.
 */
size_t ww_packed_symbols__size(const void *data, size_t len);

#endif
