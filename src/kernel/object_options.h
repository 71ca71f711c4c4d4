/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How the BPF object is opened: it depends on what this process may do. */
#ifndef WHYWAIT_OBJECT_OPTIONS_H
#define WHYWAIT_OBJECT_OPTIONS_H

struct bpf_object_open_opts;

/* NULL: as it is. Static. */
const struct bpf_object_open_opts *ww_object_options(void);

#endif
