/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnels: a slot in map `tunnels`, a prototype, the remotes, and what makes packets come
 * in: UDP port, VNI, group. One without a bridge gets a bridge without a name and an internal port there
 * that has the tunnel's name.
 */
#include "daemon/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "daemon/log.h"
#include "daemon/template.h"
#include "daemon/tunnel_private.h"
#include "lib/tunnel.h"

#define MTU_DEFAULT 1500
#define MTU_MIN	    68

static const struct weft_addr any;

struct live_tunnel *tunnel_find(struct kernel *kernel, const char *name)
{
	struct live_tunnel *tunnel = NULL;

	HASH_FIND_STR(kernel->tunnels, name, tunnel);
	return tunnel;
}

bool tunnel_is_open(const struct tunnel *config)
{
	return config->remote.any || !addr_is_any(&config->group);
}

uint32_t tunnel_mtu(const struct live_tunnel *tunnel)
{
	uint32_t mtu = 0;

	for (struct live_remote *remote = tunnel->remote_list; remote;
	     remote = remote->tunnel_next) {
		if ((remote->owners & OWNER_PROTOTYPE) || !remote->hop.mtu)
			continue;
		if (!mtu || remote->hop.mtu < mtu)
			mtu = remote->hop.mtu;
	}
	if (!mtu && tunnel->prototype)
		mtu = tunnel->prototype->hop.mtu;
	if (!mtu)
		mtu = MTU_DEFAULT;
	return mtu < MTU_MIN + TEMPLATE_OVERHEAD ? MTU_MIN : mtu - TEMPLATE_OVERHEAD;
}

static int trunk_write(struct kernel *kernel, const struct live_tunnel *tunnel)
{
	uint32_t key = tunnel->id | WEFT_TRUNK_TUNNEL;
	struct weft_trunk trunk;

	if (!tunnel->config->trunk.any)
		return dp_delete_trunk(kernel->dp, &key);
	memcpy(trunk.vlan, tunnel->config->trunk.word, sizeof(trunk.vlan));
	return dp_put_trunk(kernel->dp, &key, &trunk);
}

static uint32_t tunnel_flags(const struct live_tunnel *tunnel)
{
	const struct tunnel *config = tunnel->config;

	return (config->learning ? WEFT_TUNNEL_LEARNING : 0) |
	       (config->innervlan ? WEFT_TUNNEL_INNER_VLAN : 0) |
	       (tunnel_udpcsum(config) ? WEFT_TUNNEL_CSUM_TX : 0) |
	       (config->udpcsumrx ? WEFT_TUNNEL_CSUM_RX : 0) |
	       (config->ttl == TTL_INHERIT ? WEFT_TUNNEL_TTL_INHERIT : 0) |
	       (config->tos == TOS_INHERIT ? WEFT_TUNNEL_TOS_INHERIT : 0) |
	       (config->trunk.any ? WEFT_TUNNEL_TRUNK : 0) |
	       (bridge_vlan_aware(tunnel->bridge) ? WEFT_TUNNEL_VLAN_AWARE : 0);
}

int tunnel_write(struct kernel *kernel, struct live_tunnel *tunnel, struct error *err)
{
	const struct tunnel *config = tunnel->config;
	struct weft_tunnel slot = {
		.bridge = tunnel->bridge->id,
		.vni = config->id,
		.flags = tunnel_flags(tunnel),
		.ageing = config->ageing == AGEING_BRIDGE ? bridge_ageing(tunnel->bridge)
							  : WEFT_TICKS(config->ageing),
		.maxaddress = config->maxaddress,
		.prototype = tunnel->prototype ? tunnel->prototype->id : 0,
		.vlan = (uint16_t)config->vlan,
		.srcport_min = config->srcport[0],
		.srcport_range = (uint32_t)config->srcport[1] - config->srcport[0],
	};
	int r;

	if (!addr_is_any(&config->local))
		slot.local = config->local;
	r = trunk_write(kernel, tunnel);
	if (r >= 0)
		r = dp_put_tunnel(kernel->dp, &tunnel->id, &slot);
	return r < 0 ? error_set(err, r, "map tunnels: %s", strerror(-r)) : 0;
}

/* --- what a tunnel holds outside the maps ------------------------------------------------------- */

static int dev_hold(struct kernel *kernel, struct live_tunnel *tunnel, bool replay,
		    struct error *err)
{
	const char *dev = tunnel->config->dev;
	int r;

