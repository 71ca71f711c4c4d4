/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/folded.h"

#include <inttypes.h>
#include <string.h>

#include "outputs/frames.h"

/* The blank in front of a number that a name ends with, which a reader would take for the line's; NULL: there is none.
 */
static const char *blank_of_number(const char *word)
{
	const char *blank = strrchr(word, ' ');

	return blank && blank[1] && !blank[1 + strspn(blank + 1, "0123456789.")] ? blank : NULL;
}

/* What separates frames and lines can't be in one. */
static void write_word(FILE *out, const char *word)
{
	const char *blank = blank_of_number(word);

	for (; *word; word++)
		fputc(*word == ';' ? ':' : word == blank ? '_' : *word, out);
}

static void write_line(FILE *out, const struct ww_frame_lines *lines, const struct ww_frame_line *line)
{
	for (uint32_t i = 0; i < line->len; i++) {
		if (i)
			fputc(';', out);
		write_word(out, ww_intern__get(lines->words, line->words[i]));
	}
}

int ww_folded__write(FILE *out, const struct ww_profile *profile)
{
	struct ww_frame_lines lines;
	int err = ww_frame_lines__of(&lines, profile);

	if (err)
		return err;
	for (size_t i = 0; i < lines.len; i++) {
		uint64_t us = (lines.lines[i].ns + 500) / 1000;

		if (!us)
			continue;
		write_line(out, &lines, &lines.lines[i]);
		fprintf(out, " %" PRIu64 "\n", us);
	}
	ww_frame_lines__free(&lines);
	return 0;
}

int ww_folded__write_difference(FILE *out, const struct ww_profile *before, const struct ww_profile *after)
{
	struct ww_frame_lines lines;
	int err = ww_frame_lines__between(&lines, before, after);

	if (err)
		return err;
	for (size_t i = 0; i < lines.len; i++) {
		const struct ww_frame_line *line = &lines.lines[i];

		if (!line->ns && !line->before_ns)
			continue;
		write_line(out, &lines, line);
		fprintf(out, " %" PRIu64 " %" PRIu64 "\n", line->before_ns, line->ns);
	}
	ww_frame_lines__free(&lines);
	return 0;
}
