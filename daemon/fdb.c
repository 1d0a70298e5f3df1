/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FDB entries by hand. The map is the only place where they are: what is written here is read back from
 * there. The all-zero MAC is no entry but another remote that the tunnel floods to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/fdb_private.h"
#include "daemon/fdb_snapshot.h"
#include "daemon/live.h"
#include "lib/tunnel.h"

#define BATCH 4096

int fdb_target(struct kernel *kernel, const struct fdb_spec *spec, struct fdb_target *ret,
	       struct error *err)
{
	char mac[MAC_STRLEN];

	*ret = (struct fdb_target){};
	mac_format(spec->mac, mac);
	if (*spec->dev) {
		struct live_port *port = port_find(kernel, spec->dev);

		ret->tunnel = tunnel_find(kernel, spec->dev);
		if (port && !port->tunnel)
			ret->port = port;
		if (!ret->port && !ret->tunnel)
			return error_set(err, -ENOENT, "fdb %s: dev: no port or tunnel %s", mac,
					 spec->dev);
		ret->bridge = ret->port ? ret->port->bridge : ret->tunnel->bridge;
	}
	if (*spec->bridge) {
		struct live_bridge *bridge = bridge_find(kernel, spec->bridge);

		if (!bridge)
			return error_set(err, -ENOENT, "fdb %s: bridge: no bridge %s", mac,
					 spec->bridge);
		if (ret->bridge && ret->bridge != bridge)
			return error_set(err, -EINVAL, "fdb %s: dev: %s is not on bridge %s", mac,
					 spec->dev, spec->bridge);
		ret->bridge = bridge;
	}
	if (!ret->bridge)
		return error_set(err, -EINVAL, "fdb %s: dev: is required", mac);
	ret->key.bridge = ret->bridge->id;
	memcpy(ret->key.mac, spec->mac, 6);
	if (bridge_vlan_aware(ret->bridge)) {
		uint32_t vlan = spec->vlan;

		if (!vlan && ret->port && ret->port->config)
			vlan = ret->port->config->vlan;
		if (!vlan && ret->tunnel)
			vlan = ret->tunnel->config->vlan;
		if (!vlan && !mac_is_zero(spec->mac))
			return error_set(err, -EINVAL, "fdb %s: vlan: is required on bridge %s",
					 mac, ret->bridge->name);
		ret->key.vlan = (uint16_t)vlan;
	} else if (spec->vlan) {
		return error_set(err, -EINVAL, "fdb %s: vlan: the bridge has no vlan_filtering",
				 mac);
	}
	return 0;
}

/* Where the entry of a tunnel leads: `dst`, or the only remote that is configured. */
static int target_addr(const struct live_tunnel *tunnel, const struct fdb_spec *spec,
		       struct weft_addr *ret, struct error *err)
{
	const struct tunnel *config = tunnel->config;
	char mac[MAC_STRLEN], addr[ADDR_STRLEN];

	mac_format(spec->mac, mac);
	*ret = spec->dst;
	if (addr_is_any(&spec->dst)) {
		if (config->remote.count == 1 && addr_is_any(&config->group))
			*ret = config->remote.item[0];
		else
			return error_set(err, -EINVAL, "fdb %s: dst: is required, tunnel %s has %s",
					 mac, tunnel->name,
					 config->remote.count ? "several remotes" : "no remote");
	}
	if ((addr_is_multicast(ret) && !addr_equal(ret, &config->group)) || addr_is_loopback(ret))
		return error_set(err, -EINVAL, "fdb %s: dst: %s is no unicast address of a host",
				 mac, addr_format(ret, addr));
	if (!tunnel_prototype_of(tunnel, ret))
		return error_set(err, -EINVAL, "fdb %s: dst: %s is not of the tunnel's underlay",
				 mac, addr_format(ret, addr));
	return 0;
}

static int target_vni(const struct live_tunnel *tunnel, const struct fdb_spec *spec,
		      struct remote_key *key, struct error *err)
{
	char mac[MAC_STRLEN];

	mac_format(spec->mac, mac);
	if (tunnel_is_gre(tunnel->config) && tunnel->config->type != TUNNEL_NVGRE)
		return error_set(err, -EINVAL, "fdb %s: vni: tunnel %s has a key and no VNI", mac,
				 tunnel->name);
	if (spec->vni > 0xffffff)
		return error_set(err, -EINVAL, "fdb %s: vni: %u is above 16777215", mac, spec->vni);
	key->vni = spec->vni;
	return 0;
}