	if (!*dev)
		return 0;
	if (!replay) {
		link_refresh(kernel->netlink, dev, 0);
		if (!link_by_name(kernel->netlink, dev))
			return error_set(err, -ENODEV, "dev: no device %s", dev);
	}
	r = underlay_hold(kernel->underlay, dev, err);
	if (r < 0)
		return error_set(err, r, "dev: %s: %s", dev, strerror(-r));
	tunnel->dev_held = true;
	return 0;
}

/* Without the device there is nothing to join by yet: tunnel_link_event() does it. */
static int group_join(struct kernel *kernel, struct live_tunnel *tunnel, struct error *err)
{
	const struct tunnel *config = tunnel->config;
	const struct link *link;
	int r;

	if (addr_is_any(&config->group))
		return 0;
	link = link_by_name(kernel->netlink, config->dev);
	if (!link)
		return 0;
	r = group_hold(kernel, &config->group, link->ifindex, err);
	if (r >= 0)
		tunnel->group_ifindex = link->ifindex;
	return r;
}

int tunnel_hold(struct kernel *kernel, struct live_tunnel *tunnel, bool replay, struct error *err)
{
	const struct tunnel *config = tunnel->config;
	int r = dev_hold(kernel, tunnel, replay, err);

	if (r >= 0) {
		r = listen_hold(kernel, tunnel_dstport(config), err);
		tunnel->port_held = r >= 0;
	}
	if (r >= 0) {
		r = vni_hold(kernel, config->id, tunnel_dstport(config), err);
		tunnel->vni_held = r >= 0;
	}
	if (r >= 0)
		r = group_join(kernel, tunnel, err);
	return r;
}

void tunnel_release(struct kernel *kernel, struct live_tunnel *tunnel)
{
	const struct tunnel *config = tunnel->config;

	if (tunnel->group_ifindex)
		group_release(kernel, &config->group, tunnel->group_ifindex);
	if (tunnel->vni_held)
		vni_release(kernel, config->id, tunnel_dstport(config));
	if (tunnel->port_held)
		listen_release(kernel, tunnel_dstport(config));
	if (tunnel->dev_held)
		underlay_release(kernel->underlay, config->dev);
	tunnel->group_ifindex = 0;
	tunnel->vni_held = tunnel->port_held = tunnel->dev_held = false;
}

/* --- remotes --------------------------------------------------------------------------------------- */

int tunnel_remotes_apply(struct kernel *kernel, struct live_tunnel *tunnel, struct error *err)
{
	const struct tunnel *config = tunnel->config;
	struct live_remote *remote;
	int r = 0;

	for (remote = tunnel->remote_list; remote; remote = remote->tunnel_next)
		remote->wanted = false;
	for (size_t i = 0; i < config->remote.count && r >= 0; i++) {
		r = remote_own(kernel, tunnel, &config->remote.item[i], config->id, OWNER_CONFIG,
			       &remote, err);
		if (r >= 0)
			remote->wanted = true;
	}
	if (r >= 0 && !addr_is_any(&config->group)) {
		r = remote_own(kernel, tunnel, &config->group, config->id, OWNER_GROUP, &remote,
			       err);
		if (r >= 0)
			remote->wanted = true;
	}
	if (r < 0)
		return r;
	for (remote = tunnel->remote_list; remote; remote = remote->tunnel_next) {
		if (!remote->wanted && (remote->owners & (OWNER_CONFIG | OWNER_GROUP)))
			remote_disown(kernel, remote, OWNER_CONFIG | OWNER_GROUP);
		/* nobody is let in any more that the tunnel has not been told of */
		if ((remote->owners & OWNER_LEARNED) && !tunnel_is_open(config))
			remote_disown(kernel, remote, OWNER_LEARNED);
	}
	peers_of_tunnel(kernel, tunnel);
	if (tunnel_is_open(config))
		spares_fill(kernel);
	return 0;
}

/* --- adding and deleting ------------------------------------------------------------------------------ */

static int tunnel_new(struct kernel *kernel, const struct tunnel *config, struct live_tunnel **ret,
		      struct error *err)
{
	struct live_tunnel *tunnel;
	uint32_t id = recover_id(kernel, "tunnels", config->name);
	int r;

	if (tunnel_find(kernel, config->name))
		return error_set(err, -EEXIST, "exists");
	tunnel = calloc(1, sizeof(*tunnel));
	if (!tunnel)
		return error_set(err, -ENOMEM, "out of memory");
	tunnel->config = object_copy(NOUN_TUNNEL, config);
	if (!tunnel->config) {
		free(tunnel);
		return error_set(err, -ENOMEM, "out of memory");
	}
	if (!id) {
		r = ids_take(&kernel->tunnel_ids, &id);
		if (r < 0) {
			object_free(NOUN_TUNNEL, tunnel->config);
			free(tunnel);
			return error_set(err, r, "more than %u tunnels", WEFT_TUNNELS_MAX - 1);
		}
	}
	strcpy(tunnel->name, config->name);
	tunnel->id = id;
	kernel->tunnel_by_id[id] = tunnel;
	HASH_ADD_STR(kernel->tunnels, name, tunnel);
	*ret = tunnel;
	return 0;
}

