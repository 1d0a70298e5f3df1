/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting: every drop and note under its reason and place, every frame at its port and remote; and the last packet of
 * each reason, kept.
 */
#ifndef WEFT_BPF_DROP_H
#define WEFT_BPF_DROP_H

#include "bpf/capture.h"
#include "bpf/trace.h"

/* Adds one to a counter of map `drops` or `notes`. */
static __always_inline void reason_count(void *map, const struct weft_drop_key *key)
{
	__u64 one = 1, *count;

	count = bpf_map_lookup_elem(map, key);
	if (!count) {
		if (!bpf_map_update_elem(map, key, &one, BPF_NOEXIST))
			return;
		/* another CPU made the entry between the two calls */
		count = bpf_map_lookup_elem(map, key);
		if (!count)
			return;
	}
	*count += 1;
}

/*
 * Keeps what is dropped for weftd to show (abi/datapath.h). Not static, so that the verifier judges it once; one in a
 * tick, so that a storm of drops costs nothing.
 */
__noinline int drop_keep(struct __sk_buff *skb, __u32 reason, __u32 port, __u32 tunnel)
{
	struct weft_dropped *last = bpf_map_lookup_elem(&last_drops, &reason);
	__u32 tick = tick_now(), bytes;

	if (!last || (last->tick == tick && last->done))
		return 0;
	last->begun++;
	last->tick = tick;
	last->port = port;
	last->tunnel = tunnel;
	last->ifindex = skb->ifindex;
	last->len = skb->len;
	last->segment = skb->gso_size;
	last->vlan_tci = skb->vlan_present ? skb->vlan_tci : 0;
	last->vlan_proto = skb->vlan_present ? skb->vlan_proto : 0;
	last->captured = 0;
	bytes = bounded(skb->len < sizeof(last->bytes) ? skb->len : sizeof(last->bytes),
			sizeof(last->bytes));
	if (bytes && !bpf_skb_load_bytes(skb, 0, last->bytes, bytes))
		last->captured = bytes;
	/* for a reader on another CPU: not before all of the above */
	barrier();
	last->done = last->begun;
	return 0;
}

/* What is dropped, for those who look, now or later. */
static __always_inline void drop_observe(struct __sk_buff *skb, __u32 reason, __u32 port,
					 __u32 tunnel)
{
	capture(skb, WEFT_POINT_DROP, reason, port, tunnel, 0);
	trace_packet(skb, WEFT_TRACE_DROP | reason << 8, port, tunnel, 0);
	drop_keep(skb, reason, port, tunnel);
}

/* Counts a drop; one of port and tunnel, or neither, says where. */
static __noinline int drop_count(struct __sk_buff *skb, __u32 reason, __u32 port, __u32 tunnel)
{
	struct weft_drop_key key = {.reason = reason, .port = port, .tunnel = tunnel};

	reason_count(&drops, &key);
	drop_observe(skb, reason, port, tunnel);
	return TC_ACT_SHOT;
}

/* Counts what is odd in a packet of a tunnel (abi/notes.h). */
static __noinline void note_count(__u32 note, __u32 tunnel)
{
	struct weft_drop_key key = {.reason = note, .tunnel = tunnel};

	reason_count(&notes, &key);
	if (tracing)
		trace_value(WEFT_TRACE_NOTE, 0, note, 0, 0);
}

/* The way out without sending: where the frame came from is where it is counted. */
static __always_inline int drop(struct __sk_buff *skb, const struct frame *f, __u32 reason)
{
	return drop_count(skb, reason, f->tunnel ? 0 : f->port, f->tunnel);
}

/* This CPU's statistics of a port or remote; `map`, `max`: port_stats and its WEFT_PORTS_MAX, or the remotes'. */
static __always_inline struct weft_stats *stats_get(void *map, __u32 max, __u32 id)
{
	__u32 index = bpf_get_smp_processor_id() * max + id;

	return bpf_map_lookup_elem(map, &index);
}

static __always_inline void stats_rx(struct weft_stats *stats, __u32 bytes)
{
	if (stats) {
		stats->rx_packets++;
		stats->rx_bytes += bytes;
	}
}

static __always_inline void stats_tx(struct weft_stats *stats, __u32 bytes)
{
	if (stats) {
		stats->tx_packets++;
		stats->tx_bytes += bytes;
	}
}

#define stats_port(id)	 stats_get(&port_stats, WEFT_PORTS_MAX, id)
#define stats_remote(id) stats_get(&remote_stats, WEFT_REMOTES_MAX, id)

#endif
