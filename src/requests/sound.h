/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel side sends is looked at before it is taken in. Internal to src/requests. */
#ifndef WHYWAIT_SOUND_H
#define WHYWAIT_SOUND_H

#include <stdbool.h>

#include "whywait/abi.h"

/* Whether a record keeps the contract of abi.h; whatever does not can't be counted without making sums wrong. */
bool ww_account__is_sound(const struct ww_account *account);

#endif
