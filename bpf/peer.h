/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Peer: is a packet from the underlay for one of our tunnels, and may its sender
 * send to it. Closed by default: a tunnel takes packets from its remotes only. One that is
 * open, and one with a group, whose members cannot be known, takes any source and makes
 * a remote of it, out of the spares that weftd put aside.
 *
 * The most specific tunnel wins: the key counts more than the local address, that more than the remote.
 */
#ifndef WEFT_BPF_PEER_H
#define WEFT_BPF_PEER_H

#include "bpf/decap_gre.h"
#include "bpf/learn.h"

static __always_inline __u32 address_kind(const struct weft_addr *address)
{
	/* Linux 6.1 takes no key out of what a global function was given */
	struct weft_addr key = *address;
	__u32 *kind = bpf_map_lookup_elem(&addresses, &key);

	return kind ? *kind : 0;
}

/*
 * A packet that is wrong or nobody's. What was sent to this host is counted, and dropped, or left to
 * whoever else on the host may want it, where it is for no tunnel at all. The rest is traffic that the
 * host forwards, or none of our business, and goes on untouched.
 */
static __always_inline int peer_reject(struct __sk_buff *skb, const struct frame *f,
				       struct underlay *u, __u32 reason)
{
	bool nobodys = reason == WEFT_DROP_VNI_UNKNOWN || reason == WEFT_DROP_KEY_MISMATCH;

	if (!address_kind(&u->destination))
		return underlay_leave(u);
	capture(skb, WEFT_POINT_UNDERLAY_IN, 0, 0, f->tunnel, f->remote);
	/* what is broken on the way may look like another tunnel's or another sender's; VXLAN leaves the choice
	 * whether to look to the tunnel, which is not known here */
	if ((nobodys || reason == WEFT_DROP_SRC_DENIED) && u->type != WEFT_TYPE_VXLAN &&
	    underlay_csum(skb, u))
		return drop(skb, f, WEFT_DROP_CSUM);
	drop(skb, f, reason);
	return nobodys || reason == WEFT_DROP_GRE_VER || reason == WEFT_DROP_GRE_PROTO
		       ? underlay_leave(u)
		       : TC_ACT_SHOT;
}

/* Puts an address where the prototype has another one, and what that changes into the IPv4 header's sum. */
static __always_inline void peer_address(struct weft_remote *remote, __u32 offset, __be32 after)
{
	__be32 before = *(__be32 *)&remote->header[offset];
	__u32 sum = *(__u16 *)&remote->header[10];

	sum += (__u16)~before + (__u16) ~(before >> 16) + (__u16)after + (__u16)(after >> 16);
	*(__u16 *)&remote->header[10] = csum_fold(sum);
	*(__be32 *)&remote->header[offset] = after;
}

#define IPV4_SOURCE	 12
#define IPV4_DESTINATION 16
#define IPV6_SOURCE	 8
#define IPV6_TARGET	 24

static __always_inline void peer_addresses(struct weft_remote *remote, const struct weft_addr *to,
					   const struct underlay *u)
{
	if (!u->v6) {
		if (!*(__be32 *)&remote->header[IPV4_SOURCE])
			peer_address(remote, IPV4_SOURCE, u->destination.word[3]);
		peer_address(remote, IPV4_DESTINATION, to->word[3]);
		return;
	}
	/* an address that begins with zeros is no host's on a network */
	if (!*(__be32 *)&remote->header[IPV6_SOURCE])
		__builtin_memcpy(&remote->header[IPV6_SOURCE], &u->destination,
				 sizeof(u->destination));
	__builtin_memcpy(&remote->header[IPV6_TARGET], to, sizeof(*to));
}

/*
 * Makes a remote for a source that an open tunnel met for the first time; 0: none to spare. Where the
 * route is to pick device and address, what goes back goes the way this one came until weftd knows.
 */
