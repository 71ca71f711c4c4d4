/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The documents of the API, written. Internal to it. */
#ifndef WHYWAIT_API_JSON_H
#define WHYWAIT_API_JSON_H

#include <stdio.h>

#include "model/profile.h"
#include "model/report.h"
#include "serve/daemon.h"
#include "store/recording.h"

/* What is observed, in Unix ns; `end` 0: nothing yet. */
struct ww_api_window {
	int64_t start_unix_ns, end_unix_ns;
};

/* All return 0, or -ENOMEM, -EOVERFLOW, -EIO. */
int ww_api_json__status(FILE *out, const struct ww_daemon_status *status, const struct ww_api_window *recorded);
int ww_api_json__endpoints(FILE *out, const struct ww_report *report);
int ww_api_json__series(FILE *out, const struct ww_series_step *steps, size_t len, int64_t step_ns,
			const struct ww_api_window *recorded);
int ww_api_json__stacks(FILE *out, const struct ww_profile *profile);

#endif
