/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a message of a queue is called, from the bytes that it came with: by the task that it asks for where it says one
 * (Celery; Sidekiq and its like by their class), else by its queue. Trusts no byte, does no I/O; of what it is for
 * nothing else is kept.
 */
#ifndef WHYWAIT_MESSAGE_NAME_H
#define WHYWAIT_MESSAGE_NAME_H

#include <stddef.h>
#include <stdint.h>

#define WW_MESSAGE_NAME_SIZE 96

/* What a name is of; the greater is the better one. */
enum ww_message_named {
	WW_MESSAGE_UNNAMED,
	WW_MESSAGE_QUEUE,
	WW_MESSAGE_CLASS, /* that another program than Celery gave */
	WW_MESSAGE_TASK,  /* Celery's */
};

/* The beginning of what was received, and of the same the end, where it was longer. */
struct ww_message_bytes {
	const uint8_t *head;
	size_t head_len;
	const uint8_t *tail;
	size_t tail_len;
};

/* An answer of Redis to a command that takes messages. `name` is printable ASCII without blanks or quotes. */
enum ww_message_named ww_message_name__redis(const struct ww_message_bytes *bytes, char name[WW_MESSAGE_NAME_SIZE]);

/* Frames of AMQP 0-9-1, or the payload of one. */
enum ww_message_named ww_message_name__amqp(const struct ww_message_bytes *bytes, char name[WW_MESSAGE_NAME_SIZE]);

#define WW_MESSAGE_PICKLE 0x80 /* how it begins */

/* What Celery's main process writes to one of its pool: a pickle of what is to be done. */
enum ww_message_named ww_message_name__pickle(const struct ww_message_bytes *bytes, char name[WW_MESSAGE_NAME_SIZE]);

#endif
