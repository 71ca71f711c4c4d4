/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Units of work that are told by probes in programs: a function, from its entry to its return, or a pair of static
 * probes.
 *
 *   uprobe:FILE:FUNCTION
 *   usdt:FILE:PROVIDER:BEGIN:END
 */
#ifndef WHYWAIT_UNITS_H
#define WHYWAIT_UNITS_H

#include <stddef.h>

struct whywait_bpf;
struct bpf_link;

#define WW_UNITS_MAX  16
#define WW_UNIT_LINKS 256 /* of one: a static probe may be at several places */

struct ww_units;

/* Which name a unit has in reports, "FUNCTION" or "PROVIDER:BEGIN", within its text; NULL: it is none. */
const char *ww_unit__name(const char *unit, size_t *len);

/* Before loading: has what units need loaded, where there are some. */
void ww_units__prepare(struct whywait_bpf *bpf, size_t len);

/*
 * Attaches the probes of all units: in every process that has the file mapped, or will have. On failure a negative
 * errno and one line in `message`. To be freed with ww_units__free(), which detaches.
 */
int ww_units__attach(struct ww_units **units, struct whywait_bpf *bpf, const char *const *texts, size_t len,
		     char *message, size_t message_size);

/* NULL-safe. */
void ww_units__free(struct ww_units *units);

#endif
