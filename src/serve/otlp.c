/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part that sends whole requests to an OpenTelemetry collector. The daemon's thread puts them into a queue of
 * bounded size; a thread of its own takes them from there in batches and tries until the collector has them, or for too
 * long.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>

#include "outputs/otlp.h"
#include "serve/daemon.h"
#include "serve/log.h"
#include "serve/otlp_post.h"

#define QUEUE_BYTES	(8u << 20)
#define BATCH_BYTES	(1u << 20) /* of spans; collectors take 4 MiB and more */
#define BATCH_REQUESTS	512
#define BATCH_SECONDS	5  /* the longest that a request waits for others to go with */
#define POST_SECONDS	10 /* that a collector may take to answer */
#define LAST_SECONDS	2  /* the same when the daemon ends */
#define RETRY_FIRST_MS	1000
#define RETRY_MOST_MS	30000
#define GIVE_UP_SECONDS 300 /* after which a batch is dropped */

struct entry {
	struct entry *next;
	char *spans;
	unsigned spans_len;
	size_t bytes;
	char service[]; /* its name */
};

/* What is sent together. */
struct batch {
	struct entry *first;
	struct ww_otlp_item items[BATCH_REQUESTS];
	size_t len;
	uint64_t spans;
};

struct otlp {
	struct ww_daemon *daemon;
	struct ww_otlp_post *post;
	struct utsname host;
	pthread_t thread;
	bool runs;
	atomic_int stop; /* breaks off what is being sent, too */
	struct batch batch;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t more;  /* a batch may be had */
	pthread_cond_t ended; /* `stop` is set */
	struct entry *first, **last;
	size_t bytes, len;
	time_t since; /* when `first` came, by CLOCK_MONOTONIC */
	bool full;    /* it was said that the queue is full */
};

static time_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Ids need not be secrets, but no two may be alike: where the kernel has nothing to give, the clock has. */
static void random_bytes(void *bytes, size_t len)
{
	struct timespec now;

	if (getrandom(bytes, len, GRND_NONBLOCK) == (ssize_t)len)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	memset(bytes, 1, len);
	memcpy(bytes, &now.tv_nsec, len < sizeof(now.tv_nsec) ? len : sizeof(now.tv_nsec));
}

static void entry_free(struct entry *entry)
{
	if (!entry)
		return;
	free(entry->spans);
	free(entry);
}

static void entries_free(struct entry *entry)
{
	while (entry) {
		struct entry *next = entry->next;

		entry_free(entry);
		entry = next;
	}
}

static struct entry *entry_of(const struct ww_request *request)
{
	size_t name = strlen(request->service) + 1;
	struct entry *entry = calloc(1, sizeof(*entry) + name);

	if (!entry || ww_otlp__spans(&entry->spans, &entry->spans_len, request, random_bytes)) {
		entry_free(entry);
		return NULL;
	}
	memcpy(entry->service, request->service, name);
	entry->bytes = sizeof(*entry) + name + strlen(entry->spans) + 1;
	return entry;
}

static bool makes_batch(const struct otlp *otlp)
{
	return otlp->bytes >= BATCH_BYTES || otlp->len >= BATCH_REQUESTS;
}

static void enqueue(struct otlp *otlp, struct entry *entry)
{
	bool first = !otlp->first;

	if (first)
		otlp->since = now_seconds();
	*otlp->last = entry;
	otlp->last = &entry->next;
	otlp->bytes += entry->bytes;
	otlp->len++;
	if (first || makes_batch(otlp))
		pthread_cond_signal(&otlp->more);
}

