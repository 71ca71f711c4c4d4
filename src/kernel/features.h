/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What this host offers for observing, found by trying it, never by the kernel's version: a back-ported feature counts,
 * and one that a security module forbids does not.
 */
#ifndef WHYWAIT_FEATURES_H
#define WHYWAIT_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

enum ww_feature_id {
#define WW_FEATURE(id, group, name, need, probe, argument, purpose, without, mend) WW_FEATURE_##id,
#include "kernel/features.def"
#undef WW_FEATURE
	WW_FEATURE_COUNT
};

enum ww_feature_group {
	WW_FEATURE_GROUP_PRIVILEGE,
	WW_FEATURE_GROUP_KERNEL,
	WW_FEATURE_GROUP_HOST,
	WW_FEATURE_GROUP_LIBRARY,
	WW_FEATURE_GROUP_COUNT
};

enum ww_feature_need {
	WW_FEATURE_REQUIRED, /* nothing can be observed without it */
	WW_FEATURE_WANTED,   /* something is worse without it */
	WW_FEATURE_TOLD,     /* good to know */
};

enum ww_feature_state {
	WW_FEATURE_OK,
	WW_FEATURE_DEGRADED, /* a wanted feature is not there: `without` says what that means */
	WW_FEATURE_MISSING,  /* a required feature is not there */
	WW_FEATURE_UNKNOWN,  /* can't be tried with these privileges */
};

/* Texts are static, but for `found`. */
struct ww_feature {
	enum ww_feature_group group;
	enum ww_feature_need need;
	enum ww_feature_state state;
	const char *name;
	const char *purpose;
	const char *without;
	const char *mend;
	char found[160]; /* what is there, or what trying it gave */
};

struct ww_features {
	struct ww_feature rows[WW_FEATURE_COUNT]; /* by enum ww_feature_id */
};

/*
 * Looks for all of them; takes some tens of milliseconds. Attaches empty programs for a moment and leaves nothing
 * behind. -ENOMEM.
 */
int ww_features__probe(struct ww_features *features);

/*
 * Whether all is there that observing needs. Otherwise one line, without a newline, says what is missing and how to
 * mend it: the first cause only, as privileges hide the rest.
 */
bool ww_features__can_observe(const struct ww_features *features, char *message, size_t message_size);

/* Whether process ids mean here what they mean to the kernel: not in a pid namespace of its own, nor where none is
 * told. */
bool ww_features__host_pids(void);

/* "ok", "degraded", "missing", "unknown" */
const char *ww_feature_state_name(enum ww_feature_state state);

/* "privilege", "kernel", "host", "library" */
const char *ww_feature_group_name(enum ww_feature_group group);

#endif
