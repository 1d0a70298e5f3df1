/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every map of the datapath, once. What is in them is in abi/datapath.h.
 *
 * Arrays are configuration, written by weftd and only read here; `fdb`, `fdb_counts`,
 * `remotes` (spares only) and `peers` (learned remotes only) are written by both; the
 * statistics are per CPU and written here.
 */
#ifndef WEFT_BPF_MAPS_H
#define WEFT_BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi/datapath.h"
#include "abi/drops.h"
#include "abi/notes.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct weft_control);
} control SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEFT_BRIDGES_MAX);
	__type(key, __u32);
	__type(value, struct weft_bridge);
} bridges SEC(".maps");

/* ifindex -> port id */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEFT_PORTS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEFT_PORTS_MAX);
	__type(key, __u32);
	__type(value, struct weft_port);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEFT_TUNNELS_MAX);
	__type(key, __u32);
	__type(value, struct weft_tunnel);
} tunnels SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEFT_REMOTES_MAX);
	__type(key, __u32);
	__type(value, struct weft_remote);
} remotes SEC(".maps");

/* remote id -> GENEVE options that it is sent */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEFT_REMOTES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct weft_options);
} options SEC(".maps");

/* remote id -> GRE sequence numbers */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEFT_REMOTES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct weft_sequence);
} sequences SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weft_option_key);
	__type(value, struct weft_option);
} known_options SEC(".maps");

/* remote id -> GENEVE options last received */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEFT_REMOTES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct weft_seen_options);
} seen_options SEC(".maps");

/* ids of remotes that the datapath may take */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, WEFT_SPARES_MAX);
	__uint(value_size, sizeof(__u32));
} spares SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4 * WEFT_REMOTES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weft_peer_key);
	__type(value, struct weft_peer);
} peers SEC(".maps");

/* what a packet of ours says -> id of the remote that it was sent to */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * WEFT_REMOTES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weft_peer_key);
	__type(value, __u32);
} paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEFT_TUNNELS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weft_vni_key);
	__type(value, __u32);
} vnis SEC(".maps");

/* UDP destination port -> enum weft_type; 0 -> WEFT_LISTEN_* */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u8);
} listen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weft_addr);
	__type(value, __u32);
} addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEFT_FDB_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weft_fdb_key);
	__type(value, struct weft_fdb_entry);
} fdb SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WEFT_BRIDGES_MAX + WEFT_TUNNELS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} fdb_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEFT_PORTS_MAX + WEFT_REMOTES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weft_flood_key);
	__type(value, __u32);
} flood SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEFT_PORTS_MAX + WEFT_TUNNELS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct weft_trunk);
} trunks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WEFT_PORTS_MAX + WEFT_TUNNELS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct weft_storm);
} storms SEC(".maps");

/*
 * Statistics: WEFT_PORTS_MAX and WEFT_REMOTES_MAX values for each CPU; the loader multiplies. In an array of the kernel's
 * own per-CPU kind each value is an allocation: 80,000 of them, a tenth of a second at each start.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WEFT_PORTS_MAX);
	__type(key, __u32);
	__type(value, struct weft_stats);
} port_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WEFT_REMOTES_MAX);
	__type(key, __u32);
	__type(value, struct weft_stats);
} remote_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weft_drop_key);
	__type(value, __u64);
} drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct weft_drop_key);
	__type(value, __u64);
} notes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WEFT_REASONS_MAX);
	__type(key, __u32);
	__type(value, struct weft_dropped);
} last_drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, WEFT_EVENTS_SIZE);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} events_lost SEC(".maps");

/* What is too large for the stack, and how many control packets this tick was told of. */
#define SCRATCH_CHUNK 512
struct scratch {
	__u8 chunk[SCRATCH_CHUNK]; /* of a packet that is summed */
	struct weft_seen_options options;
	__u32 control_tick;
	__u32 control_count;
	__u32 event_tick; /* in which weftd was woken last (bpf/learn.h) */
	__u32 icmp_tick;  /* errors that were sent (bpf/toobig.h) */
	__u32 icmp_count;
	__u32 pad;
	__u8 quote[1232];	   /* of a packet that is answered with an ICMP error */
	struct weft_remote remote; /* in a trace (bpf/encap.h) */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* Fragmented packets of which a fragment had ECT(1) (bpf/underlay_fragment.h). */
struct fragment_key {
	struct weft_addr source, destination;
	__u32 id;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct fragment_key);
	__type(value, __u8);
} fragments_ect1 SEC(".maps");

#endif
