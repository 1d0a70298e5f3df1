/* SPDX-License-Identifier: GPL-2.0-only */
/* Explicit congestion notification across a tunnel: RFC 6040, normal mode. */
#ifndef WEFT_BPF_ECN_H
#define WEFT_BPF_ECN_H

#include "bpf/csum.h"

enum { ECN_NONE, ECN_ECT1, ECN_ECT0, ECN_CE };

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

/* Sets the ECN bits of the IP header at `offset`, whose TOS byte is `tos`. */
static __always_inline int ecn_set(struct __sk_buff *skb, __u32 offset, __be16 proto, __u8 tos,
				   __u8 ecn)
{
	__u8 *ip = (void *)(long)skb->data + header_offset(offset);
	__u8 new = (tos & ~3) | ecn;

	if (ip + sizeof(struct iphdr) > (__u8 *)(long)skb->data_end)
		return -1;
	if (proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *v4 = (void *)ip;

		/* RFC 1624, equation 3 */
		v4->check = ~csum_fold((__u64)(__u16)~v4->check + (__u16)~bpf_htons(tos) +
				       bpf_htons(new));
		v4->tos = new;
	} else {
		ip[1] = (ip[1] & 0xcf) | ecn << 4;
	}
	return 0;
}

/*
 * RFC 6040, figure 4: the inner header at `offset` takes over the outer `ecn`. 0, or the
 * reason to drop: congestion marked on a packet whose sender does not know of marks.
 */
static __noinline int ecn_decap(struct __sk_buff *skb, __u32 offset, __be16 proto, __u8 ecn)
{
	__u8 tos = ip_tos(skb, offset, proto);
	__u8 inner = tos & 3;

	if (!proto_is_ip(proto))
		return 0;
	if (inner == ECN_NONE)
		return ecn == ECN_CE ? WEFT_DROP_ECN : 0;
	if (ecn == ECN_CE ? inner == ECN_CE : !(ecn == ECN_ECT1 && inner == ECN_ECT0))
		return 0;
	return ecn_set(skb, offset, proto, tos, ecn) ? WEFT_DROP_MALFORMED : 0;
}

#endif
