/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The TCP ports that something on this host listened on before observation began, in every network namespace.
 */
#ifndef WHYWAIT_LISTENERS_H
#define WHYWAIT_LISTENERS_H

#include <stdint.h>

#define WW_LISTENERS_SIZE 8192 /* bytes of a bitmap of all ports */

/*
 * Sets the bit of every listening port; other writers may set bits at the same time. What can't be read (a process
 * that just ended, /proc hidden) is left out: such a server's connections are known from their next accept on.
 */
void ww_listeners__scan(uint64_t *bitmap);

#endif
