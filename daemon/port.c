/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ports: a device with weft_port on it, a slot in map `ports`, membership of the bridge's floods.
 *
 * A port outlives its device: without one it is down, keeps id, place and static entries, and takes up
 * the next device of its name.
 */
#include "daemon/live.h"
#include "daemon/storm.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "daemon/device.h"
#include "daemon/log.h"
#include "daemon/port_private.h"
#include "daemon/hook.h"
#include "lib/tunnel.h"

#define MTU_FIRST 1450
#define MTU_MIN	  68

struct live_port *port_find(struct kernel *kernel, const char *name)
{
	struct live_port *port = NULL;

	HASH_FIND_STR(kernel->ports, name, port);
	return port;
}

bool port_is_internal(const struct live_port *port)
{
	return port->tunnel || port->config->type == PORT_INTERNAL;
}

bool port_is_l3(const struct live_port *port)
{
	return port->tunnel && tunnel_is_l3(port->tunnel->config);
}

static int trunk_write(struct kernel *kernel, const struct live_port *port)
{
	struct weft_trunk trunk;

	if (!port->config || !port->config->trunk.any)
		return dp_delete_trunk(kernel->dp, &port->id);
	memcpy(trunk.vlan, port->config->trunk.word, sizeof(trunk.vlan));
	return dp_put_trunk(kernel->dp, &port->id, &trunk);
}

/* What an L3 tunnel's device is to the datapath. After a restart its remote is known before it is there again. */
static void port_slot_l3(struct kernel *kernel, const struct live_port *port, struct weft_port *ret)
{
	const struct live_remote *only = tunnel_only_remote(port->tunnel);
	const struct link *link =
		port->ifindex ? link_by_index(kernel->netlink, port->ifindex) : NULL;
	struct weft_port before;

	ret->flags |= WEFT_PORT_L3;
	if (link)
		memcpy(ret->mac, link->lladdr, sizeof(ret->mac));
	if (only)
		ret->remote = only->id;
	else if (kernel->recovered && !dp_get_port(kernel->dp, &port->id, &before))
		ret->remote = before.remote;
}

int port_write(struct kernel *kernel, struct live_port *port, struct error *err)
{
	const struct port *config = port->config;
	struct weft_port slot = {
		.ifindex = port->ifindex,
		.bridge = port->bridge->id,
		.ageing = bridge_ageing(port->bridge),
		.vlan = config ? (uint16_t)config->vlan : 0,
	};
	int r;

	if (port->ifindex && port->up)
		slot.flags |= WEFT_PORT_UP;
	if (!config || config->learning)
		slot.flags |= WEFT_PORT_LEARNING;
	if (port->peer)
		slot.flags |= WEFT_PORT_PEER;
	if (port_is_internal(port))
		slot.flags |= WEFT_PORT_INTERNAL;
	if (config && config->trunk.any)
		slot.flags |= WEFT_PORT_TRUNK;
	if (bridge_vlan_aware(port->bridge))
		slot.flags |= WEFT_PORT_VLAN_AWARE;
	if (config && storm_limited(&config->storm))
		slot.flags |= WEFT_STORM;
	if (port_is_l3(port))
		port_slot_l3(kernel, port, &slot);
	r = trunk_write(kernel, port);
	if (r >= 0 && config)
		r = storm_write(kernel->dp, port->id, &config->storm);
	if (r >= 0)
		r = dp_put_port(kernel->dp, &port->id, &slot);
	return r < 0 ? error_set(err, r, "map ports: %s", strerror(-r)) : 0;
}

static enum hook port_hook(const struct live_port *port)
{
	return port_is_internal(port) ? HOOK_EGRESS : HOOK_INGRESS;
}

/* What keeps a device from being a port; NULL: nothing. */
static const char *link_problem(const struct link *link)
{
	if (link->flags & IFF_LOOPBACK)
		return "is the loopback device";
	if (link->ours)
		return "is a device of weft's own";
	if (link->master)
		return "belongs to a bridge or bond already";
	if (link->type != ARPHRD_ETHER)
		return "is no Ethernet device";
	return NULL;
}

