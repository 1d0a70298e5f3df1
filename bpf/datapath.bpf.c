// SPDX-License-Identifier: GPL-2.0-only
/*
 * The datapath: its hooks and the two lists of stages (docs/architecture.md). Nothing else.
 *
 * A stage continues, delivers, or drops with a reason. Headers are included in the
 * order in which a frame meets them.
 */
#include "bpf/frame.h"

#include "bpf/parse.h"
#include "bpf/vlan.h"
#include "bpf/guard.h"
#include "bpf/learn.h"
#include "bpf/lookup.h"
#include "bpf/deliver.h"
#include "bpf/encap.h"
#include "bpf/flood.h"
#include "bpf/storm.h"
#include "bpf/drop.h"
#include "bpf/underlay.h"
#include "bpf/peer.h"
#include "bpf/decap.h"
#include "bpf/collect.h"
#include "bpf/path_mtu.h"
#include "bpf/inject.h"

/* A frame that the datapath sent to itself: encapsulation for one remote is all that is left to do. */
static __noinline int deferred(struct __sk_buff *skb, struct frame *f, __u32 id)
{
	struct weft_remote *remote = remote_get(id);
	struct weft_tunnel *tunnel = remote ? tunnel_get(remote->tunnel) : NULL;

	if (!f || !tunnel || !tunnel->bridge)
		return TC_ACT_SHOT;
	f->bridge = tunnel->bridge;
	return encap(skb, f, id, remote, tunnel);
}

/* The same of one fragment, outer (bpf/encap_fragment.h) or inner (bpf/toobig.h). */
static __always_inline int deferred_fragment(struct __sk_buff *skb, struct frame *f, __u32 id)
{
	struct weft_remote *remote = remote_get(id);
	struct weft_tunnel *tunnel = remote ? tunnel_get(remote->tunnel) : NULL;

	if (!tunnel || !tunnel->bridge)
		return TC_ACT_SHOT;
	f->bridge = tunnel->bridge;
	return remote->flags & WEFT_REMOTE_FRAGMENT ? encap_fragment(skb, f, id, remote, tunnel)
						    : encap_cut(skb, f, id, remote, tunnel);
}

/* From the device of an L3 tunnel: an IP packet whose Ethernet header says nothing but, perhaps, which remote. */
static __always_inline int forward_packet(struct __sk_buff *skb, struct frame *f,
					  const struct weft_bridge *bridge,
					  const struct weft_port *port)
{
	__u32 id = port->remote;
	struct weft_remote *remote;
	struct weft_tunnel *tunnel;

	if (!proto_is_ip(f->proto) || skb->vlan_present)
		return drop(skb, f, WEFT_DROP_INNER_PROTO);
	if (!id && mac_is_group(f->dst))
		return flood_all(skb, f, bridge, 0);
	if (!id && f->dst[0] == WEFT_L3_MAC_0 && f->dst[1] == WEFT_L3_MAC_1)
		id = f->dst[2] << 24 | f->dst[3] << 16 | f->dst[4] << 8 | f->dst[5];
	remote = remote_get(id);
	tunnel = id && remote ? tunnel_get(remote->tunnel) : NULL;
	if (!tunnel || tunnel->bridge != f->bridge)
		return drop(skb, f, WEFT_DROP_L3_REMOTE);
	return encap(skb, f, id, remote, tunnel);
}

/* To where lookup says; `from_remote`: the frame came out of a tunnel; `flags`: of the port or tunnel it came by. */
static __always_inline int forward(struct __sk_buff *skb, struct frame *f,
				   const struct weft_bridge *bridge, bool from_remote,
				   const __u32 *flags, __u32 hook_flags)
{
	const struct weft_fdb_entry *entry = lookup(f);
	struct weft_remote *remote;
	struct weft_tunnel *tunnel;
	struct weft_port *port;
	__u32 id;

	if (entry && entry->dest.port) {
		id = entry->dest.port;
		port = port_get(id);
		if (port && port->bridge == f->bridge && !lookup_aged(f, entry, port->ageing)) {
			trace_frame(f, LOOKUP, WEFT_LOOKUP_FOUND, id, 0);
			return deliver(skb, f, id, port);
		}
	} else if (entry && entry->dest.remote) {
		id = entry->dest.remote;
		remote = remote_get(id);
		tunnel = remote ? tunnel_get(remote->tunnel) : NULL;
		if (tunnel && tunnel->bridge == f->bridge &&
		    !lookup_aged(f, entry, tunnel->ageing)) {
			trace_frame(f, LOOKUP, WEFT_LOOKUP_FOUND, 0, id);
			if (from_remote)
				return drop(skb, f, WEFT_DROP_SPLIT_HORIZON);
			return encap(skb, f, id, remote, tunnel);
		}
	}
	trace_frame(f, LOOKUP,
		    entry		   ? WEFT_LOOKUP_STALE
		    : mac_is_group(f->dst) ? WEFT_LOOKUP_GROUP
					   : WEFT_LOOKUP_UNKNOWN,
		    entry ? entry->dest.port : 0, entry ? entry->dest.remote : 0);
	if ((*flags & WEFT_STORM) &&
	    !storm_allows(f, from_remote ? f->tunnel | WEFT_TRUNK_TUNNEL : f->port))
		return drop(skb, f, WEFT_DROP_STORM);
	return from_remote ? flood_ports(skb, f, bridge) : flood_all(skb, f, bridge, hook_flags);
}

