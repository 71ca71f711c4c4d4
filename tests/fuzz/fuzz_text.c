/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What clients and users type: request lines, route patterns, times. The first byte says which; texts are apart by a
 * NUL.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>

#include "model/requirement.h"
#include "commands/when.h"
#include "protocols/http1.h"
#include "requests/process.h"
#include "protocols/route.h"
#include "util/utf8.h"

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* Well-formed UTF-8 without control characters, that ends within its room. */
static void check_printable(const char *text, size_t size, int spaces)
{
	size_t len = strnlen(text, size);
	uint32_t code;
	int bytes;

	must(len < size, "a text does not end");
	for (size_t i = 0; i < len; i += (size_t)bytes) {
		bytes = ww_utf8__decode(text + i, &code);
		must(bytes > 0 && code >= ' ' + !spaces && code != 127, "a text can't be printed");
	}
}

static void request_line(const char *text, size_t len)
{
	char raw[WW_METHOD_MAX] = "", method[WW_METHOD_SIZE], path[WW_PATH_SIZE], route[64];
	size_t target_len = len < WW_TARGET_MAX ? len : WW_TARGET_MAX;

	memcpy(raw, text, len < sizeof(raw) ? len : sizeof(raw));
	must(ww_http1__method(raw, method) == (strcmp(method, WW_HTTP1_INVALID) != 0), "a method that is none");
	check_printable(method, sizeof(method), 0);
	for (int way = 0; way < 4; way++) {
		ww_http1__path(text, target_len, way & 1, way & 2, path);
		check_printable(path, sizeof(path), 0);
		must(!strchr(path, '?') || way & 2 || !strcmp(path, WW_HTTP1_INVALID), "a query in a path");
	}
	size_t route_len = ww_route__template(NULL, 0, path, route, sizeof(route));
	must(route_len < sizeof(route) && route_len == strlen(route), "a route's length");
	check_printable(route, sizeof(route), 0);
}

static void pattern(const char *text, size_t len)
{
	size_t first = strnlen(text, len);
	const char *path = first < len ? text + first + 1 : "";
	char route[40];

	if (ww_route__check_pattern(text)) {
		ww_route__matches(text, path);
		return;
	}
	int matches = ww_route__matches(text, path);
	size_t route_len = ww_route__template(&text, 1, path, route, sizeof(route));

	must(route_len < sizeof(route) && route_len == strlen(route), "a route's length");
	if (matches) {
		char printable[sizeof(route)];

		check_printable(route, sizeof(route), 1);
		ww_utf8__copy(printable, sizeof(printable), text, strlen(text));
		must(!strcmp(route, printable), "a path that matches has another route");
	}
}

static void when(const char *text)
{
	/* Recordings may lie about their windows. */
	static const int64_t windows[][2] = {
		{1763650000000000000, 1763653600000000000}, {INT64_MIN, INT64_MAX}, {INT64_MAX, INT64_MIN}};

	for (size_t i = 0; i < 3; i++) {
		int64_t at = 42;
		struct ww_requirement requirement;
		char message[512];

		if (ww_requirement__parse(text, &requirement, message, sizeof(message)))
			must(strlen(message) < sizeof(message), "a message");
		else
			must(isfinite(requirement.limit), "a limit");
		int err = ww_when__parse(text, windows[i][0], windows[i][1], &at);

		must(!err || (err == -EINVAL && at == 42), "a time that is none");
	}
}

static void process(const char *text, size_t len)
{
	static const char *const programs[] = {"python3.11", "node", "java", "ruby", "php8.2", "nginx"};
	char program[WW_PROGRAM_SIZE], container[WW_CONTAINER_SIZE];

	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		ww_process__program(programs[i], text, len, program);
		check_printable(program, sizeof(program), 1);
	}
	if (ww_process__container(text, container))
		must(strspn(container, "0123456789abcdef") == WW_CONTAINER_SIZE - 1, "an id that is none");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > 4000)
		return 0;
	size_t len = size - 1;
	char *text = malloc(len + 1);

	must(text != NULL, "memory");
	memcpy(text, data + 1, len);
	text[len] = '\0';
	switch (data[0] % 4) {
	case 0:
		request_line(text, len);
		break;
	case 1:
		pattern(text, len);
		break;
	case 2:
		when(text);
		break;
	case 3:
		process(text, len);
		break;
	}
	free(text);
	return 0;
}
