/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Outer fragments (RFC 791 3.2, RFC 8200 4.5): for the tunnels that must carry what does not fit (RFC 7676 3.3). Each
 * fragment is a clone of the untouched frame, sent to the splitter with its number. There its own part
 * is cut out of the frame and gets an outer IP header; the first one gets the tunnel header, too, with a checksum over
 * all of them.
 */
#ifndef WEFT_BPF_ENCAP_FRAGMENT_H
#define WEFT_BPF_ENCAP_FRAGMENT_H

#define FRAGMENTS_MAX 128
#define FRAGMENT_HLEN 8	   /* IPv6 */
#define ADJUST_MAX    2048 /* bpf_skb_adjust_room() takes less than 4096 at once */
#define ADJUST_ROUNDS 32

/* The part of the outer IP payload that a fragment is. */
struct fragment {
	__u32 offset, len;
	__u32 id;
	bool more, v6;
};

/* Payload bytes of a fragment: all that fits, in units of 8. */
static __always_inline __u32 fragment_size(const struct weft_remote *remote)
{
	__u32 header = remote->flags & WEFT_REMOTE_IPV6 ? IPV6_HLEN + FRAGMENT_HLEN : IPV4_HLEN;

	return remote->mtu > header + 64 ? (remote->mtu - header) & ~7u : 64;
}

/* Bytes of the tunnel header, with which the outer IP payload begins. */
static __always_inline __u32 fragment_header(const struct weft_remote *remote)
{
	return encap_header_len(remote) - encap_ip_len(remote);
}

/* Bytes of the outer IP payload of the whole packet. */
static __always_inline __u32 fragment_total(const struct weft_remote *remote, const struct outer *o)
{
	return fragment_header(remote) + encap_payload(remote, o->inner_len);
}

/* Undoes what encapsulation did to the form of the frame, so that it can be done again. */
static __always_inline int encap_unform(struct __sk_buff *skb, struct frame *f,
					const struct outer *o)
{
	int reason = o->tags ? encap_give_tags(skb, o) : 0;

	return reason ? reason : vlan_leave(skb, f, VLAN_UNTAGGED);
}

struct fragment_walk {
	struct __sk_buff *skb;
	const struct frame *f;
	__u32 remote, splitter;
};

static long fragment_step(__u32 index, void *data)
{
	struct fragment_walk *walk = data;

	defer_mark(walk->skb, walk->f, walk->remote, index + 1);
	trace_packet(walk->skb, WEFT_TRACE_SPLIT, walk->f->port, 0, walk->remote);
	send_clone(walk->skb, walk->splitter, 0);
	return 0;
}

/*
 * Sends one clone for each of `count` fragments, and the frame itself for the last. cb[4] goes with them. Negative: it
 * cannot be done; the caller drops, since from here it would be one call more than the kernel allows.
 */
static __noinline int fragments_send(struct __sk_buff *skb, struct frame *f, __u32 id, __u32 count)
{
	struct fragment_walk walk = {.skb = skb, .f = f, .remote = id, .splitter = splitter_get()};

	if (!f || !walk.splitter || !count || count > FRAGMENTS_MAX)
		return -1;
	bpf_loop(count - 1, fragment_step, &walk, 0);
	defer_mark(skb, f, id, count);
	trace_packet(skb, WEFT_TRACE_SPLIT, f->port, 0, id);
	return bpf_redirect(walk.splitter, 0);
}

static __noinline int encap_fragments(struct __sk_buff *skb, struct frame *f, __u32 id,
				      const struct weft_remote *remote, const struct outer *o)
{
	__u32 count, size;
	int verdict = -1;

	if (!f || !remote || !o)
		return TC_ACT_SHOT;
	/* segments are cut out of a super-packet first */
	if (skb->gso_size)
		return encap_split(skb, f, id, remote->tunnel);
	size = fragment_size(remote);
	count = (fragment_total(remote, o) + size - 1) / size;
	skb->cb[4] = bpf_get_prandom_u32();
	if (!o->tags)
		verdict = fragments_send(skb, f, id, count);
	return verdict < 0 ? drop_count(skb, WEFT_DROP_MTU_SILENT, 0, remote->tunnel) : verdict;
}

static __always_inline int fragment_ipv4(struct __sk_buff *skb, const struct fragment *part)
{
	struct iphdr *ip = (void *)(long)skb->data + ETH_HLEN;

	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_ENCAP;
	ip->tot_len = bpf_htons(IPV4_HLEN + part->len);
	ip->frag_off = bpf_htons(part->offset / 8 | (part->more ? IP_FRAGMENT_MORE : 0));
	ip->id = (__u16)part->id;
	ip->check = 0;
	ip->check = ~csum_fold((__u32)bpf_csum_diff(NULL, 0, (__be32 *)ip, IPV4_HLEN, 0));
	return 0;
}

