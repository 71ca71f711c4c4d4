/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From where on something is a finding. All in one place, each with its reason. */
#ifndef WHYWAIT_LIMITS_H
#define WHYWAIT_LIMITS_H

/*
 * What mending has to save, of the mean or of the 95th percentile, to be worth reading about. An operation can be
 * mended by an hour's work, so less is enough than where a kind of time as a whole is too much: that is never 0.
 */
#define WW_LIMIT_OPERATION_SHARE 0.05
#define WW_LIMIT_KIND_SHARE	 0.10

/* And at the least, of either: below that lies what observing and scheduling do to a request. */
#define WW_LIMIT_SAVES_NS 50000

/* Fewer requests are an accident, not a habit. */
#define WW_LIMIT_REQUESTS 5

/* A habit of one request in so many shows at the 95th percentile; what is rarer does not. */
#define WW_LIMIT_REQUESTS_SHARE 0.05

/*
 * One statement so many times in a request, one after the other: lists of fewer are as often a few different things
 * asked for by name, and one query instead of them saves three round trips at most.
 */
#define WW_LIMIT_RUNS 5

/* The answer is larger where the statement runs more often (Pearson's correlation): it runs once a row. */
#define WW_LIMIT_CORRELATION 0.7

/* A slow query makes at least so much of the endpoint's db time .. */
#define WW_LIMIT_SLOW_SHARE  0.5
/* .. takes so long (a lookup by an index takes well under a millisecond, and a round trip to the next zone two) .. */
#define WW_LIMIT_SLOW_NS     3000000
/* .. and so many times as long as the quickest answer of that server: the way there is not what takes the time. */
#define WW_LIMIT_SLOW_FACTOR 3

/*
 * Compute dominates from here on: more than all waits together. A request that wants to compute and gets no CPU may
 * compute little of its time: then of what is left without the waiting for a CPU, as much as bounds it by the verdict.
 */
#define WW_LIMIT_COMPUTE_SHARE	       0.5
#define WW_LIMIT_COMPUTE_STARVED_SHARE 0.667
/* What a faster language is taken to be, as in the verdict. */
#define WW_LIMIT_FASTER		       10

/* A kind that is this much of the tail is a finding, also where the mean has little of it. */
#define WW_LIMIT_TAIL_SHARE 0.2

/*
 * A service is an event loop where so much of its requests' queueing comes after they were first picked up: a worker
 * that has begun with a request does not put it back. The moments in which a worker is being woken do not count.
 */
#define WW_LIMIT_LATE_QUEUE_SHARE 0.1
#define WW_LIMIT_LATE_QUEUE_NS	  50000

/*
 * Who held the threads up is named when so much of the queueing is accounted for by requests that were kept. When it is
 * not, a queue of less than a quarter of the time is none: on a busy machine to wake a thread is as much of a short
 * request.
 */
#define WW_LIMIT_SEEN_SHARE   0.1
#define WW_LIMIT_UNSEEN_SHARE 0.25

/*
 * Requests in a queue wait for work that is for no request, where so much of their waiting is not accounted for, though
 * all requests were kept.
 */
#define WW_LIMIT_NOBODYS_SHARE 0.15

/*
 * One request blocks an event loop where it holds it for so much of the time that another waits; where many hold it for
 * less each, it is busy. And it is blocked where so much of that is of the first kind.
 */
#define WW_LIMIT_BLOCKS_SHARE  0.25
#define WW_LIMIT_BLOCKED_SHARE 0.25

/* A function is named as one that burns compute from so much of it on: below, mending it is hardly felt. */
#define WW_LIMIT_HOTSPOT_SHARE 0.05

#endif
