/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/profile.h"

#include "util/arena.h"

void ww_profile_free(struct ww_profile *profile)
{
	if (profile)
		ww_arena__free(profile->arena);
}
