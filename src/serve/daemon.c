/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "serve/daemon.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "model/losses.h"

#define LIVE_SECONDS 60
#define NSEC	     1000000000ll

static const struct ww_daemon_part *const parts[] = {
#define WW_PART(name) &ww_part_##name,
#include "serve/parts.def"
#undef WW_PART
	NULL,
};

#define PARTS (sizeof(parts) / sizeof(*parts) - 1)

struct ww_daemon {
	const struct ww_daemon_options *options;
	void *selves[PARTS + 1]; /* of the parts; NULL: off */
	size_t opened;		 /* parts whose `open` has run */

	struct ww_session *session; /* NULL: paused */
	unsigned sessions;

	pthread_mutex_t lock; /* of `status` */
	struct ww_daemon_status status;

	/* Of earlier sessions, and with this one's. */
	uint64_t requests_before, errors_before;
	struct ww_loss losses_before[WW_LOSS_COUNT], losses[WW_LOSS_COUNT];
};

static volatile sig_atomic_t ended;

static void on_end(int number)
{
	(void)number;
	ended = 1;
}

static int64_t unix_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void ww_daemon__status(struct ww_daemon *daemon, struct ww_daemon_status *status)
{
	pthread_mutex_lock(&daemon->lock);
	*status = daemon->status;
	pthread_mutex_unlock(&daemon->lock);
}

const struct ww_serve_config *ww_daemon__config(const struct ww_daemon *daemon)
{
	return daemon->options->config;
}

static void set_state(struct ww_daemon *daemon, enum ww_daemon_state state, const char *reason)
{
	pthread_mutex_lock(&daemon->lock);
	daemon->status.state = state;
	snprintf(daemon->status.reason, sizeof(daemon->status.reason), "%s", reason);
	pthread_mutex_unlock(&daemon->lock);
}

static void note_second(struct ww_daemon *daemon, const struct ww_commit *commit)
{
	const struct ww_ingest_totals *totals = ww_ingest__totals(ww_session__ingest(daemon->session));
	uint64_t lost = 0;

	for (size_t i = 0; i < commit->losses_len && i < WW_LOSS_COUNT; i++) {
		daemon->losses[i] = commit->losses[i];
		daemon->losses[i].count += daemon->losses_before[i].count;
		lost += daemon->losses[i].loses ? daemon->losses[i].count : 0;
	}
	pthread_mutex_lock(&daemon->lock);
	daemon->status.last_unix_ns = commit->end_unix_ns;
	daemon->status.requests = daemon->requests_before + totals->requests;
	daemon->status.errors = daemon->errors_before + totals->errors;
	daemon->status.lost = lost;
	pthread_mutex_unlock(&daemon->lock);
}

static void each_commit(void *ctx, const struct ww_commit *commit)
{
	struct ww_daemon *daemon = ctx;
	const struct ww_daemon_second second = {
		.commit = commit,
		.session = daemon->sessions,
		.losses = daemon->losses,
		.losses_len = WW_LOSS_COUNT,
		.ingest = ww_session__ingest(daemon->session),
	};

	note_second(daemon, commit);
	for (size_t i = 0; parts[i]; i++) {
		if (daemon->selves[i] && parts[i]->second)
			parts[i]->second(daemon->selves[i], &second);
	}
}

static void each_kept(void *ctx, const struct ww_request *request)
{
	const struct ww_daemon *daemon = ctx;

	for (size_t i = 0; parts[i]; i++) {
		if (daemon->selves[i] && parts[i]->request)
			parts[i]->request(daemon->selves[i], request);
	}
}

static int each_drain(void *ctx, struct ww_session *session)
{
	(void)ctx;
	(void)session;
	return ended;
}

static void take_signals(void)
{
	struct sigaction action = {.sa_handler = on_end};

	sigemptyset(&action.sa_mask);
	ended = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int open_parts(struct ww_daemon *daemon, char *message, size_t message_size)
{
	int err = 0;

	for (; !err && parts[daemon->opened]; daemon->opened++)
		err = parts[daemon->opened]->open(&daemon->selves[daemon->opened], daemon, message, message_size);
	return err;
}

/* Their threads have signals of this kind blocked: they are for the daemon's. */
static int start_parts(struct ww_daemon *daemon, char *message, size_t message_size)
{
	sigset_t all, before;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (size_t i = 0; !err && parts[i]; i++) {
		if (daemon->selves[i] && parts[i]->start)
			err = parts[i]->start(daemon->selves[i]);
		if (err)
			snprintf(message, message_size, "%s can't be started: %s", parts[i]->name, strerror(-err));
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static void stop_parts(struct ww_daemon *daemon)
{
	while (daemon->opened--) {
		if (daemon->selves[daemon->opened])
			parts[daemon->opened]->stop(daemon->selves[daemon->opened]);
	}
}

/* One session, into the recording. */
static int observe(struct ww_daemon *daemon, char *message, size_t message_size)
{
	const struct ww_daemon_options *options = daemon->options;
	struct ww_session_options session_options = options->session;
	struct ww_recorder_options recorder_options = {
		.path = options->config->data,
		.keep = options->keep,
		.goes_on = true,
		.retention = {.age_ns = 7 * 86400 * NSEC,
			      .fine_ns = 3600 * NSEC,
			      .minutes_ns = 86400 * NSEC,
			      .bytes = 1u << 30},
		.settings = options->settings,
	};
	struct ww_recorder *recorder;
	enum ww_session_end end;
	int err, close_err;

	session_options.keep_signals = true;
	session_options.each_drain = each_drain;
	session_options.ctx = daemon;
	session_options.ingest.live_seconds = LIVE_SECONDS;
	session_options.ingest.each_commit = each_commit;
	session_options.ingest.each_kept = each_kept;
	session_options.ingest.each_ctx = daemon;
	err = ww_session__open(&daemon->session, &session_options, message, message_size);
	if (err)
		return err;
	daemon->sessions++;
	recorder_options.stand_ins = ww_session__stand_ins(daemon->session);
	err = ww_recorder__create(&recorder, &recorder_options, message, message_size);
	if (err) {
		ww_session__close(daemon->session);
		daemon->session = NULL;
		return err;
	}
	ww_session__set_recorder(daemon->session, recorder);
	err = ww_session__start(daemon->session);
	if (!err) {
		fprintf(stderr, "whywait: observing, recording into %s\n", options->config->data);
		set_state(daemon, WW_DAEMON_OBSERVING, "");
		err = ww_session__run(daemon->session, &end);
	}
	if (err)
		snprintf(message, message_size, "%s",
			 *ww_recorder__message(recorder) ? ww_recorder__message(recorder) : strerror(-err));
	ww_session__close(daemon->session);
	daemon->session = NULL;
	close_err = ww_recorder__close(recorder);
	if (close_err && !err)
		snprintf(message, message_size, "%s could not be completed: %s", options->config->data,
			 strerror(-close_err));
	return err ? err : close_err;
}

int ww_daemon__run(const struct ww_daemon_options *options, char *message, size_t message_size)
{
	struct ww_daemon daemon = {
		.options = options,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.status = {.state = WW_DAEMON_STARTING, .start_unix_ns = unix_ns()},
	};
	int err;

	take_signals();
	err = open_parts(&daemon, message, message_size);
	if (!err)
		err = start_parts(&daemon, message, message_size);
	if (!err)
		err = observe(&daemon, message, message_size);
	set_state(&daemon, WW_DAEMON_STOPPING, "it is ending");
	stop_parts(&daemon);
	pthread_mutex_destroy(&daemon.lock);
	return err;
}
