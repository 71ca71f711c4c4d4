/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel/descendants.h"
#include "kernel/features.h"
#include "kernel/heaps.h"
#include "kernel/user_events.h"

#define SECOND_NS   1000000000ull
#define DRAIN_MS    100
#define LAST_DRAINS 50 /* of rings that are filled as fast as they are emptied, at the end */

struct ww_session {
	struct ww_session_options options;
	struct ww_observer *observer;
	struct ww_ingest *ingest;
	struct ww_heaps *heaps;	  /* NULL: what runtimes allocate is not asked */
	struct pollfd *processes; /* a pidfd each; when those given have ended, one of those that they started */
	size_t processes_len;
	uint64_t counters[WW_COUNTER_COUNT];
	uint64_t start_ns, end_ns; /* end_ns 0: not ended */
	uint64_t events_ns;	   /* what programs of this process, which stay, had taken before it */
	struct sigaction old_int, old_term, old_hup;
};

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	(void)number;
	signalled = 1;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static int find_peer(void *ctx, uint32_t index, struct ww_peer *peer)
{
	const struct ww_session *session = ctx;

	return ww_observer__peer(session->observer, index, peer);
}

static uint64_t weigh_allocations(void *ctx, const struct ww_account *account)
{
	struct ww_session *session = ctx;

	return ww_observer__allocations(session->observer, account);
}

static int find_collected(void *ctx, uint32_t pid, struct ww_collected *collected)
{
	const struct ww_session *session = ctx;

	return ww_observer__collected(session->observer, pid, collected);
}

static int find_held_by(void *ctx, uint64_t id, struct ww_held_by *held_by)
{
	const struct ww_session *session = ctx;

	return ww_observer__held_by(session->observer, id, held_by);
}

static void take_signals(struct ww_session *session)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigemptyset(&action.sa_mask);
	signalled = 0;
	sigaction(SIGINT, &action, &session->old_int);
	sigaction(SIGTERM, &action, &session->old_term);
	/* nohup(1) has it ignored. */
	sigaction(SIGHUP, NULL, &session->old_hup);
	if (session->old_hup.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &action, NULL);
}

