/* SPDX-License-Identifier: GPL-2.0-only */
/* FDB entries that go: by name, or all that pass a filter. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/fdb_private.h"
#include "daemon/fdb_snapshot.h"
#include "daemon/live.h"
#include "lib/tunnel.h"

#define BATCH 1024

void fdb_static_gone(struct kernel *kernel, const struct weft_fdb_entry *entry)
{
	struct live_remote *remote;

	if (!(entry->flags & WEFT_FDB_STATIC) || !entry->dest.remote ||
	    entry->dest.remote >= WEFT_REMOTES_MAX)
		return;
	remote = kernel->remote_by_id[entry->dest.remote];
	if (remote)
		remote_disown(kernel, remote, OWNER_FDB);
}

/* Is it the remote that the entry names? */
static bool remote_named(const struct live_remote *remote, const struct fdb_spec *spec)
{
	return (addr_is_any(&spec->dst) || addr_equal(&spec->dst, &remote->key.addr)) &&
	       (spec->vni == FDB_VNI_TUNNEL || spec->vni == remote->key.vni) &&
	       (!spec->options || spec->options == remote->options);
}

static int delete_find_zero(const struct fdb_spec *spec, struct fdb_target *target,
			    struct error *err)
{
	struct live_remote *remote;

	target->zero = true;
	for (remote = target->tunnel ? target->tunnel->remote_list : NULL; remote;
	     remote = remote->tunnel_next) {
		if (!(remote->owners & OWNER_FLOOD) || !remote_named(remote, spec))
			continue;
		if (spec->vni == FDB_VNI_TUNNEL &&
		    remote->key.vni != tunnel_vni(target->tunnel->config))
			continue;
		if (spec->options != remote->options)
			continue;
		target->remote = remote;
		return 0;
	}
	return error_set(err, -ENOENT, "fdb 00:00:00:00:00:00: no such entry");
}

static int delete_find(struct kernel *kernel, const struct fdb_snapshot *snapshot,
		       const struct fdb_spec *spec, struct fdb_target *target, struct error *err)
{
	const struct live_remote *remote;
	struct live_bridge *bridge;
	struct live_tunnel *tunnel = NULL;
	char mac[MAC_STRLEN];
	int r = fdb_target(kernel, spec, target, err);

	if (r < 0)
		return r;
	if (mac_is_zero(spec->mac))
		return delete_find_zero(spec, target, err);
	mac_format(spec->mac, mac);
	target->existed = fdb_snapshot_get(snapshot, kernel->dp, &target->key, &target->old) &&
			  fdb_entry_owner(kernel, &target->key, &target->old, &bridge, &tunnel);
	if (target->existed && target->port)
		target->existed = target->old.dest.port == target->port->id;
	if (target->existed && target->tunnel)
		target->existed = tunnel == target->tunnel;
	if (target->existed && tunnel) {
		remote = kernel->remote_by_id[target->old.dest.remote];
		target->existed = remote_named(remote, spec);
	}
	if (!target->existed)
		return error_set(err, -ENOENT, "fdb %s: no such entry", mac);
	if (target->old.flags & WEFT_FDB_LOCAL)
		return error_set(err, -EPERM, "fdb %s: is that of an internal port", mac);
	return 0;
}

static void deleted(struct kernel *kernel, const struct fdb_target *target)
{
	if (target->zero) {
		fdb_zero_event(kernel, "del", target->remote);
		remote_disown(kernel, target->remote, OWNER_FLOOD);
		return;
	}
	fdb_entry_gone(kernel, &target->key, &target->old, "del");
	fdb_static_gone(kernel, &target->old);
}

/* Up to BATCH of them. */
static void delete_do(struct kernel *kernel, const struct fdb_target *target, size_t count)
{
	struct weft_fdb_key key[BATCH];
	uint32_t keys = 0;

	for (size_t i = 0; i < count; i++)
		if (!target[i].zero)
			key[keys++] = target[i].key;
	if (dp_delete_batch(kernel->dp, DP_FDB, key, keys) < 0)
		return;
	for (size_t i = 0; i < count; i++)
		deleted(kernel, &target[i]);
}

int kernel_fdb_del(struct kernel *kernel, const struct fdb_spec *spec, size_t count,
		   struct error *err)
{
	struct fdb_snapshot *snapshot;
	struct fdb_target *target;
	int r;

	if (!count)
		return 0;
	if (!kernel->dp)
		return error_set(err, -ENOENT, "fdb: dev: no port or tunnel %s", spec->dev);
	r = fdb_snapshot_take(kernel->dp, count, &snapshot);
	if (r < 0)
		return error_set(err, r, "fdb: map fdb: %s", strerror(-r));
	target = calloc(count, sizeof(*target));
	if (!target)
		r = error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count && r >= 0; i++)
		r = delete_find(kernel, snapshot, &spec[i], &target[i], err);
	for (size_t i = 0; i < count && r >= 0; i += BATCH)
		delete_do(kernel, &target[i], count - i < BATCH ? count - i : BATCH);
	purge_run(kernel);
	fdb_snapshot_free(snapshot);
	free(target);
	return r < 0 ? r : (int)count;
}
