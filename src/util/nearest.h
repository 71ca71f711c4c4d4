/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a typing error was meant to be. */
#ifndef WHYWAIT_NEAREST_H
#define WHYWAIT_NEAREST_H

/* The word in `words` (ended by NULL) that a typing error away might have been meant; NULL when none is near. */
const char *ww_nearest(const char *word, const char *const *words);

#endif
