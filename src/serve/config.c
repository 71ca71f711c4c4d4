/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/config_parts.h"

#define NSEC	1000000000ll
#define MILLION 1000000

const struct ww_setting ww_settings[] = {
#define WW_SETTING(path_, type_, field, least_, most_, reload_, says_)                                                 \
	{                                                                                                              \
		.path = path_,                                                                                         \
		.type = WW_SETTING_##type_,                                                                            \
		.offset = offsetof(struct ww_serve_config, field),                                                     \
		.least = least_,                                                                                       \
		.most = most_,                                                                                         \
		.reload = WW_RELOAD_##reload_,                                                                         \
		.says = says_,                                                                                         \
	},
#include "serve/settings.def"
#undef WW_SETTING
	{0},
};

_Static_assert(sizeof(ww_settings) / sizeof(*ww_settings) <= WW_SERVE_SETTINGS, "each has a place");

int ww_serve_config__set(char **string, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*string);
	*string = copy;
	return 0;
}

int ww_serve_config__set_option(struct ww_serve_config *config, char **field, const char *value)
{
	int err = ww_serve_config__set(field, value);

	for (size_t i = 0; !err && ww_settings[i].path; i++) {
		if ((char *)config + ww_settings[i].offset == (char *)field)
			config->places[i] = (struct ww_config_place){0};
	}
	return err;
}

int ww_serve_config__init(struct ww_serve_config *config)
{
	struct ww_serve_config fresh = {
		.log = WW_LOG_INFO,
		.max_overhead = 3 * MILLION / 100,
		.backoff_ns = 60 * NSEC,
		.age_ns = 7 * 86400 * NSEC,
		.size_bytes = 1 << 30,
		.fine_ns = 3600 * NSEC,
		.minutes_ns = 86400 * NSEC,
		.keep = 10,
		.stacks_share = -1,
		.operations = 1,
		.collectors = 1,
		.handoffs = 1,
	};

	fresh.data = strdup(WW_SERVE_DATA);
	fresh.listen = strdup(WW_SERVE_LISTEN);
	if (!fresh.data || !fresh.listen) {
		free(fresh.data);
		free(fresh.listen);
		return -ENOMEM;
	}
	*config = fresh;
	return 0;
}

static void *field_of(const struct ww_setting *setting, const struct ww_serve_config *config)
{
	return (char *)config + setting->offset;
}

void ww_serve_config__free(struct ww_serve_config *config)
{
	if (!config)
		return;
	for (const struct ww_setting *setting = ww_settings; setting->path; setting++) {
		if (ww_setting__is_list(setting))
			ww_setting__clear(setting, config);
		else if (setting->type == WW_SETTING_TEXT)
			free(*(char **)field_of(setting, config));
	}
	*config = (struct ww_serve_config){0};
}

static bool are_alike(const struct ww_config_list *a, const struct ww_config_list *b)
{
	bool alike = a->len == b->len;

	for (size_t i = 0; alike && i < a->len; i++)
		alike = !strcmp(a->texts[i], b->texts[i]);
	return alike;
}

unsigned ww_serve_config__compare(const struct ww_serve_config *a, const struct ww_serve_config *b,
				  void (*each)(void *ctx, const char *path, enum ww_config_reload needs), void *ctx)
{
	unsigned changes = 0;

	for (const struct ww_setting *setting = ww_settings; setting->path; setting++) {
		const void *left = field_of(setting, a), *right = field_of(setting, b);
		bool alike;

		if (ww_setting__is_list(setting)) {
			alike = are_alike(left, right);
		} else if (setting->type == WW_SETTING_TEXT) {
			const char *x = *(char *const *)left, *y = *(char *const *)right;

			alike = x && y ? !strcmp(x, y) : x == y;
		} else {
			alike = *(const int64_t *)left == *(const int64_t *)right;
		}
		if (!alike)
			each(ctx, setting->path, setting->reload);
		changes += !alike;
	}
	return changes;
}

void ww_config_errors__add(struct ww_config_errors *errors, const char *format, ...)
{
	va_list arguments;
	char *line;
	int len;

	va_start(arguments, format);
	len = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (len < 0 || errors->len == WW_CONFIG_ERRORS) {
		errors->more++;
		if (len >= 0)
			free(line);
		return;
	}
	/* Whatever a file has in it, a line of it is a line. */
	for (char *c = line; *c; c++)
		*c = (unsigned char)*c < ' ' || *c == 127 ? '?' : *c;
	errors->lines[errors->len++] = line;
}

void ww_config_errors__free(struct ww_config_errors *errors)
{
	while (errors->len)
		free(errors->lines[--errors->len]);
	errors->more = 0;
}
