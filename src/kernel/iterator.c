/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/iterator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

int ww_iterator__run(struct bpf_link *link)
{
	char nothing[64];
	ssize_t n;
	int fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		return -errno;
	do {
		n = read(fd, nothing, sizeof(nothing));
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	int err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}
