/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ageing: a walk over the FDB, in slices so that the loop is never held up, that removes learned
 * entries which were not seen for their bridge's or tunnel's time. It also finds the remotes that
 * nothing uses any more, and sets the counts right.
 *
 * The datapath already takes an aged entry for none, so how soon one is removed matters
 * to `show` and to memory only.
 */
#include "daemon/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"

#define SLICE	     4096
#define SLICE_PAUSE  20	  /* ms between slices of a walk */
#define TICK_PAUSE   1000 /* ms between looks at whether to start one */
#define INTERVAL_MAX 10	  /* seconds between starts */
#define IDLE_SWEEPS  2	  /* after so many without use a remote goes */

struct sweep {
	struct kernel *kernel;
	struct event *timer;
	struct dp_cursor cursor;
	bool walking;
	uint32_t started; /* tick */
	uint32_t generation;
	struct weft_fdb_key key[SLICE], gone[SLICE];
	struct weft_fdb_entry entry[SLICE];
	uint32_t count[WEFT_BRIDGES_MAX + WEFT_TUNNELS_MAX];
	uint64_t used[WEFT_REMOTES_MAX / 64];
};

static uint32_t tunnel_ageing(const struct live_tunnel *tunnel)
{
	uint32_t ageing = tunnel->config->ageing;

	return ageing == AGEING_BRIDGE ? bridge_ageing(tunnel->bridge) : WEFT_TICKS(ageing);
}

/* Points it nowhere, and not just to a remote whose event is still to come? */
static bool entry_lost(struct kernel *kernel, const struct weft_fdb_entry *entry)
{
	struct weft_remote slot;

	return !entry->dest.remote || entry->dest.remote >= WEFT_REMOTES_MAX ||
	       kernel->remote_by_id[entry->dest.remote] ||
	       dp_get_remote(kernel->dp, &entry->dest.remote, &slot) < 0 || !slot.tunnel;
}

static bool entry_aged(const struct weft_fdb_entry *entry, uint32_t now,
		       const struct live_bridge *bridge, const struct live_tunnel *tunnel)
{
	uint32_t ageing = tunnel ? tunnel_ageing(tunnel) : bridge_ageing(bridge);

	if (entry->flags & (WEFT_FDB_STATIC | WEFT_FDB_LOCAL))
		return false;
	return ageing && (int32_t)(now - entry->seen) > (int32_t)ageing;
}

static int sweep_slice(struct sweep *sweep)
{
	struct kernel *kernel = sweep->kernel;
	uint32_t count, gone = 0, now = dp_tick();
	int r = dp_walk(kernel->dp, DP_FDB, &sweep->cursor, sweep->key, sweep->entry, SLICE,
			&count);

	for (uint32_t i = 0; r >= 0 && i < count; i++) {
		const struct weft_fdb_entry *entry = &sweep->entry[i];
		struct live_bridge *bridge;
		struct live_tunnel *tunnel;
		bool known = fdb_entry_owner(kernel, &sweep->key[i], entry, &bridge, &tunnel);

		if (!known && !entry_lost(kernel, entry))
			continue;
		if (!known || entry_aged(entry, now, bridge, tunnel)) {
			sweep->gone[gone++] = sweep->key[i];
			fdb_entry_gone(kernel, &sweep->key[i], entry, "age");
			continue;
		}
		sweep->count[bridge->id]++;
		if (!tunnel)
			continue;
		sweep->count[WEFT_BRIDGES_MAX + tunnel->id]++;
		bit_set(sweep->used, entry->dest.remote);
	}
	if (gone) {
		dp_delete_batch(kernel->dp, DP_FDB, sweep->gone, gone);
		fdb_counts_apply(kernel);
		/* our own doing, and not counted above */
		sweep->generation += gone;
	}
	return r;
}

