/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "kernel/features.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>

#include "kernel/features_probe.h"

static const struct {
	struct ww_feature row;
	void (*probe)(const struct ww_probe *probe, struct ww_feature *row, int argument);
	int argument;
} features_known[WW_FEATURE_COUNT] = {
#define WW_FEATURE(id_, group_, name_, need_, probe_, argument_, purpose_, without_, mend_)                            \
	[WW_FEATURE_##id_] = {                                                                                         \
		.row = {.group = WW_FEATURE_GROUP_##group_,                                                            \
			.need = WW_FEATURE_##need_,                                                                    \
			.name = name_,                                                                                 \
			.purpose = purpose_,                                                                           \
			.without = without_,                                                                           \
			.mend = mend_},                                                                                \
		.probe = ww_probe_##probe_,                                                                            \
		.argument = argument_,                                                                                 \
	},
#include "kernel/features.def"
#undef WW_FEATURE
};

static void fill(struct ww_feature *row, enum ww_feature_state state, const char *format, va_list args)
{
	row->state = state;
	vsnprintf(row->found, sizeof(row->found), format, args);
}

void ww_feature__good(struct ww_feature *row, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(row, WW_FEATURE_OK, format, args);
	va_end(args);
}

void ww_feature__bad(struct ww_feature *row, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(row, row->need == WW_FEATURE_REQUIRED ? WW_FEATURE_MISSING : WW_FEATURE_DEGRADED, format, args);
	va_end(args);
}

void ww_feature__unknown(struct ww_feature *row, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(row, WW_FEATURE_UNKNOWN, format, args);
	va_end(args);
}

/* libbpf tells about what is missing by itself, on stderr. */
static int print_nothing(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

int ww_features__probe(struct ww_features *features)
{
	libbpf_print_fn_t print = libbpf_set_print(print_nothing);
	struct ww_probe probe = {.capabilities = ww_probe_capabilities(),
				 .host_user = ww_probe_host_user(),
				 .bpf_error = ww_probe_bpf_error()};

	probe.btf = btf__load_vmlinux_btf();
	if (!probe.btf) {
		probe.btf_error = errno;
		if (probe.btf_error == ENOMEM) {
			libbpf_set_print(print);
			return -ENOMEM;
		}
	}
	for (int id = 0; id < WW_FEATURE_COUNT; id++) {
		features->rows[id] = features_known[id].row;
		features_known[id].probe(&probe, &features->rows[id], features_known[id].argument);
	}
	btf__free(probe.btf);
	libbpf_set_print(print);
	return 0;
}

bool ww_features__can_observe(const struct ww_features *features, char *message, size_t message_size)
{
	for (int id = 0; id < WW_FEATURE_COUNT; id++) {
		const struct ww_feature *row = &features->rows[id];

		if (row->need != WW_FEATURE_REQUIRED || row->state == WW_FEATURE_OK)
			continue;
		snprintf(message, message_size, "can't observe here: %s is missing (%s): %s", row->name, row->found,
			 row->mend);
		return false;
	}
	return true;
}

const char *ww_feature_state_name(enum ww_feature_state state)
{
	static const char *const names[] = {"ok", "degraded", "missing", "unknown"};

	return names[state];
}

const char *ww_feature_group_name(enum ww_feature_group group)
{
	static const char *const names[WW_FEATURE_GROUP_COUNT] = {"privilege", "kernel", "host", "library"};

	return names[group];
}
