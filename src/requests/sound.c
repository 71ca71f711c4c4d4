/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "requests/sound.h"

#include <stddef.h>
#include <stdint.h>

bool ww_account__is_sound(const struct ww_account *account)
{
	const size_t head = offsetof(struct ww_account, target);
	uint64_t sum = 0;

	if (account->size < head || account->version != WW_ABI_VERSION || account->target_len > WW_TARGET_MAX ||
	    account->size < head + account->target_len || account->attribution >= WW_ATTRIBUTION_COUNT ||
	    account->details_len > WW_DETAILS || account->holders_len > WW_HOLDERS ||
	    account->end_ns < account->start_ns)
		return false;
	for (int kind = 0; kind < WW_KIND_COUNT; kind++) {
		if (__builtin_add_overflow(sum, account->kinds_ns[kind], &sum))
			return false;
	}
	for (int i = 0; i < account->details_len; i++) {
		if (account->details[i].kind >= WW_KIND_COUNT)
			return false;
	}
	for (int i = 0; i < account->holders_len; i++) {
		const struct ww_holder *holder = &account->holders[i];
		bool named =
			holder->type == WW_HOLDER_THREAD || (holder->type == WW_HOLDER_REQUEST && holder->who.request);

		if (!named)
			return false;
	}
	return sum == account->end_ns - account->start_ns;
}