SEC("tc")
int weft_port(struct __sk_buff *skb)
{
	struct frame f = {};
	struct weft_dest from = {};
	struct weft_bridge *bridge;
	struct weft_port *port;
	__u32 ifindex = skb->ifindex, remote, *id;
	int reason;

	id = bpf_map_lookup_elem(&devices, &ifindex);
	if (!id || netns_is_foreign(skb))
		return TC_ACT_UNSPEC;
	f.port = *id;
	port = port_get(f.port);
	bridge = port ? bridge_get(port->bridge) : NULL;
	if (!bridge || !port->bridge)
		return drop(skb, &f, WEFT_DROP_PORT_UNKNOWN);
	f.bridge = port->bridge;
	f.peer_ok = !(port->flags & WEFT_PORT_INTERNAL);
	f.now = tick_now();

	reason = parse(skb, &f);
	if (reason)
		return drop(skb, &f, reason);
	remote = defer_marked(skb, &f);
	if (remote)
		return deferred(skb, &f, remote);
	stats_rx(stats_port(f.port), skb->len);
	capture(skb, WEFT_POINT_PORT_IN, 0, f.port, 0, 0);
	trace_frame(&f, PORT, 0, 0, 0);

	if (port->flags & WEFT_PORT_L3)
		return forward_packet(skb, &f, bridge, port);

	if (port->flags & WEFT_PORT_VLAN_AWARE) {
		reason = vlan_enter(skb, &f, port->vlan, port->flags & WEFT_PORT_TRUNK, f.port);
		if (reason)
			return drop(skb, &f, reason);
		trace_frame(&f, VLAN, f.vlan, f.tag_proto != 0, 0);
	}
	reason = guard(&f, bridge);
	if (reason)
		return drop(skb, &f, reason);
	from.port = f.port;
	reason = learn(&f, &from, port->flags & WEFT_PORT_LEARNING);
	if (reason)
		return drop(skb, &f, reason);
	return forward(skb, &f, bridge, false, &port->flags,
		       port->flags & WEFT_PORT_INTERNAL ? 0 : BPF_F_INGRESS);
}

/* A frame out of a tunnel goes onto its bridge. */
static __always_inline int tunnel_frame(struct __sk_buff *skb, struct frame *f,
					const struct weft_tunnel *tunnel,
					const struct weft_bridge *bridge)
{
	struct weft_dest from = {};
	int reason;

	if (!f || !tunnel || !bridge)
		return TC_ACT_SHOT;
	mss_decap(skb, f, tunnel);
	stats_rx(stats_remote(f->remote ? f->remote : tunnel_prototype(tunnel)), skb->len);

	if (tunnel->flags & WEFT_TUNNEL_VLAN_AWARE) {
		reason = vlan_enter(skb, f, tunnel->vlan, tunnel->flags & WEFT_TUNNEL_TRUNK,
				    f->tunnel | WEFT_TRUNK_TUNNEL);
		if (reason)
			return drop(skb, f, reason);
		trace_frame(f, VLAN, f->vlan, f->tag_proto != 0, 0);
	}
	reason = guard(f, bridge);
	if (reason)
		return drop(skb, f, reason);
	from.remote = f->remote;
	reason = learn(f, &from, tunnel->flags & WEFT_TUNNEL_LEARNING);
	if (reason)
		return drop(skb, f, reason);
	return forward(skb, f, bridge, true, &tunnel->flags, 0);
}

/* Out of an L3 tunnel and into the host, whose routing goes on from there. */
static __always_inline int underlay_packet(struct __sk_buff *skb, struct frame *f,
					   struct underlay *u, const struct weft_tunnel *tunnel)
{
	struct weft_port *port = port_get(tunnel->port);
	int reason;

