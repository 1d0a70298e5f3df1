/* SPDX-License-Identifier: GPL-2.0-only */
/* Bridges: a slot in map `bridges`, the flood lists, and the MTU of weft's own devices on them. */
#include "daemon/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "daemon/log.h"

#define AGEING_DEFAULT 300 /* seconds, of a bridge without a name */

/* A tunnel's own device is a wire, not a bridge: all link-local groups pass but PAUSE and LACP. */
#define GROUP_FWD_HIDDEN 0xfff9

bool bridge_vlan_aware(const struct live_bridge *bridge)
{
	return bridge->config && bridge->config->vlan_filtering;
}

uint32_t bridge_ageing(const struct live_bridge *bridge)
{
	return WEFT_TICKS(bridge->config ? bridge->config->ageing : AGEING_DEFAULT);
}

struct live_bridge *bridge_find(struct kernel *kernel, const char *name)
{
	struct live_bridge *bridge = NULL;

	HASH_FIND_STR(kernel->bridges, name, bridge);
	return bridge;
}

int bridge_write(struct kernel *kernel, const struct live_bridge *bridge, struct error *err)
{
	struct weft_bridge slot = {
		.ageing = bridge_ageing(bridge),
		.port_slots = bridge->ports.slots,
		.remote_slots = bridge->remotes.slots,
		.group_fwd_mask = GROUP_FWD_HIDDEN,
	};
	int r;

	if (bridge->config) {
		slot.flags = bridge->config->vlan_filtering ? WEFT_BRIDGE_VLAN_AWARE : 0;
		slot.maxaddress = bridge->config->maxaddress;
		slot.group_fwd_mask = (uint16_t)bridge->config->group_fwd_mask;
	}
	r = dp_put_bridge(kernel->dp, &bridge->id, &slot);
	return r < 0 ? error_set(err, r, "bridge %s: map bridges: %s", bridge->name, strerror(-r))
		     : 0;
}

static void bridge_free(struct kernel *kernel, struct live_bridge *bridge)
{
	struct live_bridge **next = &kernel->mtu_list;

	while (*next && *next != bridge)
		next = &(*next)->mtu_next;
	if (*next)
		*next = bridge->mtu_next;
	if (bridge->id)
		kernel->bridge_by_id[bridge->id] = NULL;
	flood_free(&bridge->ports);
	flood_free(&bridge->remotes);
	object_free(NOUN_BRIDGE, bridge->config);
	free(bridge);
}

static int bridge_new(struct kernel *kernel, const char *name, uint32_t id,
		      const struct bridge *config, struct live_bridge **ret, struct error *err)
{
	struct live_bridge *bridge = calloc(1, sizeof(*bridge));
	uint32_t zero = 0;
	int r;

	if (!bridge)
		return error_set(err, -ENOMEM, "out of memory");
	strcpy(bridge->name, name);
	if (config) {
		bridge->config = object_copy(NOUN_BRIDGE, config);
		if (!bridge->config) {
			free(bridge);
			return error_set(err, -ENOMEM, "out of memory");
		}
	}
	if (!id) {
		r = ids_take(&kernel->bridge_ids, &id);
		if (r < 0) {
			bridge_free(kernel, bridge);
			return error_set(err, r, "bridge %s: more than %u bridges", name,
					 WEFT_BRIDGES_MAX - 1);
		}
		/* a frame under way may have been counted after the id's last owner had gone */
		dp_put_fdb_count(kernel->dp, &id, &zero);
	}
	bridge->id = id;
	kernel->bridge_by_id[id] = bridge;
	recover_flood(kernel, bridge);
	r = bridge_write(kernel, bridge, err);
	if (r < 0) {
		ids_give(&kernel->bridge_ids, id);
		bridge_free(kernel, bridge);
		return r;
	}
	*ret = bridge;
	return 0;
}

int bridge_add(struct kernel *kernel, const struct bridge *config, struct live_bridge **ret,
	       struct error *err)
{
	struct live_bridge *bridge;
	int r;

