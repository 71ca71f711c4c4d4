/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an account says of an HTTP/1 request line, made safe to keep and to print: RFC 9110 and 9112. Nothing here
 * trusts a length or a byte.
 */
#ifndef WHYWAIT_HTTP1_H
#define WHYWAIT_HTTP1_H

#include <stdbool.h>
#include <stddef.h>

#include "whywait/abi.h"

#define WW_METHOD_SIZE (WW_METHOD_MAX + 1)

/* Every byte may become three, and the mark of a cut three more. */
#define WW_PATH_SIZE (3 * WW_TARGET_MAX + 4)

/* What stands for a method or a target that is none. */
#define WW_HTTP1_INVALID "(invalid)"

/*
 * Writes the method, a token of at most WW_METHOD_MAX bytes, NUL-padded in `raw`, to `method`; WW_HTTP1_INVALID and
 * false when it is none.
 */
bool ww_http1__method(const char raw[WW_METHOD_MAX], char method[WW_METHOD_SIZE]);

/* Whether the method is one that HTTP or WebDAV defines. */
bool ww_http1__is_known_method(const char *method);

/*
 * Writes the path of a request target to `path`, as UTF-8 without control characters, spaces or a query string or
 * fragment: bytes that are none of it are percent-encoded. Of an absolute URI only its path is taken; "*" and the
 * authority of a CONNECT stay as they are. A `truncated` target ends with U+2026. WW_HTTP1_INVALID and false when it is
 * no target. Returns whether it is one.
 */
bool ww_http1__path(const char *target, size_t len, bool truncated, bool connect, char path[WW_PATH_SIZE]);

#endif
