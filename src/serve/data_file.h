/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The recording of the daemon, opened to be gone on in. */
#ifndef WHYWAIT_DATA_FILE_H
#define WHYWAIT_DATA_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/recorder.h"

/*
 * What takes long in a large file is done beforehand: while requests are seen, their records would have no reader.
 * Tells the service manager meanwhile that it is alive, and gives up when `ends` says so.
 */
void ww_data_file__look_through(const struct ww_recorder_options *options, bool (*ends)(void));

/* As ww_recorder__create(); that another one had to be begun is said in the log. */
int ww_data_file__open(struct ww_recorder **recorder, const struct ww_recorder_options *options, char *message,
		       size_t message_size);

#endif
