/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/object_modules.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>

/*
 * For what the kernel's own types do not have, as a function of newer kernels, libbpf lists what there is of BPF on the
 * host, for which it needs CAP_SYS_ADMIN, and before 1.3 gives up without it: loading fails. It looks once for each
 * object, however that ends; so it is made to beforehand, for a function that there is not.
 */
void ww_object_modules__leave_out(struct bpf_object *object)
{
	struct bpf_program *program;
	uint32_t id;

	if (!bpf_btf_get_next_id(0, &id) || errno != EPERM)
		return;
	bpf_object__for_each_program(program, object)
	{
		if (bpf_program__type(program) != BPF_PROG_TYPE_TRACING)
			continue;
		bpf_program__set_attach_target(program, 0, "whywait_none");
		return;
	}
}
