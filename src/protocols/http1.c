/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/http1.h"

#include <string.h>

#include "util/utf8.h"

static bool is_token(unsigned char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
	       (byte && strchr("!#$%&'*+-.^_`|~", byte));
}

bool ww_http1__method(const char raw[WW_METHOD_MAX], char method[WW_METHOD_SIZE])
{
	size_t len = strnlen(raw, WW_METHOD_MAX);
	bool valid = len > 0;

	for (size_t i = 0; valid && i < len; i++)
		valid = is_token((unsigned char)raw[i]);
	if (!valid) {
		memcpy(method, WW_HTTP1_INVALID, sizeof(WW_HTTP1_INVALID));
		return false;
	}
	memcpy(method, raw, len);
	method[len] = '\0';
	return true;
}

bool ww_http1__is_known_method(const char *method)
{
	static const char *const known[] = {
		"GET",	"HEAD",	 "POST", "PUT",	     "DELETE",	  "CONNECT", "OPTIONS", "TRACE",  "PATCH", "COPY",
		"LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "UNLOCK",  "REPORT",	"SEARCH", "PURGE",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!strcmp(method, known[i]))
			return true;
	}
	return false;
}

/* Skips "scheme://authority" of an absolute URI; *len may become 0. False when it is none. */
static bool skip_authority(const char **target, size_t *len)
{
	const char *at = *target, *end = *target + *len;

	while (at < end && ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
			    (at > *target && ((*at >= '0' && *at <= '9') || *at == '+' || *at == '-' || *at == '.'))))
		at++;
	if (at == *target || end - at < 3 || memcmp(at, "://", 3) != 0)
		return false;
	for (at += 3; at < end && *at != '/' && *at != '?' && *at != '#';)
		at++;
	*target = at;
	*len = (size_t)(end - at);
	return true;
}

static char *put_encoded(char *at, unsigned char byte)
{
	static const char hex[] = "0123456789ABCDEF";

	*at++ = '%';
	*at++ = hex[byte >> 4];
	*at++ = hex[byte & 15];
	return at;
}

/* What is printed as it is: ASCII but for controls, spaces and what quoted text would stumble over. */
static const bool plain[256] = {[0x21] = true, ['#' ... '['] = true, [']' ... '~'] = true};

/* C1 controls, and what changes the direction or the lines of a terminal's text: visible only when encoded. */
static bool is_printable(const unsigned char *bytes, size_t len)
{
	unsigned code;

	if (len == 1)
		return plain[bytes[0]];
	if (len == 2)
		return (unsigned)((bytes[0] & 0x1f) << 6 | (bytes[1] & 0x3f)) >= 0xa0;
	if (len == 4)
		return true;
	code = (unsigned)((bytes[0] & 0x0f) << 12 | (bytes[1] & 0x3f) << 6 | (bytes[2] & 0x3f));
	return !(code >= 0x200b && code <= 0x200f) && !(code >= 0x2028 && code <= 0x202e) &&
	       !(code >= 0x2066 && code <= 0x2069) && code != 0xfeff;
}

bool ww_http1__path(const char *target, size_t len, bool truncated, bool connect, char path[WW_PATH_SIZE])
{
	char *at = path;
	size_t kept = 0;
	bool valid;

	if (len > WW_TARGET_MAX)
		len = WW_TARGET_MAX;
	valid = len > 0 &&
		(target[0] == '/' || connect || (len == 1 && target[0] == '*') || skip_authority(&target, &len));
	if (!valid) {
		memcpy(path, WW_HTTP1_INVALID, sizeof(WW_HTTP1_INVALID));
		return false;
	}
	while (kept < len && target[kept] != '?' && target[kept] != '#')
		kept++;
	/* What was cut lies behind the query's beginning, and is not kept anyway. */
	if (kept < len)
		truncated = false;
	if (!kept)
		*at++ = '/'; /* of "http://host" */
	for (size_t i = 0; i < kept;) {
		if (plain[(unsigned char)target[i]]) {
			*at++ = target[i++];
			continue;
		}

		const unsigned char *bytes = (const unsigned char *)target + i;
		size_t character = ww_utf8__len(bytes, kept - i);
		bool as_is = character && is_printable(bytes, character);

		if (!character)
			character = 1;
		for (size_t end = i + character; i < end; i++) {
			if (as_is)
				*at++ = target[i];
			else
				at = put_encoded(at, (unsigned char)target[i]);
		}
	}
	memcpy(at, truncated ? "\xe2\x80\xa6" : "", truncated ? 4 : 1);
	return true;
}
