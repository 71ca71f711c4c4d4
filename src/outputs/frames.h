/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A profile's samples as lists of words, from the service to what is waited for, and those that are equal added up. */
#ifndef WHYWAIT_FRAMES_H
#define WHYWAIT_FRAMES_H

#include "model/profile.h"
#include "util/intern.h"

struct ww_frame_line {
	const uint32_t *words; /* in ww_frame_lines.words */
	uint32_t len;
	uint8_t kind;
	uint64_t ns, samples;
	/* Of a difference: what it was, and how many requests the two are of. */
	uint64_t before_ns, requests, before_requests;
};

struct ww_frame_lines {
	struct ww_intern *words; /* printable UTF-8, whatever the names were */
	struct ww_intern *keys;
	struct ww_frame_line *lines; /* ordered by their words as text */
	size_t len;
	bool difference;
};

/* -ENOMEM. The content is the caller's, to be freed with ww_frame_lines__free(). */
int ww_frame_lines__of(struct ww_frame_lines *lines, const struct ww_profile *profile);

/*
 * The difference of two profiles: `ns` and `before_ns` are those of a request of the endpoint, on average. Lines of
 * code and addresses are left out, since they change with every version; endpoints are the same by service, method and
 * route, or without the service, where that is unmistakable.
 */
int ww_frame_lines__between(struct ww_frame_lines *lines, const struct ww_profile *before,
			    const struct ww_profile *after);

/* NULL-safe. Frees the content. */
void ww_frame_lines__free(struct ww_frame_lines *lines);

#endif
