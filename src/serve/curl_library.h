/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libcurl, loaded when a collector is configured and not before: with what it depends on it would make every command
 * start 13 ms later, and hosts that send nothing need not have it.
 */
#ifndef WHYWAIT_CURL_LIBRARY_H
#define WHYWAIT_CURL_LIBRARY_H

#include <curl/curl.h>

/* WW_CURL(name): the functions that are used. */
#define WW_CURL_FUNCTIONS(WW_CURL)                                                                                     \
	WW_CURL(curl_global_init)                                                                                      \
	WW_CURL(curl_easy_init)                                                                                        \
	WW_CURL(curl_easy_setopt)                                                                                      \
	WW_CURL(curl_easy_perform)                                                                                     \
	WW_CURL(curl_easy_getinfo)                                                                                     \
	WW_CURL(curl_easy_strerror)                                                                                    \
	WW_CURL(curl_easy_cleanup)                                                                                     \
	WW_CURL(curl_slist_append)                                                                                     \
	WW_CURL(curl_slist_free_all)                                                                                   \
	WW_CURL(curl_url)                                                                                              \
	WW_CURL(curl_url_set)                                                                                          \
	WW_CURL(curl_url_get)                                                                                          \
	WW_CURL(curl_url_cleanup)                                                                                      \
	WW_CURL(curl_free)

/* curl.h wraps some of them in macros that check types; parentheses get by those. */
struct ww_curl_library {
#define WW_CURL(name) __typeof__((name)) *name##_;
	WW_CURL_FUNCTIONS(WW_CURL)
#undef WW_CURL
};

/*
 * Loads it, once for the process. Not thread-safe. -ENOPKG when the host has none, or -ENOMEM, with one line without a
 * newline in `message`.
 */
int ww_curl_library__load(const struct ww_curl_library **library, char *message, size_t message_size);

#endif
