/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the underlay to the inner frame: parse the outer headers, and, once the
 * packet is known to be good and from a peer, decap.
 */
#ifndef WEFT_BPF_DECAP_H
#define WEFT_BPF_DECAP_H

#include "bpf/ecn.h"
#include "bpf/peer.h"
#include "bpf/vlan.h"

#define PACKET_OTHERHOST   3
#define IPPROTO_UDP_NUMBER 17
#define IP_FRAGMENT_MASK   0x3fff /* more fragments, and the offset */

/* since 6.3; the headers that weft is built with may be older */
#define ADJ_ROOM_DECAP_L3_IPV4 (1ULL << 7)
#define ADJ_ROOM_DECAP_L3_IPV6 (1ULL << 8)

/* Outer headers that must be in the linear part: IPv4 with options, UDP, VXLAN, Ethernet, tag, and the
 * start of an inner IPv6 header. */
#define UNDERLAY_PULL (ETH_HLEN + 60 + 8 + 8 + ETH_HLEN + 4 + 40)

enum underlay_verdict { UNDERLAY_OURS, UNDERLAY_PASS, UNDERLAY_FRAGMENT };

/* Is it UDP over IPv4 to a port that a tunnel listens on? Fills all of `u` up to the UDP header. */
static __always_inline enum underlay_verdict underlay_parse(struct __sk_buff *skb,
							    struct underlay *u, __u32 *ret_ip_end)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + ETH_HLEN;
	struct udphdr *udp;
	__u32 port;
	__u8 *type;

	if (skb->protocol != bpf_htons(ETH_P_IP))
		return UNDERLAY_PASS;
	if ((void *)(ip + 1) + UDP_HLEN + VXLAN_HLEN + ETH_HLEN > end) {
		__u32 want = skb->len < UNDERLAY_PULL ? skb->len : UNDERLAY_PULL;

		if (bpf_skb_pull_data(skb, want))
			return UNDERLAY_PASS;
		data = (void *)(long)skb->data;
		end = (void *)(long)skb->data_end;
		ip = data + ETH_HLEN;
		if ((void *)(ip + 1) > end)
			return UNDERLAY_PASS;
	}
	if (ip->protocol != IPPROTO_UDP_NUMBER || skb->pkt_type == PACKET_OTHERHOST ||
	    skb->vlan_present)
		return UNDERLAY_PASS;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK & 0x1fff))
		return UNDERLAY_PASS; /* no ports in it: the host drops it when the first never comes */
	u->ip_offset = ETH_HLEN;
	u->udp_offset = ETH_HLEN + (ip->ihl & 0xf) * 4;
	if (ip->version != 4 || ip->ihl < 5)
		return UNDERLAY_PASS;
	udp = data + u->udp_offset;
	if ((void *)(udp + 1) > end)
		return UNDERLAY_PASS;
	u->port = bpf_ntohs(udp->dest);
	port = u->port;
	type = bpf_map_lookup_elem(&listen, &port);
	if (!type || !*type)
		return UNDERLAY_PASS;

	u->type = *type;
	u->ifindex = skb->ifindex;
	u->ecn = ip->tos & 3;
	u->source = (struct weft_addr){{0, 0, bpf_htonl(0xffff), ip->saddr}};
	u->destination = (struct weft_addr){{0, 0, bpf_htonl(0xffff), ip->daddr}};
	*ret_ip_end = skb->gso_size ? skb->len : ETH_HLEN + bpf_ntohs(ip->tot_len);
	if (*ret_ip_end > skb->len)
		*ret_ip_end = 0; /* cut short on the way: no length can be right */
	return ip->frag_off & bpf_htons(IP_FRAGMENT_MASK) ? UNDERLAY_FRAGMENT : UNDERLAY_OURS;
}

