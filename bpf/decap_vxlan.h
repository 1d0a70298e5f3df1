/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Validate: what RFC 7348 demands of a VXLAN packet before anything in it is believed. The 39 reserved
 * bits are ignored, as RFC 7348 5 says, but for those that the tunnel is strict about.
 */
#ifndef WEFT_BPF_DECAP_VXLAN_H
#define WEFT_BPF_DECAP_VXLAN_H

#include "bpf/underlay.h"

#define VXLAN_HLEN   8
#define VXLAN_I_FLAG 0x08

/* 0, or the reason to drop. Fills vni, payload and inner_offset. */
static __always_inline int validate_vxlan(struct __sk_buff *skb, struct underlay *u)
{
	__u8 *vxlan = (void *)(long)skb->data + header_offset(u->l4_offset + UDP_HLEN);

	if ((void *)(vxlan + VXLAN_HLEN) > (void *)(long)skb->data_end)
		return WEFT_DROP_MALFORMED;
	u->inner_offset = u->l4_offset + UDP_HLEN + VXLAN_HLEN;
	if (u->inner_offset + ETH_HLEN > u->end)
		return WEFT_DROP_MALFORMED;
	__builtin_memcpy(&u->header, vxlan, sizeof(u->header));
	u->vni = vxlan[4] << 16 | vxlan[5] << 8 | vxlan[6];
	u->payload = bpf_htons(PROTO_ETHERNET);
	return vxlan[0] & VXLAN_I_FLAG ? 0 : WEFT_DROP_NO_I_FLAG;
}

/* What only the tunnel can say. */
static __always_inline int accept_vxlan(const struct underlay *u, const struct weft_tunnel *tunnel)
{
	return u->header & tunnel->strict ? WEFT_DROP_RESERVED : 0;
}

#endif
