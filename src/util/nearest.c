/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "util/nearest.h"

#include <stddef.h>
#include <string.h>

#define WORD_MAX 32

/* Edits that turn one word into the other: insert, delete, replace, or swap two neighbours. */
static size_t edits(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[a_len % 3][b_len];
}

const char *ww_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	size_t best = WORD_MAX;

	for (; *words; words++) {
		size_t cost = edits(word, *words);
		if (cost < best && cost <= 1 + strlen(*words) / 4) {
			best = cost;
			nearest = *words;
		}
	}
	return nearest;
}
