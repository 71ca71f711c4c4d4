/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where an ELF file has static probes (USDT, section .note.stapsdt). The file may hold anything. */
#ifndef WHYWAIT_STATIC_PROBES_H
#define WHYWAIT_STATIC_PROBES_H

#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

struct ww_static_probe {
	uint64_t offset;    /* in the file */
	uint64_t semaphore; /* the counter that switches the probe on: its offset in the file; 0: none */
};

typedef void ww_static_probe_fn(void *ctx, const char *provider, const char *name, struct ww_static_probe site);

/* Calls `each` for every place of every probe that lies in what is loaded of the file. */
void ww_static_probes__each(Elf *elf, ww_static_probe_fn *each, void *ctx);

/* Where in the file the byte is that is at that address in memory; 0 where none is. */
uint64_t ww_static_probes__offset(Elf *elf, uint64_t address);

/* Finds the places of one probe; how many it wrote, `most` at the most. 0: none, or no ELF file. -E2BIG: more. */
int ww_static_probes__find(int fd, const char *provider, const char *name, struct ww_static_probe *sites, int most);

/* Whether it is an ELF file with a section of that name. */
bool ww_static_probes__has_section(int fd, const char *section);

#endif
