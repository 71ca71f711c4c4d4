/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* User memory of the small kernel, filled by hand: objects that the BPF side reads. */
#ifndef WHYWAIT_MODEL_PLANT_H
#define WHYWAIT_MODEL_PLANT_H

#include "script.h"

static u64 plant_next;

static void plant_begin(void)
{
	memset(host.user, 0, sizeof(host.user));
	plant_next = HOST_USER + 64;
}

/* The address of so many bytes of zeros that nothing else has. */
static u64 plant(u64 size)
{
	u64 at = plant_next;
	plant_next += (size + 15) & ~15ull;
	assert_true(plant_next <= HOST_USER + sizeof(host.user));
	return at;
}

static void plant_bytes(u64 at, const void *bytes, u64 len)
{
	memcpy(host.user + (at - HOST_USER), bytes, len);
}

static void plant_word(u64 at, u64 word)
{
	plant_bytes(at, &word, sizeof(word));
}

#endif
