/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The words for what records hold as numbers; every format uses the same ones. */
#ifndef WHYWAIT_NAMES_H
#define WHYWAIT_NAMES_H

#include "whywait/abi.h"

/* How names begin in the detail of `lock` that tell who had it. */
#define WW_HELD_BY "held by "

const char *ww_kind_name(enum ww_kind kind);			  /* "db" */
const char *ww_attribution_name(enum ww_attribution attribution); /* "exact" */

/* "aborted" for the flag 1 << bit of enum ww_account_flags; NULL for one that says nothing of the request itself. */
const char *ww_flag_name(unsigned bit);

/* "connect" for the flag 1 << bit of enum ww_operation_flags; NULL: there is no such flag. */
const char *ww_operation_flag_name(unsigned bit);

/* What people are told for a system of operations, as in the detail of `db`: "postgres" for "postgresql". */
const char *ww_system_name(const char *system);

#endif
