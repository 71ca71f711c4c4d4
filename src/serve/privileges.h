/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the daemon may do: as little as observing needs. */
#ifndef WHYWAIT_SERVE_PRIVILEGES_H
#define WHYWAIT_SERVE_PRIVILEGES_H

#include <stddef.h>

/*
 * Makes the recording's directory where there is none, and has both belong to `user`; NULL: to whom they belong. On
 * failure a negative errno and one line in `message`.
 */
int ww_privileges__prepare(const char *user, const char *data, char *message, size_t message_size);

/*
 * Becomes `user` (NULL: stays who it is) and keeps CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE and
 * CAP_CHECKPOINT_RESTORE, of those that it has; without a user CAP_DAC_OVERRIDE, too, for the recording may be in
 * anyone's directory. Neither this process nor one that it starts gets any other again. Before there are threads.
 * Errors as above.
 */
int ww_privileges__drop(const char *user, char *message, size_t message_size);

#endif
