/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "protocols/frame.h"

#include <string.h>

static size_t least(uint64_t a, uint64_t b)
{
	return (size_t)(a < b ? a : b);
}

void ww_frame__restart(struct ww_frame *frame)
{
	frame->header_len = 0;
	frame->blind = frame->torn = false;
	ww_bytes__free(&frame->kept);
}

void ww_frame__expect(struct ww_frame *frame, uint64_t len, uint32_t keep)
{
	frame->len = frame->left = len;
	frame->keep = keep;
	frame->torn = false;
	ww_bytes__free(&frame->kept); /* lent until now */
}

static enum ww_frame_event end(struct ww_frame *frame, struct ww_message *message, const uint8_t *body, size_t have)
{
	*message = (struct ww_message){
		.type = frame->header[0], .body = body ?: frame->header, .have = have, .len = frame->len};
	frame->header_len = 0;
	return WW_FRAME_MESSAGE;
}

enum ww_frame_event ww_frame__take(struct ww_frame *frame, const uint8_t **bytes, size_t *len,
				   struct ww_message *message)
{
	const uint8_t *at = *bytes;
	size_t wanted = least(frame->keep, frame->len), used;

	if (frame->blind) {
		*len = 0;
		return WW_FRAME_MORE;
	}
	if (frame->header_len < frame->header_size) {
		used = least(*len, frame->header_size - frame->header_len);
		memcpy(frame->header + frame->header_len, at, used);
		frame->header_len += (uint8_t)used;
		*bytes += used;
		*len -= used;
		return frame->header_len == frame->header_size ? WW_FRAME_HEADER : WW_FRAME_MORE;
	}
	used = least(frame->left, *len);
	/* Most messages lie in one piece. */
	if (frame->left == frame->len && used >= wanted) {
		*bytes += used;
		*len -= used;
		frame->left -= used;
		if (!frame->left)
			return end(frame, message, at, wanted);
	} else {
		*bytes += used;
		*len -= used;
		frame->left -= used;
	}
	if (!frame->torn && frame->kept.len < wanted && used)
		ww_bytes__put(&frame->kept, at, least(used, wanted - frame->kept.len));
	frame->torn = frame->torn || frame->kept.failed;
	return frame->left ? WW_FRAME_MORE : end(frame, message, frame->kept.data, frame->kept.len);
}

enum ww_frame_event ww_frame__skip(struct ww_frame *frame, uint64_t *len, struct ww_message *message)
{
	uint64_t used;

	/* What is left of it then is behind the last header. */
	if (frame->blind || frame->header_len < frame->header_size) {
		frame->blind = frame->blind || *len;
		return WW_FRAME_MORE;
	}
	used = frame->left < *len ? frame->left : *len;
	*len -= used;
	frame->left -= used;
	frame->torn = frame->torn || (used && frame->kept.len < least(frame->keep, frame->len));
	return frame->left ? WW_FRAME_MORE : end(frame, message, frame->kept.data, frame->kept.len);
}

void ww_frame__free(struct ww_frame *frame)
{
	ww_bytes__free(&frame->kept);
}
