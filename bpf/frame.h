/* SPDX-License-Identifier: GPL-2.0-only */
/* What the stages know of the frame in hand, and the constants of the wire they share. */
#ifndef WEFT_BPF_FRAME_H
#define WEFT_BPF_FRAME_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/maps.h"

/* What this kernel has beyond 6.1: KERNEL_* bits, set by weftd before loading. */
#define KERNEL_DECAP_L3 (1u << 0) /* BPF_F_ADJ_ROOM_DECAP_L3_*: 6.3 */
const volatile __u32 kernel_features;

/* Of the network namespace that is served; 0: any. Set by weftd before loading. */
const volatile __u64 netns_cookie;

/* Marks frames that the datapath sends to itself (flood.h); random, set by weftd before loading. */
const volatile __u32 defer_token[2];

struct frame {
	__u32 bridge;
	__u32 port;   /* it came from here, */
	__u32 tunnel; /* or from this tunnel, */
	__u32 remote; /* and this remote of it (0: one that is in no table) */
	__u32 now;    /* tick */
	__u16 vlan;   /* its VLAN on a VLAN-aware bridge, else 0 */
	__u16 tci;    /* the tag that was taken off it; tag_proto 0: none was */
	__be16 tag_proto;
	__be16 proto; /* Ethertype behind the tags that the kernel keeps beside the frame */
	__u8 dst[ETH_ALEN];
	__u8 src[ETH_ALEN];
	__u16 fragment; /* which outer fragment of it is to be sent, from 1; 0: all of it */
	bool retagged;	/* a tag was put on it for a trunk member */
	bool split;	/* it came from the splitter */
	bool cut;	/* it has to go there */
	bool peer_ok;	/* the kernel state of the frame allows bpf_redirect_peer() */
};

#define VLAN_VID_MASK	     0x0fff
#define VLAN_HLEN	     4
#define UDP_HLEN	     8
#define IPV4_HLEN	     20
#define IPV6_HLEN	     40
#define IP_FRAGMENT_MORE     0x2000
#define IP_FRAGMENT_OFFSET   0x1fff
#define IPV6_HOP_BY_HOP	     0 /* next headers */
#define IPV6_ROUTING	     43
#define IPV6_FRAGMENT	     44
#define IPV6_DESTINATION     60
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_FRAGMENT_MORE   0x0001

#define IPPROTO_NUMBER_ICMP   1
#define IPPROTO_NUMBER_TCP    6
#define IPPROTO_NUMBER_UDP    17
#define IPPROTO_NUMBER_GRE    47
#define IPPROTO_NUMBER_ICMPV6 58
#define PROTO_ETHERNET	      0x6558 /* transparent Ethernet bridging: GRE and GENEVE */

/* An offset into the headers, bounded so that the verifier sees it; header offsets are below 1024. */
static __always_inline __u32 header_offset(__u32 offset)
{
	asm volatile("%0 &= 0x3ff" : "+r"(offset));
	return offset;
}

/* A length of 1 to `max`, in a form that the verifier of 6.1 follows; 0: it is not. */
static __always_inline __u32 bounded(__u32 length, __u32 max)
{
	length--;
	if (length >= max)
		return 0;
	asm volatile("%0 += 1" : "+r"(length));
	return length;
}

static __always_inline bool proto_is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

static __always_inline bool proto_is_ip(__be16 proto)
{
	return proto == bpf_htons(ETH_P_IP) || proto == bpf_htons(ETH_P_IPV6);
}

static __always_inline bool mac_is_group(const __u8 *mac)
{
	return mac[0] & 1;
}

static __always_inline __u32 tick_now(void)
{
	return bpf_ktime_get_coarse_ns() >> WEFT_TICK_SHIFT;
}

/* Of the kernel's own structures what its context for programs does not show. */
struct net___weft {
	__u64 net_cookie;
} __attribute__((preserve_access_index));
struct net_device___weft {
	struct {
		struct net___weft *net;
	} nd_net;
} __attribute__((preserve_access_index));
struct sk_buff___netns {
	struct net_device___weft *dev;
} __attribute__((preserve_access_index));

/*
 * The kernel's function bpf_cast_to_kern_ctx() (6.2, so that what has tcx has it), with a number in the place of its own that
 * weftd fills in (daemon/dp_netns.c). As a weak symbol it would have libbpf look through the kernel's modules where it is not
 * there, for which weftd has no privilege.
 */
static __always_inline void *kernel_context(struct __sk_buff *skb)
{
	void *real;

	asm volatile("r1 = %[skb]\n\t"
		     "call %[function]\n\t"
		     "%[real] = r0"
		     : [real] "=r"(real)
		     : [skb] "r"(skb), [function] "i"(WEFT_CAST_CALL)
		     : "r0", "r1", "r2", "r3", "r4", "r5");
	return real;
}

/*
 * A program on tcx goes along with a device that is moved to another network namespace, where nobody is served and weftd
 * cannot take it off.
 */
static __always_inline bool netns_is_foreign(struct __sk_buff *skb)
{
	struct sk_buff___netns *real;

	if (!netns_cookie)
		return false;
	real = kernel_context(skb);
	return real->dev->nd_net.net->net_cookie != netns_cookie;
}

/* Array maps hold a value at every index: these return NULL for ids out of range only. */
static __always_inline struct weft_bridge *bridge_get(__u32 id)
{
	return bpf_map_lookup_elem(&bridges, &id);
}

static __always_inline struct weft_port *port_get(__u32 id)
{
	return bpf_map_lookup_elem(&ports, &id);
}

static __always_inline struct weft_tunnel *tunnel_get(__u32 id)
{
	return bpf_map_lookup_elem(&tunnels, &id);
}

/* Where packets of no known remote are counted. */
static __always_inline __u32 tunnel_prototype(const struct weft_tunnel *tunnel)
{
	return tunnel->prototype[0] ? tunnel->prototype[0] : tunnel->prototype[1];
}

static __always_inline struct weft_remote *remote_get(__u32 id)
{
	return bpf_map_lookup_elem(&remotes, &id);
}

#endif
