/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "model/sentence.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define QUERY_BYTES 72 /* of a statement that are told */
#define LIST_BYTES  24 /* of what a SELECT asks for, before it is left out */

void ww_sentence__add(struct ww_sentence *sentence, const char *format, ...)
{
	size_t room = WW_SENTENCE - sentence->len;
	va_list args;

	va_start(args, format);
	int len = vsnprintf(sentence->text + sentence->len, room, format, args);
	va_end(args);
	if (len > 0)
		sentence->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* Three digits, and none behind a point that say nothing. */
static void add_digits(struct ww_sentence *sentence, double number)
{
	int decimals = number >= 99.95 ? 0 : number >= 9.995 ? 1 : number >= 0.9995 ? 2 : 3;

	ww_sentence__add(sentence, "%.*f", decimals, number);
}

void ww_sentence__ms(struct ww_sentence *sentence, uint64_t ns)
{
	add_digits(sentence, (double)ns / 1e6);
	ww_sentence__add(sentence, " ms");
}

void ww_sentence__share(struct ww_sentence *sentence, double part)
{
	if (part > 0 && part < 0.01)
		ww_sentence__add(sentence, "<1 %%");
	else
		ww_sentence__add(sentence, "%.0f %%", part * 100);
}

void ww_sentence__number(struct ww_sentence *sentence, double number)
{
	if (fabs(number - round(number)) < 0.005)
		ww_sentence__add(sentence, "%.0f", number);
	else
		add_digits(sentence, number);
}

void ww_sentence__bytes(struct ww_sentence *sentence, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB"};
	double number = (double)bytes / 1024;
	size_t unit = 0;

	while (unit < 2 && number >= 1023.95) {
		number /= 1024;
		unit++;
	}
	ww_sentence__add(sentence, "%.*f %s", unit || number < 9.95, number, units[unit]);
}

/* The text, or as much of it as `most` bytes hold, without a broken character, and an ellipsis. */
static void add_cut(struct ww_sentence *sentence, const char *text, size_t most)
{
	size_t len = strlen(text);

	if (len <= most) {
		ww_sentence__add(sentence, "%s", text);
		return;
	}
	for (len = most; len && ((unsigned char)text[len] & 0xc0) == 0x80;)
		len--;
	while (len && text[len - 1] == ' ')
		len--;
	ww_sentence__add(sentence, "%.*s ..", (int)len, text);
}

void ww_sentence__query(struct ww_sentence *sentence, const char *summary, const char *statement)
{
	const char *from;

	if (!*statement) {
		add_cut(sentence, *summary ? summary : "one query", QUERY_BYTES);
		return;
	}
	/* What comes behind FROM says more than the list of columns. */
	from = strcasestr(statement, " FROM ");
	if (!strncasecmp(statement, "SELECT ", 7) && strlen(statement) > QUERY_BYTES && from &&
	    from > statement + 7 + LIST_BYTES) {
		ww_sentence__add(sentence, "SELECT ..");
		statement = from;
	}
	add_cut(sentence, statement, QUERY_BYTES);
}
