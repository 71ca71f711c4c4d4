/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a command says about itself: for the terminal and as a man page, from the same struct ww_usage. */
#ifndef WHYWAIT_HELP_H
#define WHYWAIT_HELP_H

#include "commands/command.h"

/* `whywait` itself; its options are the commands. */
extern const struct ww_usage ww_help_program;

/* Both return an exit status: 0, or 2 when `out` can't be written. */
int ww_help__text(FILE *out, const struct ww_usage *usage);
int ww_help__man(FILE *out, const struct ww_usage *usage);

#endif
