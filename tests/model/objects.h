/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects of CPython 3.11 to 3.13 in the user memory of the small kernel. */
#ifndef WHYWAIT_MODEL_OBJECTS_H
#define WHYWAIT_MODEL_OBJECTS_H

#include "plant.h"

#include "awaiter.bpf.h"

#define FUTURE "_asyncio.Future"
#define TASK   "_asyncio.Task"
#define OBJECT 256

/* Which version has them. */
static u32 version;

static const struct ww_python_offsets *offsets(void)
{
	return ww_python_offsets(version);
}

static u64 text(const char *letters)
{
	u64 at = plant(offsets()->text + strlen(letters) + 16);
	plant_word(at + WW_TEXT_LENGTH, strlen(letters));
	plant_bytes(at + offsets()->text, letters, strlen(letters));
	return at;
}

/* An object of a type of that name; in front of it there is room for where its attributes are. */
static u64 object(const char *name)
{
	u64 at = plant(WW_INSTANCE_VALUES + OBJECT) + WW_INSTANCE_VALUES, type = plant(256), letters = plant(32);
	plant_bytes(letters, name, strlen(name));
	plant_word(type + WW_PYTHON_TYPE_NAME, letters);
	plant_word(at + WW_PYTHON_TYPE, type);
	return at;
}

/* Where the object, which has no dict yet, has its attributes. */
static u64 attributes(u64 object)
{
	u64 type = ww_user_word(object + WW_PYTHON_TYPE), values = object + 48;
	if (offsets()->values == WW_VALUES_INLINE) {
		plant_word(type + WW_TYPE_FLAGS, WW_TYPE_DICT | WW_TYPE_INLINE);
		plant_word(type + WW_TYPE_BASICSIZE, 40);
		plant_word(object + 40, WW_VALUES_VALID);
		return values;
	}
	plant_word(type + WW_TYPE_FLAGS, WW_TYPE_DICT);
	values = plant(8 * WW_AWAITER_VALUES);
	if (offsets()->values == WW_VALUES_TAGGED)
		plant_word(object - WW_INSTANCE_DICT, values - 1);
	else
		plant_word(object - WW_INSTANCE_VALUES, values);
	return values;
}

static u64 tuple(const u64 *items, u64 len)
{
	u64 at = object("tuple");
	plant_word(at + WW_PYTHON_SIZE, len);
	for (u64 i = 0; i < len; i++)
		plant_word(at + offsets()->tuple + 8 * i, items[i]);
	return at;
}

static u64 task(const char *name, u64 context)
{
	u64 at = object(TASK);
	plant_word(at + offsets()->task_waits + WW_TASK_NAME, text(name));
	plant_word(at + offsets()->task_waits + WW_TASK_CONTEXT, context);
	return at;
}

static u64 wakeup(u64 of)
{
	u64 at = object("builtin_function_or_method");
	plant_word(at + WW_BUILTIN_SELF, of);
	return at;
}

#endif
