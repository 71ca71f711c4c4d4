/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/route.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/utf8.h"

#define SHORTEST_WORDLESS 16 /* no shorter segment without a digit or an '@' is a value */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/* The length of a segment: up to the next '/', or the end. */
static size_t segment_len(const char *at)
{
	return strcspn(at, "/");
}

int ww_route__check_pattern(const char *pattern)
{
	if (*pattern != '/')
		return -EINVAL;
	while (*pattern) {
		size_t len = segment_len(++pattern);
		bool opens = len && pattern[0] == '{';

		if (opens ? len < 3 || pattern[len - 1] != '}' || memchr(pattern + 1, '{', len - 1) ||
				    memchr(pattern, '}', len - 1)
			  : memchr(pattern, '{', len) || memchr(pattern, '}', len))
			return -EINVAL;
		/* Only the last one may stand for the rest. */
		if (opens && len > 4 && !memcmp(pattern + len - 4, "...}", 4) && pattern[len])
			return -EINVAL;
		pattern += len;
	}
	return 0;
}

int ww_route__matches(const char *pattern, const char *path)
{
	while (*pattern == '/' && *path == '/') {
		size_t pattern_len = segment_len(++pattern), path_len = segment_len(++path);

		if (pattern_len > 2 && pattern[0] == '{' && pattern[pattern_len - 1] == '}') {
			if (pattern_len > 4 && !memcmp(pattern + pattern_len - 4, "...}", 4))
				return true;
			if (!path_len)
				return false;
		} else if (pattern_len != path_len || memcmp(pattern, path, path_len) != 0) {
			return false;
		}
		pattern += pattern_len;
		path += path_len;
	}
	return !*pattern && !*path;
}

/* "2026-11-20", also with a time behind it: "2026-11-20T16:22:39Z". */
static bool is_date(const char *at, size_t len)
{
	static const char shape[] = "dddd-dd-dd";

	if (len < sizeof(shape) - 1)
		return false;
	for (size_t i = 0; i < sizeof(shape) - 1; i++) {
		if (shape[i] == 'd' ? !is_digit(at[i]) : at[i] != shape[i])
			return false;
	}
	for (size_t i = sizeof(shape) - 1; i < len; i++) {
		if (!is_digit(at[i]) && !strchr("TtZz:.+-%A", at[i]))
			return false;
	}
	return len == sizeof(shape) - 1 || strchr("Tt+%", at[sizeof(shape) - 1]);
}

static bool is_uuid(const char *at, size_t len)
{
	if (len != 36)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? at[i] != '-' : !is_hex(at[i]))
			return false;
	}
	return true;
}

/* "%40" is how '@' often comes. */
static bool is_email(const char *at, size_t len)
{
	const char *sign = memchr(at, '@', len);
	size_t width = 1;

	if (!sign) {
		sign = memmem(at, len, "%40", 3);
		width = 3;
	}
	if (!sign || sign == at)
		return false;

	const char *host = sign + width, *dot = memrchr(host, '.', (size_t)(at + len - host));

	return dot && dot > host && dot + 1 < at + len;
}

/* What the characters of a segment are. */
struct census {
	size_t digits, upper, lower, hex, commas;
	size_t marks;	/* '@' and '%', of which e-mail addresses have one */
	size_t others;	/* none of these, nor of those of base64 */
	size_t changes; /* between letters and digits, or upper and lower case */
};

enum class {
	OTHER,
	DIGIT,
	UPPER,
	LOWER,
	COMMA,
	SIGN,
	MARK,
};

static const uint8_t classes[256] = {
	['0' ... '9'] = DIGIT, ['A' ... 'Z'] = UPPER, ['a' ... 'z'] = LOWER, [','] = COMMA, ['-'] = SIGN, ['_'] = SIGN,
	['.'] = SIGN,	       ['='] = SIGN,	      ['~'] = SIGN,	     ['+'] = SIGN,  ['@'] = MARK, ['%'] = MARK,
};

static struct census take_census(const char *at, size_t len)
{
	size_t counts[MARK + 1] = {0}, hex = 0, changes = 0;
	uint8_t before = OTHER;

