/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "util/utf8.h"

#define NSEC	   1000000000ll
#define ESCAPE_MAX 12 /* "\U0010ffff" and a NUL */

/* Characters that act instead of being seen: controls, line and paragraph separators, marks of direction, joiners. */
static bool acts(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c || code == 0x180e ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) ||
	       (code & 0xfffe) == 0xfffe || code >= 0xe0000;
}

static int escape(char *out, uint32_t code)
{
	return snprintf(out, ESCAPE_MAX, code < 0x80 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
}

char *ww_text__machine(const char *text)
{
	/* The longest escape of a byte takes four; longer escapes come from longer sequences. */
	char *clean = malloc(4 * strlen(text) + 1), *out = clean;

	if (!clean)
		return NULL;
	while (*text) {
		uint32_t code;
		int len = ww_utf8__decode(text, &code);
		if (!len) {
			out += sprintf(out, "\\x%02x", (unsigned char)*text++);
			continue;
		}
		if (acts(code))
			out += escape(out, code);
		else
			out = mempcpy(out, text, (size_t)len);
		text += len;
	}
	*out = '\0';
	return clean;
}

void ww_text__markup(FILE *out, const char *text)
{
	char *clean = ww_text__machine(text);

	for (const char *at = clean ? clean : "(out of memory)"; *at; at++) {
		switch (*at) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*at, out);
		}
	}
	free(clean);
}

/* One character as people see it: its text in `piece`, its columns; *text moves on. */
static int next_piece(char piece[ESCAPE_MAX], const char **text, const struct ww_style *style)
{
	uint32_t code;
	int len = ww_utf8__decode(*text, &code);

	if (!len)
		return snprintf(piece, ESCAPE_MAX, "\\x%02x", (unsigned char)*(*text)++);
	int columns = code < 0x80 ? 1 : style->utf8 ? wcwidth((wchar_t)code) : -1;
	if (acts(code) || columns <= 0) {
		columns = escape(piece, code);
	} else {
		memcpy(piece, *text, (size_t)len);
		piece[len] = '\0';
	}
	*text += len;
	return columns;
}

int ww_text__columns(const char *text, const struct ww_style *style)
{
	char piece[ESCAPE_MAX];
	int columns = 0;

	while (*text)
		columns += next_piece(piece, &text, style);
	return columns;
}

int ww_text__fit(char *out, size_t size, const char *text, int columns, const struct ww_style *style)
{
	const char *ellipsis = style->utf8 ? "…" : "~";
	bool cut = ww_text__columns(text, style) > columns;
	int room = cut ? columns - 1 : columns, used = 0;
	size_t len = 0;

	while (*text) {
		char piece[ESCAPE_MAX];
		int wide = next_piece(piece, &text, style);
		size_t piece_len = strlen(piece);
		if (used + wide > room || len + piece_len + strlen(ellipsis) >= size) {
			cut = true;
			break;
		}
		memcpy(out + len, piece, piece_len);
		len += piece_len;
		used += wide;
	}
	out[len] = '\0';
	if (cut && columns > 0) {
		strcpy(out + len, ellipsis);
		used++;
	}
	return used;
}

int ww_text__fit_ends(char *out, size_t size, const char *text, int columns, const struct ww_style *style)
{
	char piece[ESCAPE_MAX];
	const char *end = text;
	int rest = ww_text__columns(text, style), front = (columns + 1) / 2;

	if (rest <= columns)
		return ww_text__fit(out, size, text, columns, style);
	/* The front takes its half with the ellipsis. */
	while (*end && rest > columns - front)
		rest -= next_piece(piece, &end, style);

	int used = ww_text__fit(out, size / 2, text, front, style);
	size_t len = strlen(out);

	return used + ww_text__fit(out + len, size - len, end, rest, style);
}

bool ww_text__says_more(const char *statement, const char *summary)
{
	size_t len = strlen(summary);

	return *statement && (strncmp(statement, summary, len) != 0 || statement[len + strspn(statement + len, " ?;")]);
}

