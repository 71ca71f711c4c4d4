/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/v8.h"

#include <errno.h>
#include <stddef.h>

#include "kernel/dynsym.h"
#include "util/process_memory.h"

/* Versions whose objects are known to be so: of Node 18 and Node 26. */
#define OLDEST 10002
#define NEWEST 14006

#define OFFSET_MOST 64	   /* of what is looked at of an object */
#define TYPE_MOST   0xffff /* they are 16 bits */

static const struct ww_dynsym numbers[] = {
	{.name = "_ZN2v88internal7Version6major_E"},
	{.name = "_ZN2v88internal7Version6minor_E"},
};

/* The program, or Debian's library of it. */
static const char *const files[] = {"node", NULL};

int ww_v8__version(pid_t pid, struct ww_v8_version *version)
{
	struct ww_dynsym symbols[] = {numbers[0], numbers[1]};
	struct ww_v8_version new = {0};
	uint32_t *const to[] = {&new.major, &new.minor};
	int err = ww_dynsym__find(pid, files, symbols, 2);

	for (size_t i = 0; i < 2 && !err; i++)
		err = ww_process_memory__read(pid, symbols[i].address, to[i], sizeof(*to[i]));
	if (err)
		return err;
	*version = new;
	if (new.major > 999 || new.minor > 999)
		return -EOPNOTSUPP;
	uint32_t number = 1000 * new.major + new.minor;
	return number < OLDEST || number > NEWEST ? -EOPNOTSUPP : 0;
}

int ww_v8__find(pid_t pid, struct ww_v8_objects *objects)
{
	struct ww_dynsym symbols[] = {
		{.name = "v8dbg_class_Map__instance_type__uint16_t"},
		{.name = "v8dbg_class_JSFunction__context__Context"},
		{.name = "v8dbg_type_JSAsyncFunctionObject__JS_ASYNC_FUNCTION_OBJECT_TYPE"},
		{.name = "v8dbg_type_JSPromise__JS_PROMISE_TYPE"},
		{.name = "v8dbg_type_PromiseReaction__PROMISE_REACTION_TYPE"},
		{.name = "v8dbg_type_PromiseCapability__PROMISE_CAPABILITY_TYPE"},
	};
	struct ww_v8_objects new = {0};
	uint32_t *const to[] = {&new.map_type, &new.function_context, &new.generator,
				&new.promise,  &new.reaction,	      &new.capability};
	const size_t len = sizeof(to) / sizeof(to[0]);
	struct ww_v8_version version;
	int err = ww_v8__version(pid, &version);
	if (!err)
		err = ww_dynsym__find(pid, files, symbols, len);

	/* Whoever has the file has written into it what he likes. */
	for (size_t i = 0; i < len && !err; i++) {
		err = ww_process_memory__read(pid, symbols[i].address, to[i], sizeof(*to[i]));
		if (!err && *to[i] > (i < 2 ? OFFSET_MOST : TYPE_MOST))
			err = -ENOENT;
	}
	if (!err)
		*objects = new;
	return err;
}
