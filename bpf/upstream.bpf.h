/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections that requests use as clients: databases, caches, other services (rule 2 of DESIGN.md). A socket becomes
 * one when a thread that works for a request sends on it.
 */
#ifndef WHYWAIT_UPSTREAM_H
#define WHYWAIT_UPSTREAM_H

#include "aside.bpf.h"
#include "conn.bpf.h"
#include "cork.bpf.h"
#include "executor.bpf.h"
#include "goroutine.bpf.h"
#include "job.bpf.h"
#include "message.bpf.h"
#include "peer.bpf.h"
#include "shared.bpf.h"
#include "stack.bpf.h"
#include "system.bpf.h"
#include "traffic.bpf.h"

/* Fills in whom a socket is connected to; false for what is no upstream: a socketpair, a socket without a peer. */
static __always_inline bool ww_upstream_peer(struct ww_peer *peer, struct sock *sk)
{
	__builtin_memset(peer, 0, sizeof(*peer));
	u16 family = sk->__sk_common.skc_family;
	if (family == AF_UNIX) {
		struct unix_sock *u = (struct unix_sock *)sk;
		u = (struct unix_sock *)BPF_CORE_READ(u, peer);
		return u && ww_peer_unix(peer, u);
	}
	if (family != AF_INET && family != AF_INET6)
		return false;
	struct in6_addr v6;
	v6 = sk->__sk_common.skc_v6_daddr;
	ww_peer_address(peer, &v6, sk->__sk_common.skc_daddr, family);
	peer->port = ww_swap16(sk->__sk_common.skc_dport);
	return true;
}

/* Names the peer; the first bytes (NULL when nothing was sent yet) tell what it speaks. */
static __noinline bool ww_upstream_classify(struct ww_conn *conn, struct sock *sk, const struct ww_first *first,
					    u64 len)
{
	struct ww_peer peer;
	if (!ww_upstream_peer(&peer, sk))
		return false;
	u8 system = first ? ww_system_of_bytes(first, len) : WW_SYSTEM_UNKNOWN;
	u8 wellknown = ww_system_of_port(peer.port);
	/* Not what only its port says, which may be behind TLS; and of a unix socket nothing tells that it is gone. */
	conn->counts = system == WW_SYSTEM_REDIS && peer.family != AF_UNIX;
	/* Behind TLS there is what the port says, and so where the first bytes say nothing. */
	if (system == WW_SYSTEM_UNKNOWN || (system == WW_SYSTEM_TLS && ww_system_kind(wellknown) == WW_KIND_DB))
		system = wellknown;
	peer.system = system;
	conn->system = system;
	conn->peer = ww_peer_intern(&peer);
	conn->classified = first != NULL;
	return true;
}

static __noinline bool ww_upstream_has_peer(struct sock *sk)
{
	struct ww_peer peer;
	return ww_upstream_peer(&peer, sk);
}

/* By the first bytes that are sent. */
static __noinline bool ww_upstream_classify_sent(struct ww_conn *conn, struct sock *sk, struct task_struct *task,
						 int len)
{
	struct ww_message *m = ww_message_spare();
	struct ww_first first;
	if (!m)
		return false;
	ww_message_find(m, task, WW_MESSAGE_SPARE);
	ww_message_peek(m, len, &first);
	return ww_upstream_classify(conn, sk, &first, len);
}

/* Whose work is it that the thread sends something on a connection (NULL: on a new one)? 0 when that is nobody's. */
static __always_inline ww_ref ww_upstream_whose(struct ww_thread *t, struct ww_conn *conn)
{
	ww_ref job = ww_job_of(t);
	if (job)
		return job;
	if (ww_queues_on && t->takes)
		return ww_request_get(t->unit) ? t->unit : 0;
	if (t->python && t->loop)
		ww_executor_folds(t);
	else if (t->uvpool && ww_uvpool_looks(t, true)) {
		ww_executor_hands(t, t->owes_task, t->owes_key);
		ww_uvpool_looks(t, true);
	}
	ww_ref whose = ww_shared_whose(t, conn);
	if (whose != ~0ull)
		return whose;
	if (ww_go_is(t))
		return ww_goroutine_of_send(t);
	return t->uvloop && t->loop ? ww_carrier_of_uvloop(t, conn) : ww_carrier_of_send(t, conn);
}

