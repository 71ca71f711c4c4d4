/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events in any order, legal ones and others, drawn from a seed: test_events [SEED] plays one seed and prints every
 * event. Without it MODEL_SECONDS, if set, says for how long worlds are played, from a seed of the moment on; else a
 * fixed number of them is.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WORLDS 1000

static u64 seed;

/* The sanitizers end the program where they find something. */
extern void __sanitizer_set_death_callback(void (*callback)(void));

static void on_death(void)
{
	fprintf(stderr, "seed %llu\n", seed);
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("MODEL_SECONDS");
	u64 events = 0, records = 0, malformed = 0, kinds_ns[WW_KIND_COUNT] = {0}, counters[WW_COUNTER_COUNT] = {0};
	time_t until = 0;

	__sanitizer_set_death_callback(on_death);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1) {
		world_play(strtoull(argv[1], NULL, 10), true);
		printf("ok - seed %s\n1..1\n", argv[1]);
		return 0;
	}
	if (seconds) {
		until = time(NULL) + atoi(seconds);
		seed = (u64)time(NULL) << 20;
	}
	u64 first = seed;
	while (seconds ? time(NULL) < until : seed < WORLDS) {
		world_play(seed++, false);
		events += world.events;
		records += world.records;
		malformed += world.malformed;
		for (u32 kind = 0; kind < WW_KIND_COUNT; kind++)
			kinds_ns[kind] += world.kinds_ns[kind] > 0;
		for (u32 counter = 0; counter < WW_COUNTER_COUNT; counter++)
			counters[counter] += host_counter(counter);
	}
	printf("# seeds %llu to %llu: %llu events, %llu records, %llu malformed by races\n", first, seed - 1, events,
	       records, malformed);
	host_shut_down();

	/* What has not come up has not been tested. */
	static const char *const kinds[] = {
#define WW_KIND(id, name, meaning) name,
#include "whywait/kinds.def"
#undef WW_KIND
	};
	static const char *const names[] = {
#define WW_COUNTER(id, name, loses, meaning) name,
#include "whywait/counters.def"
#undef WW_COUNTER
	};
	bool all = records > 0;
	for (u32 kind = 0; kind < WW_KIND_COUNT; kind++) {
		printf("# %s: in %llu worlds\n", kinds[kind], kinds_ns[kind]);
		all = all && (kinds_ns[kind] || kind == WW_KIND_GC);
	}
	for (u32 counter = 0; counter < WW_COUNTER_COUNT; counter++)
		printf("# counted %s: %llu\n", names[counter], counters[counter]);
	printf("ok - kinds, slots and times hold in every world\n%sok - every kind came up\n1..2\n", all ? "" : "not ");
	return !all;
}