static __noinline __u32 peer_learn(struct weft_peer_key *key, __u32 tunnel_id,
				   const struct underlay *u)
{
	struct weft_tunnel *tunnel = tunnel_get(tunnel_id);
	struct weft_remote *prototype, *remote;
	struct weft_peer peer = {.tunnel = tunnel_id};
	struct weft_options *sent;
	struct weft_dest dest = {};
	__u32 id = 0, from;

	if (!key || !u || !tunnel)
		return 0;
	from = u->v6 ? tunnel->prototype[1] : tunnel->prototype[0];
	prototype = remote_get(from);
	if (!from || !prototype || prototype->tunnel != tunnel_id)
		return 0;
	if (tracing) {
		if (bpf_map_peek_elem(&spares, &id))
			return 0;
		trace_value(WEFT_TRACE_PEER_NEW, 0, tunnel_id, 0, 0);
		return from; /* stands for what would be made of it */
	}
	if (bpf_map_pop_elem(&spares, &id))
		return 0;
	remote = remote_get(id);
	if (!remote)
		return 0;

	*remote = *prototype;
	remote->addr = key->remote;
	remote->flags = (prototype->flags & ~WEFT_REMOTE_RESOLVED) | WEFT_REMOTE_LEARNED;
	if (!remote->ifindex)
		remote->ifindex = u->ifindex;
	peer_addresses(remote, &key->remote, u);
	sent = remote->options_len ? bpf_map_lookup_elem(&options, &from) : NULL;
	if (sent)
		bpf_map_update_elem(&options, &id, sent, BPF_ANY);

	peer.remote = id;
	if (bpf_map_update_elem(&peers, key, &peer, BPF_NOEXIST)) {
		struct weft_peer *other = bpf_map_lookup_elem(&peers, key);

		/* another CPU made one for the same source */
		remote->tunnel = 0;
		bpf_map_push_elem(&spares, &id, 0);
		return other ? other->remote : 0;
	}
	dest.remote = id;
	event_send(WEFT_EVENT_REMOTE, NULL, &dest, NULL);
	return id;
}

/* The entry for this key with the addresses of `u`, by the most specific of them; `ret_open`: one for any source. */
static __noinline struct weft_peer *peer_lookup(struct weft_peer_key *key, struct underlay *u,
						bool *ret_open)
{
	struct weft_peer *peer;
	bool unicast;

	if (!key || !u || !ret_open)
		return NULL;
	*ret_open = false;
	key->local = u->destination;
	key->remote = u->source;
	peer = bpf_map_lookup_elem(&peers, key);
	if (peer)
		return peer;

	/* the local address counts more than the remote */
	*ret_open = true;
	key->remote = (struct weft_addr){};
	peer = bpf_map_lookup_elem(&peers, key);
	if (peer)
		return peer;

	unicast = address_kind(&u->destination) == WEFT_ADDRESS_UNICAST;
	*ret_open = false;
	key->local = (struct weft_addr){};
	key->remote = u->source;
	peer = unicast ? bpf_map_lookup_elem(&peers, key) : NULL;
	if (peer)
		return peer;

	*ret_open = true;
	key->remote = (struct weft_addr){};
	return unicast ? bpf_map_lookup_elem(&peers, key) : NULL;
}

