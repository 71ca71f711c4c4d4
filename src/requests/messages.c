/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

#define SETS 256 /* a power of two */
#define WAYS 8

struct message {
	uint64_t id; /* of its account; 0: none */
	enum ww_message_named named;
	char name[WW_MESSAGE_NAME_SIZE];
};

struct set {
	struct message messages[WAYS];
	uint32_t next; /* way that makes room when all are used: they are filled in turn, so it is the oldest */
};

struct ww_messages {
	struct set sets[SETS];
};

struct ww_messages *ww_messages__new(void)
{
	return calloc(1, sizeof(struct ww_messages));
}

void ww_messages__free(struct ww_messages *messages)
{
	free(messages);
}

static struct message *find(struct set *set, uint64_t id)
{
	for (unsigned i = 0; i < WAYS; i++) {
		if (set->messages[i].id == id)
			return &set->messages[i];
	}
	return NULL;
}

static struct set *set_of(struct ww_messages *messages, uint64_t id)
{
	return &messages->sets[ww_hash_mix(id) & (SETS - 1)];
}

int ww_messages__traffic(struct ww_messages *messages, const struct ww_traffic *traffic, size_t size)
{
	const uint8_t *data = (const uint8_t *)(traffic + 1);
	enum ww_message_named named = WW_MESSAGE_UNNAMED;
	char name[WW_MESSAGE_NAME_SIZE];
	struct message *message;
	struct set *set;

	if (size < sizeof(*traffic) || (size_t)traffic->head + traffic->tail > size - sizeof(*traffic) ||
	    !traffic->request)
		return -EPROTO;
	const struct ww_message_bytes bytes = {data, traffic->head, data + traffic->head, traffic->tail};

	/* Neither broker's words begin so. */
	if (traffic->head && data[0] == WW_MESSAGE_PICKLE)
		named = ww_message_name__pickle(&bytes, name);
	else if (traffic->system == WW_SYSTEM_AMQP)
		named = ww_message_name__amqp(&bytes, name);
	else if (traffic->system == WW_SYSTEM_REDIS)
		named = ww_message_name__redis(&bytes, name);
	set = set_of(messages, traffic->request);
	message = find(set, traffic->request);
	if (!message) {
		message = &set->messages[set->next];
		set->next = (set->next + 1) % WAYS;
		*message = (struct message){.id = traffic->request};
	}
	/* What came with more of it may tell better. */
	if (named <= message->named)
		return 0;
	message->named = named;
	strcpy(message->name, name);
	return 0;
}

enum ww_message_named ww_messages__take(struct ww_messages *messages, uint64_t id, char name[WW_MESSAGE_NAME_SIZE])
{
	struct message *message = find(set_of(messages, id), id);

	strcpy(name, message && message->named ? message->name : "(unnamed)");
	if (!message)
		return WW_MESSAGE_UNNAMED;
	message->id = 0;
	return message->named;
}

enum ww_message_named ww_messages__named(struct ww_messages *messages, uint64_t id)
{
	const struct message *message = find(set_of(messages, id), id);

	return message ? message->named : WW_MESSAGE_UNNAMED;
}
