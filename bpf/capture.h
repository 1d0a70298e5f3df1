/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capture: copies of packets, for whoever asks (abi/capture.h).
 *
 * A hook is a load and a branch as long as nobody does. Nothing here waits or changes the packet: what a ring has no room
 * for is counted and lost. Everything is in scratch memory, and all captures and their filters are served by one loop:
 * hooks are where 64 bytes of stack and two calls are left.
 */
#ifndef WEFT_BPF_CAPTURE_H
#define WEFT_BPF_CAPTURE_H

#include "bpf/capture_filter.h"

#define CAPTURE_TAG_AT	   (2 * ETH_ALEN)
#define CAPTURE_GENEVE_OPT 0x3f
#define CAPTURE_GRE_CSUM   0x80
#define CAPTURE_GRE_KEY	   0x20
#define CAPTURE_GRE_SEQ	   0x10

/*
 * Points that anybody wants, bits as in struct weft_capture; written by weftd. Each load of the programs has its own, so a
 * new weftd begins with none.
 */
volatile __u32 capture_points;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEFT_CAPTURES_MAX);
	__type(key, __u32);
	__type(value, struct weft_capture);
} capture_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WEFT_CAPTURES_MAX);
	__type(key, __u32);
	__type(value, struct weft_capture_count);
} capture_counts SEC(".maps");

struct capture_ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, WEFT_CAPTURE_RING_MIN);
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, WEFT_CAPTURES_MAX);
	__type(key, __u32);
	__array(values, struct capture_ring_map);
} capture_rings SEC(".maps");

/* The lesser of both. Opaque between its two comparisons: the compiler would leave out the one that the verifier looks at. */
static __always_inline __u32 capture_least(__u32 length, __u32 max)
{
	if (length > max)
		length = max;
	asm volatile("" : "+r"(length));
	return bounded(length, max);
}

/* At most `most` bytes of the packet into the scratch memory, with the tag that the kernel keeps beside it where it would be
 * on the wire. */
static __always_inline int capture_copy(struct __sk_buff *skb, struct capture_scratch *s,
					__u32 most)
{
	__u32 at = 0, rest = skb->len, bytes;

	s->record.len = rest;
	if (skb->vlan_present && rest > CAPTURE_TAG_AT) {
		if (bpf_skb_load_bytes(skb, 0, s->bytes, CAPTURE_TAG_AT))
			return -1;
		*(__be16 *)&s->bytes[CAPTURE_TAG_AT] = skb->vlan_proto;
		*(__be16 *)&s->bytes[CAPTURE_TAG_AT + 2] = bpf_htons(skb->vlan_tci);
		rest -= CAPTURE_TAG_AT;
		bytes = capture_least(rest < most ? rest : most,
				      WEFT_CAPTURE_BYTES - CAPTURE_TAG_AT - VLAN_HLEN);
		if (!bytes || bpf_skb_load_bytes(skb, CAPTURE_TAG_AT,
						 &s->bytes[CAPTURE_TAG_AT + VLAN_HLEN], bytes))
			return -1;
		at = CAPTURE_TAG_AT + VLAN_HLEN;
		s->record.len += VLAN_HLEN;
	} else {
		bytes = capture_least(rest < most ? rest : most, WEFT_CAPTURE_BYTES);
		if (!bytes || bpf_skb_load_bytes(skb, 0, s->bytes, bytes))
			return -1;
	}
	s->record.captured = at + bytes;
	return 0;
}

/* 16 bits of the packet, network byte order; what is not there reads as what was. */
static __always_inline __be16 capture_word(const struct capture_scratch *s, __u32 at)
{
	return *(__u8 *)&s->bytes[header_offset(at)] | s->bytes[header_offset(at) + 1] << 8;
}

/*
 * Finds what is in a tunnel's packet: fills `inner` and `inner_proto`. UDP to a port that a tunnel listens on is
 * taken for a tunnel's, and so is all GRE; outer IPv6 extension headers are not looked behind.
 */
