/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSS clamping: what a TCP SYN announces as the largest segment (RFC 9293 3.2, kind 2) is lowered to what fits the way
 * through a tunnel, in both directions, as the tunnel's `mss` says. Never raised; a SYN that says nothing is left alone,
 * and so is everything that is not as it should be.
 */
#ifndef WEFT_BPF_MSS_H
#define WEFT_BPF_MSS_H

#include "bpf/encap_header.h"

#define MSS_EXTENSIONS_MAX 4
#define MSS_OPTIONS_MAX	   40 /* bytes, and so the most options that there can be */
#define MSS_LEAST	   64
#define TCP_HLEN	   20
#define TCP_FLAGS_PLACE	   13
#define TCP_CSUM_PLACE	   16
#define TCP_SYN		   0x02
#define TCP_OPTION_END	   0
#define TCP_OPTION_NOP	   1
#define TCP_OPTION_MSS	   2
#define TCP_OPTION_MSS_LEN 4

/* Where TCP begins in an IPv4 packet; 0: nowhere. What is not a first fragment has no header of it. */
static __always_inline __u32 mss_tcp_4(struct __sk_buff *skb, __u32 offset)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
	    ip.protocol != IPPROTO_NUMBER_TCP || (ip.frag_off & bpf_htons(IP_FRAGMENT_OFFSET)))
		return 0;
	return offset + ip.ihl * 4;
}

static __always_inline __u32 mss_tcp_6(struct __sk_buff *skb, __u32 offset)
{
	__u8 next, header[4];

	if (bpf_skb_load_bytes(skb, offset + offsetof(struct ipv6hdr, nexthdr), &next, 1))
		return 0;
	offset += IPV6_HLEN;
	for (int i = 0; i < MSS_EXTENSIONS_MAX && next != IPPROTO_NUMBER_TCP; i++) {
		if (bpf_skb_load_bytes(skb, offset, header, sizeof(header)))
			return 0;
		if (next == IPV6_FRAGMENT) {
			if ((header[2] << 8 | header[3]) & IPV6_FRAGMENT_OFFSET)
				return 0;
			offset += 8;
		} else if (next == IPV6_HOP_BY_HOP || next == IPV6_ROUTING ||
			   next == IPV6_DESTINATION) {
			offset += (header[1] + 1) * 8;
		} else {
			return 0;
		}
		next = header[0];
	}
	return next == IPPROTO_NUMBER_TCP ? offset : 0;
}

/* Where a TCP SYN begins in an IP packet of the frame at `offset`; 0: it is none. */
__noinline int mss_syn(struct __sk_buff *skb, __u32 offset, __u32 proto)
{
	__u32 tcp = 0;
	__u8 flags;

	if (proto == bpf_htons(ETH_P_IP))
		tcp = mss_tcp_4(skb, offset);
	else if (proto == bpf_htons(ETH_P_IPV6))
		tcp = mss_tcp_6(skb, offset);
	if (!tcp || bpf_skb_load_bytes(skb, tcp + TCP_FLAGS_PLACE, &flags, 1))
		return 0;
	return flags & TCP_SYN ? tcp : 0;
}

struct mss_walk {
	struct __sk_buff *skb;
	__u32 tcp;	    /* offset of its header */
	__u32 offset, left; /* of the options that are still to be looked at */
	__u32 limit;
};

/* The checksum goes with it, whatever state it is in: a word that starts at an odd place counts the other way round. */
static __always_inline void mss_lower(const struct mss_walk *walk, __u16 was)
{
	__u32 place = walk->offset + 2;
	__u16 is = bpf_htons(walk->limit), from = was, to = is;

	if (place & 1) {
		from = __builtin_bswap16(was);
		to = __builtin_bswap16(is);
	}
	if (tracing)
		trace_value(WEFT_TRACE_MSS, 0, bpf_ntohs(was), walk->limit, 0);
	if (!bpf_l4_csum_replace(walk->skb, walk->tcp + TCP_CSUM_PLACE, from, to, sizeof(from)))
		bpf_skb_store_bytes(walk->skb, place, &is, sizeof(is), 0);
}

