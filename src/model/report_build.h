/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Makes a report from sums: the one way from aggregates to what every output says. */
#ifndef WHYWAIT_REPORT_BUILD_H
#define WHYWAIT_REPORT_BUILD_H

#include "model/blocks.h"
#include "model/catalog.h"
#include "model/crowd.h"
#include "model/profile.h"
#include "model/report.h"
#include "model/slice.h"
#include "model/study.h"

/* What a report says beside its endpoints; every string and row is copied. */
struct ww_report_frame {
	const char *host, *kernel;
	const char *stand_ins; /* as in struct ww_report; NULL: as empty */
	const char *settings;  /* the same */
	unsigned cpus;
	uint64_t host_busy_ns;
	int64_t start_unix_ns, end_unix_ns;
	int64_t unobserved_ns; /* of that: the sum of .. */
	const struct ww_gap *gaps;
	uint32_t gaps_len;
	bool unended;
	const struct ww_loss *losses; /* rows with a count of 0 are left out */
	size_t losses_len;
	const struct ww_unreadable_port *unreadable; /* the same */
	size_t unreadable_len;
	const struct ww_service_report *services; /* those without an endpoint in the report as well */
	size_t services_len;

	/* What kept requests say; NULL: none was looked at. */
	struct ww_study *const *studies; /* by endpoint id; NULL: none of it was kept */
	const struct ww_crowd *crowd;	 /* settled */

	const struct ww_profile *profile; /* where in the code they compute; NULL: not known */

	const struct ww_blocks *blocks; /* by endpoint id; NULL: the report does without */
	int64_t unit_ns;		/* how long one of these is at the most */
};

/* The report is the caller's, to be freed with ww_report_free(). -ENOMEM. */
int ww_report__build(const struct ww_report_frame *frame, const struct ww_catalog *catalog,
		     const struct ww_slice *slice, struct ww_report **report);

#endif