static int tunnel_bridge(struct kernel *kernel, struct live_tunnel *tunnel, struct error *err)
{
	const char *name = tunnel->config->bridge;
	int r = 0;

	if (*name) {
		tunnel->bridge = bridge_find(kernel, name);
		if (!tunnel->bridge)
			r = error_set(err, -ENOENT, "bridge: no bridge %s", name);
	} else {
		r = bridge_add_hidden(kernel, recover_id(kernel, "hidden_bridges", tunnel->name),
				      &tunnel->bridge, err);
	}
	if (r >= 0)
		DL_APPEND2(tunnel->bridge->tunnel_list, tunnel, bridge_prev, bridge_next);
	return r;
}

static int tunnel_build(struct kernel *kernel, struct live_tunnel *tunnel, bool replay,
			struct error *err)
{
	int r = tunnel_bridge(kernel, tunnel, err);

	if (r >= 0)
		r = tunnel_hold(kernel, tunnel, replay, err);
	if (r >= 0)
		r = remote_own(kernel, tunnel, &any, tunnel->config->id, OWNER_PROTOTYPE,
			       &tunnel->prototype, err);
	if (r >= 0)
		r = tunnel_write(kernel, tunnel, err);
	if (r >= 0 && !*tunnel->config->bridge)
		r = port_add_hidden(kernel, tunnel,
				    recover_id(kernel, "hidden_ports", tunnel->name), err);
	if (r >= 0)
		r = tunnel_remotes_apply(kernel, tunnel, err);
	if (r >= 0)
		bridge_mtu_changed(kernel, tunnel->bridge);
	return r;
}

int tunnel_add(struct kernel *kernel, const struct tunnel *config, bool replay, struct error *err)
{
	struct live_tunnel *tunnel = NULL;
	int r = tunnel_new(kernel, config, &tunnel, err);

	if (r >= 0)
		r = tunnel_build(kernel, tunnel, replay, err);
	if (r < 0) {
		error_prefix(err, "tunnel %s", config->name);
		if (tunnel)
			tunnel_delete(kernel, tunnel);
	}
	return r;
}

void tunnel_delete(struct kernel *kernel, struct live_tunnel *tunnel)
{
	struct live_remote *remote;

	if (tunnel->port)
		port_delete(kernel, tunnel->port);
	peers_of_tunnel_remove(kernel, tunnel);
	for (remote = tunnel->remote_list; remote; remote = remote->tunnel_next) {
		remote->statics = remote->based = 0;
		remote_disown(kernel, remote, remote->owners);
	}
	tunnel_release(kernel, tunnel);
	HASH_DEL(kernel->tunnels, tunnel);
	tunnel->doomed = true;
	tunnel->purge_next = kernel->purge.tunnels;
	kernel->purge.tunnels = tunnel;
	if (tunnel->bridge && !*tunnel->config->bridge)
		bridge_delete(kernel, tunnel->bridge);
}

void tunnels_free(struct kernel *kernel)
{
	struct weft_tunnel none = {};

	while (kernel->purge.tunnels) {
		struct live_tunnel *tunnel = kernel->purge.tunnels;
		uint32_t trunk = tunnel->id | WEFT_TRUNK_TUNNEL, zero = 0;
		uint32_t count = WEFT_BRIDGES_MAX + tunnel->id;

		kernel->purge.tunnels = tunnel->purge_next;
		dp_put_tunnel(kernel->dp, &tunnel->id, &none);
		dp_delete_trunk(kernel->dp, &trunk);
		drops_forget(kernel, 0, tunnel->id);
		dp_put_fdb_count(kernel->dp, &count, &zero);
		kernel->tunnel_by_id[tunnel->id] = NULL;
		ids_give(&kernel->tunnel_ids, tunnel->id);
		if (tunnel->bridge) {
			bridge_mtu_changed(kernel, tunnel->bridge);
			DL_DELETE2(tunnel->bridge->tunnel_list, tunnel, bridge_prev, bridge_next);
		}
		object_free(NOUN_TUNNEL, tunnel->config);
		free(tunnel);
	}
}
