/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Encap: to a remote. The outer header is data: the remote's template, of which only length,
 * checksums, source port, TOS and TTL depend on the packet.
 *
 *     prepare   what the outer header takes from the frame
 *     grow      room for Ethernet, template and the inner Ethernet header
 *     write     template and patches
 *     send      to the next hop
 *
 * A flood grows once and writes for each copy (flood.h).
 */
#ifndef WEFT_BPF_ENCAP_H
#define WEFT_BPF_ENCAP_H

#include "bpf/drop.h"
#include "bpf/ecn.h"
#include "bpf/vlan.h"

#define ENCAP_TAGS_MAX 2
#define IPV4_HLEN      20

/* What an outer header takes from the frame it carries. */
struct outer {
	__u32 hash;	 /* of the inner flow */
	__u32 inner_len; /* inner Ethernet frame with its tags, bytes */
	__u32 segment;	 /* largest inner frame on the wire: below inner_len for super-packets */
	__u8 tos, ttl;	 /* of the inner IP header */
	bool ip;
	__u8 tags;
	struct {
		__be16 proto, tci;
	} tag[ENCAP_TAGS_MAX];
};

/* The outer header on the wire. */
struct wire_vxlan_v4 {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	__be32 vxlan[2];
} __attribute__((packed));

#define ENCAP_HEADER (sizeof(struct wire_vxlan_v4) - ETH_HLEN)

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
	if (protocol != 6 /* TCP */)
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

static __always_inline int encap_prepare(struct __sk_buff *skb, struct frame *f, struct outer *o)
{
	int reason;

	*o = (struct outer){};
	if (skb->vlan_present) {
		reason = encap_take_tags(skb, f, o);
		if (reason)
			return reason;
	}
	o->ip = proto_is_ip(f->proto);
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
	}
	return 0;
}

static __always_inline bool encap_fits(const struct weft_remote *remote, const struct outer *o)
{
	return o->segment + remote->header_len <= remote->mtu;
}

/*
 * bpf_skb_change_head() leaves the protocol that the kernel noted for the frame. Pushing two
 * tags and popping them makes it read the Ethertype again.
 */
static __always_inline int encap_note_protocol(struct __sk_buff *skb)
{
	return bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 1) ||
	       bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 1) || bpf_skb_vlan_pop(skb) ||
	       bpf_skb_vlan_pop(skb);
}

/* Frames that are not IP, or that carry a tunnel already: room in front of them. */
static __noinline int encap_grow_head(struct __sk_buff *skb, __u32 grow)
{
	struct ethhdr *eth;

	if (bpf_skb_change_head(skb, grow, 0))
		return WEFT_DROP_ENCAP;
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_ENCAP;
	eth->h_proto = bpf_htons(ETH_P_IP);
	return encap_note_protocol(skb) ? WEFT_DROP_ENCAP : 0;
}

