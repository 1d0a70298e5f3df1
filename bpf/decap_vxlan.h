/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Validate: what RFC 7348 and RFC 768 demand of a VXLAN packet before anything in it is
 * believed. The 39 reserved bits are ignored, as RFC 7348 5 says.
 */
#ifndef WEFT_BPF_DECAP_VXLAN_H
#define WEFT_BPF_DECAP_VXLAN_H

#include "bpf/csum.h"
#include "bpf/frame.h"

#define VXLAN_I_FLAG 0x08

/* The outer headers of a packet from the underlay. */
struct underlay {
	struct weft_addr source, destination;
	__u32 ifindex;	 /* it came by */
	__u32 ip_offset; /* all offsets from skb->data */
	__u32 udp_offset;
	__u32 inner_offset;
	__u32 end; /* of the UDP datagram; what is behind it is padding */
	__u32 vni;
	__u16 port;
	__u16 udp_len;
	__u8 type; /* enum weft_type */
	__u8 ecn;
	bool summed; /* the UDP checksum is not 0 */
};

/* 0, or the reason to drop. Fills vni, inner_offset and end. */
static __always_inline int validate_vxlan(struct __sk_buff *skb, struct underlay *u, __u32 ip_end)
{
	struct udphdr *udp;
	__u8 *vxlan;

	if (skb->len < u->udp_offset + UDP_HLEN + VXLAN_HLEN)
		return WEFT_DROP_MALFORMED;
	udp = (void *)(long)skb->data + header_offset(u->udp_offset);
	vxlan = (void *)(udp + 1);
	if ((void *)(vxlan + VXLAN_HLEN) > (void *)(long)skb->data_end)
		return WEFT_DROP_MALFORMED;

	u->udp_len = bpf_ntohs(udp->len);
	u->summed = udp->check != 0;
	u->inner_offset = u->udp_offset + UDP_HLEN + VXLAN_HLEN;
	u->vni = vxlan[4] << 16 | vxlan[5] << 8 | vxlan[6];
	/* in a super-packet the lengths are those of one that is still to be cut: they may
	 * have wrapped, and segmentation writes them anew */
	u->end = skb->gso_size ? skb->len : u->udp_offset + u->udp_len;
	if (u->end > ip_end || u->inner_offset + ETH_HLEN > u->end)
		return WEFT_DROP_MALFORMED;
	if (!(vxlan[0] & VXLAN_I_FLAG))
		return WEFT_DROP_NO_I_FLAG;
	return 0;
}

/*
 * The outer UDP checksum, where it is not 0 and nobody vouches for it: a packet of this
 * host's own whose checksum is left to the device is right by construction, one that the
 * NIC found right is right, and a merged one was verified before merging.
 */
static __noinline int validate_csum(struct __sk_buff *skb, struct underlay *u)
{
	__u32 state = csum_state(skb);
	__u64 sum;

	if (!u || skb->gso_size || state == SUM_PARTIAL || state == SUM_UNNECESSARY)
		return 0;
	sum = csum_bytes(skb, u->udp_offset, u->udp_len);
	sum += csum_pseudo_v4(u->source.word[3], u->destination.word[3], u->udp_len);
	return csum_fold(sum) == 0xffff ? 0 : WEFT_DROP_CSUM;
}

#endif
