/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a URL asks for. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/names.h"
#include "serve/api.h"

#define TIME_MOST 4102444800 /* the year 2100, in Unix seconds */
#define QUOTED	  64	     /* characters of what was wrong that are said again */

static const char *const names[WW_API_COUNT] = {
	[WW_API_STATUS] = "status", [WW_API_ENDPOINTS] = "endpoints", [WW_API_REPORT] = "report",
	[WW_API_SERIES] = "series", [WW_API_REQUESTS] = "requests",   [WW_API_STACKS] = "stacks",
};

int ww_api_query__init(struct ww_api_query *query, const char *name)
{
	for (int what = 0; what < WW_API_COUNT; what++) {
		if (strcmp(name, names[what]) != 0)
			continue;
		memset(query, 0, sizeof(*query));
		query->what = (enum ww_api_what)what;
		query->last_s = WW_API_LAST;
		query->steps = WW_API_STEPS;
		query->limit = WW_API_LIMIT;
		query->kinds = (1u << WW_KIND_COUNT) - 1;
		return 0;
	}
	return -ENOENT;
}

__attribute__((format(printf, 3, 4))) static int wrong(char *message, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, size, format, args);
	va_end(args);
	return -EINVAL;
}

/* Digits only. */
static int parse_number(const char *text, int64_t least, int64_t most, int64_t *number)
{
	char *end;
	long long found;

	if (*text < '0' || *text > '9' || strlen(text) > 18)
		return -EINVAL;
	found = strtoll(text, &end, 10);
	if (*end || found < least || found > most)
		return -EINVAL;
	*number = found;
	return 0;
}

static int set_endpoint(struct ww_api_query *query, const char *value, char *message, size_t size)
{
	size_t len = strlen(value);
	int stars = 0;

	if (len >= sizeof(query->endpoint))
		return wrong(message, size, "endpoint: longer than %zu bytes", sizeof(query->endpoint) - 1);
	for (const char *at = value; *at; at++) {
		if (*at == '\\' && at[1])
			at++;
		else
			stars += *at == '*' || *at == '[';
	}
	if (stars > WW_API_STARS)
		return wrong(message, size, "endpoint: more than %d of * and [", WW_API_STARS);
	memcpy(query->endpoint, value, len + 1);
	return 0;
}

/* "db,net" */
static int set_kinds(struct ww_api_query *query, const char *value, char *message, size_t size)
{
	uint32_t kinds = 0;

	while (*value) {
		size_t len = strcspn(value, ",");
		int kind = 0;

		while (kind < WW_KIND_COUNT && (strlen(ww_kind_name((enum ww_kind)kind)) != len ||
						strncmp(value, ww_kind_name((enum ww_kind)kind), len) != 0))
			kind++;
		if (kind == WW_KIND_COUNT)
			return wrong(message, size, "kinds: there is no kind '%.*s'", len < QUOTED ? (int)len : QUOTED,
				     value);
		kinds |= 1u << kind;
		value += len + (value[len] == ',');
	}
	if (!kinds)
		return wrong(message, size, "kinds: name some, with commas between them");
	query->kinds = kinds;
	return 0;
}

int ww_api_query__set(struct ww_api_query *query, const char *name, const char *value, char *message,
		      size_t message_size)
{
	int64_t number = 0;
	const struct {
		const char *name;
		int64_t least, most;
	} numbers[] = {
		{"last", 1, WW_API_LAST_MOST},	 {"since", 1, TIME_MOST},	  {"until", 1, TIME_MOST},
		{"steps", 1, WW_API_STEPS_MOST}, {"limit", 1, WW_API_LIMIT_MOST},
	};

	if (!value)
		return wrong(message, message_size, "%.*s: give a value, as in %.*s=..", QUOTED, name, QUOTED, name);
	if (!strcmp(name, "endpoint"))
		return set_endpoint(query, value, message, message_size);
	if (!strcmp(name, "kinds"))
		return set_kinds(query, value, message, message_size);
	if (!strcmp(name, "failed")) {
		if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
			return wrong(message, message_size, "failed: 0 or 1");
		query->errors = *value == '1';
		return 0;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		if (strcmp(name, numbers[i].name) != 0)
			continue;
		if (parse_number(value, numbers[i].least, numbers[i].most, &number))
			return wrong(message, message_size, "%s: give a whole number from %lld to %lld", name,
				     (long long)numbers[i].least, (long long)numbers[i].most);
		switch (i) {
		case 0:
			query->last_s = number;
			break;
		case 1:
			query->since_s = number;
			break;
		case 2:
			query->until_s = number;
			break;
		case 3:
			query->steps = (unsigned)number;
			break;
		default:
			query->limit = (unsigned)number;
		}
		return 0;
	}
	return wrong(message, message_size,
		     "there is no parameter '%.*s': endpoint, last, since, until, steps, limit, failed, kinds", QUOTED,
		     name);
}
