// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * To be loaded before the C library: CLOCK_REALTIME is off by what the file $WHYWAIT_TEST_CLOCK holds, in nanoseconds,
 * at any time. All other clocks are the kernel's.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_S 1000000000

static const volatile int64_t *offset_ns;

__attribute__((constructor)) static void map_offset(void)
{
	const char *path = getenv("WHYWAIT_TEST_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		abort();
	offset_ns = mmap(NULL, sizeof(*offset_ns), PROT_READ, MAP_SHARED, fd, 0);
	if (offset_ns == MAP_FAILED)
		abort();
	close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int err = (int)syscall(SYS_clock_gettime, clock, now);

	/* Constructors of other libraries may look at the clock before this one is told. */
	if (!err && offset_ns && clock == CLOCK_REALTIME) {
		int64_t ns = (int64_t)now->tv_sec * NS_S + now->tv_nsec + *offset_ns;

		now->tv_sec = ns / NS_S;
		now->tv_nsec = ns % NS_S;
	}
	return err;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	now->tv_sec = ts.tv_sec;
	now->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (seconds)
		*seconds = now.tv_sec;
	return now.tv_sec;
}