static __always_inline void ww_upstream_touched(struct ww_thread *t, struct ww_request *r, struct ww_touch *touch,
						u64 now)
{
	if (r->job)
		ww_job_touched(r, t, touch);
	else
		ww_touched(t, r, touch, now);
}

static __always_inline void ww_upstream_connecting(struct sock *sk)
{
	struct ww_thread *t = ww_thread_of(ww_current());
	if (!t)
		t = ww_handoff_sender(ww_current());
	if (!t)
		return;
	t->connecting.type = WW_DETAIL_NONE;
	struct ww_request *r = ww_request_get(ww_upstream_whose(t, NULL));
	if (!r)
		return;
	/* A server's end may be disconnected and used again: what is open on it must not be lost. */
	struct ww_conn *conn = ww_conn_get(sk);
	if (conn && conn->role == WW_ROLE_SERVER)
		return;
	conn = ww_conn_create(sk, WW_ROLE_CLIENT);
	if (!conn)
		return;
	conn->first = r->account.id;
	conn->connecting = 1;
	conn->awaited = 1;
	conn->guessed = r->guessed;
	ww_outstanding(r, 1);
	ww_upstream_classify(conn, sk, NULL, 0);
	struct ww_touch touch;
	ww_touch_upstream(&touch, conn);
	ww_upstream_touched(t, r, &touch, bpf_ktime_get_ns());
	r->awaited = (struct ww_cause){.kind = touch.kind, .type = touch.type, .value = touch.value};
	if (ww_traffic_thin)
		ww_traffic_note(r, ww_traffic_state(conn, r->account.id, WW_TRAFFIC_CONNECT, 0));
	t->connecting.kind = touch.kind;
	t->connecting.type = touch.type;
	t->connecting.value = touch.value;
}

/*
 * The first send on a connection that was made without blocking: charges the wait for it. From then on the request was
 * in the queue, up to the step that sends; unless its thread has slept since, and so had seen to the connection before.
 */
static __always_inline void ww_upstream_connected(struct ww_request *r, const struct ww_conn *conn, struct ww_thread *t,
						  struct ww_touch *touch)
{
	u64 connected = conn->sent;
	if (!connected || r->state != WW_STATE_WAIT)
		return;
	touch->receive = true;
	touch->ready = 0;
	ww_charge_gap(r, t, touch, connected);
	touch->receive = false;
	if (t->slept < connected + WW_WAKE_RACE_NS)
		r->state = WW_STATE_READY;
}

static __always_inline void ww_upstream_recorded(struct ww_conn *conn, struct ww_request *r, u64 began, u64 now,
						 u64 call)
{
	if (ww_traffic_thin)
		ww_traffic_note(r, ww_traffic_moved(conn, r->account.id, began, now, call));
}

/* The same for nobody that is known: what follows on this connection could not be told without it. */
static __always_inline void ww_upstream_unowned(struct ww_conn *conn, u64 began, u64 call)
{
	if (conn && conn->number)
		ww_traffic_moved(conn, 0, began, bpf_ktime_get_ns(), call);
}

/* A socket may be connected again: that is another connection then. */
static __always_inline void ww_upstream_closed(struct ww_conn *conn, struct sock *sk)
{
	ww_shared_closed(conn);
	conn->asker = 0;
	conn->asked_before = 0;
	conn->askers = 0;
	if (!conn->number)
		return;
	ww_traffic_state(conn, 0, WW_TRAFFIC_CLOSED, sk->sk_err);
	conn->number = 0;
	conn->calls[WW_RX] = 0;
	conn->calls[WW_TX] = 0;
}