/* The device begins to be the port's. */
static int port_attach(struct kernel *kernel, struct live_port *port, const struct link *link,
		       struct error *err)
{
	int r = 0;

	port->ifindex = link->ifindex;
	port->up = link->flags & IFF_UP;
	port->peer = !strcmp(link->kind, "veth") && link->peer_netns;
	if (!port_is_internal(port))
		r = underlay_exclude(kernel->underlay, link->ifindex, err);
	if (r >= 0)
		r = port_write(kernel, port, err);
	if (r >= 0) {
		r = dp_put_device(kernel->dp, &port->ifindex, &port->id);
		if (r < 0)
			error_set(err, r, "map devices: %s", strerror(-r));
	}
	if (r >= 0)
		r = hook_attach(kernel->netlink, port->ifindex, port_hook(port),
				dp_program_port(kernel->dp), "weft_port", err);
	if (r < 0)
		port_detach(kernel, port);
	return r;
}

void port_detach(struct kernel *kernel, struct live_port *port)
{
	uint32_t ifindex = port->ifindex;

	if (!ifindex)
		return;
	hook_detach(kernel->netlink, ifindex, port_hook(port), NULL);
	dp_delete_device(kernel->dp, &ifindex);
	port->ifindex = 0;
	port->up = port->peer = false;
	port_write(kernel, port, NULL);
	if (!port_is_internal(port))
		underlay_include(kernel->underlay, ifindex);
	bit_set(kernel->purge.port_learned, port->id);
	kernel->purge.any = true;
}

static int port_attach_device(struct kernel *kernel, struct live_port *port, bool replay,
			      struct error *err)
{
	const struct link *link;
	struct error own = {};
	int r;

	if (!replay)
		link_refresh(kernel->netlink, port->name, 0);
	link = link_by_name(kernel->netlink, port->name);
	if (!link)
		r = error_set(&own, -ENODEV, "no such device");
	else if (link_problem(link))
		r = error_set(&own, -EBUSY, "%s", link_problem(link));
	else
		r = port_attach(kernel, port, link, &own);
	if (r < 0 && replay) {
		log_warning("port %s: %s", port->name, own.line);
		return 0;
	}
	return r < 0 ? error_set(err, r, "%s", own.line) : 0;
}

/* The MTU before it is known what the tunnels leave: a device that is there keeps its own. */
static uint32_t port_first_mtu(struct kernel *kernel, const struct live_port *port)
{
	const struct link *link = link_by_name(kernel->netlink, port->name);

	if (port->mtu)
		return port->mtu;
	return link && link->ours && link->mtu >= MTU_MIN ? link->mtu : MTU_FIRST;
}

static int port_addresses(struct kernel *kernel, const struct live_port *port, struct error *err)
{
	struct error own = {};
	const struct prefix_list *address =
		port->tunnel ? &port->tunnel->config->address : &port->config->address;
	int r = device_addresses_set(kernel->netlink, port->ifindex, NULL, address, &own);

	if (r < 0 && kernel->replaying) {
		log_warning("port %s: %s", port->name, own.line);
		return 0;
	}
	return r < 0 ? error_set(err, r, "%s", own.line) : 0;
}

