/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stands in for libbpf's header of this name: a program is a function of the arguments that it declares. */
#ifndef WHYWAIT_HOST_BPF_TRACING_H
#define WHYWAIT_HOST_BPF_TRACING_H

#define BPF_PROG(name, ...) name(__VA_ARGS__)

#endif