/* Several requests' commands were sent on it. */
static __always_inline void ww_upstream_divided(struct ww_conn *conn, struct sock *sk)
{
	u64 now = bpf_ktime_get_ns();
	conn->awaited = 1;
	conn->connecting = 0;
	conn->first = 0;
	conn->sent = now;
	conn->ready = ww_waiting(sk) ? now : 0;
}

/* A connection is sent to whose commands are counted: whether that is all that was ever sent on it. */
static __always_inline void ww_upstream_meets(const struct ww_thread *t, struct ww_conn *conn, struct sock *sk, int len)
{
	struct tcp_sock *tp = ww_shared_is(t, conn) ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (!tp)
		return;
	/* What was acknowledged counts the connection's beginning, too. */
	u64 sent = tp->bytes_acked + (u32)(tp->write_seq - tp->snd_una);
	ww_shared_meets(conn, sent <= (u64)len + 1, (u64)(tp->srtt_us >> 3) * 4000);
}

static __always_inline void ww_upstream_sent(struct sock *sk, struct ww_conn *conn, int len)
{
	struct task_struct *task = ww_current();
	struct ww_thread *t = ww_thread_of(task);
	if (!t)
		t = ww_handoff_sender(task);
	if (t && t->corked)
		ww_cork_look(t, bpf_ktime_get_ns(), true);
	if (!conn && len == 1 && ww_python_loops && !ww_by_hand && sk->__sk_common.skc_family == AF_UNIX &&
	    ww_executor_may_be()) {
		if (!t)
			t = ww_executor_met(task);
		if (t && !t->loop && !t->job)
			ww_executor_ends(t, 0);
		return;
	}
	if (!t && ww_python_loops && ww_uvpool_meets(bpf_get_current_pid_tgid() >> 32))
		t = ww_executor_meets(task);
	/* A server's end that was there before observation, on which a response is sent now. */
	if (!conn) {
		if (!t && !ww_virtual_any && !ww_asides_known)
			return;
		if (ww_conn_of_server(sk) || !ww_upstream_has_peer(sk))
			return;
		if (!t) {
			ww_aside_sent(t);
			if (ww_virtual_any)
				ww_virtual_strays(false);
			return;
		}
	}
	struct ww_request *r = t ? ww_request_get(ww_upstream_whose(t, conn)) : NULL;
	if (ww_virtual_any && (!r || r->helper || r->anonymous))
		ww_virtual_strays(t && t->go == WW_GO_VIRTUAL);
	if (!r) {
		ww_aside_sent(t);
		if (t && t->phase_at && conn && !conn->classified)
			ww_upstream_classify_sent(conn, sk, task, len);
		if (t && conn) {
			ww_upstream_meets(t, conn, sk, len);
			ww_shared_sent(t, conn, NULL, len);
		}
		ww_upstream_unowned(conn, 0, WW_TRAFFIC_CALL(WW_TRAFFIC_SENT, len));
		if (conn && conn->role == WW_ROLE_CLIENT && !conn->awaited)
			conn->first = 0;
		return;
	}
	if (!conn || !conn->classified) {
		if (!conn)
			conn = ww_conn_create(sk, WW_ROLE_CLIENT);
		if (!conn || !ww_upstream_classify_sent(conn, sk, task, len))
			return;
	}
	ww_upstream_meets(t, conn, sk, len);
	if (!ww_shared_sent(t, conn, r, len)) {
		ww_upstream_unowned(conn, 0, WW_TRAFFIC_CALL(WW_TRAFFIC_SENT, len));
		ww_upstream_divided(conn, sk);
		return;
	}
	if (ww_queues_on && r->message && conn->peer != r->broker)
		r->worked = 1;
	struct ww_touch touch;
	ww_touch_upstream(&touch, conn);
	bool connected = conn->connecting;
	if (connected) {
		conn->connecting = 0;
		ww_upstream_connected(r, conn, t, &touch);
		if (conn->first != r->account.id)
			ww_conn_unawaited(conn);
	} else {
		touch.blocked = (r->job || t->home == r->account.id) && t->off_nr == ww_syscall_nr(task);
	}
	if (r->job)
		touch.blocked |= connected;
	u64 now = bpf_ktime_get_ns(), began = touch.blocked ? r->mark : now;
	ww_upstream_touched(t, r, &touch, now);
	if (ww_stacks_on && t->sampled && (t->loop || t->go))
		ww_stack_of_send(r, t);
	ww_upstream_recorded(conn, r, began, now, WW_TRAFFIC_CALL(WW_TRAFFIC_SENT, len));
	if (!conn->awaited || conn->first != r->account.id)
		conn->guessed = r->guessed;
	if (r->anonymous && !r->heir_of && conn->first != r->account.id)
		r->heir_of = conn->first;
	conn->sent = now;
	if (t->go == WW_GO_TOKIO && !ww_handoffs_off)
		conn->awaited_by = ww_tokio_awaited();
	r->awaited = (struct ww_cause){.kind = touch.kind, .type = touch.type, .value = touch.value};
	if (t->shared)
		r->answer = r->awaited;
	/* Datagrams may go unanswered. */
	if (sk->sk_type == SOCK_STREAM && !conn->shared && (!conn->awaited || conn->first != r->account.id)) {
		ww_outstanding(r, 1);
		if (ww_queues_on && r->message && conn->peer != r->broker)
			r->awaits++;
	}
	/* Work that only made the connection has no other. */
	struct ww_request *maker = ww_request_get(connected && conn->first != r->account.id ? conn->first : 0);
	if (maker && maker->anonymous && !maker->outstanding && maker->state == WW_STATE_WAIT) {
		ww_traffic_adopted(r, maker);
		ww_request_free(maker);
	}
	conn->awaited = 1;
	conn->first = r->account.id;
	/* The answer may be there before this hook is. */
	conn->ready = ww_waiting(sk) ? bpf_ktime_get_ns() : 0;
	r->complete_at = 0;
	if (conn->ready)
		ww_answer_arrived(conn, r, conn->ready);
}