static __always_inline void capture_inner(struct capture_scratch *s)
{
	__u32 at = ETH_HLEN;
	__be16 proto = capture_word(s, 12);
	__u8 protocol, flags;

	if (proto_is_vlan(proto)) {
		proto = capture_word(s, 16);
		at += VLAN_HLEN;
	}
	if (proto == bpf_htons(ETH_P_IP)) {
		protocol = s->bytes[header_offset(at + 9)];
		/* only a first fragment has a tunnel header */
		if (capture_word(s, at + 6) & bpf_htons(IP_FRAGMENT_OFFSET))
			return;
		at += (s->bytes[header_offset(at)] & 0xf) * 4;
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		protocol = s->bytes[header_offset(at + 6)];
		at += IPV6_HLEN;
	} else {
		return;
	}
	proto = bpf_htons(PROTO_ETHERNET);
	if (protocol == IPPROTO_NUMBER_UDP) {
		__u32 port = bpf_ntohs(capture_word(s, at + 2));
		__u8 *type = port ? bpf_map_lookup_elem(&listen, &port) : NULL;

		if (!type || !*type)
			return;
		at += UDP_HLEN;
		if ((*type & ~WEFT_LISTEN_COLLECTED) == WEFT_TYPE_GENEVE) {
			proto = capture_word(s, at + 2);
			at += (s->bytes[header_offset(at)] & CAPTURE_GENEVE_OPT) * 4;
		}
		at += 8;
	} else if (protocol == IPPROTO_NUMBER_GRE) {
		flags = s->bytes[header_offset(at)];
		proto = capture_word(s, at + 2);
		at += 4;
		at += flags & CAPTURE_GRE_CSUM ? 4 : 0;
		at += flags & CAPTURE_GRE_KEY ? 4 : 0;
		at += flags & CAPTURE_GRE_SEQ ? 4 : 0;
	} else {
		return;
	}
	if (at >= s->record.captured)
		return;
	if (proto_is_ip(proto))
		s->record.inner_proto = proto;
	else if (proto != bpf_htons(PROTO_ETHERNET))
		return;
	s->record.inner = at;
}

/* A drop of what has no tunnel header yet; the same frame may be a tunnel's own packet inside. */
static __always_inline bool capture_bare(__u32 reason, __u32 port)
{
	return port || reason == WEFT_DROP_MTU || reason == WEFT_DROP_NO_ROUTE ||
	       reason == WEFT_DROP_ENCAP || reason == WEFT_DROP_MTU_SILENT ||
	       reason == WEFT_DROP_MTU_LIMIT || reason == WEFT_DROP_MTU_NO_DF;
}

/* What a slot's filter gets to see. An IP packet without Ethernet is given an Ethernet header meanwhile. */
static __always_inline void capture_window(struct capture_scratch *s, bool outer)
{
	__u32 inner = s->record.inner;

	s->start = 0;
	s->end = s->record.captured;
	s->length = s->record.len;
	s->kept = s->bytes[header_offset(inner - 2)] | s->bytes[header_offset(inner - 1)] << 8;
	if (outer || !inner)
		return;
	if (s->record.inner_proto)
		inner -= ETH_HLEN;
	s->start = inner;
	s->length -= inner;
	if (!s->record.inner_proto)
		return;
	s->bytes[header_offset(inner + 12)] = s->record.inner_proto;
	s->bytes[header_offset(inner + 13)] = s->record.inner_proto >> 8;
}

static __always_inline void capture_window_end(struct capture_scratch *s)
{
	__u32 inner = s->record.inner;

	if (!s->record.inner_proto)
		return;
	s->bytes[header_offset(inner - 2)] = s->kept;
	s->bytes[header_offset(inner - 1)] = s->kept >> 8;
}

/*
 * Into the ring of a slot. The reader is woken once in WEFT_CAPTURE_WAKE_NS, and looks again by itself after that: to wake it
 * costs several times what all the rest does.
 */
