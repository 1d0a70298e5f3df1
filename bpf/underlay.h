/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The outer headers of a packet from the underlay: IPv4 (RFC 791) or IPv6 (RFC 8200), and UDP to a port that a
 * tunnel listens on, or GRE. What is none of ours goes on untouched.
 */
#ifndef WEFT_BPF_UNDERLAY_H
#define WEFT_BPF_UNDERLAY_H

#include "bpf/csum.h"
#include "bpf/frame.h"

#define PACKET_OTHERHOST    3
#define LOOPBACK_IFINDEX    1 /* of `lo` in every namespace */
#define IPV6_EXTENSIONS_MAX 4
#define IPV6_EXTENSIONS_SIZE                                                                       \
	640 /* bytes; with the headers behind them they are within header_offset() */

/* What is read of a packet directly: outer IPv4 with options, or IPv6; UDP, VXLAN, inner Ethernet, tag, and the start
 * of an inner IPv6 header. What is behind more is pulled when it is needed. */
#define UNDERLAY_PULL (ETH_HLEN + 60 + 8 + 8 + ETH_HLEN + 4 + 40)

/* Behind UDP: a tunnel header without options, and an Ethernet header. */
#define UNDERLAY_INNER (8 + ETH_HLEN)

struct underlay {
	struct weft_addr source, destination;
	__u32 ifindex;	 /* it came by */
	__u32 l4_offset; /* of UDP or GRE; all offsets from skb->data */
	__u32 inner_offset;
	__u32 end; /* of the UDP datagram or the IP payload; what is behind it is padding */
	__u32 vni; /* or GRE key */
	__u32 sequence;
	__u64 header; /* VXLAN: the 8 bytes (network) */
	__u16 port;
	__u16 l4_len;
	__be16 payload;	   /* protocol type of what is inside */
	__u16 gre;	   /* flags of the GRE header, host byte order */
	__u16 options_len; /* GENEVE, bytes */
	__u8 type;	   /* enum weft_type */
	__u8 listen;	   /* WEFT_LISTEN_* for GRE */
	__u8 tos;	   /* or traffic class */
	__u8 geneve;	   /* second byte of the GENEVE header: O, C */
	bool v6 : 1;
	bool summed : 1;    /* there is a checksum */
	bool again : 1;	    /* weft-holder has put it together */
	bool collected : 1; /* the host has an external device for the port (bpf/collect.h) */
};

enum underlay_verdict { UNDERLAY_OURS, UNDERLAY_PASS, UNDERLAY_FRAGMENT, UNDERLAY_ERROR };

static __always_inline __u8 underlay_listen_value(__u32 port)
{
	__u8 *value = bpf_map_lookup_elem(&listen, &port);

	return value ? *value : 0;
}

/* enum weft_type of the UDP port; of 0: WEFT_LISTEN_* */
static __always_inline __u8 underlay_listen(__u32 port)
{
	return underlay_listen_value(port) & ~WEFT_LISTEN_COLLECTED;
}

#include "bpf/underlay_fragment.h"

