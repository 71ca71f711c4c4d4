/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Several recordings as one: of several hosts, or of one after the other. */
#ifndef WHYWAIT_MERGE_H
#define WHYWAIT_MERGE_H

#include <stddef.h>
#include <stdint.h>

#define WW_MERGE_MOST 1000

/* What lies between two recordings and is longer was not observed; what is shorter is not spoken of. */
#define WW_MERGE_GAP_NS 1000000000ll

struct ww_merged {
	uint64_t requests;     /* that are counted in it */
	int64_t unobserved_ns; /* of its window, in which none of the recordings was made */
};

/*
 * Makes the recording `out`, which must not exist, of all that is in `in`. Services are the same when their names are,
 * endpoints when service, method and route are; what they have is added up. On failure nothing is left of it, nor when
 * a signal ends the process; it writes one line to `message` and returns as ww_recording__open(), or -EEXIST  `out` is
 * there, or what another merge makes it of: out.merging -EINVAL  two of them are the same recording, or have other
 * versions, kinds of time or intervals
 */
int ww_merge(const char *out, const char *const *in, size_t len, struct ww_merged *merged, char *message,
	     size_t message_size);

#endif