/* A server that speaks first (MySQL) may be told by its greeting. */
static __noinline void ww_upstream_greeted(struct ww_conn *conn, struct sock *sk, struct task_struct *task, u64 len)
{
	struct ww_message *m = ww_message_spare();
	struct ww_first first;
	if (!m)
		return;
	ww_message_find(m, task, WW_MESSAGE_SPARE);
	ww_message_peek(m, len, &first);
	if (ww_system_of_bytes(&first, len) != WW_SYSTEM_UNKNOWN)
		ww_upstream_classify(conn, sk, &first, len);
}

/*
 * There is nothing to read. A thread of a pool that has no work of its own yet, and tries, goes on with what an event
 * loop has read there.
 */
static __always_inline void ww_upstream_tried(struct ww_conn *conn)
{
	struct ww_thread *t = ww_thread_get(ww_current());
	if (!t || !t->pool || t->loop || ww_request_get(t->ref))
		return;
	struct ww_request *r = ww_request_get(conn->first);
	struct ww_touch touch = {.kind = WW_KIND_OTHER};
	if (r && r->helper && r->state == WW_STATE_WAIT && !r->outstanding)
		ww_touched(t, r, &touch, bpf_ktime_get_ns());
}

static __always_inline void ww_upstream_received(struct sock *sk, struct ww_conn *conn, u64 len)
{
	struct task_struct *task = ww_current();
	if (!conn) {
		ww_phase_strays(ww_thread_get(task));
		if (sk->__sk_common.skc_family != AF_UNIX)
			return;
	}
	struct ww_thread *t = ww_thread_of(task);
	if (!t && conn && conn->awaited && ww_request_get(conn->first)) {
		/* As an event loop does for the threads of its pool. */
		t = ww_handoff_sender(task);
		if (t)
			t->loop = 1;
	}
	if (!t) {
		if (conn)
			ww_upstream_unowned(conn, conn->ready, WW_TRAFFIC_CALL(WW_TRAFFIC_RECEIVED, len));
		return;
	}
	struct ww_touch touch;
	struct ww_request *r, *whole = NULL;
	u64 now = bpf_ktime_get_ns();
	ww_cork_ends(t, now);
	if (conn) {
		if (!conn->classified && conn->connecting)
			ww_upstream_greeted(conn, sk, task, len);
		ww_loop_read(t, conn);
		if (t->uvloop == WW_UVLOOP_DOUBTED)
			ww_uvloop_reads();
		ww_phase_reads(t, conn);
		if (ww_go_is(t))
			ww_goroutine_answers(conn);
		r = ww_request_get(ww_shared_answers(t, conn, len, now));
		if (!r && conn->guessed) {
			/* Whom it was taken for has ended: it was another sleeper's. */
			r = ww_request_get(ww_carrier_sleeper(t, false));
			if (r) {
				ww_charge(r, WW_KIND_SLEEP, WW_DETAIL_NONE, 0, conn->sent);
				r->guessed = 1;
				ww_infer(r);
				ww_untold_guess(t, r);
			}
		}
		if (r && t->pool && !r->helper && r->state == WW_STATE_ATTACHED && r->owner != t->tid) {
			/* The request's thread waits for the one that reads. */
			whole = r;
			r = ww_handoff_open(conn->sent);
			if (r) {
				r->root = whole->account.id;
				r->answered = 0;
			}
		}
		if (r) {
			ww_touch_upstream(&touch, conn);
			touch.receive = true;
			ww_upstream_touched(t, r, &touch, now);
			r->answered = conn->ready ? conn->ready : now;
			r->answer.kind = touch.kind;
			r->answer.type = touch.type;
			r->answer.value = touch.value;
			r->async |= r->helper && t->loop;
			if (whole)
				r = whole;
			if (conn->awaited && r->outstanding && !conn->shared)
				ww_outstanding(r, -1);
			if (ww_queues_on && conn->awaited && !conn->shared && r->awaits && conn->peer != r->broker)
				r->awaits--;
			if (conn->awaited_by) {
				if (!ww_tokio_answered(conn->awaited_by))
					ww_traffic_note(r, false);
				conn->awaited_by = 0;
			}
			if (conn->counted && r->arrived)
				__sync_fetch_and_add(&r->arrived, -1);
			conn->counted = 0;
			ww_upstream_recorded(conn, r, conn->ready, now, WW_TRAFFIC_CALL(WW_TRAFFIC_RECEIVED, len));
			if (t->executor && r->helper)
				ww_worker_answered(r);
			if (t->python && r->anonymous && !r->helper) {
				ww_ref whose = ww_carrier_again(t, r);
				if (!whose)
					ww_subtask_answered(t, r, now);
				else /* more of the answer may come */
					conn->first = whose;
			}
		} else {
			ww_upstream_unowned(conn, conn->ready, WW_TRAFFIC_CALL(WW_TRAFFIC_RECEIVED, len));
		}
		if (conn->connecting)
			conn->sent = 0;
		conn->awaited = conn->shared > 1;
		conn->guessed = 0;
		conn->ready = ww_waiting(sk) ? now : 0;
		return;
	}
	/* A socketpair: another process or thread of its own answers. */
	if (t->python && t->loop && ww_executor_of()) {
		ww_executor_folds(t);
		return;
	}
	if (t->ref || !t->home)
		return;
	r = ww_request_get(t->home);
	if (!r)
		return;
	touch.kind = WW_KIND_IPC;
	touch.type = WW_DETAIL_NAME;
	touch.value = WW_NAME_UNIX;
	touch.ready = 0;
	touch.receive = true;
	touch.blocked = false;
	ww_touched(t, r, &touch, now);
}

#endif
