/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the values of settings mean. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/route.h"
#include "serve/config_parts.h"
#include "whywait/abi.h"

#define LIST_MAX 1000
#define TEXT_MAX 4096
#define NSEC	 1000000000ll
#define MILLION	 1000000

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit durations[] = {{"s", 1},     {"m", 60},     {"min", 60}, {"h", 3600},
					{"d", 86400}, {"w", 604800}, {0}};
static const struct unit sizes[] = {{"", 1},
				    {"B", 1},
				    {"KB", 1000},
				    {"MB", 1000000},
				    {"GB", 1000000000},
				    {"TB", 1000000000000},
				    {"KiB", 1 << 10},
				    {"MiB", 1 << 20},
				    {"GiB", 1 << 30},
				    {"TiB", 1ll << 40},
				    {0}};

/* "12", "1.5" and a unit, in bounds; -EINVAL. */
static int read_amount(const char *text, const struct unit *units, int64_t least, int64_t most, int64_t *amount)
{
	size_t digits = strspn(text, "0123456789.");
	const char *unit = text + digits;
	char number[32], *end;
	double value;

	if (!digits || digits >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, digits);
	number[digits] = '\0';
	value = strtod(number, &end);
	if (*end || end == number)
		return -EINVAL;
	unit += strspn(unit, " ");
	for (; units->name; units++) {
		if (strcmp(units->name, unit) != 0)
			continue;
		value *= (double)units->factor;
		if (!(value >= (double)least && value <= (double)most))
			return -EINVAL;
		*amount = (int64_t)value;
		return 0;
	}
	return -EINVAL;
}

/* "3%" in millionths. */
static int read_share(const char *text, int64_t *share)
{
	char *end;
	double value;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return -EINVAL;
	value = strtod(text, &end) / 100;
	if (end == text || strcmp(end, "%") != 0 || !(value > 0 && value <= 1))
		return -EINVAL;
	*share = llround(value * MILLION);
	return *share ? 0 : -EINVAL;
}

static int read_switch(const char *text, int64_t *on)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", NULL};

	for (int i = 0; words[i]; i++) {
		if (!strcasecmp(text, words[i])) {
			*on = i & 1;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_level(const char *text, int64_t *level)
{
	static const char *const words[] = {"error", "warning", "info", "debug", NULL};

	for (int i = 0; words[i]; i++) {
		if (!strcmp(text, words[i])) {
			*level = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_number(const char *text, int64_t least, int64_t most, int64_t *number)
{
	char *end;
	long long value;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || *end || value < least || value > most)
		return -EINVAL;
	*number = value;
	return 0;
}

bool ww_setting__is_list(const struct ww_setting *setting)
{
	return setting->type >= WW_SETTING_LIST;
}

int ww_setting__set(const struct ww_setting *setting, struct ww_serve_config *config, const char *text)
{
	void *field = (char *)config + setting->offset;
	int64_t number = 0;
	int err = -EINVAL;

	if (strlen(text) > TEXT_MAX)
		return -EINVAL;
	switch (setting->type) {
	case WW_SETTING_TEXT:
		return *text ? ww_serve_config__set(field, text) : -EINVAL;
	case WW_SETTING_NUMBER:
		err = read_number(text, setting->least, setting->most, &number);
		break;
	case WW_SETTING_DURATION:
		err = read_amount(text, durations, setting->least, setting->most, &number);
		number *= NSEC;
		break;
	case WW_SETTING_SIZE:
		err = read_amount(text, sizes, setting->least, setting->most, &number);
		if (!err && setting->offset == offsetof(struct ww_serve_config, ring_bytes) && number & (number - 1))
			err = -EINVAL;
		break;
	case WW_SETTING_SHARE:
		err = read_share(text, &number);
		break;
	case WW_SETTING_STACKS:
		number = !strcmp(text, "all") ? 0 : -1;
		err = !strcmp(text, "all") || !strcmp(text, "off") || !strcmp(text, "false")
			      ? 0
			      : read_share(text, &number);
		break;
	case WW_SETTING_SWITCH:
		err = read_switch(text, &number);
		break;
	case WW_SETTING_LEVEL:
		err = read_level(text, &number);
		break;
	default:
		break;
	}
	if (!err)
		*(int64_t *)field = number;
	return err;
}

void ww_setting__clear(const struct ww_setting *setting, struct ww_serve_config *config)
{
	struct ww_config_list *list = (void *)((char *)config + setting->offset);

	while (list->len)
		free(list->texts[--list->len]);
	free(list->texts);
	*list = (struct ww_config_list){0};
}

int ww_setting__add(const struct ww_setting *setting, struct ww_serve_config *config, const char *text)
{
	struct ww_config_list *list = (void *)((char *)config + setting->offset);
	char **texts, *copy;
	int64_t port;

	if (!*text || strlen(text) > TEXT_MAX || list->len >= LIST_MAX)
		return -EINVAL;
	if (setting->type == WW_SETTING_PORTS && read_number(text, 1, UINT16_MAX, &port))
		return -EINVAL;
	if (setting->type == WW_SETTING_ROUTES && ww_route__check_pattern(text))
		return -EINVAL;
	if (setting->offset == offsetof(struct ww_serve_config, comms) &&
	    (strlen(text) >= WW_COMM || strchr(text, ',')))
		return -EINVAL;
	texts = reallocarray(list->texts, list->len + 1, sizeof(*texts));
	if (!texts)
		return -ENOMEM;
	list->texts = texts;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	texts[list->len++] = copy;
	return 0;
}
