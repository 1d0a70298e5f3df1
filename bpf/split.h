/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Split: super-packets that cannot be encapsulated as they are.
 *
 * Segmentation copies the outer header to every segment. What must differ there (GRE's sequence number,
 * a checksum over segments of unequal length), what is in a tunnel already, and what is to be cut into outer fragments,
 * goes to the splitter first: a device of weft's own (daemon/splitter.c) whose kernel cuts it into single packets. They
 * come to program weft_split, one by one and in order, with the control block that they were sent with.
 */
#ifndef WEFT_BPF_SPLIT_H
#define WEFT_BPF_SPLIT_H

#include "bpf/frame.h"

/* What is left to do with a frame that the datapath sends to itself: be encapsulated for one remote. */
static __always_inline void defer_mark(struct __sk_buff *skb, const struct frame *f, __u32 remote,
				       __u32 fragment)
{
	skb->cb[0] = defer_token[0];
	skb->cb[1] = defer_token[1];
	skb->cb[2] = remote;
	skb->cb[3] = f->vlan | fragment << 16;
}

#define DEFER_DECAP                                                                                \
	0xffffffff /* in place of a remote: it is still to be decapsulated (bpf/collect.h) */

/* For a packet from the underlay, which is to be decapsulated when it is in pieces. */
static __always_inline void defer_mark_decap(struct __sk_buff *skb)
{
	skb->cb[0] = defer_token[0];
	skb->cb[1] = defer_token[1];
	skb->cb[2] = DEFER_DECAP;
	skb->cb[3] = 0;
}

static __always_inline void defer_unmark(struct __sk_buff *skb)
{
	skb->cb[0] = 0;
	skb->cb[1] = 0;
}

/* Was the frame marked? Its remote, or DEFER_DECAP, or 0. */
static __always_inline __u32 defer_marked(struct __sk_buff *skb, struct frame *f)
{
	__u32 remote = skb->cb[2];

	if (skb->cb[0] != defer_token[0] || skb->cb[1] != defer_token[1])
		return 0;
	f->vlan = skb->cb[3] & VLAN_VID_MASK;
	f->fragment = skb->cb[3] >> 16;
	defer_unmark(skb);
	return remote;
}

/* ifindex of the splitter, 0: this host has none. */
static __always_inline __u32 splitter_get(void)
{
	__u32 zero = 0;
	struct weft_control *c = bpf_map_lookup_elem(&control, &zero);

	return c ? c->splitter : 0;
}

#endif