static void sweep_remotes(struct sweep *sweep)
{
	struct kernel *kernel = sweep->kernel;
	struct live_remote *remote, *next;

	HASH_ITER (hh, kernel->remotes, remote, next) {
		struct weft_stats stats;

		if (!(remote->owners & OWNERS_AGEING))
			continue;
		if (dp_stats_get(kernel->dp, DP_REMOTE_STATS, remote->id, &stats) < 0)
			continue;
		if (bit_test(sweep->used, remote->id) || stats.rx_packets != remote->rx_packets)
			remote->idle = 0;
		else if (++remote->idle >= IDLE_SWEEPS)
			remote_disown(kernel, remote, OWNERS_AGEING);
		remote->rx_packets = stats.rx_packets;
	}
	purge_run(kernel);
}

/* Only what nobody changed meanwhile can be compared. */
static void sweep_counts(struct sweep *sweep)
{
	struct kernel *kernel = sweep->kernel;

	if (sweep->generation != kernel->fdb_generation)
		return;
	for (uint32_t id = 1; id < WEFT_BRIDGES_MAX; id++)
		if (kernel->bridge_by_id[id])
			dp_put_fdb_count(kernel->dp, &id, &sweep->count[id]);
	for (uint32_t id = 1; id < WEFT_TUNNELS_MAX; id++) {
		uint32_t index = WEFT_BRIDGES_MAX + id;

		if (kernel->tunnel_by_id[id])
			dp_put_fdb_count(kernel->dp, &index, &sweep->count[index]);
	}
}

/* A tenth of the shortest ageing time, in ticks. */
static uint32_t sweep_interval(struct kernel *kernel)
{
	uint32_t shortest = WEFT_TICKS(10 * INTERVAL_MAX);
	struct live_tunnel *tunnel, *next_tunnel;
	struct live_bridge *bridge, *next;

	HASH_ITER (hh, kernel->bridges, bridge, next) {
		uint32_t ageing = bridge_ageing(bridge);

		if (ageing && ageing < shortest)
			shortest = ageing;
	}
	HASH_ITER (hh, kernel->tunnels, tunnel, next_tunnel) {
		uint32_t ageing = tunnel_ageing(tunnel);

		if (ageing && ageing < shortest)
			shortest = ageing;
	}
	return shortest / 10;
}

static void sweep_begin(struct sweep *sweep)
{
	sweep->walking = true;
	sweep->started = dp_tick();
	sweep->generation = sweep->kernel->fdb_generation;
	sweep->cursor = (struct dp_cursor){};
	memset(sweep->count, 0, sizeof(sweep->count));
	memset(sweep->used, 0, sizeof(sweep->used));
}

static void sweep_turn(evutil_socket_t fd, short what, void *arg)
{
	struct sweep *sweep = arg;
	struct timeval pause = {.tv_sec = TICK_PAUSE / 1000};
	int r;

	(void)fd;
	(void)what;
	if (!sweep->walking && dp_tick() - sweep->started >= sweep_interval(sweep->kernel))
		sweep_begin(sweep);
	if (sweep->walking) {
		r = sweep_slice(sweep);
		if (r > 0) {
			pause = (struct timeval){.tv_usec = SLICE_PAUSE * 1000};
		} else {
			sweep->walking = false;
			if (r < 0) {
				log_error("map fdb: %s", strerror(-r));
			} else {
				sweep_counts(sweep);
				sweep_remotes(sweep);
				path_mtu_sweep(sweep->kernel);
			}
		}
	}
	evtimer_add(sweep->timer, &pause);
}

int sweep_start(struct kernel *kernel, struct error *err)
{
	struct timeval pause = {.tv_sec = TICK_PAUSE / 1000};
	struct sweep *sweep = calloc(1, sizeof(*sweep));

	if (!sweep)
		return error_set(err, -ENOMEM, "out of memory");
	sweep->kernel = kernel;
	sweep->started = dp_tick();
	sweep->timer = evtimer_new(kernel->base, sweep_turn, sweep);
	if (!sweep->timer || evtimer_add(sweep->timer, &pause) < 0) {
		if (sweep->timer)
			event_free(sweep->timer);
		free(sweep);
		return error_set(err, -ENOMEM, "out of memory");
	}
	kernel->sweep = sweep;
	return 0;
}

void sweep_stop(struct kernel *kernel)
{
	if (!kernel->sweep)
		return;
	event_free(kernel->sweep->timer);
	free(kernel->sweep);
	kernel->sweep = NULL;
}