	if (bridge_find(kernel, config->name))
		return error_set(err, -EEXIST, "bridge %s: exists", config->name);
	r = bridge_new(kernel, config->name, recover_id(kernel, "bridges", config->name), config,
		       &bridge, err);
	if (r < 0)
		return r;
	HASH_ADD_STR(kernel->bridges, name, bridge);
	if (ret)
		*ret = bridge;
	return 0;
}

int bridge_add_hidden(struct kernel *kernel, uint32_t id, struct live_bridge **ret,
		      struct error *err)
{
	return bridge_new(kernel, "", id, NULL, ret, err);
}

static int bridge_members_write(struct kernel *kernel, struct live_bridge *bridge,
				struct error *err)
{
	struct live_tunnel *tunnel;
	struct live_port *port;
	int r = 0;

	for (port = bridge->port_list; port && r >= 0; port = port->bridge_next)
		r = port_write(kernel, port, err);
	for (tunnel = bridge->tunnel_list; tunnel && r >= 0; tunnel = tunnel->bridge_next)
		r = tunnel_write(kernel, tunnel, err);
	return r;
}

int bridge_set(struct kernel *kernel, struct live_bridge *bridge, const struct bridge *config,
	       struct error *err)
{
	struct bridge *old = bridge->config, *new = object_copy(NOUN_BRIDGE, config);
	bool filtering;
	int r;

	if (!new)
		return error_set(err, -ENOMEM, "out of memory");
	filtering = old->vlan_filtering != new->vlan_filtering;
	bridge->config = new;
	r = bridge_write(kernel, bridge, err);
	if (r >= 0)
		r = bridge_members_write(kernel, bridge, err);
	if (r < 0) {
		bridge->config = old;
		bridge_write(kernel, bridge, NULL);
		bridge_members_write(kernel, bridge, NULL);
		object_free(NOUN_BRIDGE, new);
		return r;
	}
	object_free(NOUN_BRIDGE, old);
	if (filtering) {
		bit_set(kernel->purge.bridge_refiltered, bridge->id);
		kernel->purge.any = true;
		for (struct live_port *port = bridge->port_list; port; port = port->bridge_next)
			port_local_apply(kernel, port);
	}
	return 0;
}

void bridge_delete(struct kernel *kernel, struct live_bridge *bridge)
{
	if (*bridge->name)
		HASH_DEL(kernel->bridges, bridge);
	bit_set(kernel->purge.bridge, bridge->id);
	kernel->purge.any = true;
	bridge->purge_next = kernel->purge.bridges;
	kernel->purge.bridges = bridge;
}

void bridges_free(struct kernel *kernel)
{
	struct weft_bridge none = {};
	uint32_t zero = 0;

	while (kernel->purge.bridges) {
		struct live_bridge *bridge = kernel->purge.bridges;

		kernel->purge.bridges = bridge->purge_next;
		dp_put_bridge(kernel->dp, &bridge->id, &none);
		dp_put_fdb_count(kernel->dp, &bridge->id, &zero);
		ids_give(&kernel->bridge_ids, bridge->id);
		bridge_free(kernel, bridge);
	}
}

void bridge_mtu_changed(struct kernel *kernel, struct live_bridge *bridge)
{
	if (bridge->mtu_changed)
		return;
	bridge->mtu_changed = true;
	bridge->mtu_next = kernel->mtu_list;
	kernel->mtu_list = bridge;
}

uint32_t bridge_overlay_mtu(const struct live_bridge *bridge)
{
	uint32_t mtu = 0;

	for (struct live_tunnel *tunnel = bridge->tunnel_list; tunnel;
	     tunnel = tunnel->bridge_next) {
		uint32_t own = tunnel_mtu(tunnel);

		if (!mtu || own < mtu)
			mtu = own;
	}
	return mtu;
}

void bridges_mtu_apply(struct kernel *kernel)
{
	while (kernel->mtu_list) {
		struct live_bridge *bridge = kernel->mtu_list;

		kernel->mtu_list = bridge->mtu_next;
		bridge->mtu_changed = false;
		for (struct live_port *port = bridge->port_list; port; port = port->bridge_next)
			port_mtu_follow(kernel, port);
	}
}
