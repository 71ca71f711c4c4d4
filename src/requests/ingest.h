/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From the kernel's records to requests: gives each account its service, route and names, joins it with its time line,
 * and hands it to the live aggregation and the recording.
 */
#ifndef WHYWAIT_INGEST_H
#define WHYWAIT_INGEST_H

#include "whywait/abi.h"

struct ww_ingest;

/* Takes one finished request; `account` is only read during the call and may lie in read-only memory. */
int ww_ingest__account(struct ww_ingest *ingest, const struct ww_account *account);

/* Takes a time line; it arrives before the account of the same id, which may be lost. */
int ww_ingest__segments(struct ww_ingest *ingest, const struct ww_segments *segments);

#endif
