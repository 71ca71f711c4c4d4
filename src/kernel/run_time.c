/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/run_time.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

int ww_run_time__measure(void)
{
	return bpf_enable_stats(BPF_STATS_RUN_TIME);
}

int ww_run_time__add(int program, uint64_t *ns)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(program, &info, &len))
		return -errno;
	*ns += info.run_time_ns;
	return 0;
}

int ww_run_time__of(const struct bpf_object *object, uint64_t *ns)
{
	struct bpf_program *program;
	uint64_t sum = 0;

	bpf_object__for_each_program(program, object)
	{
		int fd = bpf_program__fd(program);
		/* Those that this kernel has no use for are not loaded. */
		int err = fd < 0 ? 0 : ww_run_time__add(fd, &sum);

		if (err)
			return err;
	}
	*ns = sum;
	return 0;
}
