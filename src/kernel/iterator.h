/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WHYWAIT_ITERATOR_H
#define WHYWAIT_ITERATOR_H

struct bpf_link;

/* Has a BPF iterator look at all that there is. A negative errno. */
int ww_iterator__run(struct bpf_link *link);

#endif
