/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Decap: once a packet from the underlay is known to be good and from a peer, the outer headers come off. What
 * is left is an Ethernet frame for a bridge, or an IP packet for the device of an L3 tunnel.
 */
#ifndef WEFT_BPF_DECAP_H
#define WEFT_BPF_DECAP_H

#include "bpf/decap_geneve.h"
#include "bpf/decap_gre.h"
#include "bpf/decap_vxlan.h"
#include "bpf/ecn.h"
#include "bpf/peer.h"
#include "bpf/vlan.h"

/* since 6.3; the headers that weft is built with may be older */
#define ADJ_ROOM_DECAP_L3_IPV4 (1ULL << 7)
#define ADJ_ROOM_DECAP_L3_IPV6 (1ULL << 8)

/* By the encapsulation: what can be said of a packet before it is known whose it is. */
static __always_inline int validate(struct __sk_buff *skb, struct underlay *u)
{
	int reason;

	if (u->listen)
		return validate_gre(skb, u);
	reason = underlay_udp(skb, u);
	if (reason)
		return reason;
	return u->type == WEFT_TYPE_GENEVE ? validate_geneve(skb, u) : validate_vxlan(skb, u);
}

/* What the tunnel says of it: first the checksum, as everything else may be what is broken. */
static __always_inline int accept(struct __sk_buff *skb, const struct frame *f, struct underlay *u,
				  const struct weft_tunnel *tunnel)
{
	__u32 remote = f->remote ? f->remote : tunnel_prototype(tunnel);
	int reason;

	if (u->summed) {
		reason = tunnel->flags & WEFT_TUNNEL_CSUM_RX ? underlay_csum(skb, u) : 0;
		if (reason)
			return reason;
	} else if (u->v6 && !u->listen) {
		/* RFC 6935 5, RFC 6936 */
		if (!(tunnel->flags & WEFT_TUNNEL_ZERO6_RX))
			return WEFT_DROP_CSUM_ZERO6;
		note_count(WEFT_NOTE_ZERO_CSUM6, f->tunnel);
	}
	if (u->type == WEFT_TYPE_VXLAN)
		return accept_vxlan(u, tunnel);
	if (u->type == WEFT_TYPE_GENEVE)
		return accept_geneve(skb, u, tunnel, f->tunnel, remote);
	return accept_gre(u, tunnel, remote);
}

/* The inner headers within reach of direct access, even behind outer options. */
static __always_inline int decap_pull(struct __sk_buff *skb, const struct underlay *u)
{
	__u32 want = u->inner_offset + ETH_HLEN + VLAN_HLEN + sizeof(struct ipv6hdr);

	if ((void *)(long)skb->data + header_offset(want) <= (void *)(long)skb->data_end)
		return 0;
	return bpf_skb_pull_data(skb, want < skb->len ? want : skb->len) ? WEFT_DROP_DECAP : 0;
}

/* Bytes behind the UDP datagram or the IP packet are padding and no part of the inner frame. */
static __always_inline int decap_trim(struct __sk_buff *skb, const struct underlay *u)
{
	if (skb->len <= u->end || skb->gso_size)
		return 0;
	return bpf_skb_change_tail(skb, u->end, 0) ? WEFT_DROP_DECAP : 0;
}

/*
 * bpf_skb_adjust_room() wants an IP header to be left, of the inner kind where it is told of it and else of the outer
 * one. A frame with less than that behind its Ethernet header gets zeros while it is taken out; never one that leaves
 * enough, as the kernel refuses to lengthen what a device or another tunnel on this machine marked as encapsulated.
 */
static __always_inline int decap_shrink(struct __sk_buff *skb, const struct underlay *u,
					__u32 shrink, __u64 flags)
{
	bool v4 = flags & ADJ_ROOM_DECAP_L3_IPV4 || (!u->v6 && !(flags & ADJ_ROOM_DECAP_L3_IPV6));
	__u32 least = shrink + ETH_HLEN + (v4 ? IPV4_HLEN : IPV6_HLEN), length = skb->len;

	if (length >= least)
		return bpf_skb_adjust_room(skb, -(__s32)shrink, BPF_ADJ_ROOM_MAC, flags);
	return bpf_skb_change_tail(skb, least, 0) ||
	       bpf_skb_adjust_room(skb, -(__s32)shrink, BPF_ADJ_ROOM_MAC, flags) ||
	       bpf_skb_change_tail(skb, length - shrink, 0);
}

/* Another version of IP inside than outside; the kernel is told of it while the outer one goes, where it can be told. */
static __always_inline bool decap_other_ip(const struct underlay *u, __be16 proto, __u64 *flags)
{
	bool v4 = proto == bpf_htons(ETH_P_IP);

	if (!proto_is_ip(proto) || v4 == !u->v6)
		return false;
	if (kernel_features & KERNEL_DECAP_L3)
		*flags |= v4 ? ADJ_ROOM_DECAP_L3_IPV4 : ADJ_ROOM_DECAP_L3_IPV6;
	return true;
}

/*
 * The inner frame's header, where it is: whether the tunnel may carry it, and what it takes over of the outer one. 0, or
 * the reason to drop; fills dst, src, proto, and `tag`, which is 0 at first, if the frame has one.
 */
