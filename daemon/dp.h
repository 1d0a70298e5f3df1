/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The datapath in the kernel: loading it, taking over one that is there, and its maps. The only file
 * that knows the skeleton.
 *
 * dp_put_*() writes only what differs from what the map has, so that writing everything again
 * after a restart touches nothing that traffic is using. All return 0 or a negative errno;
 * dp_get_*() of what is not there is -ENOENT.
 */
#ifndef WEFT_DAEMON_DP_H
#define WEFT_DAEMON_DP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/datapath.h"
#include "abi/drops.h"
#include "abi/notes.h"
#include "lib/error.h"

struct dp;

enum dp_map {
	DP_CONTROL,
	DP_BRIDGES,
	DP_DEVICES,
	DP_PORTS,
	DP_TUNNELS,
	DP_REMOTES,
	DP_SPARES,
	DP_OPTIONS,
	DP_SEQUENCES,
	DP_KNOWN_OPTIONS,
	DP_SEEN_OPTIONS,
	DP_PEERS,
	DP_PATHS,
	DP_VNIS,
	DP_LISTEN,
	DP_ADDRESSES,
	DP_FDB,
	DP_FDB_COUNTS,
	DP_FLOOD,
	DP_TRUNKS,
	DP_STORMS,
	DP_PORT_STATS,
	DP_REMOTE_STATS,
	DP_DROPS,
	DP_NOTES,
	DP_EVENTS,
	DP_EVENTS_LOST,
	DP_LAST_DROPS,
	DP_MAP_COUNT,
};

/* Loads programs and empty maps. Refusals say what the kernel lacks: BPF, or the privilege. */
int dp_load(struct dp **ret, struct error *err);
/* Loads programs upon the maps that program `prog_id` uses. -EPROTO: those maps have another layout. */
int dp_adopt(uint32_t prog_id, struct dp **ret, struct error *err);
/* Closes what this process has of it; what hooks hold stays. */
void dp_free(struct dp *dp);

int dp_program_port(const struct dp *dp);     /* fd */
int dp_program_underlay(const struct dp *dp); /* fd */
int dp_program_split(const struct dp *dp);    /* fd */
int dp_program_collect(const struct dp *dp);  /* fd */
int dp_program_inject(const struct dp *dp);   /* fd */
int dp_fd(const struct dp *dp, enum dp_map map);
const char *dp_map_name(enum dp_map map);
/* Bytes, as the kernel counts them. */
uint64_t dp_map_memory(const struct dp *dp, enum dp_map map);
bool dp_has_decap_l3(const struct dp *dp);
/* CPUs the per-CPU maps have a value for; their lookups fill that many values, 8-byte aligned. */
int dp_cpus(const struct dp *dp);

/* CLOCK_MONOTONIC in the datapath's ticks. */
uint32_t dp_tick(void);

int dp_get(const struct dp *dp, enum dp_map map, const void *key, void *value);
int dp_put(const struct dp *dp, enum dp_map map, const void *key, const void *value);
/* 0 also if it is not there. */
int dp_delete(const struct dp *dp, enum dp_map map, const void *key);

#define DP_ACCESSORS(noun, MAP, key_type, value_type)                                              \
	static inline int dp_get_##noun(const struct dp *dp, const key_type *key, value_type *ret) \
	{                                                                                          \
		return dp_get(dp, MAP, key, ret);                                                  \
	}                                                                                          \
	static inline int dp_put_##noun(const struct dp *dp, const key_type *key,                  \
					const value_type *value)                                   \
	{                                                                                          \
		return dp_put(dp, MAP, key, value);                                                \
	}
#define DP_HASH_ACCESSORS(noun, MAP, key_type, value_type)                                         \
	DP_ACCESSORS(noun, MAP, key_type, value_type)                                              \
	static inline int dp_delete_##noun(const struct dp *dp, const key_type *key)               \
	{                                                                                          \
		return dp_delete(dp, MAP, key);                                                    \
	}