static void request(void *self, const struct ww_request *request)
{
	struct otlp *otlp = self;
	bool put = false, say = false;
	struct entry *entry;

	if (!ww_otlp__sampled(request))
		return;
	entry = entry_of(request);
	if (!entry) {
		ww_daemon__lose(otlp->daemon, WW_LOSS_OTLP, 1 + request->operations_len);
		return;
	}
	pthread_mutex_lock(&otlp->lock);
	if (otlp->bytes + entry->bytes <= QUEUE_BYTES) {
		put = true;
		otlp->full = false;
		enqueue(otlp, entry);
	} else {
		say = !otlp->full;
		otlp->full = true;
	}
	pthread_mutex_unlock(&otlp->lock);
	if (say)
		ww_log(WW_LOG_WARNING, "%s does not take requests as fast as they come: spans are dropped",
		       ww_otlp_post__url(otlp->post));
	if (!put) {
		ww_daemon__lose(otlp->daemon, WW_LOSS_OTLP, entry->spans_len);
		entry_free(entry);
	}
}

static struct timespec in(unsigned ms)
{
	struct timespec then;

	clock_gettime(CLOCK_MONOTONIC, &then);
	then.tv_sec += ms / 1000;
	then.tv_nsec += (long)(ms % 1000) * 1000000;
	if (then.tv_nsec >= 1000000000) {
		then.tv_sec++;
		then.tv_nsec -= 1000000000;
	}
	return then;
}

/* Waits until there is a batch to send; an empty one is the end. */
static void next_batch(struct otlp *otlp, struct batch *batch)
{
	struct entry **end = &batch->first;
	size_t bytes = 0;

	*batch = (struct batch){0};
	pthread_mutex_lock(&otlp->lock);
	while (!otlp->stop && !makes_batch(otlp)) {
		time_t age = otlp->first ? now_seconds() - otlp->since : 0;

		if (age >= BATCH_SECONDS)
			break;
		const struct timespec then = in((unsigned)(BATCH_SECONDS - age) * 1000);
		pthread_cond_timedwait(&otlp->more, &otlp->lock, &then);
	}
	while (otlp->first && batch->len < BATCH_REQUESTS &&
	       (!batch->len || bytes + otlp->first->bytes <= BATCH_BYTES)) {
		struct entry *entry = otlp->first;

		otlp->first = entry->next;
		otlp->bytes -= entry->bytes;
		otlp->len--;
		bytes += entry->bytes;
		entry->next = NULL;
		*end = entry;
		end = &entry->next;
		batch->items[batch->len++] = (struct ww_otlp_item){entry->service, entry->spans};
		batch->spans += entry->spans_len;
	}
	if (!otlp->first)
		otlp->last = &otlp->first;
	otlp->since = now_seconds();
	pthread_mutex_unlock(&otlp->lock);
}

/* Sleeps, if the daemon does not end meanwhile. */
static void put_off(struct otlp *otlp, unsigned ms)
{
	const struct timespec then = in(ms);

	pthread_mutex_lock(&otlp->lock);
	while (!otlp->stop && pthread_cond_timedwait(&otlp->ended, &otlp->lock, &then) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&otlp->lock);
}

/* Half of it, and a random part of the other: daemons that were put off together do not come back together. */
static unsigned jitter(unsigned ms)
{
	unsigned short random;

	random_bytes(&random, sizeof(random));
	return ms / 2 + random % (ms / 2 + 1);
}