static __always_inline int fragment_ipv6(struct __sk_buff *skb, const struct fragment *part)
{
	struct ipv6hdr *ip = (void *)(long)skb->data + ETH_HLEN;
	struct {
		__u8 next, reserved;
		__be16 offset;
		__u32 id;
	} *fragment = (void *)(ip + 1);

	if ((void *)(fragment + 1) > (void *)(long)skb->data_end)
		return WEFT_DROP_ENCAP;
	fragment->next = ip->nexthdr;
	fragment->reserved = 0;
	fragment->offset = bpf_htons(part->offset | part->more);
	fragment->id = part->id;
	ip->nexthdr = IPV6_FRAGMENT;
	ip->payload_len = bpf_htons(FRAGMENT_HLEN + part->len);
	return 0;
}

struct room_walk {
	struct __sk_buff *skb;
	__s32 room; /* bytes still to be put there, or taken away */
};

static long room_step(__u32 index, void *data)
{
	struct room_walk *walk = data;
	__s32 step = walk->room < -ADJUST_MAX ? -ADJUST_MAX : walk->room;

	(void)index;
	if (!step ||
	    bpf_skb_adjust_room(walk->skb, step, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return 1;
	walk->room -= step;
	return 0;
}

/* Bytes `room` more, or fewer, behind the Ethernet header; never less than an IPv6 header is left while it is done. */
__noinline int fragment_room(struct __sk_buff *skb, __s32 room)
{
	__u32 length = skb->len + room, most = length < ETH_HLEN + IPV6_HLEN ? IPV6_HLEN : 0;
	struct room_walk walk = {.skb = skb, .room = room};

	if (most && bpf_skb_change_tail(skb, skb->len + most, 0))
		return -1;
	bpf_loop(ADJUST_ROUNDS, room_step, &walk, 0);
	return walk.room || (most && bpf_skb_change_tail(skb, length, 0)) ? -1 : 0;
}

/*
 * A checksum that the inner packet leaves to be filled in could not be, once the packet is in pieces. It is filled in
 * here. The kernel forgets about it when the bytes where it starts are taken away, so they are, and put back.
 */
static __noinline int fragment_csum(struct __sk_buff *skb)
{
	__u32 start, place, room, zero = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	__u16 check;

	if (csum_state(skb) != SUM_PARTIAL)
		return 0;
	if (!scratch)
		return WEFT_DROP_ENCAP;
	csum_partial_place(skb, &start, &place);
	if (start >= skb->len)
		return WEFT_DROP_ENCAP;
	check = ~csum_fold((__u32)csum_bytes(skb, start, skb->len - start));
	if (!check)
		check = 0xffff;
	room = bounded(start + 2, sizeof(scratch->chunk));
	if (!room || bpf_skb_store_bytes(skb, start + place, &check, sizeof(check), 0) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, scratch->chunk, room) ||
	    bpf_skb_adjust_room(skb, -(__s32)room, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) ||
	    bpf_skb_adjust_room(skb, room, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, scratch->chunk, room, 0))
		return WEFT_DROP_ENCAP;
	return csum_state(skb) == SUM_PARTIAL ? WEFT_DROP_ENCAP : 0;
}

/* The first fragment: what is behind it counts for the checksum, and goes. */
static __always_inline int fragment_first(struct __sk_buff *skb, const struct weft_remote *remote,
					  struct outer *o, const struct fragment *part)
{
	__u32 keep = part->len - fragment_header(remote);

	if (remote->flags & WEFT_REMOTE_L3)
		keep += ETH_HLEN;
	if (keep >= skb->len)
		return WEFT_DROP_ENCAP;
	if (remote->flags & WEFT_REMOTE_CSUM)
		o->beyond = csum_bytes(skb, keep, skb->len - keep);
	if (bpf_skb_change_tail(skb, keep, 0))
		return WEFT_DROP_ENCAP;
	o->inner_len = o->segment = keep;
	return 0;
}

/* A later fragment, complete but for what fragment_ipv4() and fragment_ipv6() write: outer Ethernet, outer IP, its part of
 * the frame. */
static __noinline int fragment_later(struct __sk_buff *skb, const struct weft_tunnel *tunnel,
				     const struct weft_remote *remote, const struct outer *o,
				     const struct fragment *part)
{
	__u32 ip_len, from, room;
	void *data;

	if (!tunnel || !remote || !o || !part)
		return WEFT_DROP_ENCAP;
	ip_len = encap_ip_len(remote);
	room = ip_len + (part->v6 ? FRAGMENT_HLEN : 0);
	from = part->offset - fragment_header(remote);
	if (remote->flags & WEFT_REMOTE_L3)
		from += ETH_HLEN;
	if (part->more && bpf_skb_change_tail(skb, from + part->len, 0))
		return WEFT_DROP_ENCAP;
	/* of a packet in pages its head may be all that was linear */
	if (fragment_room(skb, room - (from - ETH_HLEN)) || bpf_skb_pull_data(skb, ETH_HLEN + room))
		return WEFT_DROP_ENCAP;
	data = (void *)(long)skb->data;
	if (data + ETH_HLEN + IPV6_HLEN > (void *)(long)skb->data_end &&
	    data + ETH_HLEN + IPV4_HLEN > (void *)(long)skb->data_end)
		return WEFT_DROP_ENCAP;
	__builtin_memcpy(data, remote->ethernet, ETH_HLEN);
	((struct ethhdr *)data)->h_proto = part->v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	if (vlan_note_protocol(skb))
		return WEFT_DROP_ENCAP;
	data = (void *)(long)skb->data;
	if (part->v6) {
		if (data + ETH_HLEN + IPV6_HLEN > (void *)(long)skb->data_end)
			return WEFT_DROP_ENCAP;
		__builtin_memcpy(data + ETH_HLEN, remote->header, IPV6_HLEN);
		encap_ipv6(data + ETH_HLEN, tunnel, remote, o, 0);
	} else {
		if (data + ETH_HLEN + IPV4_HLEN > (void *)(long)skb->data_end)
			return WEFT_DROP_ENCAP;
		__builtin_memcpy(data + ETH_HLEN, remote->header, IPV4_HLEN);
		encap_ipv4(data + ETH_HLEN, tunnel, remote, o, 0);
	}
	if (tunnel->mark)
		skb->mark = tunnel->mark;
	return 0;
}

/* Makes fragment f->fragment of what the frame would be when it is encapsulated. */
static __always_inline int fragment_make(struct __sk_buff *skb, struct frame *f, __u32 id,
					 const struct weft_remote *remote,
					 const struct weft_tunnel *tunnel, struct outer *o)
{
	struct fragment part = {.id = skb->cb[4]};
	__u32 size, total;
	int reason;

	if (o->tags)
		return WEFT_DROP_ENCAP;
	part.v6 = remote->flags & WEFT_REMOTE_IPV6;
	size = fragment_size(remote);
	total = fragment_total(remote, o);
	part.offset = (f->fragment - 1) * size;
	if (part.offset >= total)
		return WEFT_DROP_ENCAP;
	part.len = total - part.offset < size ? total - part.offset : size;
	part.more = part.offset + part.len < total;
	reason = fragment_csum(skb);
	if (reason)
		return reason;
	if (part.offset) {
		reason = fragment_later(skb, tunnel, remote, o, &part);
	} else {
		reason = fragment_first(skb, remote, o, &part);
		if (!reason)
			reason = encap_grow(skb, f, remote, o);
		if (!reason)
			reason = encap_write(skb, tunnel, id, remote, o);
		if (!reason && part.v6 &&
		    bpf_skb_adjust_room(skb, FRAGMENT_HLEN, BPF_ADJ_ROOM_NET,
					BPF_F_ADJ_ROOM_FIXED_GSO))
			reason = WEFT_DROP_ENCAP;
	}
	if (reason)
		return WEFT_DROP_ENCAP;
	return part.v6 ? fragment_ipv6(skb, &part) : fragment_ipv4(skb, &part);
}

/*
 * Sends one fragment, of a frame that encap_fragments() has sent to the splitter. Called from there only: together with
 * what leads to encap() it would need more stack than there is.
 */
__noinline int encap_fragment(struct __sk_buff *skb, struct frame *f, __u32 id,
			      const struct weft_remote *remote, const struct weft_tunnel *tunnel)
{
	struct outer o;
	__u32 inner_len;
	int reason;

	if (!f || !remote || !tunnel || !f->fragment)
		return TC_ACT_SHOT;
	reason = encap_begin(skb, f, remote, tunnel, &o);
	inner_len = o.inner_len;
	if (!reason)
		reason = fragment_make(skb, f, id, remote, tunnel, &o);
	if (reason)
		return drop_count(skb, reason, 0, remote->tunnel);
	if (f->fragment == 1)
		stats_tx(stats_remote(id), inner_len);
	encap_observe(skb, f, id, remote);
	return encap_send(skb, f, remote);
}

#endif
