/* SPDX-License-Identifier: GPL-2.0-only */
/* Counting: every drop and note under its reason and place, every frame at its port and remote. */
#ifndef WEFT_BPF_DROP_H
#define WEFT_BPF_DROP_H

#include "bpf/frame.h"

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

/* Counts a drop; one of port and tunnel, or neither, says where. */
static __noinline int drop_count(__u32 reason, __u32 port, __u32 tunnel)
{
	struct weft_drop_key key = {.reason = reason, .port = port, .tunnel = tunnel};

	reason_count(&drops, &key);
	return TC_ACT_SHOT;
}

/* Counts what is odd in a packet of a tunnel (abi/notes.h). */
static __noinline void note_count(__u32 note, __u32 tunnel)
{
	struct weft_drop_key key = {.reason = note, .tunnel = tunnel};

	reason_count(&notes, &key);
}

/* The way out without sending: where the frame came from is where it is counted. */
static __always_inline int drop(const struct frame *f, __u32 reason)
{
	return drop_count(reason, f->tunnel ? 0 : f->port, f->tunnel);
}

/* `map`: port_stats or remote_stats. */
static __always_inline void stats_rx(void *map, __u32 id, __u32 bytes)
{
	struct weft_stats *stats = bpf_map_lookup_elem(map, &id);

	if (stats) {
		stats->rx_packets++;
		stats->rx_bytes += bytes;
	}
}

static __always_inline void stats_tx(void *map, __u32 id, __u32 bytes)
{
	struct weft_stats *stats = bpf_map_lookup_elem(map, &id);

	if (stats) {
		stats->tx_packets++;
		stats->tx_bytes += bytes;
	}
}

#endif
