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
#include "bpf/drop.h"
#include "bpf/decap_vxlan.h"
#include "bpf/peer.h"
#include "bpf/decap.h"

/* A clone for one remote of a flood: encapsulation is all that is left to do. */
static __noinline int port_deferred(struct __sk_buff *skb, struct frame *f, __u32 id)
{
	struct weft_remote *remote = remote_get(id);
	struct weft_tunnel *tunnel = remote ? tunnel_get(remote->tunnel) : NULL;

	if (!f || !tunnel || tunnel->bridge != f->bridge)
		return TC_ACT_SHOT;
	return encap(skb, f, id, remote, tunnel);
}

/* To where lookup says; `from_remote`: the frame came out of a tunnel. */
static __always_inline int forward(struct __sk_buff *skb, struct frame *f,
				   const struct weft_bridge *bridge, bool from_remote,
				   __u32 hook_flags)
{
	const struct weft_fdb_entry *entry = lookup(f);
	struct weft_remote *remote;
	struct weft_tunnel *tunnel;
	struct weft_port *port;
	__u32 id;

	if (entry && entry->dest.port) {
		id = entry->dest.port;
		port = port_get(id);
		if (port && port->bridge == f->bridge && !lookup_aged(f, entry, port->ageing))
			return deliver(skb, f, id, port);
	} else if (entry && entry->dest.remote) {
		id = entry->dest.remote;
		remote = remote_get(id);
		tunnel = remote ? tunnel_get(remote->tunnel) : NULL;
		if (tunnel && tunnel->bridge == f->bridge &&
		    !lookup_aged(f, entry, tunnel->ageing)) {
			if (from_remote)
				return drop(f, WEFT_DROP_SPLIT_HORIZON);
			return encap(skb, f, id, remote, tunnel);
		}
	}
	return flood_frame(skb, f, bridge, !from_remote, skb->ifindex, hook_flags);
}

SEC("tc")
int weft_port(struct __sk_buff *skb)
{
	struct frame f = {};
	struct weft_dest from = {};
	struct weft_bridge *bridge;
	struct weft_port *port;
	__u32 ifindex = skb->ifindex, deferred, *id;
	int reason;

	id = bpf_map_lookup_elem(&devices, &ifindex);
	if (!id)
		return TC_ACT_UNSPEC;
	f.port = *id;
	port = port_get(f.port);
	bridge = port ? bridge_get(port->bridge) : NULL;
	if (!bridge || !port->bridge)
		return drop(&f, WEFT_DROP_PORT_UNKNOWN);
	f.bridge = port->bridge;
	f.peer_ok = !(port->flags & WEFT_PORT_INTERNAL);
	f.now = tick_now();

	reason = parse(skb, &f);
	if (reason)
		return drop(&f, reason);
	deferred = flood_deferred(skb, &f);
	if (deferred)
		return port_deferred(skb, &f, deferred);
	stats_rx(&port_stats, f.port, skb->len);

	if (port->flags & WEFT_PORT_VLAN_AWARE) {
		reason = vlan_enter(skb, &f, port->vlan, port->flags & WEFT_PORT_TRUNK, f.port);
		if (reason)
			return drop(&f, reason);
	}
	reason = guard(&f, bridge);
	if (reason)
		return drop(&f, reason);
	from.port = f.port;
	reason = learn(&f, &from, port->flags & WEFT_PORT_LEARNING);
	if (reason)
		return drop(&f, reason);
	return forward(skb, &f, bridge, false,
		       port->flags & WEFT_PORT_INTERNAL ? 0 : BPF_F_INGRESS);
}

SEC("tc")
int weft_underlay(struct __sk_buff *skb)
{
	struct frame f = {};
	struct underlay u = {};
	struct weft_dest from = {};
	struct weft_bridge *bridge;
	struct weft_tunnel *tunnel;
	__u32 ip_end = 0;
	int reason;

	switch (underlay_parse(skb, &u, &ip_end)) {
	case UNDERLAY_PASS:
		return TC_ACT_UNSPEC;
	case UNDERLAY_FRAGMENT:
		return peer_reject(&f, &u, WEFT_DROP_FRAG);
	case UNDERLAY_OURS:
		break;
	}
	reason = validate_vxlan(skb, &u, ip_end);
	if (!reason)
		reason = peer_find(&f, &u);
	if (reason)
		return peer_reject(&f, &u, reason);
	tunnel = tunnel_get(f.tunnel);
	bridge = tunnel ? bridge_get(tunnel->bridge) : NULL;
	if (!bridge || !tunnel->bridge)
		return drop(&f, WEFT_DROP_VNI_UNKNOWN);
	f.bridge = tunnel->bridge;
	f.now = tick_now();
	if (u.summed && (tunnel->flags & WEFT_TUNNEL_CSUM_RX)) {
		reason = validate_csum(skb, &u);
		if (reason)
			return drop(&f, reason);
	}

	reason = decap(skb, &f, &u, tunnel->flags & (WEFT_TUNNEL_INNER_VLAN | WEFT_TUNNEL_TRUNK));
	if (reason)
		return drop(&f, reason);
	stats_rx(&remote_stats, f.remote ? f.remote : tunnel->prototype, skb->len);

	if (tunnel->flags & WEFT_TUNNEL_VLAN_AWARE) {
		reason = vlan_enter(skb, &f, tunnel->vlan, tunnel->flags & WEFT_TUNNEL_TRUNK,
				    f.tunnel | WEFT_TRUNK_TUNNEL);
		if (reason)
			return drop(&f, reason);
	}
	reason = guard(&f, bridge);
	if (reason)
		return drop(&f, reason);
	from.remote = f.remote;
	reason = learn(&f, &from, tunnel->flags & WEFT_TUNNEL_LEARNING);
	if (reason)
		return drop(&f, reason);
	return forward(skb, &f, bridge, true, 0);
}

char LICENSE[] SEC("license") = "GPL";
