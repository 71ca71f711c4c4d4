/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stands in for libbpf's header of this name: the fake kernel's structures are those of bpf/vmlinux.h themselves, so
 * nothing is relocated. A NULL on the way reads as 0, as it does in the kernel.
 */
#ifndef WHYWAIT_HOST_BPF_CORE_READ_H
#define WHYWAIT_HOST_BPF_CORE_READ_H

#define HOST_READ_1(src, a) ((src) ? (src)->a : (__typeof__((src)->a))0)
#define HOST_READ_2(src, a, b)                                                                                         \
	({                                                                                                             \
		__typeof__((src)->a) a_ = HOST_READ_1(src, a);                                                         \
		a_ ? a_->b : (__typeof__(a_->b))0;                                                                     \
	})
#define HOST_READ_4(src, a, b, c, d)                                                                                   \
	({                                                                                                             \
		__typeof__((src)->a->b) b_ = HOST_READ_2(src, a, b);                                                   \
		HOST_READ_2(b_, c, d);                                                                                 \
	})
#define HOST_PICK(_1, _2, _3, _4, name, ...) name
#define BPF_CORE_READ(src, ...)                                                                                        \
	HOST_PICK(__VA_ARGS__, HOST_READ_4, HOST_READ_3, HOST_READ_2, HOST_READ_1, )(src, __VA_ARGS__)
#define BPF_CORE_READ_BITFIELD(s, m)	    ((s)->m)
#define BPF_CORE_READ_BITFIELD_PROBED(s, m) ((s)->m)

/* A field of a type is there; one that only another kernel's flavour of a type has is not. */
#define HOST_EXISTS_1(field)	    0
#define HOST_EXISTS_2(type, field)  1
#define bpf_core_field_exists(...)  HOST_PICK(__VA_ARGS__, , , HOST_EXISTS_2, HOST_EXISTS_1, )(__VA_ARGS__)
#define bpf_core_field_offset(t, f) __builtin_offsetof(t, f)
#define bpf_core_type_size(type)    sizeof(type)
#define bpf_core_type_exists(type)  0

#endif
