/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables that a program with Rust's tokio has for its tasks and their wakers, told by what they look like. */
#ifndef WHYWAIT_TOKIO_TABLES_H
#define WHYWAIT_TOKIO_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is looked through for it: what a program has at addresses that are written when it starts, and its code. */
struct ww_tokio_image {
	const uint64_t *words; /* PT_GNU_RELRO, as the process has it */
	size_t len;	       /* words */
	uint64_t address;      /* of the first one */
	const unsigned char *text;
	uint64_t text_address, text_len;
};

struct ww_tokio_tables {
	uint64_t tasks; /* address of the first one */
	uint64_t tasks_len;
	uint64_t waker;
	bool data_first; /* a waker's task comes before its table */
};

/* -ENOENT: there are none; `tables` is written on success only. */
int ww_tokio_tables__find(const struct ww_tokio_image *image, struct ww_tokio_tables *tables);

#endif
