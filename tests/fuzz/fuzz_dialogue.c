/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is said on upstream connections: any bytes in any pieces, with gaps, lost calls, requests that end and change.
 * The first byte says which protocol, and whether the connection is seen from its beginning. Then calls, each of a byte
 * that says what it is (the lowest three bits), how long it took (the next two), and for whom (the rest):
 *
 *     0 sent, 1 received: two bytes of its length and one that says what of it is not at hand; then the bytes
 *     2 sent, 3 received: the same, and no byte of it is at hand
 *     4 calls are lost; 5 a request has ended; 6 is adopted by the next one; 7 the connection is closed
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/dialogue.h"
#include "util/utf8.h"

#define MOST_CALLS 512
#define REQUESTS   8

/* The corpus counts on their order: new ones go to the end. */
static const struct ww_protocol *const protocols[] = {
	&ww_protocol_round_trips, &ww_protocol_redis,	     &ww_protocol_memcached,
	&ww_protocol_mongodb,	  &ww_protocol_http1_client, &ww_protocol_dns,
	&ww_protocol_postgres,	  &ww_protocol_mysql,	     &ww_protocol_fastcgi,
};

#define PROTOCOLS (sizeof(protocols) / sizeof(*protocols))

static uint64_t now_ns;

static void must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static void check_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);
	uint32_t code;
	int bytes;

	must(len < size, "a text does not end");
	for (size_t i = 0; i < len; i += (size_t)bytes) {
		bytes = ww_utf8__decode(text + i, &code);
		must(bytes > 0 && code >= ' ' && code != 127, "a text can't be printed");
	}
}

static void operation(void *ctx, const struct ww_draft *draft, uint64_t end_ns)
{
	(void)ctx;
	must(draft->request && draft->request <= REQUESTS, "an operation of nobody");
	must(end_ns >= draft->start_ns, "an operation that ends before it begins");
	must(end_ns <= now_ns && draft->start_ns <= now_ns, "an operation of the future");
	must(draft->flags < WW_OPERATION_UNSEEN << 1, "flags that there are none of");
	must(!(draft->flags & WW_OPERATION_READ && draft->flags & WW_OPERATION_WRITE), "it reads and it writes");
	check_text(ww_draft__summary(draft), WW_SUMMARY_SIZE);
	check_text(draft->error, sizeof(draft->error));
	check_text(ww_draft__statement(draft), WW_STATEMENT_SIZE);
}

static void unsure(void *ctx, uint64_t request)
{
	(void)ctx;
	must(request && request <= REQUESTS, "nobody is not sure");
}

/* Of their own size, so that the address sanitizer sees whoever reads beyond. */
static uint8_t *copy(const uint8_t *bytes, size_t len)
{
	uint8_t *own = malloc(len ?: 1);

	must(own != NULL, "memory");
	return memcpy(own, bytes, len);
}

struct input {
	const uint8_t *at, *end;
};

static size_t take(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static void moved(struct ww_dialogue *dialogue, struct input *input, unsigned op, uint64_t request, uint64_t took)
{
	size_t len = take(input) | take(input) << 8, gap = take(input), left = (size_t)(input->end - input->at), tail;
	struct ww_call call = {.request = request, .began_ns = now_ns - took / 2, .at_ns = now_ns};
	uint8_t *head, *last;

	/* In its last bits how much is at hand behind the gap, in the others how long that is. */
	tail = gap & 7;
	gap = gap >> 3 ? (size_t)1 << ((gap >> 3) - 1) : 0;
	if (gap > 1u << 24)
		gap = 1u << 24;
	if (op >= 2) {
		gap = len;
		len = tail = 0;
	}
	if (len > left)
		len = left;
	if (!gap || tail > len)
		tail = 0;
	call.total = (uint32_t)(len + gap);
	head = copy(input->at, len - tail);
	last = copy(input->at + len - tail, tail);
	input->at += len;
	ww_dialogue__moved(dialogue, op & 1 ? WW_RECEIVED : WW_SENT, &call, head, len - tail, last, tail);
	free(head);
	free(last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ww_dialogue_sink sink = {.operation = operation, .unsure = unsure};
	struct input input = {data, data + size};
	struct ww_dialogue *dialogue;
	size_t first;

	if (size < 2 || size > 1 << 16)
		return 0;
	first = take(&input);
	now_ns = 1000000000;
	dialogue = ww_dialogue__new(protocols[(first >> 1) < PROTOCOLS ? first >> 1 : 0], first & 1, &sink);
	must(dialogue != NULL, "memory");
	for (int i = 0; i < MOST_CALLS && input.at < input.end; i++) {
		size_t what = take(&input);
		uint64_t request = what >> 5, took = (uint64_t[]){0, 1000, 1000000, 100000000}[what >> 3 & 3];

		now_ns += took;
		switch (what & 7) {
		case 4:
			ww_dialogue__lost(dialogue);
			must(!ww_dialogue__drafts(dialogue), "drafts outlive a loss");
			break;
		case 5:
			ww_dialogue__settle(dialogue, request, now_ns);
			break;
		case 6:
			ww_dialogue__adopt(dialogue, request, request + 1);
			break;
		case 7:
			ww_dialogue__closed(dialogue, now_ns, "closed");
			must(!ww_dialogue__drafts(dialogue), "drafts outlive a connection");
			input.at = input.end;
			break;
		default:
			moved(dialogue, &input, what & 7, request, took);
		}
		must(ww_dialogue__drafts(dialogue) <= WW_DRAFTS_MAX, "too many drafts");
	}
	ww_dialogue__free(dialogue);
	return 0;
}
