/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/object_options.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

/*
 * To look at the modules' types, too, libbpf lists what there is of BPF on the host, for which it needs CAP_SYS_ADMIN,
 * and gives up without it (1.1 does). All that is looked for is the kernel's own; told where to find that, it looks no
 * further.
 */
static const struct bpf_object_open_opts without_modules = {
	.sz = sizeof(without_modules),
	.btf_custom_path = "/sys/kernel/btf/vmlinux",
};

const struct bpf_object_open_opts *ww_object_options(void)
{
	uint32_t id;

	return bpf_btf_get_next_id(0, &id) && errno == EPERM ? &without_modules : NULL;
}
