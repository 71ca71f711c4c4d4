/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/http_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct ww_worker {
	struct ww_api *api;
	pthread_t thread;
	bool running;
	pthread_mutex_t mutex;
	pthread_cond_t more;
	struct ww_job *first, **last;
	unsigned waiting;
	bool stopping;
};

/* The next one, or NULL at the end. */
static struct ww_job *next_job(struct ww_worker *worker)
{
	struct ww_job *job;

	pthread_mutex_lock(&worker->mutex);
	while (!worker->first && !worker->stopping)
		pthread_cond_wait(&worker->more, &worker->mutex);
	job = worker->first;
	if (job) {
		worker->first = job->next;
		if (!worker->first)
			worker->last = &worker->first;
		worker->waiting--;
	}
	pthread_mutex_unlock(&worker->mutex);
	return job;
}

static bool is_stopping(struct ww_worker *worker)
{
	bool stopping;

	pthread_mutex_lock(&worker->mutex);
	stopping = worker->stopping;
	pthread_mutex_unlock(&worker->mutex);
	return stopping;
}

static void *work(void *ctx)
{
	struct ww_worker *worker = ctx;
	struct ww_job *job;

	while ((job = next_job(worker))) {
		if (is_stopping(worker))
			ww_reply__error(&job->reply, 503, "whywait is ending");
		else
			ww_api__answer(worker->api, &job->query, &job->reply);
		job->done = true;
		job->ready(job->ctx);
	}
	return NULL;
}

int ww_worker__start(struct ww_worker **worker, struct ww_api *api)
{
	struct ww_worker *new = calloc(1, sizeof(*new));
	int err;

	if (!new)
		return -ENOMEM;
	new->api = api;
	new->last = &new->first;
	pthread_mutex_init(&new->mutex, NULL);
	pthread_cond_init(&new->more, NULL);
	err = pthread_create(&new->thread, NULL, work, new);
	if (err) {
		ww_worker__free(new);
		return -err;
	}
	new->running = true;
	*worker = new;
	return 0;
}

int ww_worker__take(struct ww_worker *worker, struct ww_job *job)
{
	int err = 0;

	pthread_mutex_lock(&worker->mutex);
	if (worker->stopping)
		err = -ESHUTDOWN;
	else if (worker->waiting >= WW_JOBS_MOST)
		err = -EBUSY;
	if (!err) {
		job->next = NULL;
		*worker->last = job;
		worker->last = &job->next;
		worker->waiting++;
		pthread_cond_signal(&worker->more);
	}
	pthread_mutex_unlock(&worker->mutex);
	return err;
}

void ww_worker__stop(struct ww_worker *worker)
{
	if (!worker || !worker->running)
		return;
	pthread_mutex_lock(&worker->mutex);
	worker->stopping = true;
	pthread_cond_signal(&worker->more);
	pthread_mutex_unlock(&worker->mutex);
	pthread_join(worker->thread, NULL);
	worker->running = false;
}

void ww_worker__free(struct ww_worker *worker)
{
	if (!worker)
		return;
	pthread_mutex_destroy(&worker->mutex);
	pthread_cond_destroy(&worker->more);
	free(worker);
}