/* Posts until it is taken or given up; returns how many spans the collector did not take. */
static uint64_t deliver(struct otlp *otlp, const char *text, uint64_t spans)
{
	time_t began = now_seconds();
	unsigned backoff_ms = RETRY_FIRST_MS;
	bool said = false;
	static const atomic_int never;

	for (;;) {
		struct ww_otlp_answer answer;
		bool last = otlp->stop;

		ww_otlp_post__send(otlp->post, text, last ? LAST_SECONDS : POST_SECONDS, last ? &never : &otlp->stop,
				   &answer);
		if (answer.taken) {
			if (*answer.text)
				ww_log(WW_LOG_WARNING, "%s: %s", ww_otlp_post__url(otlp->post), answer.text);
			else if (said)
				ww_log(WW_LOG_INFO, "%s takes requests again", ww_otlp_post__url(otlp->post));
			return answer.rejected < spans ? answer.rejected : spans;
		}
		if (!answer.again || last || now_seconds() - began >= GIVE_UP_SECONDS) {
			ww_log(WW_LOG_WARNING, "%s: %s: %llu spans are dropped", ww_otlp_post__url(otlp->post),
			       answer.text, (unsigned long long)spans);
			return spans;
		}
		if (!said && !otlp->stop)
			ww_log(WW_LOG_WARNING, "%s: %s: tried again for %d minutes", ww_otlp_post__url(otlp->post),
			       answer.text, GIVE_UP_SECONDS / 60);
		said = true;
		put_off(otlp, answer.after_seconds ? answer.after_seconds * 1000 : jitter(backoff_ms));
		backoff_ms = backoff_ms * 2 < RETRY_MOST_MS ? backoff_ms * 2 : RETRY_MOST_MS;
	}
}

static void *sends(void *self)
{
	struct otlp *otlp = self;
	struct batch *batch = &otlp->batch;
	time_t last = 0;

	for (;;) {
		char *text;
		uint64_t lost;

		next_batch(otlp, batch);
		if (!batch->len)
			break;
		lost = batch->spans;
		if (otlp->stop && !last)
			last = now_seconds() + LAST_SECONDS;
		if (last && now_seconds() > last) {
			/* The end does not wait for a collector that is slow. */
		} else if (!ww_otlp__export(&text, batch->items, batch->len, otlp->host.nodename)) {
			lost = deliver(otlp, text, batch->spans);
			free(text);
		}
		if (lost)
			ww_daemon__lose(otlp->daemon, WW_LOSS_OTLP, lost);
		entries_free(batch->first);
	}
	return NULL;
}

static int open_part(void **self, struct ww_daemon *daemon, char *message, size_t message_size)
{
	const struct ww_serve_config *config = ww_daemon__config(daemon);
	const struct ww_otlp_post_options options = {
		.endpoint = config->otlp_endpoint,
		.headers_file = config->otlp_headers_file,
		.ca_file = config->otlp_ca_file,
	};
	pthread_condattr_t clock;
	struct otlp *otlp;
	int err;

	*self = NULL;
	if (!options.endpoint)
		return 0;
	otlp = calloc(1, sizeof(*otlp));
	if (!otlp) {
		snprintf(message, message_size, "out of memory");
		return -ENOMEM;
	}
	err = ww_otlp_post__open(&otlp->post, &options, message, message_size);
	if (err) {
		free(otlp);
		return err;
	}
	otlp->daemon = daemon;
	otlp->last = &otlp->first;
	uname(&otlp->host);
	pthread_mutex_init(&otlp->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&otlp->more, &clock);
	pthread_cond_init(&otlp->ended, &clock);
	pthread_condattr_destroy(&clock);
	*self = otlp;
	return 0;
}

static int start(void *self)
{
	struct otlp *otlp = self;
	int err = pthread_create(&otlp->thread, NULL, sends, otlp);

	otlp->runs = !err;
	return -err;
}

static void stop(void *self)
{
	struct otlp *otlp = self;

	pthread_mutex_lock(&otlp->lock);
	otlp->stop = 1;
	pthread_cond_signal(&otlp->more);
	pthread_cond_signal(&otlp->ended);
	pthread_mutex_unlock(&otlp->lock);
	if (otlp->runs)
		pthread_join(otlp->thread, NULL);
	entries_free(otlp->first);
	pthread_cond_destroy(&otlp->ended);
	pthread_cond_destroy(&otlp->more);
	pthread_mutex_destroy(&otlp->lock);
	ww_otlp_post__close(otlp->post);
	free(otlp);
}

const struct ww_daemon_part ww_part_otlp = {
	.name = "otlp",
	.open = open_part,
	.start = start,
	.request = request,
	.stop = stop,
};
