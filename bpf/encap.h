/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Encap: to a remote. The outer header is data: the remote's template, of which only what depends on the packet
 * is patched.
 *
 *     prepare   what the outer header takes from the frame
 *     grow      room for outer header, options and the inner Ethernet header
 *     write     template and patches (encap_header.h), checksum (encap_csum.h)
 *     send      to the next hop, in outer fragments if it must be (encap_fragment.h)
 *
 * A flood grows once and writes for each copy (flood.h).
 */
#ifndef WEFT_BPF_ENCAP_H
#define WEFT_BPF_ENCAP_H

#include "bpf/drop.h"
#include "bpf/encap_header.h"
#include "bpf/mss.h"
#include "bpf/split.h"
#include "bpf/vlan.h"

/* Non-IP frames have no flow that the kernel could hash: one per pair of MACs. */
static __always_inline __u32 encap_hash_macs(const struct frame *f)
{
	__u32 hash = 0x9e3779b9;

	for (int i = 0; i < ETH_ALEN; i++)
		hash = (hash ^ f->dst[i] ^ (__u32)f->src[i] << 8) * 0x01000193;
	return hash ^ hash >> 15;
}

/* Header bytes of each segment of a super-packet: Ethernet, IP and TCP or UDP. */
static __noinline __u32 encap_segment_headers(struct __sk_buff *skb, __be16 proto)
{
	__u32 transport = ETH_HLEN + sizeof(struct ipv6hdr);
	__u8 byte = 0, protocol = 0;

	if (proto == bpf_htons(ETH_P_IP)) {
		bpf_skb_load_bytes(skb, ETH_HLEN, &byte, 1);
		transport = ETH_HLEN + (byte & 0xf) * 4;
		bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, protocol), &protocol, 1);
	} else {
		bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct ipv6hdr, nexthdr), &protocol, 1);
	}
	if (protocol != IPPROTO_NUMBER_TCP)
		return transport + sizeof(struct udphdr);
	bpf_skb_load_bytes(skb, transport + 12, &byte, 1);
	return transport + (byte >> 4) * 4;
}

/* Takes the tags that are beside the frame, to be written into its bytes. */
static __noinline int encap_take_tags(struct __sk_buff *skb, struct frame *f, struct outer *o)
{
	if (!f || !o)
		return WEFT_DROP_VLAN_TAGS;
	for (int i = 0; i < ENCAP_TAGS_MAX; i++) {
		if (!skb->vlan_present)
			break;
		o->tag[i].proto = skb->vlan_proto;
		o->tag[i].tci = bpf_htons(skb->vlan_tci);
		o->tags = i + 1;
		if (bpf_skb_vlan_pop(skb))
			return WEFT_DROP_VLAN_TAGS;
	}
	if (skb->vlan_present || parse_proto(skb, f))
		return WEFT_DROP_VLAN_TAGS;
	return 0;
}

/* Puts them where they were. */
static __noinline int encap_give_tags(struct __sk_buff *skb, const struct outer *o)
{
	if (!o)
		return WEFT_DROP_VLAN_TAGS;
	if (o->tags > 1 && bpf_skb_vlan_push(skb, o->tag[1].proto, bpf_ntohs(o->tag[1].tci)))
		return WEFT_DROP_VLAN_TAGS;
	if (o->tags && bpf_skb_vlan_push(skb, o->tag[0].proto, bpf_ntohs(o->tag[0].tci)))
		return WEFT_DROP_VLAN_TAGS;
	return 0;
}

/*
 * The form in which a tunnel wants the frame. RFC 7348 6.1: no tagged inner frames unless
 * configured. 0 or the reason to drop.
 */
