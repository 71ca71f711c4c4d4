/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/dialogue.h"
static void bytes(void *state, struct ww_dialogue *dialogue, enum ww_direction direction, const uint8_t *bytes, size_t len){(void)state;(void)dialogue;(void)direction;(void)bytes;(void)len;}
const struct ww_protocol ww_protocol_mysql = {.name="mysql",.size=1,.bytes=bytes};
