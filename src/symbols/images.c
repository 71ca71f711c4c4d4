/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILD_ID_MOST 64

struct known {
	struct ww_image *image; /* NULL: none is here */
	uint64_t serial, used;	/* `used` rises */
	uint32_t users;
	/* Which file it was read from first; and what it says that it is. */
	struct stat file;
	uint8_t id[BUILD_ID_MOST];
	size_t id_len;
};

struct ww_images {
	struct known known[WW_IMAGES_MOST];
	uint64_t serials, uses;
};

struct ww_images *ww_images__new(void)
{
	return calloc(1, sizeof(struct ww_images));
}

void ww_images__free(struct ww_images *images)
{
	for (size_t i = 0; images && i < WW_IMAGES_MOST; i++)
		ww_image__free(images->known[i].image);
	free(images);
}

static struct known *find_file(struct ww_images *images, const struct stat *file)
{
	for (size_t i = 0; i < WW_IMAGES_MOST; i++) {
		struct known *known = &images->known[i];

		if (known->image && known->file.st_ino == file->st_ino && known->file.st_dev == file->st_dev &&
		    known->file.st_size == file->st_size && known->file.st_mtim.tv_sec == file->st_mtim.tv_sec &&
		    known->file.st_mtim.tv_nsec == file->st_mtim.tv_nsec)
			return known;
	}
	return NULL;
}

/*
 * The same file at another place: in another container, say. A build-id is what a file says of itself, so it only tells
 * which one to compare with: a container whose file says that it is the C library must not name what others run.
 */
static struct known *find_same(struct ww_images *images, const struct ww_image *image, const void *id, size_t len,
			       off_t size)
{
	for (size_t i = 0; len && i < WW_IMAGES_MOST; i++) {
		struct known *known = &images->known[i];

		if (known->image && known->id_len == len && known->file.st_size == size &&
		    !memcmp(known->id, id, len) && ww_image__same(known->image, image))
			return known;
	}
	return NULL;
}

static struct known *longest_unused(struct ww_images *images)
{
	struct known *found = NULL;

	for (size_t i = 0; i < WW_IMAGES_MOST; i++) {
		struct known *known = &images->known[i];

		if (known->image && !known->users && (!found || known->used < found->used))
			found = known;
	}
	return found;
}

/* A free place; NULL: all are in use. */
static struct known *make_room(struct ww_images *images)
{
	for (;;) {
		struct known *oldest = longest_unused(images);

		if (ww_images__bytes(images) < WW_IMAGES_BYTES_MOST)
			for (size_t i = 0; i < WW_IMAGES_MOST; i++)
				if (!images->known[i].image)
					return &images->known[i];
		if (!oldest)
			return NULL;
		ww_image__free(oldest->image);
		oldest->image = NULL;
	}
}

static int take_use(struct ww_images *images, struct known *known, struct ww_image **image, uint64_t *serial)
{
	known->used = ++images->uses;
	known->users++;
	*image = known->image;
	*serial = known->serial;
	return 0;
}

int ww_images__get(struct ww_images *images, int fd, const char *name, struct ww_image **image, uint64_t *serial)
{
	struct ww_image *new;
	struct stat file;
	const void *id;

	if (fstat(fd, &file)) {
		int err = -errno;

		close(fd);
		return err;
	}
	struct known *known = find_file(images, &file);
	if (known) {
		close(fd);
		return take_use(images, known, image, serial);
	}
	int err = ww_image__open(&new, fd, name);
	if (err)
		return err;
	size_t len = ww_image__build_id(new, &id);
	if (len > BUILD_ID_MOST)
		len = 0;
	known = find_same(images, new, id, len, file.st_size);
	if (known) {
		ww_image__free(new);
		return take_use(images, known, image, serial);
	}
	known = make_room(images);
	if (!known) {
		ww_image__free(new);
		return -ENOSPC;
	}
	*known = (struct known){.image = new, .serial = ++images->serials, .file = file, .id_len = len};
	if (len)
		memcpy(known->id, id, len);
	return take_use(images, known, image, serial);
}

void ww_images__put(struct ww_images *images, struct ww_image *image)
{
	for (size_t i = 0; i < WW_IMAGES_MOST; i++)
		if (images->known[i].image == image)
			images->known[i].users--;
}

unsigned ww_images__len(const struct ww_images *images)
{
	unsigned len = 0;

	for (size_t i = 0; i < WW_IMAGES_MOST; i++)
		len += images->known[i].image != NULL;
	return len;
}

size_t ww_images__bytes(const struct ww_images *images)
{
	size_t bytes = 0;

	for (size_t i = 0; i < WW_IMAGES_MOST; i++)
		bytes += images->known[i].image ? ww_image__bytes(images->known[i].image) : 0;
	return bytes;
}
