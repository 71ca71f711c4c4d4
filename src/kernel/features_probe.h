/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The probes behind features.def. Each fills `state` and `found` of its row. Internal to features. */
#ifndef WHYWAIT_FEATURES_PROBE_H
#define WHYWAIT_FEATURES_PROBE_H

#include <stdint.h>

#include "kernel/features.h"

struct btf;

/* What probes share. */
struct ww_probe {
	struct btf *btf;       /* of the kernel; NULL: none */
	int btf_error;	       /* why there is none */
	uint64_t capabilities; /* effective: bits CAP_* of linux/capability.h */
	bool host_user;	       /* in the host's user namespace: in any other, capabilities are none towards the host */
	int bpf_error;	       /* of the system call at its simplest; 0: it works */
};

/* Holds the capabilities, or CAP_SYS_ADMIN, that loading and attaching takes. */
bool ww_probe__privileged(const struct ww_probe *probe);

/* Whether loading and attaching can be tried. */
bool ww_probe__may_load(const struct ww_probe *probe);

/* Tries the system call bpf(). Returns 0 or a positive errno. */
int ww_probe_bpf_error(void);

/* What struct ww_probe says of the process. */
uint64_t ww_probe_capabilities(void);
bool ww_probe_host_user(void);

/* The row is as it should be. */
__attribute__((format(printf, 2, 3))) void ww_feature__good(struct ww_feature *row, const char *format, ...);

/* It is not: missing or degraded, as its need is. */
__attribute__((format(printf, 2, 3))) void ww_feature__bad(struct ww_feature *row, const char *format, ...);

/* It can't be told. */
__attribute__((format(printf, 2, 3))) void ww_feature__unknown(struct ww_feature *row, const char *format, ...);

/* Of the running kernel's BPF: features_bpf.c */
void ww_probe_bpf(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_btf(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_tracepoint(const struct ww_probe *probe, struct ww_feature *row, int arguments_min);
void ww_probe_iterator(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_map(const struct ww_probe *probe, struct ww_feature *row, int type);
void ww_probe_program(const struct ww_probe *probe, struct ww_feature *row, int type);
void ww_probe_helper(const struct ww_probe *probe, struct ww_feature *row, int helper);
void ww_probe_throttle(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_memlock(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_libbpf(const struct ww_probe *probe, struct ww_feature *row, int argument);

/* Of user space under observation: features_user.c */
void ww_probe_cpu_clock(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_uprobe(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_many(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_cookie(const struct ww_probe *probe, struct ww_feature *row, int argument);

/* Of programs that run: features_programs.c */
void ww_probe_golang(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_goroutines(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_node(const struct ww_probe *probe, struct ww_feature *row, int argument);

/* Of the process and the host: features_host.c */
void ww_probe_capability(const struct ww_probe *probe, struct ww_feature *row, int capability);
void ww_probe_architecture(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_jit(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_lockdown(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_pid_namespace(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_proc(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_cgroup2(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_bpf_stats(const struct ww_probe *probe, struct ww_feature *row, int argument);
void ww_probe_sysctl(const struct ww_probe *probe, struct ww_feature *row, int argument);

#endif
