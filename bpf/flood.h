/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flood: broadcast, multicast and unknown unicast.
 *
 * To every other port of the bridge and, for a frame from a port, to every remote; a
 * frame from a remote never goes to a remote again (split horizon). Copies are clones; the
 * last one is the frame itself, so that a flood with one receiver costs what unicast costs.
 *
 * Remotes come after ports, since encapsulation changes the frame: it is grown once
 * and each copy gets its own outer header. A copy that cannot be made this way (its
 * next hop is not known, its header has another form, it is too big or must be cut first) is deferred: an untouched clone,
 * marked with a secret, is sent to the same hook again, which encapsulates it for that
 * one remote and lets the kernel resolve the next hop.
 */
#ifndef WEFT_BPF_FLOOD_H
#define WEFT_BPF_FLOOD_H

#include "bpf/deliver.h"
#include "bpf/encap.h"

#define FLOOD_HEADERS_MAX 120 /* IPv4 and TCP with all their options */

enum flood_pass { FLOOD_DEFER, FLOOD_SEND };
enum flood_growth { GROWTH_NONE, GROWTH_DONE, GROWTH_FAILED };

struct flood_walk {
	struct __sk_buff *skb;
	struct frame *f;
	struct outer *o;
	__u32 pending; /* port or remote that gets the next copy, 0: none yet */
	__u32 receivers;
	__u32 defer_ifindex;
	__u32 defer_flags;
	__u32 shape; /* remote whose header has the form that the frame is grown for, 0: none yet */
	__u32 segment; /* largest frame on the wire, but for tags beside it */
	__u8 pass;
	bool syn;    /* TCP's, which says how much it takes */
	__u8 form;   /* enum vlan_form of the frame as it is grown */
	__u8 growth; /* enum flood_growth */
};

static __always_inline __u32 flood_member(__u32 bridge, __u32 slot, __u16 class)
{
	struct weft_flood_key key = {.bridge = bridge, .slot = slot, .class = class};
	__u32 *id = bpf_map_lookup_elem(&flood, &key);

	return id ? *id : 0;
}

static long flood_port(__u32 slot, void *data)
{
	struct flood_walk *walk = data;
	struct frame *f = walk->f;
	struct weft_port *port;
	__u32 id;

	id = flood_member(f->bridge, slot, WEFT_FLOOD_PORTS);
	if (!id || id == f->port)
		return 0;
	port = port_get(id);
	/* not of this bridge: weftd is just using the id again */
	if (!port || port->bridge != f->bridge || !(port->flags & WEFT_PORT_UP) ||
	    deliver_form(f, id, port) == VLAN_NOT_MEMBER)
		return 0;
	walk->receivers++;
	if (walk->pending) {
		struct weft_port *before = port_get(walk->pending);

		if (before)
			deliver_copy(walk->skb, f, walk->pending, before, false);
	}
	walk->pending = id;
	return 0;
}

/* A clone of the frame as it came, back to the hook it came by. */
static __always_inline void flood_defer(struct flood_walk *walk, __u32 remote)
{
	struct __sk_buff *skb = walk->skb;

	defer_mark(skb, walk->f, remote, 0);
	trace_packet(skb, WEFT_TRACE_DEFER, walk->f->port, 0, remote);
	send_clone(skb, walk->defer_ifindex, walk->defer_flags);
	defer_unmark(skb);
}

/* Can copies to both be made of one grown frame? */
static __always_inline bool flood_alike(const struct weft_remote *a, const struct weft_remote *b)
{
	return a->room == b->room && a->header_len == b->header_len &&
	       a->options_len == b->options_len;
}

/* Called before the frame takes the form that the copies are made in, and then again for the same answer. */
static __always_inline bool flood_fits(const struct flood_walk *walk,
				       const struct weft_remote *remote, enum vlan_form form)
{
	struct outer o = {.segment = walk->segment};

	if (form == VLAN_TAGGED)
		o.segment += VLAN_HLEN;
	return encap_fits(remote, &o);
}