	for (size_t i = 0; i < len; i++) {
		uint8_t class = classes[(unsigned char)at[i]];
		bool counted = class == DIGIT || class == UPPER || class == LOWER;
		bool counted_before = before == DIGIT || before == UPPER || before == LOWER;

		counts[class]++;
		hex += is_hex(at[i]);
		/* "Hello" is a word: upper to lower is no change. */
		changes += counted && counted_before && before != class && !(before == UPPER && class == LOWER);
		before = class;
	}
	return (struct census){
		.digits = counts[DIGIT],
		.upper = counts[UPPER],
		.lower = counts[LOWER],
		.hex = hex,
		.commas = counts[COMMA],
		.marks = counts[MARK],
		.others = counts[OTHER] + counts[MARK],
		.changes = changes,
	};
}

/*
 * A random string: long, of mixed classes that alternate more often than they do in words. Names in camel case or
 * with a number behind them have few changes for their length.
 */
static bool is_token(const struct census *census, size_t len)
{
	size_t letters = census->upper + census->lower;

	if (census->others || census->commas || len < 10 || !letters)
		return false;
	if (census->digits && census->upper && census->lower)
		return census->changes * 5 >= len;
	if (len >= 16 && census->digits)
		return census->changes * 4 >= len;
	return len >= 20 && census->upper && census->lower && census->changes * 5 >= len;
}

/* The name of what the segment looks like; NULL when it is a plain word. */
static const char *name_of(const char *at, size_t len)
{
	struct census census;

	if (!len)
		return NULL;
	census = take_census(at, len);
	/* Most segments are plain words. */
	if (!census.digits && !census.marks && len < SHORTEST_WORDLESS)
		return NULL;
	/* "42", "-1", "12,15,18" */
	if (census.digits && census.digits + census.commas + (at[0] == '-') == len)
		return "{id}";
	if (is_uuid(at, len))
		return "{uuid}";
	if (is_date(at, len))
		return "{date}";
	if (census.marks && is_email(at, len))
		return "{email}";
	/* "facade" is a word, "a1b2c3d4" is none; no word has 16 letters of a to f. */
	if (census.hex == len && ((len >= 8 && census.digits && census.changes > 1) || len >= SHORTEST_WORDLESS))
		return "{hash}";
	if (is_token(&census, len))
		return "{token}";
	return NULL;
}

/* A bounded string that is being built; what does not fit sets `full`. */
struct text {
	char *at, *end;
	bool full;
};

static void put(struct text *text, const char *bytes, size_t len)
{
	if ((size_t)(text->end - text->at) < len)
		text->full = true;
	if (text->full)
		return;
	memcpy(text->at, bytes, len);
	text->at += len;
}

/* The last dot of a file name, before an extension ("jpg", "js"): it begins with a letter, so "v1.2" has none. */
static const char *extension_of(const char *at, size_t len)
{
	const char *dot = memrchr(at, '.', len), *end = at + len;

	if (!dot || dot == at || end - dot < 2 || end - dot > 6 || !(is_lower(dot[1]) || is_upper(dot[1])))
		return NULL;
	return dot;
}

static void put_named(struct text *text, const char *at, size_t len)
{
	const char *name = name_of(at, len);

	if (name)
		put(text, name, strlen(name));
	else
		put(text, at, len);
}

/* Replaces the segment by a name if it is a value; of a file name ("42.jpg", "app.8f3a2b1c.js") the parts that are. */
static void put_segment(struct text *text, const char *at, size_t len)
{
	const char *dot = extension_of(at, len), *end = at + len;

	if (!dot || is_email(at, len)) {
		put_named(text, at, len);
		return;
	}
	while (at < dot) {
		const char *next = memchr(at, '.', (size_t)(dot - at));

		if (!next)
			next = dot;
		put_named(text, at, (size_t)(next - at));
		put(text, ".", next < dot);
		at = next + (next < dot);
	}
	put(text, dot, (size_t)(end - dot));
}

size_t ww_route__template(const char *const *patterns, size_t patterns_len, const char *path, char *route, size_t size)
{
	struct text text = {.at = route, .end = route + size - 1};
	const char *whole = NULL;

	for (size_t i = 0; i < patterns_len && !whole; i++) {
		if (ww_route__matches(patterns[i], path))
			whole = patterns[i];
	}
	/* "*", "(invalid)", host:port */
	if (!whole && *path != '/')
		whole = path;
	if (whole) {
		ww_utf8__copy(route, size, whole, strlen(whole)); /* does not end within a character */
		return strlen(route);
	}
	while (*path == '/' && !text.full) {
		char *before = text.at;
		size_t len = segment_len(++path);

		put(&text, "/", 1);
		put_segment(&text, path, len);
		if (text.full)
			text.at = before;
		path += len;
	}
	*text.at = '\0';
	return (size_t)(text.at - route);
}
