/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Listen and peer: is a packet from the underlay for one of our tunnels, and may its sender
 * send to it. Closed by default: a tunnel takes packets from its remotes only. One that is
 * open, and one with a group, whose members cannot be known, takes any source and makes
 * a remote of it, out of the spares that weftd put aside.
 */
#ifndef WEFT_BPF_PEER_H
#define WEFT_BPF_PEER_H

#include "bpf/decap_vxlan.h"
#include "bpf/learn.h"

static __always_inline __u32 address_kind(const struct weft_addr *address)
{
	__u32 *kind = bpf_map_lookup_elem(&addresses, address);

	return kind ? *kind : 0;
}

/*
 * A packet that is wrong or nobody's: dropped and counted if it was sent to this host, else
 * it is traffic that the host forwards, or none of our business, and goes on untouched.
 */
static __always_inline int peer_reject(const struct frame *f, const struct underlay *u,
				       __u32 reason)
{
	if (!address_kind(&u->destination))
		return TC_ACT_UNSPEC;
	return drop(f, reason);
}

/* Puts an address where the prototype has another one, and what that changes into the header's sum. */
static __always_inline void peer_address(struct weft_remote *remote, __u32 offset, __be32 after)
{
	__be32 before = *(__be32 *)&remote->header[offset];
	__u32 sum = *(__u16 *)&remote->header[10];

	sum += (__u16)~before + (__u16) ~(before >> 16) + (__u16)after + (__u16)(after >> 16);
	*(__u16 *)&remote->header[10] = csum_fold(sum);
	*(__be32 *)&remote->header[offset] = after;
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
	struct weft_dest dest = {};
	__u32 id = 0;

	if (!key || !u || !tunnel)
		return 0;
	prototype = remote_get(tunnel->prototype);
	if (!prototype || prototype->tunnel != tunnel_id || bpf_map_pop_elem(&spares, &id))
		return 0;
	remote = remote_get(id);
	if (!remote)
		return 0;

	*remote = *prototype;
	remote->addr = key->remote;
	remote->flags = WEFT_REMOTE_LEARNED;
	if (!remote->ifindex)
		remote->ifindex = u->ifindex;
	if (!*(__be32 *)&remote->header[12])
		peer_address(remote, 12, u->destination.word[3]);
	peer_address(remote, 16, key->remote.word[3]);

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

/* Fills f->tunnel and f->remote. 0, or the reason to drop. */
static __always_inline int peer_find(struct frame *f, const struct underlay *u)
{
	struct weft_peer_key key = {
		.local = u->destination,
		.remote = u->source,
		.vni = u->vni,
		.port = u->port,
		.type = u->type,
	};
	struct weft_vni_key vni = {.vni = u->vni, .port = u->port, .type = u->type};
	struct weft_tunnel *tunnel;
	struct weft_peer *peer;

	peer = bpf_map_lookup_elem(&peers, &key);
	if (peer)
		goto known;

	key.local = (struct weft_addr){};
	peer = bpf_map_lookup_elem(&peers, &key);
	if (peer && address_kind(&u->destination) == WEFT_ADDRESS_UNICAST)
		goto known;

	key.local = u->destination;
	key.remote = (struct weft_addr){};
	peer = bpf_map_lookup_elem(&peers, &key);
	if (!peer) {
		key.local = (struct weft_addr){};
		peer = bpf_map_lookup_elem(&peers, &key);
		if (peer && address_kind(&u->destination) != WEFT_ADDRESS_UNICAST)
			peer = NULL;
	}
	if (!peer)
		return bpf_map_lookup_elem(&vnis, &vni) ? WEFT_DROP_SRC_DENIED
							: WEFT_DROP_VNI_UNKNOWN;

	/* open: any source but ourselves, under one key whatever address it sent to */
	f->tunnel = peer->tunnel;
	if (address_kind(&u->source) == WEFT_ADDRESS_UNICAST)
		return WEFT_DROP_OWN_SOURCE;
	tunnel = tunnel_get(f->tunnel);
	if (!tunnel)
		return WEFT_DROP_VNI_UNKNOWN;
	key.local = tunnel->local;
	key.remote = u->source;
	peer = bpf_map_lookup_elem(&peers, &key);
	if (peer)
		f->remote = peer->remote;
	else if (tunnel->flags & WEFT_TUNNEL_LEARNING)
		f->remote = peer_learn(&key, f->tunnel, u);
	return 0;
known:
	f->tunnel = peer->tunnel;
	f->remote = peer->remote;
	return 0;
}

#endif