static int target_remote(struct kernel *kernel, enum fdb_mode mode, const struct fdb_spec *spec,
			 struct fdb_target *target, uint32_t owner, struct error *err)
{
	char mac[MAC_STRLEN];
	struct remote_key key;
	struct weft_addr addr;
	int r = target_addr(target->tunnel, spec, &addr, err);

	if (r >= 0) {
		key = remote_key(target->tunnel, &addr);
		key.options = options_id(spec->options);
		if (spec->vni != FDB_VNI_TUNNEL)
			r = target_vni(target->tunnel, spec, &key, err);
	}
	if (r >= 0) {
		const struct live_remote *there = remote_find(kernel, &key);

		target->owned = there && (there->owners & owner);
		if (target->owned && owner == OWNER_FLOOD && mode != FDB_REPLACE)
			return error_set(err, -EEXIST, "fdb %s: exists",
					 mac_format(spec->mac, mac));
		r = remote_own(kernel, target->tunnel, &key, owner, &target->remote, err);
		if (r < 0)
			error_prefix(err, "fdb %s", mac_format(spec->mac, mac));
	}
	if (r >= 0)
		target->entry.dest.remote = target->remote->id;
	return r;
}

/* --- setting -------------------------------------------------------------------------------------- */

struct set {
	struct fdb_target *target;
	size_t count;	/* resolved: their remotes have an owner more */
	size_t counted; /* whose places were taken in count_change */
	size_t written; /* went to the map */
	struct fdb_snapshot *snapshot;
	uint32_t tick;
	struct weft_fdb_key key[BATCH]; /* on the way to the map */
	struct weft_fdb_entry entry[BATCH];
};

static uint32_t spec_owner(const struct fdb_spec *spec)
{
	return mac_is_zero(spec->mac) ? OWNER_FLOOD : spec->dynamic ? OWNER_DYNAMIC : OWNER_FDB;
}

static int set_resolve(struct kernel *kernel, enum fdb_mode mode, const struct fdb_spec *spec,
		       const struct set *set, struct fdb_target *target, struct error *err)
{
	char mac[MAC_STRLEN];
	int r = fdb_target(kernel, spec, target, err);

	if (r < 0)
		return r;
	mac_format(spec->mac, mac);
	if (!target->port && !target->tunnel)
		return error_set(err, -EINVAL, "fdb %s: dev: is required", mac);
	if (mac_is_zero(spec->mac) && !target->tunnel)
		return error_set(err, -EINVAL, "fdb %s: mac: the all-zero MAC is for tunnels", mac);
	if (mac_is_multicast(spec->mac))
		return error_set(err, -EINVAL, "fdb %s: mac: is a group address", mac);
	if (target->port && (!addr_is_any(&spec->dst) || spec->vni != FDB_VNI_TUNNEL))
		return error_set(err, -EINVAL, "fdb %s: %s: is only for tunnels", mac,
				 addr_is_any(&spec->dst) ? "vni" : "dst");
	target->zero = mac_is_zero(spec->mac);
	target->existed = !target->zero &&
			  fdb_snapshot_get(set->snapshot, kernel->dp, &target->key, &target->old);
	if (target->existed && (target->old.flags & WEFT_FDB_LOCAL))
		return error_set(err, -EEXIST, "fdb %s: mac: is that of an internal port", mac);
	if (target->existed && (target->old.flags & WEFT_FDB_STATIC) && mode != FDB_REPLACE)
		return error_set(err, -EEXIST, "fdb %s: exists", mac);
	target->owner = spec_owner(spec);
	if (target->port)
		target->entry.dest.port = target->port->id;
	else
		r = target_remote(kernel, mode, spec, target, target->owner, err);
	target->entry.seen = set->tick;
	target->entry.flags = spec->dynamic ? 0 : WEFT_FDB_STATIC;
	return r;
}

static uint32_t count_of(struct kernel *kernel, uint32_t index)
{
	uint32_t count = 0;

	dp_get_fdb_count(kernel->dp, &index, &count);
	return count;
}

/* The places that the entry takes in the counts of bridge and tunnel, and gives up. */
static int set_count(struct kernel *kernel, struct fdb_target *target, struct error *err)
{
	const struct bridge *config = target->bridge->config;
	struct live_tunnel *tunnel = target->tunnel, *before = NULL;
	struct live_bridge *bridge;
	char mac[MAC_STRLEN];

	mac_format(target->key.mac, mac);
	if (target->existed)
		fdb_entry_owner(kernel, &target->key, &target->old, &bridge, &before);
	if (!target->existed && config && config->maxaddress &&
	    count_of(kernel, target->bridge->id) + (uint32_t)target->bridge->count_change >=
		    config->maxaddress)
		return error_set(err, -ENOSPC, "fdb %s: bridge %s is full (maxaddress %u)", mac,
				 target->bridge->name, config->maxaddress);
	if (tunnel && tunnel != before && tunnel->config->maxaddress &&
	    count_of(kernel, WEFT_BRIDGES_MAX + tunnel->id) + (uint32_t)tunnel->count_change >=
		    tunnel->config->maxaddress)
		return error_set(err, -ENOSPC, "fdb %s: tunnel %s is full (maxaddress %u)", mac,
				 tunnel->name, tunnel->config->maxaddress);
	kernel->counts_changed = true;
	target->before = before;
	if (!target->existed)
		target->bridge->count_change++;
	if (tunnel)
		tunnel->count_change++;
	if (before)
		before->count_change--;
	return 0;
}