static int port_attach_internal(struct kernel *kernel, struct live_port *port, struct error *err)
{
	char alias[NAME_LEN + 16];
	struct device_spec spec = {
		.name = port->name, .alias = alias, .mtu = port_first_mtu(kernel, port)};
	const struct link *link;
	uint32_t ifindex;
	int r;

	if (port->tunnel)
		snprintf(alias, sizeof(alias), "tunnel");
	else
		snprintf(alias, sizeof(alias), "port of %s", port->bridge->name);
	spec.noarp = port_is_l3(port);
	spec.lladdr = port->tunnel ? port->tunnel->config->lladdr : port->config->lladdr;
	r = device_create(kernel->netlink, &spec, &ifindex, err);
	if (r < 0)
		return r;
	link = link_by_index(kernel->netlink, ifindex);
	if (!link)
		r = error_set(err, -ENODEV, "the device went away");
	if (r >= 0)
		r = port_attach(kernel, port, link, err);
	if (r >= 0) {
		port_local_apply(kernel, port);
		r = port_addresses(kernel, port, err);
	}
	if (r < 0) {
		port_detach(kernel, port);
		device_delete(kernel->netlink, ifindex, NULL);
	}
	return r;
}

static int port_flood(struct kernel *kernel, struct live_port *port, struct error *err)
{
	struct live_bridge *bridge = port->bridge;
	int r;

	port->slot = flood_find(&bridge->ports, port->id);
	if (port->slot == FLOOD_NO_SLOT) {
		r = flood_add(kernel->dp, &bridge->ports, bridge->id, WEFT_FLOOD_PORTS, port->id,
			      &port->slot);
		if (r < 0)
			return error_set(err, r, "map flood: %s", strerror(-r));
	}
	return bridge_write(kernel, bridge, err);
}

static void port_unflood(struct kernel *kernel, struct live_port *port)
{
	if (port->slot == FLOOD_NO_SLOT)
		return;
	flood_remove(kernel->dp, &port->bridge->ports, port->bridge->id, WEFT_FLOOD_PORTS,
		     port->slot);
	port->slot = FLOOD_NO_SLOT;
	bridge_write(kernel, port->bridge, NULL);
}

/* Takes the port out of everything; its device stays. */
static void port_free(struct kernel *kernel, struct live_port *port)
{
	struct weft_port none = {};

	port_unflood(kernel, port);
	dp_delete_trunk(kernel->dp, &port->id);
	dp_delete_storm(kernel->dp, &port->id);
	dp_put_port(kernel->dp, &port->id, &none);
	drops_forget(kernel, port->id, 0);
	bit_set(kernel->purge.port, port->id);
	kernel->purge.any = true;
	kernel->port_by_id[port->id] = NULL;
	ids_give(&kernel->port_ids, port->id);
	HASH_DEL(kernel->ports, port);
	DL_DELETE2(port->bridge->port_list, port, bridge_prev, bridge_next);
	object_free(NOUN_PORT, port->config);
	free(port);
}

static int port_new(struct kernel *kernel, const char *name, struct live_bridge *bridge,
		    uint32_t id, struct live_port **ret, struct error *err)
{
	struct live_port *port;
	struct weft_stats none = {};
	int r;

	if (port_find(kernel, name))
		return error_set(err, -EEXIST, "%s is a port already", name);
	port = calloc(1, sizeof(*port));
	if (!port)
		return error_set(err, -ENOMEM, "out of memory");
	if (!id) {
		r = ids_take(&kernel->port_ids, &id);
		if (r < 0) {
			free(port);
			return error_set(err, r, "more than %u ports", WEFT_PORTS_MAX - 1);
		}
		dp_stats_set(kernel->dp, DP_PORT_STATS, id, &none);
	}
	strcpy(port->name, name);
	port->id = id;
	port->bridge = bridge;
	port->slot = FLOOD_NO_SLOT;
	kernel->port_by_id[id] = port;
	strcpy(kernel->port_names[id], name);
	HASH_ADD_STR(kernel->ports, name, port);
	DL_APPEND2(bridge->port_list, port, bridge_prev, bridge_next);
	*ret = port;
	return 0;
}

