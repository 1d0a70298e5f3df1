/* SPDX-License-Identifier: GPL-2.0-only */
/* An FDB entry as the API has it. */
#include "daemon/live.h"
#include "lib/tunnel.h"

json_t *fdb_entry_json(struct kernel *kernel, const struct weft_fdb_key *key,
		       const struct weft_fdb_entry *entry)
{
	char mac[MAC_STRLEN], addr[ADDR_STRLEN];
	const struct live_remote *remote = NULL;
	struct live_bridge *bridge;
	struct live_tunnel *tunnel;
	bool learned = !(entry->flags & (WEFT_FDB_STATIC | WEFT_FDB_LOCAL));
	json_t *json;

	if (!fdb_entry_owner(kernel, key, entry, &bridge, &tunnel))
		return NULL;
	json = json_object();
	json_object_set_new(json, "mac", json_string(mac_format(key->mac, mac)));
	if (*bridge->name)
		json_object_set_new(json, "bridge", json_string(bridge->name));
	json_object_set_new(
		json, "dev",
		json_string(tunnel ? tunnel->name : kernel->port_by_id[entry->dest.port]->name));
	if (key->vlan)
		json_object_set_new(json, "vlan", json_integer(key->vlan));
	if (tunnel)
		remote = kernel->remote_by_id[entry->dest.remote];
	if (remote)
		json_object_set_new(json, "dst", json_string(addr_format(&remote->key.addr, addr)));
	if (remote && remote->key.vni != tunnel_vni(tunnel->config))
		json_object_set_new(json, "vni", json_integer(remote->key.vni));
	if (remote && remote->options)
		json_object_set_new(json, "option", options_json(remote->options));
	json_object_set_new(json, "state",
			    json_string(entry->flags & WEFT_FDB_LOCAL ? "local"
					: learned		      ? "learned"
								      : "static"));
	if (learned) {
		int32_t ticks = (int32_t)(dp_tick() - entry->seen);

		json_object_set_new(json, "age",
				    json_integer(ticks < 0
							 ? 0
							 : (int64_t)ticks * (1 << WEFT_TICK_SHIFT) /
								   1000000000));
	}
	return json;
}

bool fdb_event_wanted(const struct kernel *kernel)
{
	const struct kernel_callbacks *callbacks = &kernel->callbacks;

	return callbacks->fdb && (!callbacks->fdb_wanted || callbacks->fdb_wanted(callbacks->arg));
}

void fdb_event(struct kernel *kernel, const char *what, const struct weft_fdb_key *key,
	       const struct weft_fdb_entry *entry)
{
	json_t *json;

	if (!fdb_event_wanted(kernel))
		return;
	json = fdb_entry_json(kernel, key, entry);
	if (json)
		kernel->callbacks.fdb(kernel->callbacks.arg, what, json);
	json_decref(json);
}