/* Three digits that count: 0.412, 9.13, 91.3, 141. */
static char *digits(char *out, double number)
{
	if (number > 0 && number < 0.0005)
		return strcpy(out, "<0.001");
	int decimals = number >= 99.95 || number == 0 ? 0 : number >= 9.995 ? 1 : number >= 0.9995 ? 2 : 3;

	snprintf(out, WW_TEXT_NUMBER, "%.*f", decimals, number);
	return out;
}

char *ww_text__ms(char *out, uint64_t ns)
{
	return digits(out, (double)ns / 1e6);
}

char *ww_text__duration(char *out, uint64_t ns)
{
	bool seconds = ns >= 10 * (uint64_t)NSEC;

	digits(out, (double)ns / (seconds ? 1e9 : 1e6));
	return strcat(out, seconds ? " s" : " ms");
}

char *ww_text__share(char *out, uint64_t part, uint64_t whole)
{
	double percent = whole ? 100.0 * (double)part / (double)whole : 0;

	if (part && percent < 1)
		strcpy(out, "<1 %");
	else if (part < whole && percent >= 99)
		strcpy(out, "99 %");
	else
		snprintf(out, WW_TEXT_NUMBER, "%.0f %%", percent);
	return out;
}

char *ww_text__count(char *out, uint64_t count)
{
	char plain[WW_TEXT_NUMBER], *to = out;
	int len = snprintf(plain, sizeof(plain), "%llu", (unsigned long long)count);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = plain[i];
	}
	*to = '\0';
	return out;
}

char *ww_text__number(char *out, double number)
{
	return number >= 999.5 && number < 1e18 ? ww_text__count(out, (uint64_t)llround(number)) : digits(out, number);
}

char *ww_text__bytes(char *out, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double number = (double)bytes;
	size_t unit = 0;

	while (number >= 1023.5) {
		number /= 1024;
		unit++;
	}
	int decimals = unit && number < 9.95;
	snprintf(out, WW_TEXT_NUMBER, "%.*f %s", decimals, number, units[unit]);
	return out;
}

char *ww_text__plural(char *out, uint64_t count, const char *noun)
{
	size_t len = strlen(noun);
	const char *ending = count == 1 ? "" : len && noun[len - 1] == 's' ? "es" : "s";

	ww_text__count(out, count);
	size_t used = strlen(out);
	snprintf(out + used, WW_TEXT_NUMBER - used, " %s%s", noun, ending);
	return out;
}

char *ww_text__per(char *out, const char *unit)
{
	snprintf(out, WW_TEXT_NUMBER, "per %s",
		 !strcmp(unit, "request")   ? "req"
		 : !strcmp(unit, "message") ? "msg"
					    : unit);
	return out;
}

char *ww_text__real(char *out, double number)
{
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(out, WW_TEXT_NUMBER, "%.*g", precision, number);
		if (strtod(out, NULL) == number)
			break;
	}
	return out;
}

char *ww_text__exact_ms(char *out, uint64_t ns)
{
	int len = snprintf(out, WW_TEXT_NUMBER, "%llu.%06llu", (unsigned long long)(ns / 1000000),
			   (unsigned long long)(ns % 1000000));

	while (out[len - 1] == '0')
		out[--len] = '\0';
	if (out[len - 1] == '.')
		out[len - 1] = '\0';
	return out;
}

char *ww_text__rfc3339(char *out, int64_t unix_ns)
{
	int64_t fraction = unix_ns % NSEC;
	time_t seconds = (time_t)(unix_ns / NSEC);
	struct tm utc;

	if (fraction < 0) {
		fraction += NSEC;
		seconds--;
	}
	gmtime_r(&seconds, &utc);
	size_t len = strftime(out, WW_TEXT_NUMBER, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out + len, WW_TEXT_NUMBER - len, ".%09dZ", (int)fraction);
	return out;
}
