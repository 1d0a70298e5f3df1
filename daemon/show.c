/* SPDX-License-Identifier: GPL-2.0-only */
/* Live state for `show` and `status`. */
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/capture.h"
#include "daemon/hook.h"
#include "daemon/live.h"
#include "lib/tunnel.h"

json_t *kernel_bridge_state(struct kernel *kernel, const char *name)
{
	struct live_bridge *bridge = bridge_find(kernel, name);
	json_t *ports, *tunnels;
	uint32_t count = 0;

	if (!bridge)
		return json_object();
	ports = json_array();
	tunnels = json_array();
	for (struct live_port *port = bridge->port_list; port; port = port->bridge_next)
		json_array_append_new(ports, json_string(port->name));
	for (struct live_tunnel *tunnel = bridge->tunnel_list; tunnel; tunnel = tunnel->bridge_next)
		json_array_append_new(tunnels, json_string(tunnel->name));
	dp_get_fdb_count(kernel->dp, &bridge->id, &count);
	return json_pack("{s:i, s:i, s:o, s:o}", "id", bridge->id, "entries", count, "ports", ports,
			 "tunnels", tunnels);
}

static void device_json(struct kernel *kernel, json_t *json, const struct live_port *port)
{
	const struct link *link =
		port->ifindex ? link_by_index(kernel->netlink, port->ifindex) : NULL;
	char mac[MAC_STRLEN];

	json_object_set_new(json, "state",
			    json_string(!port->ifindex ? "gone"
					: port->up     ? "up"
						       : "down"));
	if (!link)
		return;
	json_object_set_new(json, "ifindex", json_integer(link->ifindex));
	json_object_set_new(json, "mtu", json_integer(link->mtu));
	json_object_set_new(json, "lladdr", json_string(mac_format(link->lladdr, mac)));
	if (*link->kind)
		json_object_set_new(json, "kind", json_string(link->kind));
}

json_t *kernel_port_state(struct kernel *kernel, const char *name)
{
	struct live_port *port = port_find(kernel, name);
	json_t *json = json_object();

	if (!port)
		return json;
	json_object_set_new(json, "id", json_integer(port->id));
	device_json(kernel, json, port);
	port_mtu_json(kernel, port, json);
	return json;
}

/* The lladdr by which a neighbour entry of an L3 tunnel's device says: behind this remote. */
static const char *l3_mac(const struct live_remote *remote, char text[MAC_STRLEN])
{
	const uint8_t mac[6] = {WEFT_L3_MAC_0,
				WEFT_L3_MAC_1,
				(uint8_t)(remote->id >> 24),
				(uint8_t)(remote->id >> 16),
				(uint8_t)(remote->id >> 8),
				(uint8_t)remote->id};

	return mac_format(mac, text);
}

static json_t *remote_json(struct kernel *kernel, const struct live_remote *remote)
{
	const struct nexthop *hop = &remote->hop;
	const struct link *link =
		hop->ifindex ? link_by_index(kernel->netlink, hop->ifindex) : NULL;
	char addr[ADDR_STRLEN], mac[MAC_STRLEN];
	uint32_t expires;
	uint16_t path_mtu = path_mtu_get(kernel, remote, &expires);
	json_t *seen;
	json_t *json =
		json_pack("{s:s, s:i, s:s, s:b}", "addr", addr_format(&remote->key.addr, addr),
			  "id", remote->id, "state", nexthop_state_name(hop->state), "learned",
			  (remote->owners & OWNER_LEARNED) != 0);

	if (remote->key.vni != tunnel_vni(remote->tunnel->config))
		json_object_set_new(json, "vni", json_integer(remote->key.vni));
	if (remote->options)
		json_object_set_new(json, "option", options_json(remote->options));
	seen = geneve_options_seen(kernel, remote->id);
	if (seen)
		json_object_set_new(json, "options", seen);
	if (tunnel_is_l3(remote->tunnel->config))
		json_object_set_new(json, "neighbour", json_string(l3_mac(remote, mac)));
	if (link)
		json_object_set_new(json, "dev", json_string(link->name));
	if (hop->ifindex)
		json_object_set_new(json, "mtu", json_integer(hop->mtu));
	if (path_mtu) {
		json_object_set_new(json, "path_mtu", json_integer(path_mtu));
		json_object_set_new(json, "path_mtu_expires", json_integer(expires));
	}
	if (!addr_is_any(&hop->source))
		json_object_set_new(json, "source", json_string(addr_format(&hop->source, addr)));
	if (!addr_is_any(&hop->gateway) && !addr_equal(&hop->gateway, &remote->key.addr))
		json_object_set_new(json, "gateway", json_string(addr_format(&hop->gateway, addr)));
	if (hop->state == NEXTHOP_RESOLVED)
		json_object_set_new(json, "lladdr", json_string(mac_format(hop->ethernet, mac)));
	return json;
}

json_t *kernel_tunnel_state(struct kernel *kernel, const char *name)
{
	struct live_tunnel *tunnel = tunnel_find(kernel, name);
	json_t *json = json_object(), *remotes;
	uint32_t index, count = 0;

	if (!tunnel)
		return json;
	remotes = json_array();
	for (struct live_remote *remote = tunnel->remote_list; remote; remote = remote->tunnel_next)
		if (!(remote->owners & OWNER_PROTOTYPE))
			json_array_append_new(remotes, remote_json(kernel, remote));
	index = WEFT_BRIDGES_MAX + tunnel->id;
	dp_get_fdb_count(kernel->dp, &index, &count);
	json_object_set_new(json, "id", json_integer(tunnel->id));
	json_object_set_new(json, "entries", json_integer(count));
	json_object_set_new(json, "mtu", json_integer(tunnel_mtu(tunnel)));
	if (tunnel->port)
		device_json(kernel, json, tunnel->port);
	json_object_set_new(json, "remotes", remotes);
	return json;
}