static __always_inline int encap_form(const struct __sk_buff *skb, const struct frame *f,
				      const struct weft_tunnel *tunnel, __u32 id,
				      enum vlan_form *ret)
{
	*ret = VLAN_UNTAGGED;
	if (tunnel->flags & WEFT_TUNNEL_VLAN_AWARE) {
		*ret = vlan_form(f, tunnel->vlan, tunnel->flags & WEFT_TUNNEL_TRUNK,
				 id | WEFT_TRUNK_TUNNEL);
		if (*ret == VLAN_NOT_MEMBER)
			return WEFT_DROP_VLAN;
	}
	/* a tag of the frame's own, below that of its VLAN */
	if (skb->vlan_present && !f->retagged && !(tunnel->flags & WEFT_TUNNEL_INNER_VLAN))
		return WEFT_DROP_VLAN_INNER;
	return 0;
}

/*
 * The functions that are not static here are judged by the verifier once, and not again at each call. They are
 * always called with pointers that are not NULL, which it cannot know.
 */
static __always_inline int encap_prepare_inline(struct __sk_buff *skb, struct frame *f,
						struct outer *o)
{
	int reason;

	if (!f || !o)
		return WEFT_DROP_ENCAP;
	*o = (struct outer){};
	if (skb->vlan_present) {
		reason = encap_take_tags(skb, f, o);
		if (reason)
			return reason;
	}
	o->ip = proto_is_ip(f->proto);
	o->proto = f->proto;
	o->hash = o->ip ? bpf_get_hash_recalc(skb) : encap_hash_macs(f);
	o->hash ^= o->hash << 16;
	o->inner_len = skb->len + o->tags * VLAN_HLEN;
	o->segment = o->inner_len;
	if (skb->gso_size)
		o->segment =
			skb->gso_size + o->tags * VLAN_HLEN + encap_segment_headers(skb, f->proto);
	if (o->ip) {
		o->tos = ip_tos(skb, ETH_HLEN, f->proto);
		o->ttl = ip_ttl(skb, ETH_HLEN, f->proto);
		o->df = ip_df(skb, ETH_HLEN, f->proto);
	}
	return 0;
}

__noinline int encap_prepare(struct __sk_buff *skb, struct frame *f, struct outer *o)
{
	return encap_prepare_inline(skb, f, o);
}

static __always_inline bool encap_fits(const struct weft_remote *remote, const struct outer *o)
{
	__u32 stripped = remote->flags & WEFT_REMOTE_L3 ? ETH_HLEN : 0;

	return o->segment + encap_header_len(remote) <= remote->mtu + stripped;
}

/* Bytes that a packet has for the outer Ethernet header beyond what a frame has for its own, which may not be carried. */
static __always_inline __u32 encap_stripped(const struct weft_remote *remote)
{
	return remote->flags & WEFT_REMOTE_L3 ? 0 : ETH_HLEN;
}

/* The largest `segment` that fits. */
static __always_inline __u32 encap_room(const struct weft_remote *remote)
{
	__u32 stripped = remote->flags & WEFT_REMOTE_L3 ? ETH_HLEN : 0;
	__u32 room = remote->mtu + stripped;

	return room > encap_header_len(remote) ? room - encap_header_len(remote) : 0;
}

/* What may be written to: in a trace a copy of the remote. */
static __noinline struct weft_remote *encap_lasting(struct weft_remote *remote)
{
	__u32 zero = 0;
	struct scratch *scratch;

	if (!tracing)
		return remote;
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!scratch)
		return remote;
	scratch->remote = *remote;
	return &scratch->remote;
}

/* Forgets a path MTU (bpf/path_mtu.h) that was said so long ago that it may be true no more. Was there anything to forget? */
static __always_inline bool encap_path_expire(struct weft_remote *remote,
					      const struct weft_tunnel *tunnel, __u32 now)
{
	if (!remote->path_mtu ||
	    (__s32)(now - remote->path_tick - WEFT_TICKS(tunnel->mtu_expires)) < 0)
		return false;
	if (tracing)
		trace_value(WEFT_TRACE_EXPIRED, 0, remote->path_mtu, 0, 0);
	remote->path_mtu = 0;
	remote->mtu = remote->hop_mtu > remote->mtu_kept ? remote->hop_mtu - remote->mtu_kept : 0;
	return true;
}

