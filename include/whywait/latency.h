/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Log-linear buckets of a duration, as in HdrHistogram: 128 per power of two, so a bucket is at most 1/128 (0.8 %)
 * wide.
 */
#ifndef WHYWAIT_LATENCY_H
#define WHYWAIT_LATENCY_H

#include "abi.h"

#define WW_BUCKET_BITS 7
#define WW_BUCKETS     ((64 - WW_BUCKET_BITS + 1) << WW_BUCKET_BITS)

/* Index of the bucket that holds `ns`; values below 128 have a bucket each. */
static inline __u32 ww_bucket(__u64 ns)
{
	if (ns < (1 << WW_BUCKET_BITS))
		return (__u32)ns;
	__u32 shift = 63 - (__u32)__builtin_clzll(ns) - WW_BUCKET_BITS;
	return (shift << WW_BUCKET_BITS) + (__u32)(ns >> shift);
}

/* Smallest value of a bucket, in nanoseconds. */
static inline __u64 ww_bucket_low(__u32 bucket)
{
	if (bucket < (2 << WW_BUCKET_BITS))
		return bucket;
	__u32 shift = (bucket >> WW_BUCKET_BITS) - 1;
	return ((__u64)(bucket & ((1 << WW_BUCKET_BITS) - 1)) + (1 << WW_BUCKET_BITS)) << shift;
}

/* Number of values that a bucket holds. */
static inline __u64 ww_bucket_width(__u32 bucket)
{
	return bucket < (2 << WW_BUCKET_BITS) ? 1 : 1ull << ((bucket >> WW_BUCKET_BITS) - 1);
}

#endif
