/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/data_file.h"

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "serve/log.h"

#define LARGE_BYTES (64ll << 20) /* what is smaller takes no time */
#define EVERY_S	    86400	 /* before that has passed nothing is looked for anew in a large one */

/* When this daemon did last, in seconds of CLOCK_MONOTONIC; 0: never. */
static time_t looked_through;

struct looking {
	bool (*ends)(void);
	time_t told; /* when the service manager was told last, in seconds of CLOCK_MONOTONIC */
};

static bool each_while(void *ctx)
{
	struct looking *looking = ctx;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != looking->told) {
		/* Not to be taken for hung, nor its start for too slow. */
		ww_log__notify("WATCHDOG=1\nEXTEND_TIMEOUT_USEC=60000000");
		looking->told = now.tv_sec;
	}
	return looking->ends();
}

void ww_data_file__look_through(const struct ww_recorder_options *options, bool (*ends)(void))
{
	struct looking looking = {.ends = ends};
	struct ww_recorder_options patient = *options;
	struct ww_recorder *recorder;
	struct timespec now;
	struct stat status;
	char message[256];

	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((looked_through && now.tv_sec - looked_through < EVERY_S) || stat(options->path, &status) ||
	    status.st_size <= LARGE_BYTES)
		return;
	patient.each_while = each_while;
	patient.each_ctx = &looking;
	/* What is wrong with it is said when it is opened for good. */
	if (!ww_data_file__open(&recorder, &patient, message, sizeof(message))) {
		looked_through = now.tv_sec;
		ww_recorder__close(recorder);
	}
}

int ww_data_file__open(struct ww_recorder **recorder, const struct ww_recorder_options *options, char *message,
		       size_t message_size)
{
	int err = ww_recorder__create(recorder, options, message, message_size);

	if (!err && ww_recorder__moved(*recorder))
		ww_log(WW_LOG_WARNING, "%s could not be gone on in: it is %s.old now", options->path, options->path);
	return err;
}