/* No tunnel: why not. */
static __always_inline int peer_missing(const struct underlay *u)
{
	struct weft_vni_key vni = {.vni = u->vni, .port = u->port, .type = u->type};

	if (bpf_map_lookup_elem(&vnis, &vni))
		return WEFT_DROP_SRC_DENIED;
	if (u->type != WEFT_TYPE_GRETAP && u->type != WEFT_TYPE_GRE)
		return WEFT_DROP_VNI_UNKNOWN;
	if (u->listen & WEFT_LISTEN_ANY_KEY) {
		vni.vni = 0;
		vni.port = WEFT_GRE_ANY_KEY;
		if (bpf_map_lookup_elem(&vnis, &vni))
			return WEFT_DROP_SRC_DENIED;
	}
	if (u->type == WEFT_TYPE_GRE || !(u->listen & WEFT_LISTEN_NVGRE))
		return WEFT_DROP_KEY_MISMATCH;
	vni.vni = u->vni >> 8;
	vni.port = WEFT_GRE_KEY;
	vni.type = WEFT_TYPE_NVGRE;
	if ((u->gre & GRE_KEY) && bpf_map_lookup_elem(&vnis, &vni))
		return WEFT_DROP_SRC_DENIED;
	if (u->listen & WEFT_LISTEN_GRETAP)
		return WEFT_DROP_KEY_MISMATCH;
	/* an NVGRE tunnel is all that there is: a packet without a key is not one (RFC 7637 3.2) */
	return u->gre & GRE_KEY ? WEFT_DROP_VNI_UNKNOWN : WEFT_DROP_GRE_FLAGS;
}

/* The ways to read GRE's key, the most specific first. */
static __always_inline struct weft_peer *peer_lookup_gre(struct weft_peer_key *key,
							 struct underlay *u, bool *ret_open)
{
	struct weft_peer *peer;

	if (u->type == WEFT_TYPE_GRETAP && (u->listen & WEFT_LISTEN_NVGRE) && (u->gre & GRE_KEY)) {
		key->type = WEFT_TYPE_NVGRE;
		key->vni = u->vni >> 8;
		peer = peer_lookup(key, u, ret_open);
		if (peer)
			return peer;
		key->type = WEFT_TYPE_GRETAP;
	}
	if (!(u->listen & WEFT_LISTEN_ANY_KEY))
		return NULL;
	key->vni = 0;
	key->port = WEFT_GRE_ANY_KEY;
	return peer_lookup(key, u, ret_open);
}

/* Not by the explicit key: by less of it. */
static __noinline int peer_find_other(struct frame *f, struct underlay *u,
				      struct weft_peer_key *key)
{
	struct weft_tunnel *tunnel;
	struct weft_peer *peer;
	bool open = false;

	if (!f || !u || !key)
		return WEFT_DROP_VNI_UNKNOWN;
	peer = peer_lookup(key, u, &open);
	if (!peer && (u->type == WEFT_TYPE_GRETAP || u->type == WEFT_TYPE_GRE))
		peer = peer_lookup_gre(key, u, &open);
	if (!peer)
		return peer_missing(u);
	f->tunnel = peer->tunnel;
	f->remote = peer->remote;
	if (!open)
		return 0;

	/* open: any source but ourselves, under one key whatever address it sent to */
	if (address_kind(&u->source) == WEFT_ADDRESS_UNICAST)
		return WEFT_DROP_OWN_SOURCE;
	tunnel = tunnel_get(f->tunnel);
	if (!tunnel)
		return WEFT_DROP_VNI_UNKNOWN;
	key->local = tunnel->local;
	key->remote = u->source;
	peer = bpf_map_lookup_elem(&peers, key);
	if (peer)
		f->remote = peer->remote;
	else if (tunnel->flags & (WEFT_TUNNEL_LEARNING | WEFT_TUNNEL_L3))
		f->remote = peer_learn(key, f->tunnel, u);
	return 0;
}

/* Fills f->tunnel and f->remote. 0, or the reason to drop. Not inline: its key is not to lie under all that comes after. */
__noinline int peer_find(struct frame *f, struct underlay *u)
{
	struct weft_peer_key key = {};
	struct weft_peer *peer;

	if (!f || !u)
		return WEFT_DROP_VNI_UNKNOWN;
	key.local = u->destination;
	key.remote = u->source;
	key.vni = u->vni;
	key.port = u->port;
	key.type = u->type;
	peer = bpf_map_lookup_elem(&peers, &key);
	if (!peer)
		return peer_find_other(f, u, &key);
	f->tunnel = peer->tunnel;
	f->remote = peer->remote;
	return 0;
}

#endif