/* Sends a copy of the grown frame to the pending remote. */
static __always_inline int flood_send_pending(struct flood_walk *walk, bool last)
{
	struct weft_remote *remote = remote_get(walk->pending);
	struct weft_tunnel *tunnel = remote ? tunnel_get(remote->tunnel) : NULL;
	int reason = 0;

	if (!remote || !tunnel)
		return TC_ACT_SHOT;
	if (walk->growth == GROWTH_NONE) {
		reason = encap_grow(walk->skb, walk->f, remote, walk->o);
		if (reason == ENCAP_SPLIT)
			reason = WEFT_DROP_ENCAP;
		walk->growth = reason ? GROWTH_FAILED : GROWTH_DONE;
	} else if (walk->growth == GROWTH_FAILED) {
		reason = WEFT_DROP_ENCAP;
	}
	if (!reason)
		reason = encap_write(walk->skb, tunnel, walk->pending, remote, walk->o);
	if (reason)
		return drop_count(walk->skb, reason, 0, remote->tunnel);
	stats_tx(stats_remote(walk->pending), walk->o->inner_len);
	encap_observe(walk->skb, walk->f, walk->pending, remote);
	if (last)
		return encap_send(walk->skb, walk->f, remote);
	send_clone(walk->skb, remote->ifindex, 0);
	return TC_ACT_SHOT;
}

/* Is the copy for this remote one of those that are made of the grown frame? */
static __always_inline bool flood_here(struct flood_walk *walk, const struct weft_remote *remote)
{
	struct weft_remote *shape = walk->shape ? remote_get(walk->shape) : NULL;

	if (!encap_resolved(walk->f, remote) || (remote->flags & WEFT_REMOTE_FRAGMENT) ||
	    mss_parts(walk->syn, remote) || (shape && !flood_alike(shape, remote)))
		return false;
	return !walk->skb->gso_size || !encap_must_split(walk->skb, remote);
}

static long flood_remote(__u32 slot, void *data)
{
	struct flood_walk *walk = data;
	struct frame *f = walk->f;
	struct weft_remote *remote;
	struct weft_tunnel *tunnel;
	enum vlan_form form;
	bool here;
	__u32 id;
	int reason;

	id = flood_member(f->bridge, slot, WEFT_FLOOD_REMOTES);
	remote = id ? remote_get(id) : NULL;
	tunnel = remote ? tunnel_get(remote->tunnel) : NULL;
	if (!tunnel || tunnel->bridge != f->bridge)
		return 0;

	if (walk->pass == FLOOD_DEFER) {
		reason = encap_form(walk->skb, f, tunnel, remote->tunnel, &form);
		walk->receivers++;
		if (reason) {
			/* a VLAN that is not the tunnel's is no loss, a tag it may not carry is */
			if (reason != WEFT_DROP_VLAN)
				drop_count(walk->skb, reason, 0, remote->tunnel);
			return 0;
		}
		if (!remote->ifindex) {
			drop_count(walk->skb, WEFT_DROP_NO_ROUTE, 0, remote->tunnel);
			return 0;
		}
		here = flood_here(walk, remote) && flood_fits(walk, remote, form) &&
		       (!walk->form || walk->form == (__u8)form);
		if (!here) {
			flood_defer(walk, id);
			return 0;
		}
		walk->form = form;
		if (!walk->shape)
			walk->shape = id;
		return 0;
	}

	/* the same conditions as above: what was deferred is not sent again */
	if (!remote->ifindex || !flood_here(walk, remote))
		return 0;
	form = VLAN_UNTAGGED;
	if (tunnel->flags & WEFT_TUNNEL_VLAN_AWARE)
		form = vlan_form(f, tunnel->vlan, tunnel->flags & WEFT_TUNNEL_TRUNK,
				 remote->tunnel | WEFT_TRUNK_TUNNEL);
	if (walk->form != (__u8)form)
		return 0;
	if (walk->o->tags && form == VLAN_UNTAGGED && !(tunnel->flags & WEFT_TUNNEL_INNER_VLAN))
		return 0;
	if (!flood_fits(walk, remote, form))
		return 0;
	if (walk->pending)
		flood_send_pending(walk, false);
	walk->pending = id;
	return 0;
}

