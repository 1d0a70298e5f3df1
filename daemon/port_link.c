/* SPDX-License-Identifier: GPL-2.0-only */
/* Ports and what becomes of their devices: up and down, gone and back, MAC and MTU. */
#include <errno.h>
#include <string.h>

#include "daemon/device.h"
#include "daemon/log.h"
#include "daemon/port_private.h"
#include "daemon/hook.h"

struct live_port *port_by_ifindex(struct kernel *kernel, uint32_t ifindex)
{
	uint32_t id;

	if (dp_get_device(kernel->dp, &ifindex, &id) < 0 || id >= WEFT_PORTS_MAX)
		return NULL;
	return kernel->port_by_id[id];
}

static const char *port_state(const struct live_port *port)
{
	return !port->ifindex ? "gone" : port->up ? "up" : "down";
}

static void local_entry(struct kernel *kernel, struct live_port *port, uint16_t vlan, bool there)
{
	struct weft_fdb_key key = {.bridge = port->bridge->id, .vlan = vlan};
	struct weft_fdb_entry entry = {.dest = {.port = port->id},
				       .seen = dp_tick(),
				       .flags = WEFT_FDB_LOCAL},
			      old;
	bool exists;

	kernel->fdb_generation++;
	kernel->counts_changed = true;
	memcpy(key.mac, port->lladdr, sizeof(key.mac));
	exists = !dp_get_fdb(kernel->dp, &key, &old);
	if (!there) {
		if (exists && old.dest.port == port->id && (old.flags & WEFT_FDB_LOCAL) &&
		    !dp_delete_fdb(kernel->dp, &key))
			port->bridge->count_change--;
		return;
	}
	if (exists && old.dest.port == port->id && (old.flags & WEFT_FDB_LOCAL))
		return;
	if (dp_put_fdb(kernel->dp, &key, &entry) < 0)
		log_error("port %s: map fdb is full", port->name);
	else if (!exists)
		port->bridge->count_change++;
}

static bool port_in_vlan(const struct port *config, uint32_t vid)
{
	return vid == config->vlan || vlan_set_has(&config->trunk, vid);
}

static void local_entries(struct kernel *kernel, struct live_port *port, bool there)
{
	bool aware = bridge_vlan_aware(port->bridge);

	/* behind the device of an L3 tunnel there are no MACs */
	if (mac_is_zero(port->lladdr) || port_is_l3(port))
		return;
	local_entry(kernel, port, 0, there && !aware);
	for (uint32_t vid = 1; port->config && aware && vid < 4095; vid++)
		if (port_in_vlan(port->config, vid))
			local_entry(kernel, port, (uint16_t)vid, there);
}

void port_local_leave(struct kernel *kernel, struct live_port *port, const struct port *old)
{
	for (uint32_t vid = 1; bridge_vlan_aware(port->bridge) && vid < 4095; vid++)
		if (port_in_vlan(old, vid) && !port_in_vlan(port->config, vid))
			local_entry(kernel, port, (uint16_t)vid, false);
}

void port_local_apply(struct kernel *kernel, struct live_port *port)
{
	const struct link *link;

	if (!port_is_internal(port) || !port->ifindex)
		return;
	link = link_by_index(kernel->netlink, port->ifindex);
	if (!link)
		return;
	if (memcmp(port->lladdr, link->lladdr, 6))
		local_entries(kernel, port, false);
	memcpy(port->lladdr, link->lladdr, 6);
	local_entries(kernel, port, true);
}

static void port_link_changed(struct kernel *kernel, struct live_port *port,
			      const struct link *link)
{
	bool up, peer, moved = memcmp(port->lladdr, link->lladdr, sizeof(port->lladdr));

	/* News from before the port was taken up may still be on their way: asked, the kernel tells how it is. */
	if (port->up && !(link->flags & IFF_UP)) {
		link_refresh(kernel->netlink, NULL, port->ifindex);
		link = link_by_index(kernel->netlink, port->ifindex);
		if (!link)
			return;
	}
	up = link->flags & IFF_UP;
	peer = !strcmp(link->kind, "veth") && link->peer_netns;
	if (port_is_internal(port))
		port_local_apply(kernel, port);
	if (up == port->up && peer == port->peer && !(moved && port_is_l3(port)))
		return;
	if (!up && port->up) {
		bit_set(kernel->purge.port_learned, port->id);
		kernel->purge.any = true;
	}
	port->peer = peer;
	if (up != port->up) {
		port->up = up;
		state_event(kernel, "port", port->name, port_state(port));
	}
	port_write(kernel, port, NULL);
}

/* A veth of this namespace came or went: if it is the far end of a port's, the port's flags follow. */
static void port_peer_moved(struct kernel *kernel, const struct link *link)
{
	struct live_port *port;

	if (strcmp(link->kind, "veth") || !link->peer)
		return;
	port = port_by_ifindex(kernel, link->peer);
	if (port)
		link_refresh(kernel->netlink, NULL, link->peer);
}

void port_link_event(struct kernel *kernel, enum link_event event, const struct link *link,
		     const struct link *old)
{
	struct live_port *port = port_by_ifindex(kernel, link->ifindex);

	if (event == LINK_CHANGED)
		port_mtu_link_changed(kernel, link, old);
	if (event == LINK_ADDED || event == LINK_REMOVED)
		port_peer_moved(kernel, link);
	if (port && (event == LINK_REMOVED || strcmp(port->name, link->name))) {
		port_mtu_give_back(kernel, port);
		port_detach(kernel, port);
		state_event(kernel, "port", port->name, port_state(port));
		port = NULL;
	}
	if (port) {
		port_link_changed(kernel, port, link);
	} else if (event != LINK_REMOVED) {
		port = port_find(kernel, link->name);
		if (port && !port->ifindex && (!port_is_internal(port) || link->ours) &&
		    port_take_up(kernel, port, link) >= 0) {
			bridge_mtu_changed(kernel, port->bridge);
			state_event(kernel, "port", port->name, port_state(port));
		}
	}
	purge_soon(kernel);
}

void port_filter_event(struct kernel *kernel, uint32_t ifindex)
{
	struct live_port *port = port_by_ifindex(kernel, ifindex);
	enum hook hook = port && port_is_internal(port) ? HOOK_EGRESS : HOOK_INGRESS;
	struct error err = {};

	/* a device that goes takes its filters along, and is told of after them */
	if (!port || hook_query(kernel->netlink, ifindex, hook) != 0 ||
	    link_refresh(kernel->netlink, NULL, ifindex) < 0)
		return;
	log_warning("port %s: somebody took the filter off; it is put there again", port->name);
	if (hook_attach(kernel->netlink, ifindex, hook, dp_program_port(kernel->dp), "weft_port",
			&err) < 0)
		log_warning("port %s: %s", port->name, err.line);
}
