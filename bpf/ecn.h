/* SPDX-License-Identifier: GPL-2.0-only */
/* TOS or traffic class across a tunnel: ECN by RFC 6040, DSCP by RFC 2983. */
#ifndef WEFT_BPF_ECN_H
#define WEFT_BPF_ECN_H

#include "bpf/csum.h"
#include "bpf/drop.h"

enum { ECN_NONE, ECN_ECT1, ECN_ECT0, ECN_CE };
#define ECN_MASK 3

/* The TOS or traffic class byte of the IP header at `offset`; 0 for what is no IP. */
static __always_inline __u8 ip_tos(struct __sk_buff *skb, __u32 offset, __be16 proto)
{
	void *ip = (void *)(long)skb->data + header_offset(offset);
	__u8 *byte = ip;

	if (byte + 2 > (__u8 *)(long)skb->data_end)
		return 0;
	if (proto == bpf_htons(ETH_P_IP))
		return byte[1];
	if (proto == bpf_htons(ETH_P_IPV6))
		return (byte[0] & 0xf) << 4 | byte[1] >> 4;
	return 0;
}

/* TTL or hop limit of the IP header at `offset`; 0 for what is no IP. */
static __always_inline __u8 ip_ttl(struct __sk_buff *skb, __u32 offset, __be16 proto)
{
	__u8 *ip = (void *)(long)skb->data + header_offset(offset);

	if (ip + sizeof(struct iphdr) > (__u8 *)(long)skb->data_end)
		return 0;
	if (proto == bpf_htons(ETH_P_IP))
		return ((struct iphdr *)ip)->ttl;
	return proto == bpf_htons(ETH_P_IPV6) ? ((struct ipv6hdr *)ip)->hop_limit : 0;
}

/* Changes the TOS byte of the IP header at `offset` from `tos` to `new`. */
static __always_inline int ip_tos_set(struct __sk_buff *skb, __u32 offset, __be16 proto, __u8 tos,
				      __u8 new)
{
	__u8 *ip = (void *)(long)skb->data + header_offset(offset);

	if (ip + sizeof(struct iphdr) > (__u8 *)(long)skb->data_end)
		return -1;
	if (proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *v4 = (void *)ip;

		/* RFC 1624, equation 3 */
		v4->check = ~csum_fold((__u64)(__u16)~v4->check + (__u16)~bpf_htons(tos) +
				       bpf_htons(new));
		v4->tos = new;
	} else {
		__u8 bytes[2] = {(ip[0] & 0xf0) | new >> 4, (ip[1] & 0x0f) | new << 4};

		/* nothing in the header makes up for it in a sum that the device took */
		return bpf_skb_store_bytes(skb, offset, bytes, sizeof(bytes), BPF_F_RECOMPUTE_CSUM);
	}
	return 0;
}

/* RFC 6040 4.2: pairs that no conforming sender makes, or that say that the path is up to something. */
static __always_inline bool ecn_is_unused(__u8 inner, __u8 outer)
{
	return (inner == ECN_NONE && outer != ECN_NONE) || (inner == ECN_CE && outer == ECN_ECT1) ||
	       (inner == ECN_ECT1 && outer == ECN_ECT0);
}

/*
 * The inner header at `offset` takes over what the tunnel lets it of the outer `tos`: ECN by RFC 6040, figure 4,
 * DSCP if the tunnel says so. 0, or the reason to drop: congestion marked on a packet whose sender does not
 * know of marks.
 */
static __noinline int ecn_decap(struct __sk_buff *skb, const struct frame *f, __u32 offset,
				__u8 outer, __u32 flags)
{
	__be16 proto = f ? f->proto : 0;
	__u8 tos = ip_tos(skb, offset, proto), new = tos;
	__u8 inner = tos & ECN_MASK, ecn = outer & ECN_MASK;

	if (!f || !proto_is_ip(proto))
		return 0;
	if (ecn_is_unused(inner, ecn))
		note_count(WEFT_NOTE_ECN_UNUSED, f->tunnel);
	if (inner == ECN_NONE && ecn == ECN_CE)
		return WEFT_DROP_ECN;
	if (inner != ECN_NONE && (ecn == ECN_CE || (ecn == ECN_ECT1 && inner == ECN_ECT0)))
		new = (new & ~ECN_MASK) | ecn;
	if (flags & WEFT_TUNNEL_DSCP_INHERIT)
		new = (outer & ~ECN_MASK) | (new &ECN_MASK);
	if (new == tos)
		return 0;
	return ip_tos_set(skb, offset, proto, tos, new) ? WEFT_DROP_MALFORMED : 0;
}

/* The outer TOS without its DSCP for an inner `tos` (RFC 6040 4.1, RFC 3168 9.1.1). */
static __always_inline __u8 ecn_encap(__u8 tos, __u32 flags)
{
	__u8 ecn = tos & ECN_MASK;

	if (flags & WEFT_TUNNEL_ECN_COMPAT)
		return ECN_NONE;
	if ((flags & WEFT_TUNNEL_ECN_3168) && ecn == ECN_CE)
		return ECN_ECT0;
	return ecn;
}

#endif
