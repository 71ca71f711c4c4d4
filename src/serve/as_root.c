/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/as_root.h"

#include <string.h>

#include "kernel/run_time.h"
#include "kernel/runtimes.h"
#include "kernel/user_probes.h"
#include "serve/config.h"
#include "serve/log.h"

int ww_as_root__open(const struct ww_serve_config *config)
{
	int measure = ww_run_time__measure();

	if (measure < 0)
		ww_log(WW_LOG_WARNING,
		       "the kernel does not measure what its programs cost (%s): max_overhead is of this process alone",
		       strerror(-measure));
	/* To open events of these for all programs of Go that run would let each of them pay for the traps. */
	if (config->exact_goroutines && !ww_user_probes__many())
		ww_log(WW_LOG_WARNING, "exact_goroutines: before Linux 6.6 probes may take a privilege that is given "
				       "up: then goroutines "
				       "are told by sockets, and runtimes_unattached counts the programs");
	ww_runtimes__prepare(config->promises);
	return measure < 0 ? -1 : measure;
}
