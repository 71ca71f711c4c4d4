/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One ELF file: the names of its functions, and what it is unwound by. What it says of itself is trusted in nothing: it
 * is read, not mapped, since whoever has it may cut it short meanwhile.
 */
#ifndef WHYWAIT_IMAGE_H
#define WHYWAIT_IMAGE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ww_image;

#define WW_IMAGE_NAME 512 /* bytes of a function's name, at most */

/*
 * Takes over the descriptor, also when it fails: -ENOEXEC when that is no ELF file, or has larger tables than are read;
 * -ENOMEM. `name` is what the file is called where code has no name.
 */
int ww_image__open(struct ww_image **image, int fd, const char *name);

/* NULL-safe. Whatever libdwfl has been given of it has to be gone. */
void ww_image__free(struct ww_image *image);

/* One more reference to it, for libdwfl, to which it gives it back; NULL: it can't be given. */
Elf *ww_image__elf(struct ww_image *image);

/* The addresses that the file asks for, from the first to behind the last one. */
uint64_t ww_image__start(const struct ww_image *image);
uint64_t ww_image__end(const struct ww_image *image);

/* Whether it is linked to its addresses, and can only be there. */
bool ww_image__fixed(const struct ww_image *image);

/* The file's build-id; its length, 0 where it has none. */
size_t ww_image__build_id(const struct ww_image *image, const void **id);

/* Whether both have the same name and the same tables, so that one can stand for the other. */
bool ww_image__same(const struct ww_image *a, const struct ww_image *b);

/*
 * What the code at one of the file's own addresses is called: the function, demangled, or `[name+0x1234]`. The first
 * time the tables of names are read: its own, those in .gnu_debugdata, and those of its debug information.
 */
void ww_image__name(struct ww_image *image, uint64_t address, char name[WW_IMAGE_NAME]);

/* What it keeps in memory, in bytes, about. */
size_t ww_image__bytes(const struct ww_image *image);

#endif