/*
 * 0, but the verifier does not know. Kernels before 6.7 look at the callback of bpf_loop() as if it were called
 * once: what it finds constant then it takes for constant for ever, and removes the code for other values.
 */
static __always_inline __u32 flood_zero(const struct __sk_buff *skb)
{
	__u32 zero = skb->len;

	asm volatile("%0 -= %0" : "+r"(zero));
	return zero;
}

/* To every other port. Judged by the verifier once (encap.h), as the next. */
__noinline int flood_ports(struct __sk_buff *skb, struct frame *f, const struct weft_bridge *bridge)
{
	struct flood_walk walk = {.skb = skb, .f = f, .pending = flood_zero(skb)};
	struct weft_port *port;

	if (!f || !bridge)
		return TC_ACT_SHOT;
	trace_frame(f, FLOOD, bridge->port_slots, 0, 0);
	f->retagged = flood_zero(skb);
	bpf_loop(bridge->port_slots, flood_port, &walk, 0);
	port = walk.pending ? port_get(walk.pending) : NULL;
	if (port)
		return deliver_copy(skb, f, walk.pending, port, true);
	return drop(skb, f, WEFT_DROP_NO_RECEIVER);
}

/* Of a frame with no tags but its own. What is between its Ethernet header and IP is counted as the most that it can be. */
static __always_inline __u32 flood_segment(struct __sk_buff *skb, const struct frame *f)
{
	__u32 length = skb->len;

	if (skb->gso_size)
		length = skb->gso_size + (proto_is_ip(f->proto)
						  ? encap_segment_headers(skb, f->proto)
						  : ETH_HLEN + VLAN_HLEN + FLOOD_HEADERS_MAX);
	return length + (skb->vlan_present ? VLAN_HLEN : 0);
}

/* To every other port and to every remote; `flags` are those of the hook that a clone is sent back to. */
__noinline int flood_all(struct __sk_buff *skb, struct frame *f, const struct weft_bridge *bridge,
			 __u32 flags)
{
	__u32 zero = flood_zero(skb);
	struct outer o;
	struct flood_walk walk = {
		.skb = skb,
		.f = f,
		.o = &o,
		.pending = zero,
		.receivers = zero,
		.shape = zero,
		.defer_ifindex = skb->ifindex,
		.defer_flags = flags,
		.form = zero,
		.growth = zero,
	};
	struct weft_port *port;
	int reason;

	if (!f || !bridge)
		return TC_ACT_SHOT;
	if (!bridge->remote_slots)
		return flood_ports(skb, f, bridge);
	trace_frame(f, FLOOD, bridge->port_slots, bridge->remote_slots, 0);
	f->retagged = zero;
	bpf_loop(bridge->port_slots, flood_port, &walk, 0);
	port = walk.pending ? port_get(walk.pending) : NULL;
	if (port)
		deliver_copy(skb, f, walk.pending, port, false);
	if (vlan_leave(skb, f, VLAN_UNTAGGED))
		return drop(skb, f, WEFT_DROP_VLAN_TAGS);

	walk.pending = zero;
	walk.syn = mss_flooded(skb, f);
	walk.segment = flood_segment(skb, f);
	walk.pass = FLOOD_DEFER;
	bpf_loop(bridge->remote_slots, flood_remote, &walk, 0);
	if (!walk.receivers)
		return drop(skb, f, WEFT_DROP_NO_RECEIVER);
	if (!walk.form)
		return TC_ACT_SHOT;

	reason = vlan_leave(skb, f, walk.form);
	if (!reason)
		reason = encap_prepare(skb, f, &o);
	if (reason)
		return drop(skb, f, reason);
	walk.pass = FLOOD_SEND;
	bpf_loop(bridge->remote_slots, flood_remote, &walk, 0);
	if (!walk.pending)
		return TC_ACT_SHOT;
	return flood_send_pending(&walk, true);
}

#endif
