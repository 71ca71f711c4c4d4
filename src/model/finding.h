/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A finding: something that makes an endpoint slow and can be mended, with what mending it would save. */
#ifndef WHYWAIT_FINDING_H
#define WHYWAIT_FINDING_H

#include <stddef.h>
#include <stdint.h>

/* A piece of evidence: a name of the JSON's `evidence` and its value. */
struct ww_evidence {
	const char *name; /* "statement", "per_request" */
	const char *text; /* NULL: it is a number */
	double number;
};

struct ww_finding {
	const char *id;			      /* "n-plus-one" and the others of the list of findings */
	const char *text;		      /* what is found, with numbers */
	const char *advice;		      /* what to do about it */
	uint64_t saves_mean_ns, saves_p95_ns; /* of the wall time of a request, if it were mended */
	const struct ww_evidence *evidence;
	size_t evidence_len;
};

#endif
