/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A profile for https://www.speedscope.app, in its file format: each endpoint is a profile of its own. */
#ifndef WHYWAIT_SPEEDSCOPE_H
#define WHYWAIT_SPEEDSCOPE_H

#include <stdio.h>

#include "model/profile.h"

/* Errors of `out`: ferror(). -ENOMEM. */
int ww_speedscope__write(FILE *out, const struct ww_profile *profile);

#endif
