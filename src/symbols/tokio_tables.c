/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "symbols/tokio_tables.h"

#include <errno.h>
#include <string.h>

/*
 * A task's table (tokio::runtime::task::raw::Vtable) has seven functions, and three offsets in the task: of its end,
 * its scheduler, its number. Nothing else that compilers write looks like that.
 */
#define FUNCTIONS 7
#define OFFSETS	  3
#define MOST_TASK (1u << 20) /* bytes */

#define WAKER_FUNCTIONS 4  /* of std::task::RawWakerVTable: clone is the first */
#define CLONE_CODE	64 /* bytes of it that are looked at */

static bool in_text(const struct ww_tokio_image *image, uint64_t address)
{
	return address - image->text_address < image->text_len;
}

static bool is_task_table(const struct ww_tokio_image *image, const uint64_t *words)
{
	for (size_t i = 0; i < FUNCTIONS; i++)
		if (!in_text(image, words[i]))
			return false;
	const uint64_t *offsets = words + FUNCTIONS;
	for (size_t i = 0; i < OFFSETS; i++)
		if (!offsets[i] || offsets[i] >= MOST_TASK || offsets[i] % 8)
			return false;
	return offsets[0] > offsets[1] && offsets[0] > offsets[2];
}

/*
 * Whether the four functions at `address` are those of a task's waker: its clone counts one more user of the task,
 * which is 64 in its state, and returns the task and the table's address: in which order, tells `data_first`.
 */
static bool is_waker_table(const struct ww_tokio_image *image, const uint64_t *words, uint64_t address,
			   bool *data_first)
{
	static const unsigned char add[] = {0xf0, 0x48, 0x83, 0x07, 0x40}; /* lock add qword [rdi], 64 */
	static const unsigned char xadd[] = {0xf0, 0x48, 0x0f, 0xc1};	   /* lock xadd [rdi], .. */
	static const unsigned char one[] = {0x40, 0, 0, 0};
	for (size_t i = 0; i < WAKER_FUNCTIONS; i++)
		if (!in_text(image, words[i]))
			return false;
	uint64_t at = words[0] - image->text_address;
	size_t len = image->text_len - at < CLONE_CODE ? image->text_len - at : CLONE_CODE;
	const unsigned char *code = image->text + at;
	const unsigned char *exchange = memmem(code, len, xadd, sizeof(xadd));
	if (!memmem(code, len, add, sizeof(add)) &&
	    !(exchange && memmem(code, (size_t)(exchange - code), one, sizeof(one))))
		return false;
	for (size_t i = 0; i + 7 <= len; i++) {
		int32_t distance;
		if (code[i] != 0x48 || code[i + 1] != 0x8d || (code[i + 2] != 0x15 && code[i + 2] != 0x05))
			continue; /* no lea of rdx or rax */
		memcpy(&distance, code + i + 3, sizeof(distance));
		if (words[0] + i + 7 + (uint64_t)(int64_t)distance != address)
			continue;
		*data_first = code[i + 2] == 0x15;
		return true;
	}
	return false;
}

int ww_tokio_tables__find(const struct ww_tokio_image *image, struct ww_tokio_tables *tables)
{
	uint64_t first = 0, last = 0, waker = 0;
	bool data_first = false;
	for (size_t i = 0; i + FUNCTIONS + OFFSETS <= image->len; i++) {
		uint64_t address = image->address + 8 * i;
		if (!in_text(image, image->words[i]))
			continue;
		if (is_task_table(image, image->words + i)) {
			first = first ? first : address;
			last = address;
		} else if (!waker && is_waker_table(image, image->words + i, address, &data_first)) {
			waker = address;
		}
	}
	if (!first || !waker)
		return -ENOENT;
	*tables = (struct ww_tokio_tables){first, last - first + 1, waker, data_first};
	return 0;
}
