/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/version.h"

const char ww_version[] = WW_VERSION;