/* A pidfd tells of a process's end also before its parent has waited for it. */
static int watch_processes(struct ww_session *session, char *message, size_t message_size)
{
	const struct ww_select *select = &session->options.observer.select;
	const pid_t *pids = session->options.command ? &session->options.command : select->pids;
	size_t pids_len = session->options.command ? 1 : select->pids_len;

	if (select->pids_len && !ww_features__host_pids()) {
		snprintf(message, message_size,
			 "processes can't be selected by id in a pid namespace of its own: run it on the host, or its "
			 "container with --pid=host");
		return -ENOTSUP;
	}
	session->processes = calloc(pids_len + 1, sizeof(*session->processes));
	if (!session->processes)
		return -ENOMEM;
	for (size_t i = 0; i < pids_len; i++) {
		int fd = (int)syscall(SYS_pidfd_open, pids[i], 0);

		if (fd < 0) {
			snprintf(message, message_size, "process %d: %s", (int)pids[i], strerror(errno));
			return -errno;
		}
		session->processes[session->processes_len++] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
	return 0;
}

int ww_session__open(struct ww_session **session, const struct ww_session_options *options, char *message,
		     size_t message_size)
{
	struct ww_session *new = calloc(1, sizeof(*new));
	int err;

	if (!new) {
		snprintf(message, message_size, "out of memory");
		return -ENOMEM;
	}
	snprintf(message, message_size, "out of memory");
	new->options = *options;
	new->options.observer.command = options->observer.units_len || options->observer.queues ? 0 : options->command;
	new->options.ingest.peer = find_peer;
	new->options.ingest.peer_ctx = new;
	new->options.ingest.collected = find_collected;
	new->options.ingest.collected_ctx = new;
	new->options.ingest.allocations = options->observer.allocations > 0 ? weigh_allocations : NULL;
	new->options.ingest.allocations_ctx = new;
	if (options->observer.allocations > 0) {
		new->heaps = ww_heaps__new();
		if (!new->heaps) {
			ww_session__close(new);
			return -ENOMEM;
		}
		new->options.ingest.allocated = ww_heaps__allocated;
		new->options.ingest.allocated_ctx = new->heaps;
	}
	new->options.ingest.held_by = find_held_by;
	new->options.ingest.held_by_ctx = new;
	/* In a pid namespace of its own, /proc has other processes under the ids that requests carry. */
	if (!ww_features__host_pids())
		new->options.ingest.proc = "/dev/null";
	ww_user_events__run_time(&new->events_ns);
	err = watch_processes(new, message, message_size);
	if (!err)
		err = ww_observer__open(&new->observer, &new->options.observer, message, message_size);
	if (err) {
		ww_session__close(new);
		return err;
	}
	new->start_ns = clock_ns(CLOCK_MONOTONIC);
	if (!options->keep_signals)
		take_signals(new);
	*session = new;
	return 0;
}

static void unwatch_processes(struct ww_session *session)
{
	while (session->processes_len)
		close(session->processes[--session->processes_len].fd);
}

void ww_session__close(struct ww_session *session)
{
	if (!session)
		return;
	if (session->start_ns && !session->options.keep_signals) {
		sigaction(SIGINT, &session->old_int, NULL);
		sigaction(SIGTERM, &session->old_term, NULL);
		sigaction(SIGHUP, &session->old_hup, NULL);
	}
	ww_ingest__destroy(session->ingest);
	ww_observer__close(session->observer);
	unwatch_processes(session);
	ww_heaps__free(session->heaps);
	free(session->processes);
	free(session);
}

void ww_session__set_recorder(struct ww_session *session, struct ww_recorder *recorder)
{
	session->options.ingest.recorder = recorder;
}

const char *ww_session__stand_ins(const struct ww_session *session)
{
	return ww_observer__stand_ins(session->observer);
}

struct ww_ingest *ww_session__ingest(struct ww_session *session)
{
	return session->ingest;
}

const uint64_t *ww_session__counters(const struct ww_session *session)
{
	return session->counters;
}

int ww_session__run_time(const struct ww_session *session, uint64_t *ns)
{
	uint64_t own = 0, events = 0;
	int err = ww_observer__run_time(session->observer, &own);

	if (!err)
		err = ww_user_events__run_time(&events);
	if (!err)
		*ns = own + events - session->events_ns;
	return err;
}

bool ww_session__follows(const struct ww_session *session)
{
	return ww_observer__follows(session->observer);
}

uint64_t ww_session__elapsed_ns(const struct ww_session *session)
{
	return (session->end_ns ? session->end_ns : clock_ns(CLOCK_MONOTONIC)) - session->start_ns;
}

static bool processes_ended(struct ww_session *session)
{
	size_t ended = 0;
	int fd;

	if (!session->processes_len)
		return false;
	poll(session->processes, session->processes_len, 0);
	for (size_t i = 0; i < session->processes_len; i++)
		ended += session->processes[i].revents != 0;
	if (ended < session->processes_len)
		return false;
	if (session->options.command)
		return true;
	/* Servers that make themselves daemons, or upgrade themselves, go on in processes that they have started. */
	fd = ww_observer__living(session->observer);
	if (fd < 0)
		return true;
	unwatch_processes(session);
	session->processes[session->processes_len++] = (struct pollfd){.fd = fd, .events = POLLIN};
	return false;
}

/* The ingest counts what it can't take; only a ring that can't be read ends the session. */
static int drain(struct ww_session *session, int timeout_ms)
{
	int got = ww_observer__drain(session->observer, session->ingest, timeout_ms);

	return got == -EINTR || got == -EPROTO || got == -ENOMEM ? 0 : got;
}

static void note_unreadable(void *ctx, uint16_t port, enum ww_unreadable what, uint64_t connections)
{
	struct ww_session *session = ctx;

	ww_ingest__unreadable(session->ingest, port, what, connections);
}

static int read_counts(struct ww_session *session)
{
	int err = ww_observer__counters(session->observer, session->counters);

	return err ? err : ww_observer__unreadable(session->observer, note_unreadable, session);
}

/* What the command consists of by now. */
static int join_processes(struct ww_session *session)
{
	pid_t *pids = NULL;
	size_t len = 0;
	int err = ww_descendants__find(&session->options.command, 1, &pids, &len);

	for (size_t i = 0; i < len && !err; i++)
		err = ww_ingest__process(session->ingest, (uint32_t)pids[i]);
	free(pids);
	return err;
}

static int do_second(struct ww_session *session)
{
	int err = ww_observer__sweep(session->observer);

	if (!err && ww_observer__follows(session->observer))
		err = join_processes(session);

	if (!err)
		err = read_counts(session);
	if (!err)
		err = ww_ingest__tick(session->ingest, clock_ns(CLOCK_MONOTONIC), session->counters);
	/* Someone else holds the recording: the next commit writes what this one could not. */
	if (err == -EBUSY)
		err = 0;
	if (!err && session->options.each_second)
		err = session->options.each_second(session->options.ctx, session);
	return err;
}

/* Until the next whole second of Unix time: so seconds are the same in every recording, and intervals begin with one.
 */
static uint64_t until_next_second(void)
{
	return SECOND_NS - clock_ns(CLOCK_REALTIME) % SECOND_NS;
}

static int observe(struct ww_session *session, enum ww_session_end *end)
{
	uint64_t deadline =
		session->options.duration_ns ? session->start_ns + session->options.duration_ns : UINT64_MAX;
	uint64_t next_second = clock_ns(CLOCK_MONOTONIC) + until_next_second();
	int err = 0;

	while (!err) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC), wake = next_second < deadline ? next_second : deadline;
		uint64_t wait_ms = wake > now ? (wake - now + 999999) / 1000000 : 0;

		*end = WW_SESSION_SIGNAL;
		if (signalled && !session->options.keep_signals)
			return 0;
		*end = WW_SESSION_DURATION;
		if (now >= deadline)
			return 0;
		*end = WW_SESSION_PIDS;
		if (processes_ended(session))
			return 0;
		*end = WW_SESSION_CALLBACK;
		err = drain(session, wait_ms < DRAIN_MS ? (int)wait_ms : DRAIN_MS);
		if (err >= 0)
			err = session->options.each_drain ? session->options.each_drain(session->options.ctx, session)
							  : 0;
		if (!err && clock_ns(CLOCK_MONOTONIC) >= next_second) {
			err = do_second(session);
			next_second = clock_ns(CLOCK_MONOTONIC) + until_next_second();
		}
	}
	return err < 0 ? err : 0;
}

/* What ended before now is in the rings. */
static int take_rest(struct ww_session *session)
{
	int got = 1;

	for (int i = 0; got > 0 && i < LAST_DRAINS; i++)
		got = drain(session, 0);
	return got < 0 ? got : 0;
}

int ww_session__start(struct ww_session *session)
{
	int err = ww_ingest__create(&session->ingest, &session->options.ingest);

	/* A recording says from the first moment on what it is of. */
	return err ? err : ww_ingest__tick(session->ingest, clock_ns(CLOCK_MONOTONIC), NULL);
}

int ww_session__run(struct ww_session *session, enum ww_session_end *end)
{
	int err = session->ingest ? 0 : ww_session__start(session);

	if (!err)
		err = observe(session, end);
	if (!err)
		err = take_rest(session);
	session->end_ns = clock_ns(CLOCK_MONOTONIC);
	if (!err)
		err = read_counts(session);
	if (!err)
		err = ww_ingest__finish(session->ingest, session->end_ns, session->counters);
	return err;
}
