/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The version that was built: of all sources, only this one's object changes with every commit. */
#ifndef WHYWAIT_VERSION_H
#define WHYWAIT_VERSION_H

extern const char ww_version[]; /* as `git describe` says it */

#endif
