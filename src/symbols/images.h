/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The files of code that are known, each once however many processes have it mapped. A copy of it elsewhere is the same
 * when it has the same name, and in fact (not by its build-id alone) the same tables. Bounded; not thread-safe.
 */
#ifndef WHYWAIT_IMAGES_H
#define WHYWAIT_IMAGES_H

#include "symbols/image.h"

struct ww_images;

#define WW_IMAGES_MOST 256
#define WW_IMAGES_BYTES_MOST                                                                                           \
	(96u << 20) /* of those together from which on the ones that are not in use are forgotten */

/* NULL when out of memory. */
struct ww_images *ww_images__new(void);

/* NULL-safe. None may be in use. */
void ww_images__free(struct ww_images *images);

/*
 * The file behind the descriptor, which is taken over: in use until ww_images__put(). *serial is its number, which no
 * other one ever has. Where there is no room those are forgotten that have not been in use for longest. As
 * ww_image__open(); -ENOSPC when all are in use.
 */
int ww_images__get(struct ww_images *images, int fd, const char *name, struct ww_image **image, uint64_t *serial);
void ww_images__put(struct ww_images *images, struct ww_image *image);

/* How many there are, and what they keep in memory, about. */
unsigned ww_images__len(const struct ww_images *images);
size_t ww_images__bytes(const struct ww_images *images);

#endif
