/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Pass lines of a comparison: `p95 <= 220ms` asks for what is after, `compute -30%` for what it changes by.
 * docs/compare.md says when one holds.
 */
#ifndef WHYWAIT_REQUIREMENT_H
#define WHYWAIT_REQUIREMENT_H

#include "model/comparison.h"

struct ww_requirement {
	const char *text; /* as typed */
	enum ww_metric metric;
	bool change;   /* from before to after */
	bool relative; /* of before; else in the metric's unit */
	bool at_least; /* the limit is the least; else the most */
	double limit;
};

/*
 * Understands one. -EINVAL: `message` says in one line what is wrong and at which character; `text` must outlive the
 * requirement.
 */
int ww_requirement__parse(const char *text, struct ww_requirement *requirement, char *message, size_t message_size);

enum ww_verdict_of_requirement { WW_REQUIREMENT_MET, WW_REQUIREMENT_UNMET, WW_REQUIREMENT_UNDECIDED };

/* Whether it holds of an endpoint; the sentence says what it is judged by, and where it is undecided why. */
enum ww_verdict_of_requirement ww_requirement__judge(const struct ww_requirement *requirement,
						     const struct ww_endpoint_comparison *endpoint,
						     struct ww_sentence *why);

#endif