DP_ACCESSORS(control, DP_CONTROL, uint32_t, struct weft_control)
DP_ACCESSORS(bridge, DP_BRIDGES, uint32_t, struct weft_bridge)
DP_ACCESSORS(port, DP_PORTS, uint32_t, struct weft_port)
DP_ACCESSORS(tunnel, DP_TUNNELS, uint32_t, struct weft_tunnel)
DP_ACCESSORS(remote, DP_REMOTES, uint32_t, struct weft_remote)
DP_ACCESSORS(listen, DP_LISTEN, uint32_t, uint8_t)
DP_ACCESSORS(fdb_count, DP_FDB_COUNTS, uint32_t, uint32_t)
DP_HASH_ACCESSORS(device, DP_DEVICES, uint32_t, uint32_t)
DP_HASH_ACCESSORS(options, DP_OPTIONS, uint32_t, struct weft_options)
DP_HASH_ACCESSORS(sequence, DP_SEQUENCES, uint32_t, struct weft_sequence)
DP_HASH_ACCESSORS(known_option, DP_KNOWN_OPTIONS, struct weft_option_key, struct weft_option)
DP_HASH_ACCESSORS(seen_options, DP_SEEN_OPTIONS, uint32_t, struct weft_seen_options)
DP_HASH_ACCESSORS(peer, DP_PEERS, struct weft_peer_key, struct weft_peer)
DP_HASH_ACCESSORS(path, DP_PATHS, struct weft_peer_key, uint32_t)
DP_HASH_ACCESSORS(vni, DP_VNIS, struct weft_vni_key, uint32_t)
DP_HASH_ACCESSORS(address, DP_ADDRESSES, struct weft_addr, uint32_t)
DP_HASH_ACCESSORS(fdb, DP_FDB, struct weft_fdb_key, struct weft_fdb_entry)
DP_HASH_ACCESSORS(flood, DP_FLOOD, struct weft_flood_key, uint32_t)
DP_HASH_ACCESSORS(trunk, DP_TRUNKS, uint32_t, struct weft_trunk)
DP_HASH_ACCESSORS(storm, DP_STORMS, uint32_t, struct weft_storm)

/* Puts `value` there only if the key is free: -EEXIST. */
int dp_add(const struct dp *dp, enum dp_map map, const void *key, const void *value);
/* Sums over the CPUs of map `collects`, which is of one load of the programs and not taken over. */
void dp_collects(const struct dp *dp, uint64_t *ret_handed, uint64_t *ret_back);
/* The queue of spare remotes. -ENOENT when it is empty, -E2BIG when it is full. */
int dp_spare_push(const struct dp *dp, uint32_t id);
int dp_spare_pop(const struct dp *dp, uint32_t *ret);
/* Sums over the CPUs, and sets all CPUs' to zero but for the first one's. -ENOENT: no such id. */
int dp_stats_get(const struct dp *dp, enum dp_map map, uint32_t id, struct weft_stats *ret);
int dp_stats_set(const struct dp *dp, enum dp_map map, uint32_t id, const struct weft_stats *stats);

/* Sum over the CPUs of a per-CPU map of one counter, by its fd; 0 as well if that cannot be read. */
uint64_t dp_count(const struct dp *dp, int fd);
/* Writes what each CPU has for a key of a per-CPU map: dp_cpus() values. */
int dp_put_cpus(const struct dp *dp, enum dp_map map, const void *key, const void *values);

/*
 * Walks a hash or array map in batches of up to `count` entries (at least 64, as a bucket is never
 * split). `cursor` is 0 at the start and meaningless at the end; `ret` has the number of entries read.
 * Returns 1 while there is more, 0 at the end.
 */
struct dp_cursor {
	bool started;
	uint32_t position;
};
int dp_walk(const struct dp *dp, enum dp_map map, struct dp_cursor *cursor, void *keys,
	    void *values, uint32_t count, uint32_t *ret);
/* Writes or deletes many. `ret_done`: how many from the start were, also on failure. */
int dp_put_batch(const struct dp *dp, enum dp_map map, const void *keys, const void *values,
		 uint32_t count, uint32_t *ret_done);
int dp_delete_batch(const struct dp *dp, enum dp_map map, const void *keys, uint32_t count);

#endif
