/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FDB entries of what is gone. However much a transaction takes away, one walk over the FDB finds the
 * entries that go with it.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/fdb_private.h"
#include "daemon/live.h"
#include "daemon/log.h"

#define BATCH	       4096
#define PURGE_PAUSE_MS 20

struct batch {
	struct weft_fdb_key key[BATCH];
	struct weft_fdb_entry entry[BATCH];
	struct weft_fdb_key gone[BATCH];
};

bool fdb_entry_owner(struct kernel *kernel, const struct weft_fdb_key *key,
		     const struct weft_fdb_entry *entry, struct live_bridge **ret_bridge,
		     struct live_tunnel **ret_tunnel)
{
	const struct live_remote *remote;
	const struct live_port *port;

	if (key->bridge >= WEFT_BRIDGES_MAX || !kernel->bridge_by_id[key->bridge])
		return false;
	*ret_bridge = kernel->bridge_by_id[key->bridge];
	*ret_tunnel = NULL;
	if (entry->dest.port) {
		port = entry->dest.port < WEFT_PORTS_MAX ? kernel->port_by_id[entry->dest.port]
							 : NULL;
		return port && port->bridge == *ret_bridge;
	}
	remote = entry->dest.remote < WEFT_REMOTES_MAX ? kernel->remote_by_id[entry->dest.remote]
						       : NULL;
	if (!remote || remote->tunnel->bridge != *ret_bridge)
		return false;
	*ret_tunnel = remote->tunnel;
	return true;
}

void fdb_entry_gone(struct kernel *kernel, const struct weft_fdb_key *key,
		    const struct weft_fdb_entry *entry, const char *what)
{
	struct live_tunnel *tunnel;
	struct live_bridge *bridge;

	kernel->fdb_generation++;
	kernel->counts_changed = true;
	if (!fdb_entry_owner(kernel, key, entry, &bridge, &tunnel)) {
		if (key->bridge < WEFT_BRIDGES_MAX && kernel->bridge_by_id[key->bridge])
			kernel->bridge_by_id[key->bridge]->count_change--;
		return;
	}
	bridge->count_change--;
	if (tunnel)
		tunnel->count_change--;
	fdb_event(kernel, what, key, entry);
}

static void count_apply(struct kernel *kernel, uint32_t index, int32_t *change)
{
	uint32_t count = 0;

	if (!*change)
		return;
	dp_get_fdb_count(kernel->dp, &index, &count);
	if (*change < 0 && count < (uint32_t) - *change)
		count = 0;
	else
		count += (uint32_t)*change;
	dp_put_fdb_count(kernel->dp, &index, &count);
	*change = 0;
}

void fdb_counts_apply(struct kernel *kernel)
{
	if (!kernel->counts_changed)
		return;
	kernel->counts_changed = false;
	for (uint32_t id = 1; id < WEFT_BRIDGES_MAX; id++)
		if (kernel->bridge_by_id[id])
			count_apply(kernel, id, &kernel->bridge_by_id[id]->count_change);
	for (uint32_t id = 1; id < WEFT_TUNNELS_MAX; id++)
		if (kernel->tunnel_by_id[id])
			count_apply(kernel, WEFT_BRIDGES_MAX + id,
				    &kernel->tunnel_by_id[id]->count_change);
}

/* Of a bridge that became VLAN-aware, or ceased to be: what was learned, and what is in no VLAN of it. */
static bool purge_refiltered(const struct kernel *kernel, const struct weft_fdb_key *key,
			     bool learned)
{
	const struct live_bridge *bridge = kernel->bridge_by_id[key->bridge];

	return bit_test(kernel->purge.bridge_refiltered, key->bridge) &&
	       (learned || !bridge || bridge_vlan_aware(bridge) != (key->vlan != 0));
}

static bool purge_takes(const struct kernel *kernel, const struct weft_fdb_key *key,
			const struct weft_fdb_entry *entry)
{
	const struct purge *purge = &kernel->purge;
	bool learned = !(entry->flags & (WEFT_FDB_STATIC | WEFT_FDB_LOCAL));
	uint32_t port = entry->dest.port, remote = entry->dest.remote;

	if (key->bridge >= WEFT_BRIDGES_MAX || port >= WEFT_PORTS_MAX || remote >= WEFT_REMOTES_MAX)
		return true;
	return bit_test(purge->bridge, key->bridge) || bit_test(purge->port, port) ||
	       bit_test(purge->remote, remote) || purge_refiltered(kernel, key, learned) ||
	       (learned && bit_test(purge->port_learned, port));
}

