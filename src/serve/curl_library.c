/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/curl_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The same interface over two libraries for TLS. */
static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

static struct ww_curl_library functions;
static void *handle; /* stays until the end: what it has registered with the C library can't be taken back */

static int find(const char **missing)
{
	*missing = NULL;
#define WW_CURL(name)                                                                                                  \
	if (!(functions.name##_ = (__typeof__(functions.name##_))dlsym(handle, #name)))                                \
		*missing = #name;
	WW_CURL_FUNCTIONS(WW_CURL)
#undef WW_CURL
	return *missing ? -ENOPKG : 0;
}

int ww_curl_library__load(const struct ww_curl_library **library, char *message, size_t message_size)
{
	const char *missing;

	for (size_t i = 0; !handle && i < sizeof(names) / sizeof(*names); i++)
		handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		snprintf(message, message_size,
			 "sending to a collector needs libcurl, which is not here: install libcurl4");
		return -ENOPKG;
	}
	if (find(&missing)) {
		snprintf(message, message_size, "libcurl has no %s: install one of version 7.85 or later", missing);
		return -ENOPKG;
	}
	if (functions.curl_global_init_(CURL_GLOBAL_DEFAULT)) {
		snprintf(message, message_size, "out of memory");
		return -ENOMEM;
	}
	*library = &functions;
	return 0;
}
