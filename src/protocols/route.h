/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Routes: what the paths of one endpoint have in common. */
#ifndef WHYWAIT_ROUTE_H
#define WHYWAIT_ROUTE_H

#include <stddef.h>

/*
 * Whether a path matches a user's pattern: segment by segment, where "{name}" stands for any one segment and
 * "{name...}", as the last one, for the rest.
 */
int ww_route__matches(const char *pattern, const char *path);

/* 0, or -EINVAL when it is no pattern: it has to begin with a '/' and to close its braces, each around a whole segment.
 */
int ww_route__check_pattern(const char *pattern);

/*
 * Writes the route of a path to `route`, NUL-terminated: the first of the patterns that matches, else the path with
 * whatever looks like a value replaced by a name in braces: numbers {id}, {uuid}, hex {hash}, {date}, {email} and
 * tokens {token}. What does not fit `size` is cut at the last segment that fits. Returns the length of the route.
 */
size_t ww_route__template(const char *const *patterns, size_t patterns_len, const char *path, char *route, size_t size);

#endif