static void purge_fdb(struct kernel *kernel)
{
	struct batch *batch = malloc(sizeof(*batch));
	struct dp_cursor cursor = {};
	uint32_t count, gone;
	int r = batch ? 1 : 0;

	while (r > 0) {
		r = dp_walk(kernel->dp, DP_FDB, &cursor, batch->key, batch->entry, BATCH, &count);
		gone = 0;
		for (uint32_t i = 0; r >= 0 && i < count; i++) {
			if (!purge_takes(kernel, &batch->key[i], &batch->entry[i]))
				continue;
			batch->gone[gone++] = batch->key[i];
			fdb_entry_gone(kernel, &batch->key[i], &batch->entry[i], "del");
			fdb_static_gone(kernel, &batch->entry[i]);
		}
		dp_delete_batch(kernel->dp, DP_FDB, batch->gone, gone);
	}
	if (r < 0)
		log_error("map fdb: %s", strerror(-r));
	free(batch);
}

void purge_run(struct kernel *kernel)
{
	struct purge *purge = &kernel->purge;

	if (!kernel->dp)
		return;
	remotes_retire(kernel);
	/* static entries that go may be the last to have wanted a remote */
	if (purge->any) {
		do
			purge_fdb(kernel);
		while (remotes_retire(kernel));
	}
	fdb_counts_apply(kernel);
	remotes_free(kernel);
	tunnels_free(kernel);
	bridges_free(kernel);
	if (purge->any)
		memset(purge, 0, sizeof(*purge));
	bridges_mtu_apply(kernel);
}

static void purge_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	purge_run(arg);
}

void purge_soon(struct kernel *kernel)
{
	const struct timeval pause = {.tv_usec = PURGE_PAUSE_MS * 1000};

	if (kernel->purge_timer && event_pending(kernel->purge_timer, EV_TIMEOUT, NULL))
		return;
	if (kernel->purge.any && !kernel->purge_timer)
		kernel->purge_timer = event_new(kernel->base, -1, 0, purge_timer, kernel);
	if (kernel->purge.any && kernel->purge_timer)
		event_add(kernel->purge_timer, &pause);
	purge_run(kernel);
}

struct settle {
	struct batch batch;
	uint32_t count[WEFT_BRIDGES_MAX + WEFT_TUNNELS_MAX];
};

static void settle_entry(struct kernel *kernel, struct settle *settle,
			 const struct weft_fdb_key *key, const struct weft_fdb_entry *entry,
			 uint32_t *gone)
{
	struct live_remote *remote;
	struct live_bridge *bridge;
	struct live_tunnel *tunnel;

	if (!fdb_entry_owner(kernel, key, entry, &bridge, &tunnel)) {
		settle->batch.gone[(*gone)++] = *key;
		return;
	}
	settle->count[bridge->id]++;
	if (!tunnel)
		return;
	settle->count[WEFT_BRIDGES_MAX + tunnel->id]++;
	remote = kernel->remote_by_id[entry->dest.remote];
	if (entry->flags & WEFT_FDB_STATIC) {
		remote->owners &= ~OWNER_DYNAMIC;
		remote->owners |= OWNER_FDB;
		remote->statics++;
	}
}

void fdb_settle(struct kernel *kernel)
{
	struct settle *settle = calloc(1, sizeof(*settle));
	struct dp_cursor cursor = {};
	uint32_t count, gone;
	int r = settle ? 1 : 0;

	while (r > 0) {
		r = dp_walk(kernel->dp, DP_FDB, &cursor, settle->batch.key, settle->batch.entry,
			    BATCH, &count);
		gone = 0;
		for (uint32_t i = 0; r >= 0 && i < count; i++)
			settle_entry(kernel, settle, &settle->batch.key[i], &settle->batch.entry[i],
				     &gone);
		dp_delete_batch(kernel->dp, DP_FDB, settle->batch.gone, gone);
	}
	for (uint32_t index = 0; settle && index < WEFT_BRIDGES_MAX + WEFT_TUNNELS_MAX; index++)
		dp_put_fdb_count(kernel->dp, &index, &settle->count[index]);
	free(settle);
}