	if (!port || port->bridge != f->bridge || !(port->flags & WEFT_PORT_UP))
		return drop(skb, f, WEFT_DROP_PORT_DOWN);
	reason = decap_packet(skb, f, u, tunnel, port);
	if (reason)
		return drop(skb, f, reason);
	mss_decap(skb, f, tunnel);
	stats_rx(stats_remote(f->remote ? f->remote : tunnel_prototype(tunnel)), skb->len);
	deliver_count(skb, f, tunnel->port);
	return bpf_redirect(port->ifindex, BPF_F_INGRESS);
}

/* Out of an outer packet, be it from the underlay or a piece of one that was cut. */
static __always_inline int underlay(struct __sk_buff *skb, struct frame *f, bool split)
{
	int way = WAY_DIRECT;
	struct underlay u = {};
	struct weft_bridge *bridge;
	struct weft_tunnel *tunnel;
	int reason;

	switch (underlay_parse(skb, &u)) {
	case UNDERLAY_PASS:
		return underlay_leave(&u);
	case UNDERLAY_ERROR:
		if (!split)
			path_mtu_error(skb, &u);
		return underlay_leave(&u);
	case UNDERLAY_FRAGMENT:
		return peer_reject(skb, f, &u, WEFT_DROP_FRAG);
	case UNDERLAY_OURS:
		break;
	}
	reason = validate(skb, &u);
	trace_frame(f, UNDERLAY, u.type, u.port, u.vni);
	if (!reason)
		reason = peer_find(f, &u);
	if (reason)
		return peer_reject(skb, f, &u, reason);
	if (!split)
		capture(skb, WEFT_POINT_UNDERLAY_IN, 0, 0, f->tunnel, f->remote);
	tunnel = tunnel_get(f->tunnel);
	bridge = tunnel ? bridge_get(tunnel->bridge) : NULL;
	if (!bridge || !tunnel->bridge)
		return drop(skb, f, WEFT_DROP_VNI_UNKNOWN);
	f->bridge = tunnel->bridge;
	f->now = tick_now();
	trace_frame(f, PEER, 0, 0, 0);
	if (!split && (skb->gso_size || (u.collected && collect_pending(f->now))))
		way = collect_way(skb, f, &u, tunnel);
	if (way == WAY_SPLIT)
		return collect_split(skb);
	reason = accept(skb, f, &u, tunnel);
	if (!reason)
		reason = decap_begin(skb, &u);
	if (reason)
		return drop(skb, f, reason);
	if (tunnel->flags & WEFT_TUNNEL_L3)
		return underlay_packet(skb, f, &u, tunnel);
	if (way == WAY_COLLECT)
		return collect_hand(skb, f, &u, tunnel);
	reason = decap_frame(skb, f, &u, tunnel);
	return reason ? drop(skb, f, reason) : tunnel_frame(skb, f, tunnel, bridge);
}

SEC("tc")
int weft_underlay(struct __sk_buff *skb)
{
	struct frame f = {};

	return netns_is_foreign(skb) ? TC_ACT_UNSPEC : underlay(skb, &f, false);
}

/* At tc ingress of an external device: what weft_underlay handed to the host, and nothing else. */
SEC("tc")
int weft_collect(struct __sk_buff *skb)
{
	struct frame f = {.peer_ok = true};
	struct weft_tunnel *tunnel;
	struct weft_bridge *bridge;
	int reason;

	if (!collect_take(skb, &f))
		return TC_ACT_SHOT;
	tunnel = tunnel_get(f.tunnel);
	bridge = tunnel ? bridge_get(tunnel->bridge) : NULL;
	if (!bridge || !tunnel->bridge)
		return drop(skb, &f, WEFT_DROP_VNI_UNKNOWN);
	f.bridge = tunnel->bridge;
	f.now = tick_now();
	reason = parse(skb, &f);
	return reason ? drop(skb, &f, reason) : tunnel_frame(skb, &f, tunnel, bridge);
}

/* A piece of an outer packet that was cut. Judged by the verifier once (bpf/encap.h). */
__noinline int underlay_piece(struct __sk_buff *skb, struct frame *f)
{
	return f ? underlay(skb, f, true) : TC_ACT_SHOT;
}

/* What the splitter made of a frame (bpf/split.h). Nothing else comes by its device. */
SEC("tc")
int weft_split(struct __sk_buff *skb)
{
	struct frame f = {.split = true};
	__u32 remote = defer_marked(skb, &f);

	if (!remote)
		return TC_ACT_SHOT;
	if (remote == DEFER_DECAP)
		return underlay_piece(skb, &f);
	f.now = tick_now();
	if (parse(skb, &f))
		return TC_ACT_SHOT;
	return f.fragment ? deferred_fragment(skb, &f, remote) : deferred(skb, &f, remote);
}

char LICENSE[] SEC("license") = "GPL";