static __always_inline void capture_emit(struct capture_scratch *s, __u32 slot, __u32 snap)
{
	struct weft_capture_count *count = bpf_map_lookup_elem(&capture_counts, &slot);
	void *ring = bpf_map_lookup_elem(&capture_rings, &slot);
	__u64 *woken = &s->woken[slot & (WEFT_CAPTURES_MAX - 1)], flags = BPF_RB_NO_WAKEUP;
	__u32 bytes, all;

	if (!count || !ring)
		return;
	all = s->record.captured;
	bytes = capture_least(snap < all ? snap : all, WEFT_CAPTURE_BYTES);
	s->record.captured = bytes;
	if (s->record.time - *woken >= WEFT_CAPTURE_WAKE_NS) {
		*woken = s->record.time;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	count->matched[s->record.point & (WEFT_POINT_COUNTERS - 1)]++;
	if (bpf_ringbuf_output(ring, s, sizeof(s->record) + bytes, flags))
		count->lost[s->record.point & (WEFT_POINT_COUNTERS - 1)]++;
	s->record.captured = all;
}

/* To all slots that it is for: only these get it as a whole. */
static __always_inline void capture_give(struct __sk_buff *skb, struct capture_scratch *s)
{
	const struct weft_capture *slot;
	__u32 most = 0, key;

	for (__u32 i = 0; i < WEFT_CAPTURES_MAX; i++) {
		key = i;
		slot = s->matched & 1u << i ? bpf_map_lookup_elem(&capture_slots, &key) : NULL;
		if (slot && slot->snap > most)
			most = slot->snap;
	}
	if (most > s->record.captured && capture_copy(skb, s, most))
		return;
	for (__u32 i = 0; i < WEFT_CAPTURES_MAX; i++) {
		key = i;
		slot = s->matched & 1u << i ? bpf_map_lookup_elem(&capture_slots, &key) : NULL;
		if (slot)
			capture_emit(s, i, slot->snap);
	}
}

/* One turn: a slot is begun, or an instruction of its filter is carried out, or it is known whether it matches. 1: all are. */
static long capture_step(__u32 turn, void *context)
{
	struct capture_scratch *s = capture_scratch();
	const struct weft_capture *slot;
	__u32 key;

	(void)turn, (void)context;
	if (!s)
		return 1;
	if (s->running) {
		if (!filter_step(s))
			return 0;
		s->running = 0;
		capture_window_end(s);
	} else {
		while (s->slot < WEFT_CAPTURES_MAX && !(s->wanted & 1u << (s->slot & 31))) {
			s->slot++;
			return 0;
		}
		if (s->slot >= WEFT_CAPTURES_MAX)
			return 1;
	}
	key = s->slot;
	slot = bpf_map_lookup_elem(&capture_slots, &key);
	if (!slot)
		return 1;
	if (slot->filter && s->wanted & 1u << (s->slot & 31)) {
		s->wanted &= ~(1u << (s->slot & 31));
		capture_window(s, slot->outer);
		filter_begin(s);
		return 0;
	}
	if (!slot->filter || s->result)
		s->matched |= 1u << (s->slot & 31);
	s->slot++;
	return 0;
}

#define CAPTURE_TURNS (WEFT_CAPTURES_MAX * (WEFT_CAPTURE_FILTER + 3))

static __always_inline bool capture_selected(const struct weft_capture *slot,
					     const struct capture_scratch *s)
{
	if (!(slot->points & 1u << (s->record.point & 31)))
		return false;
	if (!slot->port && !slot->tunnel)
		return true;
	return (slot->port && slot->port == s->record.port) ||
	       (slot->tunnel && slot->tunnel == s->record.tunnel);
}

/* Fills `wanted`: with nothing also when weftd has been away for so long that its lease is over. */
static __always_inline void capture_slots_find(struct capture_scratch *s)
{
	const struct weft_control *c;
	const struct weft_capture *slot;
	__u32 key = 0;

	s->wanted = 0;
	s->reach = 0;
	c = bpf_map_lookup_elem(&control, &key);
	if (!c || (__s32)(c->lease - tick_now()) <= 0)
		return;
	for (__u32 i = 0; i < WEFT_CAPTURES_MAX; i++) {
		key = i;
		slot = bpf_map_lookup_elem(&capture_slots, &key);
		/* in memory: the verifier would follow each combination in a register */
		if (!slot || !capture_selected(slot, s))
			continue;
		s->wanted |= 1u << i;
		if (slot->reach > s->reach)
			s->reach = slot->reach;
	}
}

/*
 * Copies a packet for those who want it. `what` is enum weft_point, and the reason of a drop << 8. Not static, so that the
 * verifier judges it once; always 0.
 */
__noinline int capture_packet(struct __sk_buff *skb, __u32 what, __u32 port, __u32 tunnel,
			      __u32 remote)
{
	struct capture_scratch *s = capture_scratch();
	struct weft_remote *end;

	if (!s)
		return 0;
	s->record.port = port;
	s->record.tunnel = tunnel;
	s->record.point = what;
	s->record.reason = what >> 8;
	end = remote_get(remote);
	if (end)
		s->record.remote = end->addr;
	capture_slots_find(s);
	if (!s->wanted || capture_copy(skb, s, WEFT_CAPTURE_HEADERS + s->reach))
		return 0;
	s->record.time = bpf_ktime_get_ns();
	s->record.ifindex = skb->ifindex;
	s->record.segment = skb->gso_size;
	s->record.inner = 0;
	s->record.inner_proto = 0;
	if (s->record.point >= WEFT_POINT_UNDERLAY_IN &&
	    !(s->record.point == WEFT_POINT_DROP && capture_bare(s->record.reason, s->record.port)))
		capture_inner(s);
	s->slot = 0;
	s->running = 0;
	s->matched = 0;
	bpf_loop(CAPTURE_TURNS, capture_step, NULL, 0);
	if (s->matched)
		capture_give(skb, s);
	return 0;
}

/* The hook; ids that are not known are 0, and remote 0 is in no table: it has no address. */
static __always_inline void capture(struct __sk_buff *skb, enum weft_point point, __u32 reason,
				    __u32 port, __u32 tunnel, __u32 remote)
{
	if (capture_points & 1u << point)
		capture_packet(skb, point | reason << 8, port, tunnel, remote);
}

#endif
