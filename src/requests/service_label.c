/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/service_label.h"

#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/utf8.h"

#define KIN_MAX 8192

/* Whether another service than `id` has that name. */
static bool is_taken(const struct ww_catalog *catalog, const char *name, uint32_t id)
{
	for (uint32_t i = 0; i < catalog->services_len; i++) {
		if (i != id && !strcmp(catalog->services[i].name, name))
			return true;
	}
	return false;
}

void ww_service__label(const struct ww_catalog *catalog, uint32_t id, const char *name, const char *container,
		       char label[WW_LABEL_SIZE])
{
	snprintf(label, WW_LABEL_SIZE, "%s", name);
	if (*container && is_taken(catalog, label, id))
		snprintf(label, WW_LABEL_SIZE, "%s@%.12s", name, container);
	for (unsigned n = 2; is_taken(catalog, label, id); n++)
		snprintf(label, WW_LABEL_SIZE, "%s#%u", name, n);
}

void ww_service__address(const struct ww_account *account, const struct ww_peer *local, char address[WW_ADDRESS_SIZE])
{
	char path[WW_ADDRESS_SIZE];

	*address = '\0';
	if (account->flags & (WW_FLAG_CALL | WW_FLAG_MESSAGE))
		return;
	if (account->port) {
		snprintf(address, WW_ADDRESS_SIZE, ":%u", account->port);
		return;
	}
	strcpy(path, "unix");
	if (local)
		ww_detail_names__address(local, path);
	snprintf(address, WW_ADDRESS_SIZE, ":%.*s", WW_ADDRESS_SIZE - 2, path);
}

bool ww_service__rename(const struct ww_service_names *names, char *name, size_t size)
{
	for (size_t i = 0; i < names->len; i++) {
		if (!fnmatch(names->pairs[2 * i], name, 0)) {
			ww_utf8__copy(name, size, names->pairs[2 * i + 1], size);
			return true;
		}
	}
	return false;
}

uint32_t ww_service__kin(struct ww_intern *kin, const struct ww_account *account, const char *address)
{
	char key[WW_COMM + 16 + WW_ADDRESS_SIZE];
	int len = snprintf(key, sizeof(key), "%.*s\n%llx\n%s", WW_COMM, account->comm,
			   (unsigned long long)account->cgroup_id, address);

	size_t key_len = (size_t)len < sizeof(key) ? (size_t)len : sizeof(key) - 1;

	return ww_intern__len(kin) < KIN_MAX ? ww_intern__add(kin, key, key_len) : ww_intern__find(kin, key, key_len);
}
