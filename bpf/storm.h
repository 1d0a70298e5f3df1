/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Storm limits: how much of what is flooded a port or tunnel may send.
 *
 * A bucket is one word, the time at which it is full again, that all CPUs add to: a packet costs `gap`, and there is room
 * for it while that time is at most `depth` ahead. So a burst is one second's worth at most, however many CPUs
 * it comes by. Only frames that are about to be flooded get here, and of them only those of a member with WEFT_STORM.
 */
#ifndef WEFT_BPF_STORM_H
#define WEFT_BPF_STORM_H

#include "bpf/trace.h"

#define STORM_TRIES 32 /* each that fails means that another CPU has taken a place */

static __always_inline __u32 storm_class(const struct frame *f)
{
	const __u16 *dst = (const __u16 *)f->dst;

	if (!mac_is_group(f->dst))
		return WEFT_STORM_UNKNOWN;
	return (dst[0] & dst[1] & dst[2]) == 0xffff ? WEFT_STORM_BROADCAST : WEFT_STORM_MULTICAST;
}

/* Is there a place left? Takes it. */
__noinline int storm_take(struct weft_storm_bucket *bucket)
{
	__u64 now = bpf_ktime_get_ns(), gap;

	if (!bucket)
		return false;
	gap = bucket->gap;
	if (!gap)
		return true;
	for (int i = 0; i < STORM_TRIES; i++) {
		__u64 is = *(volatile __u64 *)&bucket->until, from = is > now ? is : now;

		if (from - now > bucket->depth)
			return false;
		if (tracing)
			return true;
		if (__sync_val_compare_and_swap(&bucket->until, is, from + gap) == is)
			return true;
	}
	return false;
}

/* May the frame be flooded? `member`: the port it came by, or tunnel | WEFT_TRUNK_TUNNEL. */
__noinline int storm_allows(const struct frame *f, __u32 member)
{
	struct weft_storm *storm;

	if (!f)
		return false;
	storm = bpf_map_lookup_elem(&storms, &member);
	if (!storm)
		return true;
	switch (storm_class(f)) {
	case WEFT_STORM_BROADCAST:
		return storm_take(&storm->bucket[WEFT_STORM_BROADCAST]);
	case WEFT_STORM_UNKNOWN:
		return storm_take(&storm->bucket[WEFT_STORM_UNKNOWN]);
	default:
		return storm_take(&storm->bucket[WEFT_STORM_MULTICAST]);
	}
}

#endif
