/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How large the maps are: as the options say, and no larger than what is observed has use for. */
#ifndef WHYWAIT_MAP_SIZES_H
#define WHYWAIT_MAP_SIZES_H

#include "kernel/observer.h"

struct whywait_bpf;

/* Of an opened, not yet loaded skeleton. -EINVAL: more requests than can be told apart. */
int ww_map_sizes__set(struct whywait_bpf *bpf, const struct ww_observer_options *options);

#endif
