/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/watchdog.h"

#define MOST_NS	   3600000000000ull
#define CALM_TIMES 10

#define RING (WW_WATCHDOG_SECONDS + 1)

void ww_watchdog__start(struct ww_watchdog *watchdog, uint64_t now_ns)
{
	watchdog->len = watchdog->head = 0;
	watchdog->calm_since_ns = now_ns;
}

double ww_watchdog__second(struct ww_watchdog *watchdog, uint64_t now_ns, uint64_t used_ns)
{
	unsigned first;
	uint64_t wall_ns;

	watchdog->seconds[watchdog->head].at_ns = now_ns;
	watchdog->seconds[watchdog->head].used_ns = used_ns;
	watchdog->head = (watchdog->head + 1) % RING;
	watchdog->len += watchdog->len < RING;
	if (watchdog->len < RING)
		return 0;
	first = watchdog->head;
	wall_ns = now_ns - watchdog->seconds[first].at_ns;
	return wall_ns ? (double)(used_ns - watchdog->seconds[first].used_ns) / (double)wall_ns / watchdog->cpus : 0;
}

static uint64_t length_of(unsigned passed, uint64_t first_ns)
{
	uint64_t length = first_ns;

	while (passed-- > 1 && length < MOST_NS)
		length *= 2;
	return length < MOST_NS || first_ns > MOST_NS ? length : MOST_NS;
}

uint64_t ww_watchdog__back_off(struct ww_watchdog *watchdog, uint64_t now_ns, uint64_t first_ns)
{
	if (watchdog->passed && now_ns - watchdog->calm_since_ns > CALM_TIMES * length_of(watchdog->passed, first_ns))
		watchdog->passed = 0;
	watchdog->passed++;
	return length_of(watchdog->passed, first_ns);
}
