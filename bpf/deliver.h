/* SPDX-License-Identifier: GPL-2.0-only */
/* Deliver: to a port of this host. */
#ifndef WEFT_BPF_DELIVER_H
#define WEFT_BPF_DELIVER_H

#include "bpf/drop.h"
#include "bpf/vlan.h"

static __always_inline enum vlan_form deliver_form(const struct frame *f, __u32 id,
						   const struct weft_port *port)
{
	if (!(port->flags & WEFT_PORT_VLAN_AWARE))
		return VLAN_UNTAGGED;
	return vlan_form(f, port->vlan, port->flags & WEFT_PORT_TRUNK, id);
}

/* Counts what is about to go to a port, and shows it to those who look. */
static __always_inline void deliver_count(struct __sk_buff *skb, const struct frame *f, __u32 id)
{
	stats_tx(stats_port(id), skb->len);
	capture(skb, WEFT_POINT_PORT_OUT, 0, id, f->tunnel, f->remote);
	trace_packet(skb, WEFT_TRACE_DELIVER, id, 0, 0);
}

/*
 * Known unicast. bpf_redirect_peer() saves the trip through the peer's backlog, but
 * leaves what the kernel noted of the frame as it is: only for IP frames whose
 * noted protocol is right, which must then be told to be for this host.
 */
static __always_inline int deliver(struct __sk_buff *skb, struct frame *f, __u32 id,
				   const struct weft_port *port)
{
	enum vlan_form form = deliver_form(f, id, port);
	int reason;

	if (id == f->port)
		return drop(skb, f, WEFT_DROP_SAME_PORT);
	if (!(port->flags & WEFT_PORT_UP))
		return drop_count(skb, WEFT_DROP_PORT_DOWN, id, 0);
	if (form == VLAN_NOT_MEMBER)
		return drop_count(skb, WEFT_DROP_VLAN, id, 0);
	reason = vlan_leave(skb, f, form);
	if (reason)
		return drop(skb, f, reason);
	deliver_count(skb, f, id);
	if (port->flags & WEFT_PORT_INTERNAL)
		return bpf_redirect(port->ifindex, BPF_F_INGRESS);
	if ((port->flags & WEFT_PORT_PEER) && f->peer_ok && proto_is_ip(f->proto)) {
		if (skb->pkt_type != 0 /* PACKET_HOST */)
			bpf_skb_change_type(skb, 0);
		return bpf_redirect_peer(port->ifindex, 0);
	}
	return bpf_redirect(port->ifindex, 0);
}

/* One copy of a flooded frame; `last`: the frame itself goes, and the verdict is returned. */
static __always_inline int deliver_copy(struct __sk_buff *skb, struct frame *f, __u32 id,
					const struct weft_port *port, bool last)
{
	__u64 flags = port->flags & WEFT_PORT_INTERNAL ? BPF_F_INGRESS : 0;

	if (vlan_leave(skb, f, deliver_form(f, id, port)))
		return drop(skb, f, WEFT_DROP_VLAN_TAGS);
	deliver_count(skb, f, id);
	if (last)
		return bpf_redirect(port->ifindex, flags);
	send_clone(skb, port->ifindex, flags);
	return TC_ACT_SHOT;
}

#endif
