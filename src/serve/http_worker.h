/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The thread that reads the recording for HTTP requests, one after the other, so that neither observing nor /metrics
 * waits for it. Internal to the HTTP side.
 */
#ifndef WHYWAIT_HTTP_WORKER_H
#define WHYWAIT_HTTP_WORKER_H

#include "serve/api.h"
#include "serve/http_reply.h"

#define WW_JOBS_MOST 16 /* that wait: who comes beyond is told to come again */

struct ww_worker;

struct ww_job {
	struct ww_api_query query;
	struct ww_reply reply; /* when it is done; its body is to be freed by whoever frees the job */
	bool done;
	/* Called in the worker's thread, when it is done: nothing of the worker's touches the job after that. */
	void (*ready)(void *ctx);
	void *ctx;
	struct ww_job *next;
};

/* -ENOMEM, -EAGAIN. `api` outlives it. The worker is the caller's, to be stopped by ww_worker__stop(). */
int ww_worker__start(struct ww_worker **worker, struct ww_api *api);

/* Takes a job, which has to live until it is ready. -EBUSY: too many wait; -ESHUTDOWN. */
int ww_worker__take(struct ww_worker *worker, struct ww_job *job);

/* NULL-safe. Jobs that still wait are answered 503, all are ready when it returns. */
void ww_worker__stop(struct ww_worker *worker);

/* NULL-safe: after it was stopped. */
void ww_worker__free(struct ww_worker *worker);

#endif
