/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where an ELF file has a static probe (USDT, section .note.stapsdt). The file may hold anything. */
#ifndef WHYWAIT_STATIC_PROBES_H
#define WHYWAIT_STATIC_PROBES_H

#include <stdbool.h>
#include <stdint.h>

struct ww_static_probe {
	uint64_t offset;    /* in the file */
	uint64_t semaphore; /* the counter that switches the probe on: its offset in the file; 0: none */
};

/* Finds the places of one probe; how many it wrote, `most` at the most. 0: none, or no ELF file. -E2BIG: more. */
int ww_static_probes__find(int fd, const char *provider, const char *name, struct ww_static_probe *sites, int most);

/* Whether it is an ELF file with a section of that name. */
bool ww_static_probes__has_section(int fd, const char *section);

#endif