int port_add(struct kernel *kernel, const struct port *config, bool replay, struct error *err)
{
	struct live_bridge *bridge = bridge_find(kernel, config->bridge);
	struct live_port *port = NULL;
	int r;

	if (!bridge)
		return error_set(err, -ENOENT, "port %s: bridge: no bridge %s", config->name,
				 config->bridge);
	r = port_new(kernel, config->name, bridge, recover_id(kernel, "ports", config->name), &port,
		     err);
	if (r >= 0) {
		port->config = object_copy(NOUN_PORT, config);
		if (!port->config)
			r = error_set(err, -ENOMEM, "out of memory");
	}
	if (r >= 0 && config->type == PORT_DEVICE) {
		port_mtu_recover(kernel, port);
		r = port_attach_device(kernel, port, replay, err);
	}
	if (r >= 0 && config->type == PORT_INTERNAL) {
		port->mtu = config->mtu == PORT_MTU_UNSET ? 0 : config->mtu;
		r = port_attach_internal(kernel, port, err);
	}
	bridge_mtu_changed(kernel, bridge);
	/* not before: after a restart its slot carries traffic */
	if (r >= 0 && !port->ifindex)
		r = port_write(kernel, port, err);
	if (r >= 0)
		r = port_flood(kernel, port, err);
	if (r < 0) {
		error_prefix(err, "port %s", config->name);
		if (port)
			port_delete(kernel, port);
	}
	return r;
}

int port_add_hidden(struct kernel *kernel, struct live_tunnel *tunnel, uint32_t id,
		    struct error *err)
{
	struct live_port *port = NULL;
	int r = port_new(kernel, tunnel->name, tunnel->bridge, id, &port, err);

	if (r < 0)
		return r;
	port->tunnel = tunnel;
	port->mtu = tunnel->config->mtu;
	r = port_attach_internal(kernel, port, err);
	if (r >= 0)
		r = port_flood(kernel, port, err);
	if (r < 0) {
		port_delete(kernel, port);
		return r;
	}
	tunnel->port = port;
	bridge_mtu_changed(kernel, tunnel->bridge);
	return 0;
}

void port_delete(struct kernel *kernel, struct live_port *port)
{
	uint32_t ifindex = port->ifindex;

	port_mtu_give_back(kernel, port);
	port_unflood(kernel, port);
	port_detach(kernel, port);
	if (ifindex && port_is_internal(port)) {
		device_doom(kernel->netlink, ifindex, NULL);
		kernel->devices_doomed = true;
	}
	if (port->tunnel)
		port->tunnel->port = NULL;
	port_free(kernel, port);
}

/*
 * To another bridge, without a frame going elsewhere: the device's entry changes from one complete port to
 * the other.
 */
static int port_move(struct kernel *kernel, struct live_port *port, struct live_bridge *bridge,
		     struct error *err)
{
	struct live_bridge *before = port->bridge;
	uint32_t id, old_id = port->id, old_slot = port->slot;
	struct weft_stats stats = {};
	struct weft_port none = {};
	int r = ids_take(&kernel->port_ids, &id);

	if (r < 0)
		return error_set(err, r, "more than %u ports", WEFT_PORTS_MAX - 1);
	dp_stats_get(kernel->dp, DP_PORT_STATS, old_id, &stats);
	dp_stats_set(kernel->dp, DP_PORT_STATS, id, &stats);
	port->id = id;
	port->bridge = bridge;
	r = port_write(kernel, port, err);
	if (r >= 0 && port->ifindex) {
		r = dp_put_device(kernel->dp, &port->ifindex, &id);
		if (r < 0)
			error_set(err, r, "map devices: %s", strerror(-r));
	}
	if (r >= 0)
		r = port_flood(kernel, port, err);
	if (r < 0) {
		dp_put_port(kernel->dp, &id, &none);
		ids_give(&kernel->port_ids, id);
		port->id = old_id;
		port->bridge = before;
		port->slot = old_slot;
		if (port->ifindex)
			dp_put_device(kernel->dp, &port->ifindex, &old_id);
		return r;
	}
	flood_remove(kernel->dp, &before->ports, before->id, WEFT_FLOOD_PORTS, old_slot);
	bridge_write(kernel, before, NULL);
	dp_delete_trunk(kernel->dp, &old_id);
	dp_delete_storm(kernel->dp, &old_id);
	dp_put_port(kernel->dp, &old_id, &none);
	bit_set(kernel->purge.port, old_id);
	kernel->purge.any = true;
	kernel->port_by_id[old_id] = NULL;
	kernel->port_by_id[id] = port;
	strcpy(kernel->port_names[id], port->name);
	ids_give(&kernel->port_ids, old_id);
	DL_DELETE2(before->port_list, port, bridge_prev, bridge_next);
	DL_APPEND2(bridge->port_list, port, bridge_prev, bridge_next);
	return 0;
}

