/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What requests waited for, as text: peers, system calls and the waits that have a name of their own. */
#ifndef WHYWAIT_DETAIL_NAMES_H
#define WHYWAIT_DETAIL_NAMES_H

#include "model/aggregate.h"
#include "util/intern.h"
#include "whywait/abi.h"

/* Named parts that an account may have: its details, one of which may be split by who held a lock. */
#define WW_DETAIL_SUMS (WW_DETAILS + WW_HOLDERS)

/* All zeros, then `intern` and `peer` set, is one that knows no peers yet. */
struct ww_detail_names {
	struct ww_intern *intern; /* where names get their ids */
	int (*peer)(void *ctx, uint32_t index, struct ww_peer *peer);
	void *peer_ctx;
	struct ww_peer_names {
		uint32_t address; /* id + 1; 0: not looked up */
		uint32_t system;  /* the same: the system, or the address when that is not known */
	} * peers;		  /* by index in the peer list */
	uint32_t peers_len;
	uint32_t out_of_memory; /* names that were not found because of that; whoever counts them sets it back */
};

/* NULL-safe. Frees the content, not `names` itself. */
void ww_detail_names__free(struct ww_detail_names *names);

/* The id of a detail's name; WW_INTERN_NONE when it has none. */
uint32_t ww_detail_names__find(struct ww_detail_names *names, uint8_t kind, uint8_t type, uint32_t value);

/* What an account's details are called. One without a name is left out: its time is in its kind all the same. */
size_t ww_detail_names__of(struct ww_detail_names *names, const struct ww_account *account,
			   struct ww_detail_sum details[WW_DETAILS]);

/* Peers whose system was not known are looked up anew from here on: the first bytes may have come by now. */
void ww_detail_names__refresh(struct ww_detail_names *names);

/* "10.1.2.3:5432", "[::1]:80", "/run/x.sock". */
#define WW_ADDRESS_SIZE (WW_PEER_PATH + 3 * WW_PEER_PATH)
void ww_detail_names__address(const struct ww_peer *peer, char address[WW_ADDRESS_SIZE]);

#endif
