/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Collect: super-packets of which nothing of the tunnel may be left.
 *
 * The kernel's helper that takes the outer headers off leaves its marks of a tunnel on a super-packet
 * (skb->encapsulation, SKB_GSO_UDP_TUNNEL, SKB_GSO_GRE), by which the packet is cut wrongly, or too early, when it must be cut
 * again: for a TAP, a NIC, another tunnel, a socket. They do no harm to TCP that ends at a veth's peer. Anything else
 * takes one of two ways:
 *
 *     collect   the packet goes on to the host's stack, whose external device for the port (daemon/collector.c) takes
 *               the outer headers off and the marks with them. There program weft_collect goes on where decap ends.
 *     split     the splitter (bpf/split.h) cuts it as it is, and weft_split takes the pieces as if they had just come in.
 *
 * What is handed to the host comes back by the backlog. Single packets would overtake it, so they go
 * the same way as long as anything that this CPU handed over is still on it.
 */
#ifndef WEFT_BPF_COLLECT_H
#define WEFT_BPF_COLLECT_H

#include "bpf/decap.h"
#include "bpf/lookup.h"
#include "bpf/split.h"

#define IP_LEN_MAX    65535
#define COLLECT_TICKS 2 /* what has not come back by then was lost */

enum collect_way { WAY_DIRECT, WAY_COLLECT, WAY_SPLIT };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weft_collects);
} collects SEC(".maps");

static __always_inline struct weft_collects *collect_counts(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&collects, &zero);
}

/* Is anything on its way? */
static __always_inline bool collect_pending(__u32 now)
{
	const struct weft_collects *count = collect_counts();

	return count && count->handed != count->back + count->lost &&
	       now - count->tick < COLLECT_TICKS;
}

/* Will the inner frame be TCP for a veth's peer? Reads only. */
static __noinline bool collect_harmless(struct __sk_buff *skb, const struct frame *f,
					const struct underlay *u, const struct weft_tunnel *tunnel)
{
	struct frame inner = {};
	const struct weft_fdb_entry *entry;
	__u32 offset, place;
	__be16 tag[3]; /* TCI of a tag and the Ethertype behind it */
	struct weft_port *port;
	__u8 protocol = 0;

	if (!f || !u || !tunnel || (tunnel->flags & WEFT_TUNNEL_L3))
		return false;
	offset = u->inner_offset;
	inner.bridge = f->bridge;
	inner.now = f->now;
	if (bpf_skb_load_bytes(skb, offset, inner.dst, ETH_ALEN) ||
	    bpf_skb_load_bytes(skb, offset + 2 * ETH_ALEN, tag, sizeof(tag)))
		return false;
	inner.proto = tag[0];
	offset += ETH_HLEN;
	if (tunnel->flags & WEFT_TUNNEL_VLAN_AWARE)
		inner.vlan = tunnel->vlan;
	if (proto_is_vlan(inner.proto)) {
		inner.proto = tag[2];
		offset += VLAN_HLEN;
		if ((tunnel->flags & WEFT_TUNNEL_VLAN_AWARE) && (tag[1] & bpf_htons(VLAN_VID_MASK)))
			inner.vlan = bpf_ntohs(tag[1]) & VLAN_VID_MASK;
	}
	if (!proto_is_ip(inner.proto))
		return false;
	place = inner.proto == bpf_htons(ETH_P_IP) ? offsetof(struct iphdr, protocol)
						   : offsetof(struct ipv6hdr, nexthdr);
	if (bpf_skb_load_bytes(skb, offset + place, &protocol, 1) || protocol != IPPROTO_NUMBER_TCP)
		return false;
	entry = lookup(&inner);
	port = entry && entry->dest.port ? port_get(entry->dest.port) : NULL;
	return port && port->bridge == f->bridge && (port->flags & WEFT_PORT_PEER) &&
	       !lookup_aged(&inner, entry, port->ageing);
}

/*
 * Which way the packet has to take, enum collect_way. To be called for super-packets, and for others while
 * collect_pending(). Judged by the verifier once (bpf/encap.h).
 */
__noinline int collect_way(struct __sk_buff *skb, const struct frame *f, const struct underlay *u,
			   const struct weft_tunnel *tunnel)
{
	bool super = skb->gso_size;
	struct weft_addr to; /* kernels before 6.2 want the key of a look-up on the stack */

	if (!f || !u || !tunnel || collect_harmless(skb, f, u, tunnel))
		return WAY_DIRECT;
	/* the host takes what is to an address of its own, and as long as the outer header can say */
	to = u->destination;
	if (u->collected && !(tunnel->flags & WEFT_TUNNEL_L3) &&
	    skb->len <= ETH_HLEN + IP_LEN_MAX && address_kind(&to) == WEFT_ADDRESS_UNICAST)
		return WAY_COLLECT;
	return super && splitter_get() ? WAY_SPLIT : WAY_DIRECT;
}

/* The packet as it is to the splitter. */
static __always_inline int collect_split(struct __sk_buff *skb)
{
	defer_mark_decap(skb);
	trace_packet(skb, WEFT_TRACE_SPLIT, 0, 0, 0);
	return bpf_redirect(splitter_get(), 0);
}

/* The external device refuses reserved bits that weft has taken (RFC 7348 5). */
static __always_inline int collect_vxlan(struct __sk_buff *skb, const struct underlay *u)
{
	__be64 header = bpf_cpu_to_be64((__u64)VXLAN_I_FLAG << 56 | (__u64)u->vni << 8);

	if (u->header == header)
		return 0;
	return bpf_skb_store_bytes(skb, u->l4_offset + UDP_HLEN, &header, sizeof(header),
				   BPF_F_RECOMPUTE_CSUM);
}

/*
 * Hands a good packet to the host: what the outer header has to say goes into the inner one, and whose it is
 * goes along in skb->priority, where nobody without privilege can put so much.
 */
static __always_inline int collect_hand(struct __sk_buff *skb, struct frame *f, struct underlay *u,
					const struct weft_tunnel *tunnel)
{
	struct weft_collects *count = collect_counts();
	__be16 tag[2] = {};
	int reason = decap_inner(skb, f, u, tunnel, tag);

	if (!reason && u->type == WEFT_TYPE_VXLAN && collect_vxlan(skb, u))
		reason = WEFT_DROP_DECAP;
	if (reason)
		return drop(skb, f, reason);
	skb->priority =
		f->remote ? WEFT_COLLECT_REMOTE | f->remote : WEFT_COLLECT_TUNNEL | f->tunnel;
	trace_packet(skb, WEFT_TRACE_COLLECT | u->inner_offset << 8, 0, f->tunnel, f->remote);
	if (count) {
		if (f->now - count->tick >= COLLECT_TICKS)
			count->lost = count->handed - count->back;
		count->handed++;
		count->tick = f->now;
	}
	return TC_ACT_UNSPEC;
}

/* Takes it back: fills tunnel and remote. False: it is none that was handed over. */
static __always_inline bool collect_take(struct __sk_buff *skb, struct frame *f)
{
	struct weft_collects *count = collect_counts();
	__u32 id = skb->priority & 0xffff, kind = skb->priority & ~0xffff;
	struct weft_remote *remote;

	if (kind == WEFT_COLLECT_REMOTE) {
		remote = remote_get(id);
		f->remote = id;
		f->tunnel = remote ? remote->tunnel : 0;
	} else if (kind == WEFT_COLLECT_TUNNEL) {
		f->tunnel = id;
	} else {
		return false;
	}
	skb->priority = 0;
	if (count)
		count->back++;
	return f->tunnel;
}

#endif