/*
 * Can a super-packet go to this remote as one? Not where every segment is to have another number, and with a checksum
 * only if one is right for all segments: it covers lengths, and nothing else that differs among them
 * (encap_csum.h), so they must all be of one length.
 */
__noinline int encap_must_split(struct __sk_buff *skb, const struct weft_remote *remote)
{
	__u32 start, place, header;
	__u8 words = 0;

	if (!remote || !skb->gso_size)
		return false;
	if (remote->flags & WEFT_REMOTE_SEQ)
		return true;
	if (!(remote->flags & WEFT_REMOTE_CSUM))
		return false;
	if (csum_state(skb) != SUM_PARTIAL)
		return true;
	csum_partial_place(skb, &start, &place);
	header = start + UDP_HLEN;
	if (place == CSUM_PLACE_TCP) {
		bpf_skb_load_bytes(skb, start + 12, &words, 1);
		header = start + (words >> 4) * 4;
	} else if (place != CSUM_PLACE_UDP) {
		return true;
	}
	if (header >= skb->len)
		return true;
	return (skb->len - header) % skb->gso_size != 0;
}

/* The frame as it is, to the splitter, to be encapsulated for remote `id` when it is in pieces. */
static __always_inline int encap_split(struct __sk_buff *skb, const struct frame *f, __u32 id,
				       __u32 tunnel)
{
	__u32 splitter = splitter_get();

	if (!splitter || f->split)
		return drop_count(skb, WEFT_DROP_ENCAP, 0, tunnel);
	defer_mark(skb, f, id, 0);
	trace_packet(skb, WEFT_TRACE_SPLIT, f->port, tunnel, id);
	return bpf_redirect(splitter, 0);
}

#define ENCAP_SPLIT (-1) /* a super-packet that is in a tunnel already: nothing was done */

/*
 * Frames that are not IP, or that carry a tunnel already: room in front of them; 0, the reason to drop, or ENCAP_SPLIT. In a trace
 * super-packets, too: no test run has the type of one, without which bpf_skb_adjust_room() refuses, nor the marks of a tunnel.
 */
static __noinline int encap_grow_head(struct __sk_buff *skb, __u32 grow, bool v6)
{
	struct ethhdr *eth;

	if (skb->gso_size && !tracing)
		return ENCAP_SPLIT;
	if (bpf_skb_change_head(skb, grow, 0))
		return WEFT_DROP_ENCAP;
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_ENCAP;
	eth->h_proto = v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	return vlan_note_protocol(skb) ? WEFT_DROP_ENCAP : 0;
}

/* The inner Ethernet header, and the tags that were beside the frame, `offset` bytes from the start. */
static __always_inline int encap_ethernet(struct __sk_buff *skb, const struct frame *f,
					  const struct outer *o, __u32 offset)
{
	struct ethhdr *eth = (void *)(long)skb->data + header_offset(offset);
	__be16 *rest = (void *)(eth + 1);

	if ((void *)rest + ENCAP_TAGS_MAX * VLAN_HLEN > (void *)(long)skb->data_end) {
		bpf_skb_pull_data(skb, offset + ETH_HLEN + o->tags * VLAN_HLEN);
		eth = (void *)(long)skb->data + header_offset(offset);
		rest = (void *)(eth + 1);
		if ((void *)rest > (void *)(long)skb->data_end)
			return WEFT_DROP_ENCAP;
	}
	__builtin_memcpy(eth->h_dest, f->dst, ETH_ALEN);
	__builtin_memcpy(eth->h_source, f->src, ETH_ALEN);
	eth->h_proto = f->proto;
	if (o->tags) {
		if ((void *)rest + ENCAP_TAGS_MAX * VLAN_HLEN > (void *)(long)skb->data_end)
			return WEFT_DROP_ENCAP;
		eth->h_proto = o->tag[0].proto;
		rest[0] = o->tag[0].tci;
		if (o->tags > 1) {
			rest[1] = o->tag[1].proto;
			rest[2] = o->tag[1].tci;
			rest[3] = f->proto;
		} else {
			rest[1] = f->proto;
		}
	}
	return 0;
}

