/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What comes with messages of queues: names are made of any bytes, and can be printed. The first byte says how they
 * came, the second one where the end begins that is there of a longer one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/message_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[WW_MESSAGE_NAME_SIZE];
	enum ww_message_named named;

	if (size < 2)
		return 0;
	data += 2;
	size -= 2;
	size_t head_len = size * data[-1] / 255, tail_len = size - head_len;
	/* In memory of their own, so that what is read beyond them is seen. */
	uint8_t *head = malloc(head_len ?: 1), *tail = malloc(tail_len ?: 1);
	const struct ww_message_bytes bytes = {head, head_len, tail, tail_len};

	if (!head || !tail)
		abort();
	memcpy(head, data, head_len);
	memcpy(tail, data + head_len, tail_len);
	named = data[-2] & 1   ? ww_message_name__pickle(&bytes, name)
		: data[-2] & 2 ? ww_message_name__amqp(&bytes, name)
			       : ww_message_name__redis(&bytes, name);
	if (named) {
		size_t len = strnlen(name, sizeof(name));

		if (!len || len == sizeof(name))
			abort();
		for (size_t i = 0; i < len; i++) {
			if (name[i] <= ' ' || name[i] >= 0x7f || name[i] == '"')
				abort();
		}
	}
	free(head);
	free(tail);
	return 0;
}
