/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "outputs/folded.h"

#include <inttypes.h>

#include "outputs/frames.h"

/* What separates frames and lines can't be in one. */
static void write_word(FILE *out, const char *word)
{
	for (; *word; word++)
		fputc(*word == ';' ? ':' : *word, out);
}

int ww_folded__write(FILE *out, const struct ww_profile *profile)
{
	struct ww_frame_lines lines;
	int err = ww_frame_lines__of(&lines, profile);

	if (err)
		return err;
	for (size_t i = 0; i < lines.len; i++) {
		const struct ww_frame_line *line = &lines.lines[i];
		uint64_t us = (line->ns + 500) / 1000;

		if (!us)
			continue;
		for (uint32_t j = 0; j < line->len; j++) {
			if (j)
				fputc(';', out);
			write_word(out, ww_intern__get(lines.words, line->words[j]));
		}
		fprintf(out, " %" PRIu64 "\n", us);
	}
	ww_frame_lines__free(&lines);
	return 0;
}