/* One option. If there are several of the kind receivers heed one or another of them. */
static long mss_option(__u32 index, void *data)
{
	struct mss_walk *walk = data;
	__u8 option[TCP_OPTION_MSS_LEN];
	__u32 length = 1;

	(void)index;
	if (walk->left < sizeof(option) ||
	    bpf_skb_load_bytes(walk->skb, walk->offset, option, sizeof(option)) ||
	    option[0] == TCP_OPTION_END)
		return 1;
	if (option[0] != TCP_OPTION_NOP) {
		length = option[1];
		if (length < 2 || length > walk->left)
			return 1;
		if (option[0] == TCP_OPTION_MSS && length == TCP_OPTION_MSS_LEN &&
		    (__u32)(option[2] << 8 | option[3]) > walk->limit)
			mss_lower(walk, bpf_htons(option[2] << 8 | option[3]));
	}
	walk->offset += length;
	walk->left -= length;
	return 0;
}

/* Of an IP packet at `offset` in the frame, which on the whole may have `mtu` bytes; `mss` 0: what that comes to. */
__noinline int mss_clamp(struct __sk_buff *skb, __u32 offset, __u32 proto, __u32 mss, __u32 mtu)
{
	__u32 headers = TCP_HLEN + (proto == bpf_htons(ETH_P_IP) ? IPV4_HLEN : IPV6_HLEN);
	struct mss_walk walk = {.skb = skb, .limit = mss};
	__u8 words;

	if (!mss && !mtu)
		return 0; /* no way is known */
	if (!mss)
		walk.limit = mtu > headers + MSS_LEAST ? mtu - headers : MSS_LEAST;
	walk.tcp = mss_syn(skb, offset, proto);
	if (!walk.tcp || bpf_skb_load_bytes(skb, walk.tcp + 12, &words, 1) ||
	    (words >> 4) * 4 <= TCP_HLEN || walk.tcp + (words >> 4) * 4 > skb->len)
		return 0;
	walk.offset = walk.tcp + TCP_HLEN;
	walk.left = (words >> 4) * 4 - TCP_HLEN;
	bpf_loop(MSS_OPTIONS_MAX, mss_option, &walk, 0);
	return 0;
}

/* A frame that is to be encapsulated; its tags have been taken. */
static __always_inline void mss_encap(struct __sk_buff *skb, const struct weft_remote *remote,
				      const struct weft_tunnel *tunnel, const struct outer *o)
{
	if (tunnel->flags & WEFT_TUNNEL_MSS)
		mss_clamp(skb, ETH_HLEN, o->proto, tunnel->mss, encap_mtu(remote, o->tags));
}

static __noinline void mss_received(struct __sk_buff *skb, const struct frame *f,
				    const struct weft_tunnel *tunnel)
{
	__u32 offset = ETH_HLEN, tags = skb->vlan_present ? 1 : 0;
	struct weft_remote *remote;
	__be16 proto;

	if (!f || !tunnel)
		return;
	remote = remote_get(f->remote ? f->remote : tunnel_prototype(tunnel));
	proto = f->proto;
	/* a second tag stays in the frame */
	if (proto_is_vlan(proto)) {
		if (bpf_skb_load_bytes(skb, ETH_HLEN + 2, &proto, sizeof(proto)))
			return;
		offset += VLAN_HLEN;
		tags++;
	}
	if (remote)
		mss_clamp(skb, offset, proto, tunnel->mss, encap_mtu(remote, tags));
}

/* A frame that has come out of the tunnel; what goes back goes to where it is from. */
static __always_inline void mss_decap(struct __sk_buff *skb, const struct frame *f,
				      const struct weft_tunnel *tunnel)
{
	if (tunnel->flags & WEFT_TUNNEL_MSS)
		mss_received(skb, f, tunnel);
}

/* Must a copy of a flooded SYN to this remote be made by itself, since what it says may be another thing for each? */
static __always_inline bool mss_parts(bool syn, const struct weft_remote *remote)
{
	struct weft_tunnel *tunnel = syn ? tunnel_get(remote->tunnel) : NULL;

	return tunnel && (tunnel->flags & WEFT_TUNNEL_MSS);
}

/* Of a frame that is to be flooded. */
static __always_inline bool mss_flooded(struct __sk_buff *skb, const struct frame *f)
{
	return proto_is_ip(f->proto) && mss_syn(skb, ETH_HLEN, f->proto);
}

#endif
