/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What services are called. Internal to src/requests. */
#ifndef WHYWAIT_SERVICE_LABEL_H
#define WHYWAIT_SERVICE_LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "model/catalog.h"
#include "requests/detail_names.h"
#include "requests/process.h"
#include "util/intern.h"

#define WW_LABEL_SIZE (WW_PROGRAM_SIZE + WW_ADDRESS_SIZE + 32)

/* A name for the service `id` that no other one has. */
void ww_service__label(const struct ww_catalog *catalog, uint32_t id, const char *name, const char *container,
		       char label[WW_LABEL_SIZE]);

/* Names that the user has for services: globs of what they would be called, and a name for each; the first counts. */
struct ww_service_names {
	const char *const *pairs; /* glob, name, glob, name, .. */
	size_t len;		  /* of the names */
};

/* Has `name`, of `size` bytes, be what the user calls it; false: he does not say. */
bool ww_service__rename(const struct ww_service_names *names, char *name, size_t size);

/* ":8000", or ":/run/app.sock". */
void ww_service__address(const struct ww_account *account, const struct ww_peer *local, char address[WW_ADDRESS_SIZE]);

/* What a process that is gone can be told by, its record: an id in `kin`; WW_INTERN_NONE: none. */
uint32_t ww_service__kin(struct ww_intern *kin, const struct ww_account *account, const char *address);

#endif