/* The inner headers within reach of direct access, even behind outer options. */
static __always_inline int decap_pull(struct __sk_buff *skb, const struct underlay *u)
{
	__u32 want = u->inner_offset + ETH_HLEN + VLAN_HLEN + sizeof(struct ipv6hdr);

	if ((void *)(long)skb->data + header_offset(want) <= (void *)(long)skb->data_end)
		return 0;
	return bpf_skb_pull_data(skb, want < skb->len ? want : skb->len) ? WEFT_DROP_DECAP : 0;
}

/* Bytes behind the UDP datagram are padding and no part of the inner frame. */
static __always_inline int decap_trim(struct __sk_buff *skb, const struct underlay *u)
{
	if (skb->len <= u->end || skb->gso_size)
		return 0;
	return bpf_skb_change_tail(skb, u->end, 0) ? WEFT_DROP_DECAP : 0;
}

/*
 * bpf_skb_adjust_room() wants an IP header to be left. A frame with less than that behind its
 * Ethernet header gets zeros while it is taken out.
 */
static __always_inline int decap_shrink(struct __sk_buff *skb, __u32 shrink, __u64 flags)
{
	__u32 least = shrink + ETH_HLEN + sizeof(struct iphdr), length = skb->len;

	if (length >= least)
		return bpf_skb_adjust_room(skb, -(__s32)shrink, BPF_ADJ_ROOM_MAC, flags);
	return bpf_skb_change_tail(skb, least, 0) ||
	       bpf_skb_adjust_room(skb, -(__s32)shrink, BPF_ADJ_ROOM_MAC, flags) ||
	       bpf_skb_change_tail(skb, length - shrink, 0);
}

/*
 * Makes the inner frame of the packet. A tag in it goes beside the frame, where a tag of a
 * frame from a port is. 0, or the reason to drop; fills dst, src, proto, peer_ok.
 */
static __always_inline int decap(struct __sk_buff *skb, struct frame *f, const struct underlay *u,
				 bool tags_allowed)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	__u32 shrink = u->inner_offset;
	struct ethhdr *eth;
	__be16 tag[2] = {};
	int reason;

	reason = decap_trim(skb, u);
	if (!reason)
		reason = decap_pull(skb, u);
	if (reason)
		return reason;
	eth = (void *)(long)skb->data + header_offset(u->inner_offset);
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_MALFORMED;
	__builtin_memcpy(f->dst, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(f->src, eth->h_source, ETH_ALEN);
	f->proto = eth->h_proto;
	if (proto_is_vlan(f->proto)) {
		if (!tags_allowed)
			return WEFT_DROP_VLAN_INNER;
		tag[0] = f->proto;
		if (bpf_skb_load_bytes(skb, u->inner_offset + ETH_HLEN, &tag[1], 2) ||
		    bpf_skb_load_bytes(skb, u->inner_offset + ETH_HLEN + 2, &f->proto, 2))
			return WEFT_DROP_MALFORMED;
		shrink += VLAN_HLEN;
	}
	if (u->ecn) {
		reason = ecn_decap(skb, shrink + ETH_HLEN, f->proto, u->ecn);
		if (reason)
			return reason;
	}

	f->peer_ok = f->proto == bpf_htons(ETH_P_IP);
	if (f->proto == bpf_htons(ETH_P_IPV6) && (kernel_features & KERNEL_DECAP_L3) &&
	    skb->len >= shrink + ETH_HLEN + sizeof(struct ipv6hdr)) {
		flags |= ADJ_ROOM_DECAP_L3_IPV6;
		f->peer_ok = true;
	}
	if (decap_shrink(skb, shrink, flags))
		return WEFT_DROP_DECAP;
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_DECAP;
	__builtin_memcpy(eth->h_dest, f->dst, ETH_ALEN);
	__builtin_memcpy(eth->h_source, f->src, ETH_ALEN);
	eth->h_proto = f->proto;
	if (tag[0] && bpf_skb_vlan_push(skb, tag[0], bpf_ntohs(tag[1])))
		return WEFT_DROP_VLAN_TAGS;
	return 0;
}

#endif
