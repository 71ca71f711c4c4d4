/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What observing costs against what it may cost: the CPU time of this process and of its programs in the kernel, of all
 * the CPU time that the host has. Pure: it is told the time, and what was used.
 */
#ifndef WHYWAIT_SERVE_WATCHDOG_H
#define WHYWAIT_SERVE_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#define WW_WATCHDOG_SECONDS 10 /* a share is that of so many seconds */

/* All zeros, then `cpus` set, is one that has seen nothing. */
struct ww_watchdog {
	unsigned cpus;
	struct {
		uint64_t at_ns, used_ns;
	} seconds[WW_WATCHDOG_SECONDS + 1]; /* a ring */
	unsigned len, head;
	unsigned passed; /* how often in a row */
	uint64_t calm_since_ns;
};

/* Forgets what was used, as observing begins; not how often it was too much. */
void ww_watchdog__start(struct ww_watchdog *watchdog, uint64_t now_ns);

/* Once a second: what has been used since whenever. The share of it lately, 0 as long as that is not known. */
double ww_watchdog__second(struct ww_watchdog *watchdog, uint64_t now_ns, uint64_t used_ns);

/*
 * It was too much: for how long nothing is to be observed: `first_ns`, and twice as long each time that it is too much
 * again, up to an hour. Who was within the budget for ten times as long begins anew.
 */
uint64_t ww_watchdog__back_off(struct ww_watchdog *watchdog, uint64_t now_ns, uint64_t first_ns);

#endif
