/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/route.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/ascii.h"
#include "util/utf8.h"
#include "util/value.h"

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

	if (!dot || dot == at || end - dot < 2 || end - dot > 6 || !(ww_is_lower(dot[1]) || ww_is_upper(dot[1])))
		return NULL;
	return dot;
}

static void put_named(struct text *text, const char *at, size_t len)
{
	const char *name = ww_value__name(at, len);

	if (name)
		put(text, name, strlen(name));
	else
		put(text, at, len);
}

/* Of a file name ("42.jpg", "app.8f3a2b1c.js") the parts that are values. */
static void put_part(struct text *text, const char *at, size_t len)
{
	const char *dot = extension_of(at, len), *end = at + len;

	if (!dot || ww_value__is_email(at, len)) {
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

/*
 * Replaces the segment by a name if it is a value, and so its parts: "bot42:AbC..", "42:cancel". What is behind a ';'
 * is left out as the query string is: ";jsessionid=..".
 */
static void put_segment(struct text *text, const char *at, size_t len)
{
	const char *parameters = memchr(at, ';', len), *end = parameters ?: at + len;

	if (ww_value__name(at, (size_t)(end - at))) {
		put_part(text, at, (size_t)(end - at));
		return;
	}
	for (;;) {
		const char *next = memchr(at, ':', (size_t)(end - at));

		put_part(text, at, (size_t)((next ?: end) - at));
		if (!next)
			return;
		put(text, ":", 1);
		at = next + 1;
	}
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
