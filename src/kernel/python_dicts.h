/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Objects of a CPython 3.11 that runs, which another process reads: what a dict has by a name. */
#ifndef WHYWAIT_PYTHON_DICTS_H
#define WHYWAIT_PYTHON_DICTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads all of it. -EFAULT: not all of it is there; -ESRCH, -EPERM and others: the process can't be read. */
int ww_python_read(pid_t pid, uint64_t from, void *to, size_t size);

/*
 * Where among the entries of a dict's keys the one is that begins with the text `name`, and its value (0 where a class
 * keeps its instances' keys so). -ENOENT: none does, or these are no keys. The outputs may be NULL.
 */
int ww_python_keys__find(pid_t pid, uint64_t keys, const char *name, uint32_t *index, uint64_t *value);

/* The value that a dict has by a text. As above. */
int ww_python_dict__find(pid_t pid, uint64_t dict, const char *name, uint64_t *value);

/* An attribute of a module in sys.modules. */
int ww_python_module__find(pid_t pid, uint64_t modules, const char *module, const char *name, uint64_t *value);

#endif
