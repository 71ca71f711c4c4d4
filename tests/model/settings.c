/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The settings of the BPF side. There they are read-only from loading on, and weak; these, which are neither, take
 * their places when the program is linked. A file of its own, as one can't declare them in both ways.
 */
#include <linux/types.h>

volatile _Bool ww_select_any = 1;
volatile _Bool ww_select_by_pid = 0;
volatile _Bool ww_select_by_comm = 0;
volatile _Bool ww_select_by_port = 0;
volatile _Bool ww_select_by_cgroup = 0;
volatile _Bool ww_preemptible = 0;
volatile _Bool ww_by_hand = 0;
volatile _Bool ww_without_loop = 0;
volatile __u32 ww_max_requests = 0;
volatile __u32 ww_max_peers = 16;
volatile __u64 ww_account_wakeup = 1 << 20;
volatile __u64 ww_segments_over_ns = 0;
volatile __u32 ww_segments_one_in = 0;
volatile __u64 ww_traffic_thin = 1 << 20;
volatile _Bool ww_stacks_on = 0;
volatile _Bool ww_allocations_on = 0;
volatile _Bool ww_queues_on = 0;
volatile _Bool ww_promises_on = 0;
volatile __u32 ww_stack_period_ns = 0;
