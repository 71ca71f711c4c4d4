/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the messages of queues are called that are being worked on, until their accounts come: those that wait longest
 * make room. Internal to src/requests.
 */
#ifndef WHYWAIT_MESSAGES_H
#define WHYWAIT_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/message_name.h"
#include "whywait/abi.h"

struct ww_messages;

/* To be freed with ww_messages__free(); NULL when out of memory. */
struct ww_messages *ww_messages__new(void);

/* NULL-safe. */
void ww_messages__free(struct ww_messages *messages);

/* Takes a record of what came with a message. -EPROTO when it contradicts itself. */
int ww_messages__traffic(struct ww_messages *messages, const struct ww_traffic *traffic, size_t size);

/* Takes out what the message of an account is called: "(unnamed)" where nothing has told. */
enum ww_message_named ww_messages__take(struct ww_messages *messages, uint64_t id, char name[WW_MESSAGE_NAME_SIZE]);

/* What has told of an account's message so far. */
enum ww_message_named ww_messages__named(struct ww_messages *messages, uint64_t id);

#endif