/* 0, the reason to drop, or ENCAP_SPLIT. */
static __always_inline int encap_grow_inline(struct __sk_buff *skb, const struct frame *f,
					     const struct weft_remote *remote,
					     const struct outer *o)
{
	__u32 inner_eth, grow;
	__u64 flags;
	int reason;
	bool l3;

	if (!f || !remote || !o)
		return WEFT_DROP_ENCAP;
	l3 = remote->flags & WEFT_REMOTE_L3;
	inner_eth = l3 ? 0 : ETH_HLEN + o->tags * VLAN_HLEN;
	grow = encap_header_len(remote) + inner_eth;
	flags = remote->room | BPF_F_ADJ_ROOM_ENCAP_L2((__u64)inner_eth);

	if (!o->ip || bpf_skb_adjust_room(skb, grow, BPF_ADJ_ROOM_MAC, flags)) {
		reason = encap_grow_head(skb, grow, remote->flags & WEFT_REMOTE_IPV6);
		if (reason)
			return reason;
	}
	return l3 ? 0 : encap_ethernet(skb, f, o, ETH_HLEN + encap_header_len(remote));
}

__noinline int encap_grow(struct __sk_buff *skb, const struct frame *f,
			  const struct weft_remote *remote, const struct outer *o)
{
	return encap_grow_inline(skb, f, remote, o);
}

/* Is what weftd wrote of the next hop still to be trusted? A group's MAC never gets old. */
static __always_inline bool encap_resolved(const struct frame *f, const struct weft_remote *remote)
{
	__u32 zero = 0;
	struct weft_control *c;

	if (!(remote->flags & WEFT_REMOTE_RESOLVED))
		return false;
	if (remote->flags & WEFT_REMOTE_GROUP)
		return true;
	c = bpf_map_lookup_elem(&control, &zero);
	return c && (__s32)(c->lease - f->now) > 0;
}

/* The frame itself goes. Where the next hop is not known the kernel finds it, and keeps the frame
 * while it does. */
static __always_inline int encap_send(struct __sk_buff *skb, const struct frame *f,
				      const struct weft_remote *remote)
{
	struct ethhdr *eth;

	if (encap_resolved(f, remote))
		return bpf_redirect(remote->ifindex, 0);
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;
	__builtin_memset(eth->h_dest, 0, 2 * ETH_ALEN);
	return bpf_redirect_neigh(remote->ifindex, NULL, 0, 0);
}

/* What leaves, but that a next hop that is not known has no MAC yet. Not inline: it is not to take of encap()'s stack. */
static __noinline int encap_traced(struct __sk_buff *skb, const struct frame *f, __u32 id,
				   const struct weft_remote *remote)
{
	if (!f || !remote)
		return 0;
	/* of a super-packet it is not said how large it is: its segments are what has to fit */
	trace_frame(f, ENCAP, id,
		    skb->gso_size ? 0
				  : skb->len - encap_header_len(remote) - encap_stripped(remote),
		    encap_room(remote));
	return trace_bytes(skb, encap_resolved(f, remote) ? WEFT_TRACE_SEND : WEFT_TRACE_RESOLVE,
			   f->port, remote->tunnel, id);
}

/* What is about to leave, for those who look. */
static __always_inline void encap_observe(struct __sk_buff *skb, const struct frame *f, __u32 id,
					  const struct weft_remote *remote)
{
	capture(skb, WEFT_POINT_UNDERLAY_OUT, 0, f->port, remote->tunnel, id);
	if (tracing)
		encap_traced(skb, f, id, remote);
}

