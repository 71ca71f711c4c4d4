/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An ELF file that an observed process has mapped, which may be anything: its symbols and probes are looked for. */
#include <stdlib.h>
#include <sys/mman.h>

/* The search in one file is its own part of the whole, which begins with a process. */
#include "../../src/kernel/call_sites.c"
#include "../../src/kernel/dynsym.c"
#include "../../src/kernel/probes.c"
#include "../../src/kernel/static_probes.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ww_dynsym symbols[] = {{.name = "_PyRuntime"}, {.name = "Py_Version"}};
	int fd = memfd_create("elf", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	int err = file_search(fd, 0x1000, symbols, 2);

	if (err && (symbols[0].address || symbols[1].address))
		abort();
	struct ww_probe_site sites[WW_PROBE_SITES];
	int len = ww_probes__find(fd, sites);

	if (len > WW_PROBE_SITES || (len < 0 && len != -E2BIG))
		abort();
	for (int i = 0; i < len; i++)
		if (sites[i].program >= WW_PROBE_PROGRAMS || !sites[i].offset)
			abort();
	close(fd);
	return 0;
}