static __always_inline int decap_inner(struct __sk_buff *skb, struct frame *f, struct underlay *u,
				       const struct weft_tunnel *tunnel, __be16 tag[2])
{
	__u32 ip = u->inner_offset + ETH_HLEN;
	struct ethhdr *eth;

	eth = (void *)(long)skb->data + header_offset(u->inner_offset);
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_MALFORMED;
	__builtin_memcpy(f->dst, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(f->src, eth->h_source, ETH_ALEN);
	f->proto = eth->h_proto;
	if (proto_is_vlan(f->proto)) {
		if (!(tunnel->flags & (WEFT_TUNNEL_INNER_VLAN | WEFT_TUNNEL_TRUNK)))
			return WEFT_DROP_VLAN_INNER;
		tag[0] = f->proto;
		if (bpf_skb_load_bytes(skb, u->inner_offset + ETH_HLEN, &tag[1], 2) ||
		    bpf_skb_load_bytes(skb, u->inner_offset + ETH_HLEN + 2, &f->proto, 2))
			return WEFT_DROP_MALFORMED;
		ip += VLAN_HLEN;
	}
	if ((u->tos & ECN_MASK) || (tunnel->flags & WEFT_TUNNEL_DSCP_INHERIT))
		return ecn_decap(skb, f, ip, u->tos, tunnel->flags);
	return 0;
}

/*
 * Makes the inner frame of the packet. A tag in it goes beside the frame, where a tag of a
 * frame from a port is. 0, or the reason to drop; fills dst, src, proto, peer_ok.
 */
static __always_inline int decap_frame(struct __sk_buff *skb, struct frame *f, struct underlay *u,
				       const struct weft_tunnel *tunnel)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	__u32 shrink = u->inner_offset;
	struct ethhdr *eth;
	__be16 tag[2] = {};
	bool other_ip;
	int reason = decap_inner(skb, f, u, tunnel, tag);

	if (reason)
		return reason;
	if (tag[0])
		shrink += VLAN_HLEN;
	other_ip = decap_other_ip(u, f->proto, &flags);
	/* the splitter's pieces are on their way out already */
	f->peer_ok = proto_is_ip(f->proto) && !f->split;
	if (decap_shrink(skb, u, shrink, flags))
		return WEFT_DROP_DECAP;
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_DECAP;
	__builtin_memcpy(eth->h_dest, f->dst, ETH_ALEN);
	__builtin_memcpy(eth->h_source, f->src, ETH_ALEN);
	eth->h_proto = f->proto;
	/* the kernel would cut a super-packet by the wrong IP header, and drop it; and its tunnels look for the header
	 * of the outer protocol in what is no IP */
	if ((!proto_is_ip(f->proto) || (other_ip && !(kernel_features & KERNEL_DECAP_L3))) &&
	    vlan_note_protocol(skb))
		return WEFT_DROP_DECAP;
	if (tag[0] && bpf_skb_vlan_push(skb, tag[0], bpf_ntohs(tag[1])))
		return WEFT_DROP_VLAN_TAGS;
	return 0;
}

/*
 * What an IP packet must not be (RFC 2784 3.1, RFC 2003 3.1): one that says another version than its protocol type, one
 * whose time is over, and one for the far end itself, which the host would send back there.
 */
static __always_inline int decap_packet_check(struct __sk_buff *skb, const struct underlay *u)
{
	__u8 *ip = (void *)(long)skb->data + header_offset(u->inner_offset);
	struct weft_addr to;
	__u8 ttl;

	if ((void *)(ip + IPV4_HLEN) > (void *)(long)skb->data_end)
		return WEFT_DROP_MALFORMED;
	if (u->payload == bpf_htons(ETH_P_IP)) {
		struct iphdr *v4 = (void *)ip;

		if (v4->version != 4)
			return WEFT_DROP_MALFORMED;
		ttl = v4->ttl;
		to = (struct weft_addr){{0, 0, bpf_htonl(0xffff), v4->daddr}};
	} else {
		struct ipv6hdr *v6 = (void *)ip;

		if ((void *)(v6 + 1) > (void *)(long)skb->data_end || v6->version != 6)
			return WEFT_DROP_MALFORMED;
		ttl = v6->hop_limit;
		__builtin_memcpy(&to, &v6->daddr, sizeof(to));
	}
	if (!ttl)
		return WEFT_DROP_INNER_TTL;
	return to.word[0] == u->source.word[0] && to.word[1] == u->source.word[1] &&
			       to.word[2] == u->source.word[2] && to.word[3] == u->source.word[3]
		       ? WEFT_DROP_LOOP
		       : 0;
}

/* The IP packet with an Ethernet header for the tunnel's device, as the host wants it. */
static __always_inline int decap_packet(struct __sk_buff *skb, struct frame *f, struct underlay *u,
					const struct weft_tunnel *tunnel,
					const struct weft_port *port)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	struct ethhdr *eth;
	int reason;

	f->proto = u->payload;
	reason = decap_packet_check(skb, u);
	if (reason)
		return reason;
	if ((u->tos & ECN_MASK) || (tunnel->flags & WEFT_TUNNEL_DSCP_INHERIT)) {
		reason = ecn_decap(skb, f, u->inner_offset, u->tos, tunnel->flags);
		if (reason)
			return reason;
	}
	decap_other_ip(
		u, f->proto,
		&flags); /* where it cannot be told, the device it goes to looks for itself */
	if (decap_shrink(skb, u, u->inner_offset - ETH_HLEN, flags))
		return WEFT_DROP_DECAP;
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_DECAP;
	__builtin_memcpy(eth->h_dest, port->mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, port->mac, ETH_ALEN);
	eth->h_proto = f->proto;
	return 0;
}

/* Of both forms: what is behind is trimmed, what is read is brought into reach. */
static __always_inline int decap_begin(struct __sk_buff *skb, struct underlay *u)
{
	int reason = decap_trim(skb, u);

	return reason ? reason : decap_pull(skb, u);
}

#endif
