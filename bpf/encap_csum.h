/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The outer UDP (RFC 768, RFC 8200 8.1) or GRE (RFC 2784 2.5) checksum of what is sent.
 *
 * A checksum that the inner packet leaves to be filled in makes everything from its start sum to what its field holds
 * now, complemented, so that the payload need not be read. An IPv4 header sums to zero whatever it says. So the outer
 * checksum of a super-packet's segments depends on addresses, ports and lengths alone, and is the same for all
 * segments of one length: it is written once and segmentation copies it.
 */
#ifndef WEFT_BPF_ENCAP_CSUM_H
#define WEFT_BPF_ENCAP_CSUM_H

#include "bpf/csum.h"

#define CSUM_PLACE_TCP 16 /* of the checksum in a TCP header */
#define CSUM_PLACE_UDP 6
#define UDP_LEN_PLACE  4
#define GRE_CSUM_PLACE 4
#define IPV6_LEN_PLACE 4

/* What a 16-bit field (network) that is summed has to be in a segment, less what it is. */
static __always_inline __u64 csum_correct(struct __sk_buff *skb, __u32 offset, __u32 value)
{
	__u16 field = 0;

	bpf_skb_load_bytes(skb, offset, &field, sizeof(field));
	return (__u64)(__u16)~field + bpf_htons(value);
}

/* What the lengths in a super-packet make of the sum of a segment of it. */
static __always_inline __u64 csum_segment(struct __sk_buff *skb, const struct weft_remote *remote,
					  const struct outer *o, __u32 l4, __u32 length)
{
	__u32 less = o->inner_len - o->segment, inner = l4 + length - o->inner_len + ETH_HLEN;
	/* of the pseudo-header whose sum the inner field holds, complemented */
	__u64 sum = (__u64)bpf_htons(less & 0xffff) + bpf_htons(less >> 16);

	inner += o->tags * VLAN_HLEN;
	if (!(remote->flags & WEFT_REMOTE_GRE))
		sum += csum_correct(skb, l4 + UDP_LEN_PLACE, length - less);
	if (o->proto == bpf_htons(ETH_P_IPV6))
		sum += csum_correct(skb, inner + IPV6_LEN_PLACE,
				    o->segment - ETH_HLEN - o->tags * VLAN_HLEN - IPV6_HLEN);
	return sum;
}

/* `length`: from the UDP or GRE header to the end of the inner frame. */
__noinline int encap_csum(struct __sk_buff *skb, const struct weft_remote *remote,
			  const struct outer *o, __u32 length)
{
	__u32 l4, summed = length, start, place, at;
	struct weft_addr source, destination;
	__u16 field = 0, check;
	__u64 sum = 0;
	bool gre, gso;

	if (!remote || !o)
		return WEFT_DROP_ENCAP;
	gre = remote->flags & WEFT_REMOTE_GRE;
	gso = skb->gso_size;
	l4 = ETH_HLEN + encap_ip_len(remote);
	if (csum_state(skb) == SUM_PARTIAL) {
		csum_partial_place(skb, &start, &place);
		if (start <= l4 || start - l4 > length ||
		    bpf_skb_load_bytes(skb, start + place, &field, sizeof(field)))
			return WEFT_DROP_ENCAP;
		summed = start - l4;
		sum = (__u16)~field;
		if (gso)
			sum += csum_segment(skb, remote, o, l4, length);
	}
	sum += (__u32)csum_bytes(skb, l4, summed);
	sum += o->beyond;
	if (!gre) {
		if (remote->flags & WEFT_REMOTE_IPV6) {
			if (bpf_skb_load_bytes(skb, ETH_HLEN + 8, &source, sizeof(source)) ||
			    bpf_skb_load_bytes(skb, ETH_HLEN + 24, &destination,
					       sizeof(destination)))
				return WEFT_DROP_ENCAP;
		} else {
			__builtin_memset(&source, 0, sizeof(source));
			__builtin_memset(&destination, 0, sizeof(destination));
			if (bpf_skb_load_bytes(skb, ETH_HLEN + 12, &source.word[3], 4) ||
			    bpf_skb_load_bytes(skb, ETH_HLEN + 16, &destination.word[3], 4))
				return WEFT_DROP_ENCAP;
		}
		sum += csum_pseudo(&source, &destination, IPPROTO_NUMBER_UDP,
				   gso ? length - (o->inner_len - o->segment) : length);
	}
	check = ~csum_fold(sum);
	if (!gre && !check)
		check = 0xffff;
	at = l4 + (gre ? GRE_CSUM_PLACE : CSUM_PLACE_UDP);
	return bpf_skb_store_bytes(skb, at, &check, sizeof(check), 0) ? WEFT_DROP_ENCAP : 0;
}

#endif
