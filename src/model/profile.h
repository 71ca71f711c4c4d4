/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where in the code endpoints spent their time, as plain data for outputs. */
#ifndef WHYWAIT_PROFILE_H
#define WHYWAIT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whywait/abi.h"

struct ww_arena;

/* A stack of a recording; frames from the thread's start on. */
struct ww_profile_stack {
	const uint32_t *frames; /* in ww_profile.frames */
	uint32_t len;
	bool whole; /* it reaches the thread's start */
};

struct ww_profile_sample {
	const char *service, *method, *route;
	const char *name;		      /* what it waited for; "": nothing more is known */
	const struct ww_profile_stack *stack; /* NULL: none was taken */
	enum ww_kind kind;
	uint64_t ns, samples; /* as if every request's stacks had been taken */
	uint64_t requests;    /* of the endpoint that these are of */
};

struct ww_profile {
	struct ww_arena *arena; /* owns all of it */
	const char **frames;
	uint32_t frames_len;
	struct ww_profile_sample *samples;
	size_t samples_len;
	uint64_t requests, sampled; /* requests that it is of, and whose stacks were taken */
	double wall_ns;		    /* of these requests, by those whose stacks were taken, */
	double deviation_ns;	    /* and the standard deviation of that */
	bool part;	/* the recording is a merged one, and some of those it was merged of were made without stacks */
	uint32_t kinds; /* bits: what these spent time on, whichever kinds were chosen */
	bool wanted;	/* stacks were to be taken: it was recorded with --stacks */
	bool taken;	/* and were, of any request, chosen or not */
	bool ended;	/* the recording: none will be added */
};

/* NULL-safe. */
void ww_profile_free(struct ww_profile *profile);

#endif
