/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands/when.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NSEC	 1000000000ll
#define DAYS_MAX 36500

/* Sets *unix_ns; -EINVAL when the time is beyond what it can hold: after the year 2262. */
static int set_ns(int64_t seconds, int64_t fraction, int64_t *unix_ns)
{
	int64_t ns;

	if (__builtin_mul_overflow(seconds, NSEC, &ns) || __builtin_add_overflow(ns, fraction, &ns))
		return -EINVAL;
	*unix_ns = ns;
	return 0;
}

/* Exactly two digits between 0 and `max`; returns what follows them, or NULL. */
static const char *two_digits(const char *text, int max, int *number)
{
	if (!isdigit((unsigned char)text[0]) || !isdigit((unsigned char)text[1]))
		return NULL;
	*number = 10 * (text[0] - '0') + text[1] - '0';
	return *number <= max ? text + 2 : NULL;
}

/* HH:MM with optional :SS; returns what follows, or NULL. */
static const char *clock_time(const char *text, struct tm *tm)
{
	text = two_digits(text, 23, &tm->tm_hour);
	text = text && *text == ':' ? two_digits(text + 1, 59, &tm->tm_min) : NULL;
	tm->tm_sec = 0;
	if (text && *text == ':')
		text = two_digits(text + 1, 60, &tm->tm_sec);
	return text;
}

static int parse_relative(const char *text, int64_t start, int64_t end, int64_t *unix_ns)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *unit;

	if (!isdigit((unsigned char)text[1]) && text[1] != '.')
		return -EINVAL;
	double number = strtod(text + 1, &unit);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (unit[0] != units[i].unit || unit[1])
			continue;
		double seconds = number * (double)units[i].seconds;
		if (!(seconds <= DAYS_MAX * 86400.0))
			return -EINVAL;
		int64_t ns = (int64_t)llround(seconds * NSEC);
		int64_t at;
		if (*text == '-' ? __builtin_sub_overflow(end, ns, &at) : __builtin_add_overflow(start, ns, &at))
			return -EINVAL;
		*unix_ns = at;
		return 0;
	}
	return -EINVAL;
}

static int parse_clock(const char *text, int64_t start, int64_t end, int64_t *unix_ns)
{
	struct tm clock, day;
	time_t first = (time_t)(start / NSEC), last = (time_t)(end / NSEC);

	const char *rest = clock_time(text, &clock);
	if (!rest || *rest)
		return -EINVAL;
	int64_t at = 0;
	for (int days_back = 0; days_back <= DAYS_MAX; days_back++) {
		localtime_r(&last, &day);
		day.tm_mday -= days_back;
		day.tm_hour = clock.tm_hour;
		day.tm_min = clock.tm_min;
		day.tm_sec = clock.tm_sec;
		day.tm_isdst = -1;
		if (!set_ns(mktime(&day), 0, &at) && at <= end)
			break;
	}
	if (at < start) {
		localtime_r(&first, &day);
		day.tm_hour = clock.tm_hour;
		day.tm_min = clock.tm_min;
		day.tm_sec = clock.tm_sec;
		day.tm_isdst = -1;
		if (set_ns(mktime(&day), 0, &at))
			return -EINVAL;
	}
	*unix_ns = at;
	return 0;
}

/* "Z", "+01:00" or "-0130": seconds east of UTC. */
static int parse_offset(const char *text, int *seconds)
{
	int hours, minutes, sign = *text == '-' ? -1 : 1;

	if (!strcmp(text, "Z") || !strcmp(text, "z")) {
		*seconds = 0;
		return 0;
	}
	if (*text != '+' && *text != '-')
		return -EINVAL;
	text = two_digits(text + 1, 23, &hours);
	if (text && *text == ':')
		text++;
	text = text ? two_digits(text, 59, &minutes) : NULL;
	if (!text || *text)
		return -EINVAL;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return 0;
}

static int parse_date(const char *text, int64_t *unix_ns)
{
	struct tm tm = {.tm_isdst = -1};
	int64_t fraction = 0;
	int offset;

	const char *rest = strptime(text, "%Y-%m-%d", &tm);
	if (!rest || (*rest != 'T' && *rest != 't' && *rest != ' '))
		return -EINVAL;
	rest = clock_time(rest + 1, &tm);
	if (!rest)
		return -EINVAL;
	if (*rest == '.') {
		int64_t unit = NSEC / 10;
		if (!isdigit((unsigned char)*++rest))
			return -EINVAL;
		for (; isdigit((unsigned char)*rest); rest++, unit /= 10)
			fraction += unit * (*rest - '0');
	}
	if (!*rest)
		return set_ns(mktime(&tm), fraction, unix_ns);
	int err = parse_offset(rest, &offset);
	if (err)
		return err;
	return set_ns((int64_t)timegm(&tm) - offset, fraction, unix_ns);
}

int ww_when__parse(const char *text, int64_t window_start_ns, int64_t window_end_ns, int64_t *unix_ns)
{
	if (*text == '-' || *text == '+')
		return parse_relative(text, window_start_ns, window_end_ns, unix_ns);
	if (!parse_clock(text, window_start_ns, window_end_ns, unix_ns))
		return 0;
	return parse_date(text, unix_ns);
}
