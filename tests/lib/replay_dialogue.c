/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * replay PROTOCOL [OPTION..]: plays calls to a dialogue and prints its operations as JSON. Of standard input each call
 * is `S` (sent) or `R` (received), its length in four bytes, the lowest first, and its bytes.
 *
 *   --limits     of each call only as much is at hand as the kernel keeps: 2048 bytes; 256 and the last 64
 *   --chunk N    calls are N bytes long at most
 *   --split SEED calls are of random lengths
 *   --join N     the first N calls are not seen
 *   --lose N     the calls are seen, but for the N-th
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/dialogue.h"

static const struct {
	const char *name;
	const struct ww_protocol *protocol;
} protocols[] = {
	{"postgres", &ww_protocol_postgres},
	{"mysql", &ww_protocol_mysql},
	{"redis", &ww_protocol_redis},
	{"memcached", &ww_protocol_memcached},
	{"mongodb", &ww_protocol_mongodb},
	{"http1_client", &ww_protocol_http1_client},
	{"round_trips", &ww_protocol_round_trips},
};

static unsigned int unsure, operations;
static bool settling;

static void print_text(const char *name, const char *text)
{
	printf(", \"%s\": \"", name);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void on_operation(void *ctx, const struct ww_draft *draft, uint64_t end_ns)
{
	(void)ctx;
	printf("%s\n{\"start\": %llu, \"end\": %llu, \"flags\": %u, \"out\": %llu, \"in\": %llu, \"settled\": %s",
	       operations++ ? "," : "", (unsigned long long)draft->start_ns, (unsigned long long)end_ns, draft->flags,
	       (unsigned long long)draft->bytes_out, (unsigned long long)draft->bytes_in, settling ? "true" : "false");
	printf(", \"arguments\": %llu", (unsigned long long)draft->arguments);
	print_text("summary", ww_draft__summary(draft));
	print_text("statement", ww_draft__statement(draft));
	print_text("error", draft->error);
	putchar('}');
}

static void on_unsure(void *ctx, uint64_t request)
{
	(void)ctx;
	(void)request;
	unsure++;
}

static void move(struct ww_dialogue *dialogue, char way, const uint8_t *bytes, size_t len, uint64_t number, bool limits)
{
	size_t head = way == 'S' ? 2048 : 256, tail = way == 'S' ? 0 : 64;
	struct ww_call call = {.request = 1, .began_ns = number, .at_ns = number, .total = (uint32_t)len};

	if (!limits || head > len)
		head = len;
	if (tail > len - head)
		tail = len - head;
	ww_dialogue__moved(dialogue, way == 'S' ? WW_SENT : WW_RECEIVED, &call, bytes, head, bytes + len - tail, tail);
}

int main(int argc, char **argv)
{
	const struct ww_dialogue_sink sink = {.operation = on_operation, .unsure = on_unsure};
	const struct ww_protocol *protocol = NULL;
	unsigned long chunk = 0, seed = 0, join = 0, lose = ~0ul, number = 0;
	bool limits = false;
	uint8_t header[5], *bytes = NULL;
	struct ww_dialogue *dialogue;

	for (size_t i = 0; argc > 1 && i < sizeof(protocols) / sizeof(*protocols); i++) {
		if (!strcmp(argv[1], protocols[i].name))
			protocol = protocols[i].protocol;
	}
	for (int i = 2; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "0";

		if (!strcmp(argv[i], "--limits"))
			limits = true;
		else if (!strcmp(argv[i], "--chunk"))
			chunk = strtoul(value, NULL, 10);
		else if (!strcmp(argv[i], "--split"))
			seed = strtoul(value, NULL, 10);
		else if (!strcmp(argv[i], "--join"))
			join = strtoul(value, NULL, 10);
		else if (!strcmp(argv[i], "--lose"))
			lose = strtoul(value, NULL, 10);
	}
	dialogue = protocol ? ww_dialogue__new(protocol, !join, &sink) : NULL;
	if (!dialogue)
		return 2;
	srandom((unsigned int)seed);
	printf("{\"operations\": [");
	for (unsigned long calls = 0; fread(header, 1, sizeof(header), stdin) == sizeof(header); calls++) {
		size_t len = header[1] | header[2] << 8 | header[3] << 16 | (size_t)header[4] << 24;

		bytes = realloc(bytes, len ? len : 1);
		if (!bytes || fread(bytes, 1, len, stdin) != len)
			return 2;
		if (calls == lose)
			ww_dialogue__lost(dialogue);
		if (calls < join || calls == lose)
			continue;
		for (size_t at = 0, part; at < len; at += part) {
			part = seed ? (size_t)random() % 700 + 1 : chunk ? chunk : len;
			if (part > len - at)
				part = len - at;
			move(dialogue, (char)header[0], bytes + at, part, ++number, limits);
		}
	}
	settling = true;
	ww_dialogue__settle(dialogue, 1, ++number);
	ww_dialogue__free(dialogue);
	free(bytes);
	printf("],\n\"unsure\": %u}\n", unsure);
	return 0;
}
