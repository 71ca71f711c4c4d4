/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Programs attached to places in files of user space, in every process that has them mapped or will have.
 *
 * Two ways: by a performance event for each place, which newer kernels allow CAP_SYS_ADMIN only (CVE-2025-38466, July
 * 2025), or, since Linux 6.6, by one link for many places, for which CAP_BPF and CAP_PERFMON do (uprobe_multi). Which
 * one it is a program has to say before it is loaded.
 */
#ifndef WHYWAIT_USER_PROBES_H
#define WHYWAIT_USER_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_link;
struct bpf_program;

/* Whether this kernel has links for many places, as far as this process may use them. */
bool ww_user_probes__many(void);

/* Before loading: has the program attached by such links. */
void ww_user_probe__be_many(struct bpf_program *program);

/* What keeps programs attached to some places. */
struct ww_user_probe {
	struct bpf_link **events; /* NULL: one link for all */
	size_t events_len;
	int fd;			/* of that link */
	unsigned given, target; /* how often the target of events that were there before was given the program */
};

struct ww_user_probe_places {
	bool at_returns; /* of the functions that begin there */
	size_t len;
	const uint64_t *offsets;    /* in the file */
	const uint64_t *semaphores; /* counters that switch static probes on, in the file; 0: none */
	unsigned target;	    /* of ww_user_events__open(), for events that were opened before */
};

/* A negative errno; what was attached is the caller's, to be detached with ww_user_probe__detach(). */
int ww_user_probe__attach(struct ww_user_probe *probe, struct bpf_program *program, const char *path,
			  const struct ww_user_probe_places *places);

void ww_user_probe__detach(struct ww_user_probe *probe);

/* One such link of a loaded program; a descriptor or a negative errno. */
int ww_user_probes__link(int program, const char *path, const struct ww_user_probe_places *places);

/* A program of that kind that does nothing; a descriptor or a negative errno. */
int ww_user_probes__load_empty(void);

#endif