int port_lladdr_set(struct kernel *kernel, struct live_port *port, const uint8_t lladdr[6],
		    struct error *err)
{
	uint32_t ifindex = port->ifindex;
	struct error refused = {};
	int r = device_lladdr_set(kernel->netlink, ifindex, lladdr, &refused);

	if (r != -EOPNOTSUPP)
		return r < 0 ? error_set(err, r, "%s", refused.line) : 0;
	port_detach(kernel, port);
	r = device_delete(kernel->netlink, ifindex, err);
	return r < 0 ? r : port_attach_internal(kernel, port, err);
}

static int port_set_device(struct kernel *kernel, struct live_port *port, const struct port *old,
			   const struct port *new, struct error *err)
{
	int r = 0;

	if (memcmp(old->lladdr, new->lladdr, 6) && !mac_is_zero(new->lladdr))
		r = port_lladdr_set(kernel, port, new->lladdr, err);
	if (r >= 0)
		r = device_addresses_set(kernel->netlink, port->ifindex, &old->address,
					 &new->address, err);
	if (r >= 0 && old->mtu != new->mtu &&new->mtu != PORT_MTU_UNSET)
		r = device_mtu_set(kernel->netlink, port->ifindex, new->mtu, err);
	return r;
}

static int port_change(struct kernel *kernel, struct live_port *port, const struct port *old,
		       struct live_bridge *bridge, struct error *err)
{
	int r = 0;

	if (bridge != port->bridge)
		r = port_move(kernel, port, bridge, err);
	else
		r = port_write(kernel, port, err);
	if (r >= 0 && port->config->type == PORT_INTERNAL && port->ifindex)
		r = port_set_device(kernel, port, old, port->config, err);
	return r;
}

int port_set(struct kernel *kernel, struct live_port *port, const struct port *config,
	     struct error *err)
{
	struct live_bridge *bridge = bridge_find(kernel, config->bridge), *before = port->bridge;
	struct port *old = port->config;
	int r;

	if (!bridge)
		return error_set(err, -ENOENT, "port %s: bridge: no bridge %s", config->name,
				 config->bridge);
	port->config = object_copy(NOUN_PORT, config);
	if (!port->config) {
		port->config = old;
		return error_set(err, -ENOMEM, "out of memory");
	}
	r = port_change(kernel, port, old, bridge, err);
	if (r < 0) {
		struct port *failed = port->config;

		error_prefix(err, "port %s", config->name);
		port->config = old;
		port_change(kernel, port, failed, before, NULL);
		object_free(NOUN_PORT, failed);
		return r;
	}
	if (config->type == PORT_INTERNAL) {
		if (before == port->bridge)
			port_local_leave(kernel, port, old);
		port_local_apply(kernel, port);
	}
	bridge_mtu_changed(kernel, port->bridge);
	object_free(NOUN_PORT, old);
	return 0;
}

int port_take_up(struct kernel *kernel, struct live_port *port, const struct link *link)
{
	const char *problem = port_is_internal(port) ? NULL : link_problem(link);
	struct error err = {};
	int r;

	if (problem) {
		log_warning("port %s: %s", port->name, problem);
		return -EBUSY;
	}
	r = port_attach(kernel, port, link, &err);
	if (r < 0)
		log_warning("port %s: %s", port->name, err.line);
	return r;
}
