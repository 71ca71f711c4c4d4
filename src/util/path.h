/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WHYWAIT_PATH_H
#define WHYWAIT_PATH_H

#include <string.h>

/* "directory/file.py" of a longer path, which it points into: a file's name alone is often that of many. */
static inline const char *ww_path__end(const char *path)
{
	const char *at = path + strlen(path);

	for (int slashes = 0; at > path; at--)
		if (at[-1] == '/' && ++slashes == 2)
			break;
	return at;
}

#endif