/* For what is left to the host, which has had already what weft-holder gives back. */
static __always_inline int underlay_leave(const struct underlay *u)
{
	return u->again ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

/* The UDP or GRE header at u->l4_offset: is anybody listening? */
static __always_inline enum underlay_verdict underlay_l4(struct __sk_buff *skb, struct underlay *u,
							 __u8 protocol)
{
	struct udphdr *udp;

	if (protocol == IPPROTO_NUMBER_GRE) {
		u->listen = underlay_listen(0);
		return u->listen ? UNDERLAY_OURS : UNDERLAY_PASS;
	}
	if (protocol != IPPROTO_NUMBER_UDP)
		return protocol == (u->v6 ? IPPROTO_NUMBER_ICMPV6 : IPPROTO_NUMBER_ICMP)
			       ? UNDERLAY_ERROR
			       : UNDERLAY_PASS;
	udp = (void *)(long)skb->data + header_offset(u->l4_offset);
	if ((void *)(udp + 1) + UNDERLAY_INNER > (void *)(long)skb->data_end) {
		__u32 want = u->l4_offset + UDP_HLEN + UNDERLAY_INNER;

		/* behind options or extension headers, it may be outside the linear part */
		if (bpf_skb_pull_data(skb, want < skb->len ? want : skb->len))
			return UNDERLAY_PASS;
		udp = (void *)(long)skb->data + header_offset(u->l4_offset);
		if ((void *)(udp + 1) > (void *)(long)skb->data_end)
			return UNDERLAY_PASS;
	}
	u->port = bpf_ntohs(udp->dest);
	u->type = underlay_listen_value(u->port);
	u->collected = u->type & WEFT_LISTEN_COLLECTED;
	u->type &= ~WEFT_LISTEN_COLLECTED;
	/* port 0 is where GRE has its flags */
	return u->type && u->port ? UNDERLAY_OURS : UNDERLAY_PASS;
}

static __always_inline enum underlay_verdict underlay_v4(struct __sk_buff *skb, struct underlay *u)
{
	struct iphdr *ip = (void *)(long)skb->data + ETH_HLEN;
	enum underlay_verdict verdict;
	__u16 fragment;
	__u32 length;

	if ((void *)(ip + 1) > (void *)(long)skb->data_end || ip->version != 4 || ip->ihl < 5)
		return UNDERLAY_PASS;
	u->tos = ip->tos;
	u->source = (struct weft_addr){{0, 0, bpf_htonl(0xffff), ip->saddr}};
	u->destination = (struct weft_addr){{0, 0, bpf_htonl(0xffff), ip->daddr}};
	fragment = bpf_ntohs(ip->frag_off) & (IP_FRAGMENT_OFFSET | IP_FRAGMENT_MORE);
	if (fragment && ip->protocol == IPPROTO_NUMBER_GRE)
		return underlay_gre_fragment(skb, u, bpf_ntohs(ip->id),
					     !(fragment & IP_FRAGMENT_OFFSET));
	/* no ports in it: the host drops it when the first never comes */
	if (fragment & IP_FRAGMENT_OFFSET)
		return UNDERLAY_PASS;
	u->l4_offset = ETH_HLEN + (ip->ihl & 0xf) * 4;
	length = ETH_HLEN + bpf_ntohs(ip->tot_len);
	verdict = underlay_l4(skb, u, ip->protocol);
	u->end = skb->gso_size ? skb->len : length;
	if (verdict != UNDERLAY_OURS)
		return verdict;
	return fragment ? UNDERLAY_FRAGMENT : UNDERLAY_OURS;
}

/* Goes over the extension headers that may precede UDP or GRE (RFC 7676 4.1). The protocol, or -1 to leave it alone. */
static __noinline int underlay_extensions(struct __sk_buff *skb, struct underlay *u, __u32 next)
{
	__u8 header[8];

	if (!u)
		return -1;
	/* one time more than there may be headers, to see that there is none */
	for (int i = 0; i <= IPV6_EXTENSIONS_MAX; i++) {
		if (u->l4_offset > ETH_HLEN + IPV6_HLEN + IPV6_EXTENSIONS_SIZE)
			return -1;
		if (next != IPV6_HOP_BY_HOP && next != IPV6_DESTINATION && next != IPV6_FRAGMENT)
			return next;
		if (bpf_skb_load_bytes(skb, u->l4_offset, header, sizeof(header)))
			return -1;
		if (next == IPV6_FRAGMENT) {
			__u16 fragment = header[2] << 8 | header[3];

			/* one that says it is the only one is no fragment (RFC 6946) */
			if (fragment & (IPV6_FRAGMENT_OFFSET | IPV6_FRAGMENT_MORE)) {
				if (header[0] == IPPROTO_NUMBER_GRE)
					underlay_gre_fragment(skb, u,
							      header[5] << 16 | header[6] << 8 |
								      header[7],
							      !(fragment & IPV6_FRAGMENT_OFFSET));
				if (header[0] != IPPROTO_NUMBER_UDP ||
				    (fragment & IPV6_FRAGMENT_OFFSET))
					return -1;
				u->l4_offset += 8;
				return IPV6_FRAGMENT;
			}
			u->l4_offset += 8;
		} else {
			u->l4_offset += (header[1] + 1) * 8;
		}
		next = header[0];
	}
	return -1;
}

static __always_inline enum underlay_verdict underlay_v6(struct __sk_buff *skb, struct underlay *u)
{
	struct ipv6hdr *ip = (void *)(long)skb->data + ETH_HLEN;
	enum underlay_verdict verdict;
	bool fragment = false;
	int protocol;

	if ((void *)(ip + 1) > (void *)(long)skb->data_end || ip->version != 6)
		return UNDERLAY_PASS;
	protocol = ip->nexthdr;
	u->v6 = true;
	u->tos = (__u8)(bpf_ntohs(*(__be16 *)ip) >> 4);
	__builtin_memcpy(&u->source, &ip->saddr, sizeof(u->source));
	__builtin_memcpy(&u->destination, &ip->daddr, sizeof(u->destination));
	u->l4_offset = ETH_HLEN + IPV6_HLEN;
	u->end = skb->gso_size ? skb->len : ETH_HLEN + IPV6_HLEN + bpf_ntohs(ip->payload_len);
	if (protocol != IPPROTO_NUMBER_UDP && protocol != IPPROTO_NUMBER_GRE) {
		protocol = underlay_extensions(skb, u, protocol);
		if (protocol == IPV6_FRAGMENT) {
			fragment = true;
			protocol = IPPROTO_NUMBER_UDP;
		}
	}
	verdict = underlay_l4(skb, u, protocol);
	return verdict == UNDERLAY_OURS && fragment ? UNDERLAY_FRAGMENT : verdict;
}

/* Fills addresses, tos, port or GRE's flags, l4_offset and, for now, the end of the IP payload; `end` is 0 in a packet
 * that was cut short on the way, in which no length can be right. */
static __always_inline enum underlay_verdict underlay_parse(struct __sk_buff *skb,
							    struct underlay *u)
{
	enum underlay_verdict verdict;
	__u32 protocol = skb->protocol;

	u->again = skb->mark == WEFT_FRAGMENT_MARK && skb->ifindex == LOOPBACK_IFINDEX;
	if (u->again)
		skb->mark = 0; /* nothing of it is for whom it is delivered to */
	if ((protocol != bpf_htons(ETH_P_IP) && protocol != bpf_htons(ETH_P_IPV6)) ||
	    skb->pkt_type == PACKET_OTHERHOST || skb->vlan_present)
		return UNDERLAY_PASS;
	if ((void *)(long)skb->data + ETH_HLEN + IPV4_HLEN + UDP_HLEN + 8 + ETH_HLEN >
		    (void *)(long)skb->data_end ||
	    protocol == bpf_htons(ETH_P_IPV6)) {
		__u32 want = skb->len < UNDERLAY_PULL ? skb->len : UNDERLAY_PULL;

		if ((void *)(long)skb->data + want > (void *)(long)skb->data_end &&
		    bpf_skb_pull_data(skb, want))
			return UNDERLAY_PASS;
	}
	u->ifindex = skb->ifindex;
	verdict = protocol == bpf_htons(ETH_P_IP) ? underlay_v4(skb, u) : underlay_v6(skb, u);
	if (u->again)
		underlay_joined(skb, u);
	if (u->end > skb->len)
		u->end = 0;
	return verdict;
}

/* UDP's own length (RFC 768). 0, or the reason to drop. Narrows `end`; fills l4_len and summed. */
static __always_inline int underlay_udp(struct __sk_buff *skb, struct underlay *u)
{
	struct udphdr *udp = (void *)(long)skb->data + header_offset(u->l4_offset);
	__u32 ip_end = u->end;

	if ((void *)(udp + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_MALFORMED;
	u->l4_len = bpf_ntohs(udp->len);
	u->summed = udp->check != 0;
	/* in a super-packet the lengths are those of one that is still to be cut: they may
	 * have wrapped, and segmentation writes them anew */
	if (!skb->gso_size)
		u->end = u->l4_offset + u->l4_len;
	return u->end > ip_end ? WEFT_DROP_MALFORMED : 0;
}

/*
 * The outer UDP or GRE checksum, where there is one and nobody vouches for it: a packet of this
 * host's own whose checksum is left to the device is right by construction, one that the
 * NIC found right is right, and a merged one was verified before merging.
 */
static __noinline int underlay_csum(struct __sk_buff *skb, struct underlay *u)
{
	__u32 state = csum_state(skb), length;
	__u64 sum;

	if (!u || !u->summed || skb->gso_size || state == SUM_PARTIAL)
		return 0;
	if (!u->listen && state == SUM_UNNECESSARY)
		return 0;
	length = u->end - u->l4_offset;
	sum = (__u32)csum_bytes(skb, u->l4_offset, length);
	if (!u->listen)
		sum += csum_pseudo(&u->source, &u->destination, IPPROTO_NUMBER_UDP, length);
	return csum_fold(sum) == 0xffff ? 0 : WEFT_DROP_CSUM;
}

#endif