static __always_inline int encap_grow(struct __sk_buff *skb, const struct frame *f,
				      const struct weft_remote *remote, const struct outer *o)
{
	__u32 inner_eth = ETH_HLEN + o->tags * VLAN_HLEN;
	__u32 grow = ENCAP_HEADER + inner_eth;
	__u64 flags = remote->room | BPF_F_ADJ_ROOM_ENCAP_L2((__u64)inner_eth);
	struct ethhdr *eth;
	__be16 *rest;
	int reason;

	if (!o->ip || bpf_skb_adjust_room(skb, grow, BPF_ADJ_ROOM_MAC, flags)) {
		/* no way yet to segment a super-packet that is inside two tunnels */
		if (skb->gso_size)
			return WEFT_DROP_ENCAP;
		reason = encap_grow_head(skb, grow);
		if (reason)
			return reason;
	}
	eth = (void *)(long)skb->data + sizeof(struct wire_vxlan_v4);
	rest = (void *)(eth + 1);
	if ((void *)rest + ENCAP_TAGS_MAX * VLAN_HLEN > (void *)(long)skb->data_end) {
		bpf_skb_pull_data(skb, sizeof(struct wire_vxlan_v4) + inner_eth);
		eth = (void *)(long)skb->data + sizeof(struct wire_vxlan_v4);
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

/* RFC 768 over outer headers and inner frame. A checksum that the inner frame leaves to be filled in
 * makes everything from its start sum to what its field holds now, complemented. */
static __noinline int encap_csum(struct __sk_buff *skb, __u32 inner_len)
{
	__u32 udp_len = UDP_HLEN + VXLAN_HLEN + inner_len, summed = udp_len, start, place;
	__u32 udp_offset = ETH_HLEN + IPV4_HLEN;
	struct wire_vxlan_v4 *wire;
	__u16 field = 0, check;
	__u64 sum = 0;

	if (csum_state(skb) == SUM_PARTIAL) {
		csum_partial_place(skb, &start, &place);
		if (start <= udp_offset || start - udp_offset > udp_len ||
		    bpf_skb_load_bytes(skb, start + place, &field, sizeof(field)))
			return WEFT_DROP_ENCAP;
		summed = start - udp_offset;
		sum = (__u16)~field;
	}
	sum += csum_bytes(skb, udp_offset, summed);
	wire = (void *)(long)skb->data;
	if ((void *)(wire + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_ENCAP;
	sum += csum_pseudo_v4(wire->ip.saddr, wire->ip.daddr, udp_len);
	check = ~csum_fold(sum);
	wire->udp.check = check ? check : 0xffff;
	return 0;
}

static __always_inline int encap_write(struct __sk_buff *skb, const struct weft_tunnel *tunnel,
				       const struct weft_remote *remote, const struct outer *o)
{
	struct wire_vxlan_v4 *wire = (void *)(long)skb->data;
	__u16 length = ENCAP_HEADER + o->inner_len;
	__u32 sum;
	__u8 tos;

	if ((void *)(wire + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_ENCAP;
	__builtin_memcpy(&wire->eth, remote->ethernet, ETH_HLEN);
	__builtin_memcpy(&wire->ip, remote->header, ENCAP_HEADER);

	/* the template's checksum field holds the sum of the header without length */
	sum = wire->ip.check + bpf_htons(length);
	wire->ip.tot_len = bpf_htons(length);
	tos = wire->ip.tos | (o->tos & 3);
	if (tunnel->flags & WEFT_TUNNEL_TOS_INHERIT)
		tos = o->tos;
	if (tos != wire->ip.tos) {
		sum += bpf_htons(tos) + (__u16)~bpf_htons(wire->ip.tos);
		wire->ip.tos = tos;
	}
	if ((tunnel->flags & WEFT_TUNNEL_TTL_INHERIT) && o->ttl) {
		sum += bpf_htons(o->ttl << 8) + (__u16)~bpf_htons(wire->ip.ttl << 8);
		wire->ip.ttl = o->ttl;
	}
	wire->ip.check = ~csum_fold(sum);

	wire->udp.source = bpf_htons(tunnel->srcport_min +
				     (__u16)((__u64)o->hash * tunnel->srcport_range >> 32));
	wire->udp.len = bpf_htons(length - IPV4_HLEN);
	/* segments of a super-packet would each need their own: they go with 0, as RFC 7348 prefers */
	if ((tunnel->flags & WEFT_TUNNEL_CSUM_TX) && !skb->gso_size)
		return encap_csum(skb, o->inner_len);
	return 0;
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

/* Known unicast behind a remote. */
static __always_inline int encap(struct __sk_buff *skb, struct frame *f, __u32 id,
				 const struct weft_remote *remote, const struct weft_tunnel *tunnel)
{
	enum vlan_form form;
	struct outer o;
	int reason;

	reason = encap_form(skb, f, tunnel, remote->tunnel, &form);
	if (!reason)
		reason = vlan_leave(skb, f, form);
	if (!reason)
		reason = encap_prepare(skb, f, &o);
	if (!reason && !remote->ifindex)
		reason = WEFT_DROP_NO_ROUTE;
	if (!reason && !encap_fits(remote, &o))
		reason = WEFT_DROP_MTU;
	if (!reason)
		reason = encap_grow(skb, f, remote, &o);
	if (!reason)
		reason = encap_write(skb, tunnel, remote, &o);
	if (reason)
		return drop_count(reason, 0, remote->tunnel);
	stats_tx(&remote_stats, id, o.inner_len);
	return encap_send(skb, f, remote);
}

#endif