/* --- status ------------------------------------------------------------------------------------------ */

static json_t *maps_json(const struct kernel *kernel)
{
	json_t *maps = json_object();

	for (int map = 0; map < DP_MAP_COUNT; map++) {
		struct bpf_map_info info = {};
		uint32_t size = sizeof(info);
		int fd = dp_fd(kernel->dp, map);

		if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
			continue;
		json_object_set_new(maps, dp_map_name(map),
				    json_pack("{s:i, s:i, s:I}", "id", info.id, "max_entries",
					      info.max_entries, "memory",
					      (json_int_t)dp_map_memory(kernel->dp, map)));
	}
	return maps;
}

static void underlay_item(void *arg, const char *name, uint32_t ifindex, const char *problem)
{
	json_t *json =
		json_pack("{s:s, s:i, s:s, s:i, s:i}", "dev", name, "ifindex", ifindex, "hook",
			  hook_kind(), "before", (int)hook_others(ifindex, HOOK_INGRESS), "behind",
			  (int)hook_others(ifindex, HOOK_EGRESS));

	if (problem)
		json_object_set_new(json, "problem", json_string(problem));
	json_array_append_new(arg, json);
}

/* null: there is none, and what would have to be cut is dropped. */
static json_t *splitter_json(struct kernel *kernel)
{
	const struct link *link = link_by_index(kernel->netlink, kernel->splitter);

	return link ? json_pack("{s:s, s:i}", "dev", link->name, "ifindex", link->ifindex)
		    : json_null();
}

static void holder_item(void *arg, const struct holder_item *item)
{
	char addr[ADDR_STRLEN];
	json_t *json;

	if (item->port)
		json = json_pack("{s:i}", "port", item->port);
	else if (item->protocol)
		json = json_pack("{s:s}", "protocol", "gre");
	else
		json = json_pack("{s:s, s:i}", "group", addr_format(&item->group, addr), "ifindex",
				 item->ifindex);
	json_array_append_new(arg, json);
}

/* What a look at the whole begins with: is anything down, how full is it, is anything lost? */
static void summary_json(struct kernel *kernel, json_t *json)
{
	const struct live_remote *remote, *next_remote;
	const struct live_port *port, *next_port;
	uint32_t down = 0, remotes = 0, unresolved = 0, entries = 0, count;
	struct counter_list drops;
	uint64_t dropped = 0;

	HASH_ITER (hh, kernel->ports, port, next_port)
		down += !port->up;
	HASH_ITER (hh, kernel->remotes, remote, next_remote) {
		bool real = !(remote->owners & OWNER_PROTOTYPE);

		remotes += real;
		unresolved += real && remote->hop.state != NEXTHOP_RESOLVED;
	}
	for (uint32_t id = 1; id < WEFT_BRIDGES_MAX; id++)
		if (kernel->bridge_by_id[id] && !dp_get_fdb_count(kernel->dp, &id, &count))
			entries += count;
	counters_read(kernel, DP_DROPS, &drops);
	for (uint32_t i = 0; i < drops.count; i++)
		dropped += drops.counter[i].packets;
	free(drops.counter);
	json_object_set_new(json, "remotes", json_integer(remotes));
	json_object_set_new(json, "ports_down", json_integer(down));
	json_object_set_new(json, "remotes_unresolved", json_integer(unresolved));
	json_object_set_new(json, "entries", json_integer(entries));
	json_object_set_new(json, "dropped", json_integer((json_int_t)dropped));
}

json_t *kernel_status(struct kernel *kernel)
{
	json_t *json = json_object(), *underlay = json_array(), *held = json_array();

	json_object_set_new(json, "loaded", json_boolean(kernel->dp != NULL));
	json_object_set_new(json, "bridges", json_integer(HASH_COUNT(kernel->bridges)));
	json_object_set_new(json, "ports", json_integer(HASH_COUNT(kernel->ports)));
	json_object_set_new(json, "tunnels", json_integer(HASH_COUNT(kernel->tunnels)));
	json_object_set_new(json, "remotes", json_integer(0));
	if (kernel->dp) {
		summary_json(kernel, json);
		json_object_set_new(json, "features",
				    json_pack("{s:b, s:b}", "decap_l3", dp_has_decap_l3(kernel->dp),
					      "tcx", !strcmp(hook_kind(), "tcx")));
		json_object_set_new(json, "maps", maps_json(kernel));
		json_object_set_new(json, "lost_events",
				    json_integer((json_int_t)events_lost(kernel)));
		underlay_walk(kernel->underlay, underlay_item, underlay);
		json_object_set_new(json, "moves", moves_json(kernel));
		json_object_set_new(json, "captures", kernel_capture_readers(kernel));
		json_object_set_new(json, "splitter", splitter_json(kernel));
		json_object_set_new(json, "listen", listen_json(kernel));
	}
	holder_list(kernel->holder, holder_item, held);
	json_object_set_new(json, "underlay", underlay);
	json_object_set_new(
		json, "holder",
		json_pack("{s:i, s:o}", "pid", holder_pid(kernel->holder), "held", held));
	return json;
}