/* What everything that is sent begins with: form and measures of the frame. 0, or the reason to drop. */
static __always_inline int encap_begin(struct __sk_buff *skb, struct frame *f,
				       const struct weft_remote *remote,
				       const struct weft_tunnel *tunnel, struct outer *o)
{
	enum vlan_form form;
	int reason;

	if (!(remote->flags & WEFT_REMOTE_L3)) {
		reason = encap_form(skb, f, tunnel, remote->tunnel, &form);
		if (!reason)
			reason = vlan_leave(skb, f, form);
		if (reason)
			return reason;
	}
	reason = encap_prepare_inline(skb, f, o);
	if (reason)
		return reason;
	return remote->ifindex ? 0 : WEFT_DROP_NO_ROUTE;
}

#include "bpf/encap_fragment.h"
#include "bpf/toobig.h"

/* A super-packet that is to be cut, and whose segments fit without doubt: with the tags that they may have. */
static __always_inline bool encap_splits(struct __sk_buff *skb, const struct frame *f,
					 const struct weft_remote *remote)
{
	struct outer o = {.segment = ENCAP_TAGS_MAX * VLAN_HLEN};

	o.segment += skb->gso_size + encap_segment_headers(skb, f->proto);
	return encap_fits(remote, &o);
}

/* Known unicast behind a remote. */
__noinline int encap(struct __sk_buff *skb, struct frame *f, __u32 id, struct weft_remote *remote,
		     const struct weft_tunnel *tunnel)
{
	struct outer o;
	int reason;

	if (!f || !remote || !tunnel)
		return TC_ACT_SHOT;
	if (skb->gso_size && encap_must_split(skb, remote)) {
		if (encap_splits(skb, f, remote))
			return encap_split(skb, f, id, remote->tunnel);
		f->cut = true;
	}
	reason = encap_begin(skb, f, remote, tunnel, &o);
	if (!reason)
		mss_encap(skb, remote, tunnel, &o);
	if (!reason && !encap_fits(remote, &o)) {
		remote = encap_lasting(remote);
		if (!encap_path_expire(remote, tunnel, f->now) || !encap_fits(remote, &o))
			return toobig(skb, f, id, remote, &o);
	}
	if (!reason)
		reason = f->cut ? ENCAP_SPLIT : encap_grow_inline(skb, f, remote, &o);
	if (reason == ENCAP_SPLIT) {
		reason = encap_unform(skb, f, &o);
		if (!reason)
			return encap_split(skb, f, id, remote->tunnel);
	}
	if (!reason)
		reason = encap_write(skb, tunnel, id, remote, &o);
	if (reason)
		return drop_count(skb, reason, 0, remote->tunnel);
	stats_tx(stats_remote(id), o.inner_len);
	encap_observe(skb, f, id, remote);
	return encap_send(skb, f, remote);
}

/* One inner fragment of a frame that toobig_fragment() has sent to the splitter. */
__noinline int encap_cut(struct __sk_buff *skb, struct frame *f, __u32 id,
			 const struct weft_remote *remote, const struct weft_tunnel *tunnel)
{
	struct outer o;
	int reason;

	if (!f || !remote || !tunnel)
		return TC_ACT_SHOT;
	reason = encap_begin(skb, f, remote, tunnel, &o);
	if (!reason)
		reason = toobig_cut(skb, f, &o);
	if (!reason)
		reason = encap_grow(skb, f, remote, &o);
	if (!reason)
		reason = encap_write(skb, tunnel, id, remote, &o);
	if (reason)
		return drop_count(skb, reason == ENCAP_SPLIT ? WEFT_DROP_ENCAP : reason, 0,
				  remote->tunnel);
	stats_tx(stats_remote(id), o.inner_len);
	encap_observe(skb, f, id, remote);
	return encap_send(skb, f, remote);
}

#endif
