/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What makes an endpoint slow and can be mended, found in its sums and its kept requests. A file a family:
 * findings_operations.c, findings_serial.c, findings_queue.c, findings_kinds.c; from where on something is a finding
 * stands in limits.h.
 */
#ifndef WHYWAIT_FINDINGS_H
#define WHYWAIT_FINDINGS_H

#include "model/catalog.h"
#include "model/crowd.h"
#include "model/profile.h"
#include "model/report.h"
#include "model/study.h"
#include "util/arena.h"

struct ww_findings_input {
	const struct ww_study *study;	  /* of the endpoint; NULL: no request was kept */
	const struct ww_crowd *crowd;	  /* of all endpoints; NULL: the same */
	struct ww_blockages *blockages;	  /* .. and what is found in it */
	const struct ww_catalog *catalog; /* names the endpoints of the crowd */
	uint32_t id;			  /* of the endpoint, there */
	const struct ww_profile *profile; /* of computing; NULL: no stacks were taken */
};

/*
 * Fills in the endpoint's findings, by what mending them saves, largest first; what they point to is of the arena. All
 * else that the report says of it, its outlook included, has to be there. -ENOMEM.
 */
int ww_findings__fill(struct ww_arena *arena, struct ww_endpoint_report *endpoint,
		      const struct ww_findings_input *input);

#endif
