/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shows a screen on the terminal and reads its keys, by ncurses. One terminal a process. */
#ifndef WHYWAIT_SCREEN_TERMINAL_H
#define WHYWAIT_SCREEN_TERMINAL_H

#include "outputs/screen.h"
#include "outputs/screen_view.h"

struct ww_terminal;

/*
 * Takes the terminal of stdin and stdout over; ww_terminal__close() gives it back as it was. Call setlocale() before.
 * -ENOTTY when the terminal can't place a cursor (TERM is unset, unknown or dumb), -ENOMEM.
 */
int ww_terminal__open(struct ww_terminal **terminal);

/* The grid to draw in; it has the terminal's size as of the last ww_terminal__key(). */
struct ww_screen *ww_terminal__screen(struct ww_terminal *terminal);

/* Sends what differs from the last time. */
void ww_terminal__show(struct ww_terminal *terminal);

/*
 * The next key that was typed, without waiting: an enum ww_key or a character; WW_KEY_NONE when there is none.
 * WW_KEY_RESIZE when the size has changed: the screen is blank then.
 */
int ww_terminal__key(struct ww_terminal *terminal);

/* NULL-safe. */
void ww_terminal__close(struct ww_terminal *terminal);

#endif
