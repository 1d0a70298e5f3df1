/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parse: the Ethernet header of a frame from a port.
 *
 * After this stage a VLAN tag, if there is one, is beside the frame (skb->vlan_*), where the
 * kernel keeps it for frames it received; a frame that a program of the host sent with
 * the tag in its bytes is brought into the same form.
 */
#ifndef WEFT_BPF_PARSE_H
#define WEFT_BPF_PARSE_H

#include "bpf/frame.h"

/* Enough for the inner headers that encapsulation reads: Ethernet and IPv6. */
#define PARSE_PULL 54

static __always_inline int parse_ethernet(struct __sk_buff *skb, struct frame *f)
{
	void *data = (void *)(long)skb->data;
	struct ethhdr *eth = data;

	if (data + PARSE_PULL > (void *)(long)skb->data_end) {
		__u32 want = skb->len < PARSE_PULL ? skb->len : PARSE_PULL;

		/* headers may be outside the linear part */
		if (bpf_skb_pull_data(skb, want))
			return WEFT_DROP_TRUNCATED;
		data = (void *)(long)skb->data;
		eth = data;
		if (data + sizeof(*eth) > (void *)(long)skb->data_end)
			return WEFT_DROP_TRUNCATED;
	}
	__builtin_memcpy(f->dst, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(f->src, eth->h_source, ETH_ALEN);
	f->proto = eth->h_proto;
	return 0;
}

/* Reads the Ethertype again after the kernel moved tags. */
static __always_inline int parse_proto(struct __sk_buff *skb, struct frame *f)
{
	return bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_proto), &f->proto, 2);
}

/* A tag in the frame's bytes moves beside the frame. */
static __noinline int parse_tag(struct __sk_buff *skb)
{
	__be16 tag[2];

	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_proto), tag, sizeof(tag)) ||
	    bpf_skb_vlan_pop(skb) || bpf_skb_vlan_push(skb, tag[0], bpf_ntohs(tag[1])))
		return WEFT_DROP_VLAN_TAGS;
	return 0;
}

static __always_inline int parse(struct __sk_buff *skb, struct frame *f)
{
	int reason = parse_ethernet(skb, f);

	if (reason)
		return reason;
	if (proto_is_vlan(f->proto) && !skb->vlan_present) {
		reason = parse_tag(skb);
		if (reason)
			return reason;
		/* two tags left in the bytes: the kernel did not see the first as one */
		if (parse_proto(skb, f) || (proto_is_vlan(f->proto) && !skb->vlan_present))
			return WEFT_DROP_VLAN_TAGS;
	}
	return 0;
}

#endif