static void set_uncount(struct fdb_target *target)
{
	if (target->zero)
		return;
	if (!target->existed)
		target->bridge->count_change--;
	if (target->tunnel)
		target->tunnel->count_change--;
	if (target->before)
		target->before->count_change++;
}

/* What was written goes back to what it was. */
static void set_undo(struct kernel *kernel, struct set *set)
{
	size_t write = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct fdb_target *target = &set->target[i];

		if (!target->zero && write++ < set->written) {
			if (target->existed)
				dp_put_fdb(kernel->dp, &target->key, &target->old);
			else
				dp_delete_fdb(kernel->dp, &target->key);
		}
		if (i < set->counted)
			set_uncount(target);
		if (target->remote && !(target->owned && target->owner != OWNER_FDB))
			remote_disown(kernel, target->remote, target->owner);
	}
}

/* Static entries that were there no longer lead where they did. */
static void set_finish(struct kernel *kernel, struct set *set)
{
	bool tell = fdb_event_wanted(kernel);

	for (size_t i = 0; i < set->count; i++) {
		struct fdb_target *target = &set->target[i];

		if (target->zero) {
			fdb_zero_event(kernel, "add", target->remote);
			continue;
		}
		if (target->existed)
			fdb_static_gone(kernel, &target->old);
		if (tell)
			fdb_event(kernel, "add", &target->key, &target->entry);
	}
}

static int set_write(struct kernel *kernel, struct set *set, struct error *err)
{
	size_t i = 0;
	int r = 0;

	while (i < set->count && r >= 0) {
		uint32_t count = 0, done = 0;

		for (; i < set->count && count < BATCH; i++) {
			const struct fdb_target *target = &set->target[i];

			if (target->zero)
				continue;
			set->key[count] = target->key;
			set->entry[count++] = target->entry;
		}
		r = dp_put_batch(kernel->dp, DP_FDB, set->key, set->entry, count, &done);
		set->written += done;
	}
	if (r == -E2BIG)
		return error_set(err, -ENOSPC, "fdb: full (%u entries)", WEFT_FDB_MAX);
	return r < 0 ? error_set(err, r, "fdb: map fdb: %s", strerror(-r)) : 0;
}

static int set_all(struct kernel *kernel, enum fdb_mode mode, const struct fdb_spec *spec,
		   size_t count, struct set *set, struct error *err)
{
	int r = fdb_snapshot_take(kernel->dp, count, &set->snapshot);

	if (r < 0)
		return error_set(err, r, "fdb: map fdb: %s", strerror(-r));
	set->tick = dp_tick();
	for (size_t i = 0; i < count && r >= 0; i++) {
		struct fdb_target *target = &set->target[i];

		r = set_resolve(kernel, mode, &spec[i], set, target, err);
		if (r < 0)
			break;
		set->count++;
		if (!target->zero)
			r = set_count(kernel, target, err);
		if (r >= 0)
			set->counted++;
	}
	return r < 0 ? r : set_write(kernel, set, err);
}

int kernel_fdb_set(struct kernel *kernel, enum fdb_mode mode, const struct fdb_spec *spec,
		   size_t count, struct error *err)
{
	struct set *set;
	int r;

	if (!count)
		return 0;
	if (!kernel->dp)
		return error_set(err, -ENOENT, "fdb: dev: no port or tunnel %s", spec->dev);
	set = calloc(1, sizeof(*set));
	if (set)
		set->target = calloc(count, sizeof(*set->target));
	if (!set || !set->target) {
		free(set);
		return error_set(err, -ENOMEM, "out of memory");
	}
	r = set_all(kernel, mode, spec, count, set, err);
	kernel->fdb_generation++;
	if (r < 0)
		set_undo(kernel, set);
	else
		set_finish(kernel, set);
	purge_run(kernel);
	fdb_snapshot_free(set->snapshot);
	free(set->target);
	free(set);
	return r < 0 ? r : (int)count;
}
