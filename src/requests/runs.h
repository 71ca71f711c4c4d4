/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A command that is one unit of work: its account comes about once a second, as it is by then, and whole at its end.
 * What came between two of them is a part of its own, so that a recording tells how it went over time. Internal to
 * src/requests.
 */
#ifndef WHYWAIT_RUNS_H
#define WHYWAIT_RUNS_H

#include "model/slice.h"
#include "requests/detail_names.h"
#include "requests/endpoints.h"
#include "requests/operations.h"
#include "requests/timelines.h"

struct ww_recorder;

/* How a command's endpoints are called: the whole, and its parts. */
#define WW_RUN_METHOD  "run"
#define WW_PART_METHOD "part"

/* All zeros is one that has not begun. */
struct ww_run {
	uint64_t id;		   /* of its account; 0: none has come */
	struct ww_account account; /* as it was last */
	struct ww_operation_sums whole, part;
	uint64_t operations;   /* so far */
	struct ww_done *first; /* of them, WW_OPERATIONS_MAX at the most */
	uint32_t first_len;
	bool unsure; /* there was no memory for some */
};

/* What a part is counted with. */
struct ww_run_frame {
	struct ww_catalog *catalog;
	struct ww_endpoints *endpoints;
	struct ww_detail_names *names;
	struct ww_operations *operations;
	struct ww_timelines *timelines;
	struct ww_slice *slice;
	struct ww_recorder *recorder; /* NULL: nowhere */
	int64_t unix_offset_ns;
	uint32_t service;
};

/* Frees the content, not `run` itself, which is as before it began. */
void ww_run__free(struct ww_run *run);

/* Takes in what has been asked so far: to be called before there are WW_OPERATIONS_MAX of them. */
void ww_run__drain(struct ww_run *run, const struct ww_catalog *catalog, struct ww_operations *operations, uint64_t id);

/*
 * Counts what came since the last account and, when it is the last one, the whole. -EPROTO: it has less than the last
 * one. -ENOMEM.
 */
int ww_run__take(struct ww_run *run, const struct ww_run_frame *frame, const struct ww_account *account);

#endif
