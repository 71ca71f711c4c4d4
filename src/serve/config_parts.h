/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of settings. Internal to src/serve/config*.c. */
#ifndef WHYWAIT_SERVE_CONFIG_PARTS_H
#define WHYWAIT_SERVE_CONFIG_PARTS_H

#include "serve/config.h"

enum ww_setting_type {
	WW_SETTING_TEXT,
	WW_SETTING_NUMBER,
	WW_SETTING_DURATION,
	WW_SETTING_SIZE,
	WW_SETTING_SHARE,
	WW_SETTING_STACKS,
	WW_SETTING_SWITCH,
	WW_SETTING_LEVEL,
	WW_SETTING_LIST,
	WW_SETTING_PORTS,
	WW_SETTING_ROUTES,
	WW_SETTING_NAMES,
};

struct ww_setting {
	const char *path;
	const char *says; /* what it has to be */
	size_t offset;	  /* in struct ww_serve_config */
	int64_t least, most;
	enum ww_setting_type type;
	enum ww_config_reload reload;
};

/* Ended by one without a path. */
extern const struct ww_setting ww_settings[];

bool ww_setting__is_list(const struct ww_setting *setting);

/* Sets one that is no list; -EINVAL when it can't be that: setting->says says what it can. -ENOMEM. */
int ww_setting__set(const struct ww_setting *setting, struct ww_serve_config *config, const char *text);

/* Adds to a list; the same. */
int ww_setting__add(const struct ww_setting *setting, struct ww_serve_config *config, const char *text);

/* Empties a list. */
void ww_setting__clear(const struct ww_setting *setting, struct ww_serve_config *config);

/* Notes an error, without a newline. */
void ww_config_errors__add(struct ww_config_errors *errors, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
