/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lines of the daemon on standard error, for people and for journald. Any thread. */
#ifndef WHYWAIT_SERVE_LOG_H
#define WHYWAIT_SERVE_LOG_H

#include "serve/config.h"

/* Lines above this level are left out. */
void ww_log__set_level(enum ww_log_level level);

/*
 * One line. Where standard error is journald's it carries its priority. When more lines come than anyone would read,
 * some are left out, and how many is said in the next one.
 */
void ww_log(enum ww_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tells the service manager, by the protocol of sd_notify(3); where there is none it does nothing. */
void ww_log__notify(const char *state);

#endif
