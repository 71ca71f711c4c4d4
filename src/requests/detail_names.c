/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/detail_names.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util/syscalls.h"
#include "util/utf8.h"

#define PEERS_MAX (1 << 20) /* no peer list is longer: beyond it an index is not one */

static const char *const systems[WW_SYSTEM_COUNT] = {
#define WW_SYSTEM(id, detail, otel, kind, port) detail,
#include "whywait/systems.def"
#undef WW_SYSTEM
};

static const uint8_t system_kinds[WW_SYSTEM_COUNT] = {
#define WW_SYSTEM(id, detail, otel, kind, port) WW_KIND_##kind,
#include "whywait/systems.def"
#undef WW_SYSTEM
};

static const char *const waits[WW_NAME_COUNT] = {
	[WW_NAME_THROTTLED] = "throttled",
	[WW_NAME_PIPE] = "pipe",
	[WW_NAME_EVENTFD] = "eventfd",
	[WW_NAME_UNIX] = "unix",
	[WW_NAME_CHILD] = "child",
	[WW_NAME_FUTEX] = "futex",
	[WW_NAME_FILE_LOCK] = "file_lock",
	[WW_NAME_FSYNC] = "fsync",
	[WW_NAME_READ] = "read",
	[WW_NAME_WRITE] = "write",
	[WW_NAME_PAGE_FAULT] = "page_fault",
	[WW_NAME_STOPPED] = "stopped",
	[WW_NAME_MUTEX] = "mutex",
	[WW_NAME_CHANNEL] = "channel",
	[WW_NAME_GIL] = "gil",
	[WW_NAME_GVL] = "gvl",
	[WW_NAME_ASSIST] = "assist",
};

void ww_detail_names__free(struct ww_detail_names *names)
{
	if (!names)
		return;
	free(names->peers);
	names->peers = NULL;
	names->peers_len = 0;
}

void ww_detail_names__address(const struct ww_peer *peer, char address[WW_ADDRESS_SIZE])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char text[INET6_ADDRSTRLEN];

	if (peer->family == AF_INET) {
		inet_ntop(AF_INET, peer->addr, text, sizeof(text));
		snprintf(address, WW_ADDRESS_SIZE, "%s:%u", text, peer->port);
	} else if (peer->family == AF_INET6 && !memcmp(peer->addr, mapped, sizeof(mapped))) {
		inet_ntop(AF_INET, peer->addr + sizeof(mapped), text, sizeof(text));
		snprintf(address, WW_ADDRESS_SIZE, "%s:%u", text, peer->port);
	} else if (peer->family == AF_INET6) {
		inet_ntop(AF_INET6, peer->addr, text, sizeof(text));
		snprintf(address, WW_ADDRESS_SIZE, "[%s]:%u", text, peer->port);
	} else {
		const unsigned char *path = (const unsigned char *)peer->path;
		size_t len = strnlen(peer->path, WW_PEER_PATH);
		char *at = address;

		for (size_t i = 0; i < len;) {
			size_t character = ww_utf8__len(path + i, len - i);

			if (!character || path[i] < 0x20 || path[i] == 0x7f) {
				at += sprintf(at, "%%%02X", path[i++]);
				continue;
			}
			memcpy(at, path + i, character);
			at += character;
			i += character;
		}
		*at = '\0';
		if (!len)
			strcpy(address, "unix"); /* neither end is bound to a path */
	}
}

static uint32_t add(struct ww_detail_names *names, const char *text)
{
	uint32_t id = ww_intern__add(names->intern, text, strlen(text));

	names->out_of_memory += id == WW_INTERN_NONE;
	return id;
}

static uint32_t find_peer(struct ww_detail_names *names, uint8_t kind, uint32_t index)
{
	char address[WW_ADDRESS_SIZE];
	struct ww_peer_names *cached;
	struct ww_peer peer;
	uint32_t id;

	if (index >= PEERS_MAX)
		return WW_INTERN_NONE;
	if (index >= names->peers_len) {
		uint32_t len = names->peers_len ? names->peers_len : 64;

		while (len <= index)
			len *= 2;

		struct ww_peer_names *peers = reallocarray(names->peers, len, sizeof(*peers));

		if (!peers) {
			names->out_of_memory++;
			return WW_INTERN_NONE;
		}
		memset(peers + names->peers_len, 0, (len - names->peers_len) * sizeof(*peers));
		names->peers = peers;
		names->peers_len = len;
	}
	cached = &names->peers[index];
	if (kind == WW_KIND_DB ? cached->system : cached->address)
		return (kind == WW_KIND_DB ? cached->system : cached->address) - 1;
	if (!names->peer || names->peer(names->peer_ctx, index, &peer))
		return WW_INTERN_NONE;
	ww_detail_names__address(&peer, address);
	id = add(names, address);
	if (id == WW_INTERN_NONE)
		return id;
	cached->address = cached->system = id + 1;
	if (peer.system < WW_SYSTEM_COUNT && system_kinds[peer.system] == WW_KIND_DB) {
		uint32_t system = add(names, systems[peer.system]);

		if (system != WW_INTERN_NONE)
			cached->system = system + 1;
	}
	return (kind == WW_KIND_DB ? cached->system : cached->address) - 1;
}

uint32_t ww_detail_names__find(struct ww_detail_names *names, uint8_t kind, uint8_t type, uint32_t value)
{
	const char *text = NULL;
	char number[32];

	switch (type) {
	case WW_DETAIL_PEER:
		return find_peer(names, kind, value);
	case WW_DETAIL_SYSCALL:
		text = ww_syscall_name(value);
		if (!text) {
			snprintf(number, sizeof(number), "syscall_%u", value);
			text = number;
		}
		break;
	case WW_DETAIL_NAME:
		if (value < WW_NAME_COUNT)
			text = waits[value];
		break;
	}
	return text ? add(names, text) : WW_INTERN_NONE;
}

void ww_detail_names__refresh(struct ww_detail_names *names)
{
	for (uint32_t i = 0; i < names->peers_len; i++) {
		if (names->peers[i].system == names->peers[i].address)
			names->peers[i].system = 0;
	}
}

size_t ww_detail_names__of(struct ww_detail_names *names, const struct ww_account *account,
			   struct ww_detail_sum details[WW_DETAILS])
{
	size_t len = 0;

	for (int i = 0; i < account->details_len; i++) {
		const struct ww_detail *detail = &account->details[i];
		uint32_t name = ww_detail_names__find(names, detail->kind, detail->type, detail->value);

		if (name == WW_INTERN_NONE)
			continue;
		details[len++] = (struct ww_detail_sum){
			.ns = detail->ns,
			.count = detail->count,
			.name = name,
			.kind = detail->kind,
		};
	}
	return len;
}
