/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The functions in which an endpoint computes most, by its stacks. */
#ifndef WHYWAIT_HOTSPOTS_H
#define WHYWAIT_HOTSPOTS_H

#include "model/profile.h"

#define WW_HOTSPOTS	3
#define WW_HOTSPOT_NAME 128

struct ww_hotspots {
	struct ww_hotspot {
		char name[WW_HOTSPOT_NAME];
		double share;	  /* of the time that it computes */
	} functions[WW_HOTSPOTS]; /* largest first */
	unsigned len;
};

/*
 * Of a profile's samples of computing, those of the endpoint. A function computes what is told of it and of what it
 * calls that has no name of the program's own: what an interpreter does is its code's, and what the kernel does its
 * caller's. -ENOMEM.
 */
int ww_hotspots__of(const struct ww_profile *profile, const char *service, const char *method, const char *route,
		    struct ww_hotspots *hotspots);

#endif
