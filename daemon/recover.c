/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an earlier weftd left in the maps. Until every object has been put back, it waits here under
 * the name or key by which its owner will ask for it; what nobody asked for then goes.
 */
#include "daemon/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/device.h"
#include "daemon/log.h"
#include "daemon/hook.h"
#include "lib/table.h"

#define BATCH 1024

struct recovered_id {
	char name[NAME_LEN + 24]; /* section/name */
	uint32_t id;
	struct ids *ids;
	UT_hash_handle hh;
};

struct recovered_remote {
	struct remote_key key;
	struct options_set *options; /* what key.options is the id of */
	uint32_t id;
	UT_hash_handle hh;
};

struct recovered_member {
	struct weft_flood_key key;
	uint32_t id;
};

struct recovered {
	json_t *lent; /* by the name of the port */
	struct recovered_id *ids;
	struct recovered_remote *remotes;
	struct recovered_member *members; /* by bridge */
	size_t member_count;
};

static void recovered_remote_free(struct recovered *recovered, struct recovered_remote *remote)
{
	HASH_DEL(recovered->remotes, remote);
	options_release(remote->options);
	free(remote);
}

static int member_compare(const void *a, const void *b)
{
	uint32_t x = ((const struct recovered_member *)a)->key.bridge;
	uint32_t y = ((const struct recovered_member *)b)->key.bridge;

	return (x > y) - (x < y);
}

/* Ids out of the state file, which are only what it says: in bounds and each once. */
static int load_ids(struct recovered *recovered, const json_t *state, const char *section,
		    struct ids *ids)
{
	const char *name;
	json_t *value;

	json_object_foreach (json_object_get(state, section), name, value) {
		struct recovered_id *item;
		json_int_t id = json_integer_value(value);

		if (strlen(name) >= NAME_LEN || id < 1 || id >= ids->max ||
		    ids_claim(ids, (uint32_t)id) < 0)
			continue;
		item = calloc(1, sizeof(*item));
		if (!item)
			return -ENOMEM;
		snprintf(item->name, sizeof(item->name), "%s/%s", section, name);
		item->id = (uint32_t)id;
		item->ids = ids;
		HASH_ADD_STR(recovered->ids, name, item);
	}
	return 0;
}

static int load_flood(struct kernel *kernel, struct recovered *recovered)
{
	struct weft_flood_key keys[BATCH];
	uint32_t values[BATCH], count;
	struct dp_cursor cursor = {};
	int r = 1;

	while (r > 0) {
		struct recovered_member *members;

		r = dp_walk(kernel->dp, DP_FLOOD, &cursor, keys, values, BATCH, &count);
		if (r < 0)
			return r;
		members = reallocarray(recovered->members, recovered->member_count + count + 1,
				       sizeof(*members));
		if (!members)
			return -ENOMEM;
		recovered->members = members;
		for (uint32_t i = 0; i < count; i++)
			members[recovered->member_count++] =
				(struct recovered_member){keys[i], values[i]};
	}
	qsort(recovered->members, recovered->member_count, sizeof(*recovered->members),
	      member_compare);
	return 0;
}

static int load_remote(struct kernel *kernel, struct recovered *recovered, uint32_t id,
		       const struct weft_remote *slot)
{
	struct recovered_remote *remote, *other = NULL;
	struct options_set *options;
	struct remote_key key;
	int r;

	if (!slot->tunnel || ids_claim(&kernel->remote_ids, id) < 0)
		return 0;
	r = remote_slot_key(kernel, id, slot, &key, &options);
	if (r < 0 && r != -ENOENT && r != -EINVAL)
		return r;
	HASH_FIND(hh, recovered->remotes, &key, sizeof(key), other);
	remote = calloc(1, sizeof(*remote));
	if (!remote) {
		options_release(options);
		return -ENOMEM;
	}
	remote->options = options;
	/* two by one key: the second one only waits for being removed */
	if (other)
		key.tunnel = 0;
	remote->key = key;
	remote->id = id;
	HASH_ADD(hh, recovered->remotes, key, sizeof(key), remote);
	return 0;
}

static int load_remotes(struct kernel *kernel, struct recovered *recovered)
{
	struct weft_remote *slots = calloc(BATCH, sizeof(*slots));
	struct dp_cursor cursor = {};
	uint32_t keys[BATCH], count;
	int r = slots ? 1 : -ENOMEM;

	while (r > 0) {
		int more = dp_walk(kernel->dp, DP_REMOTES, &cursor, keys, slots, BATCH, &count);

		r = more;
		for (uint32_t i = 0; r >= 0 && i < count; i++)
			if (keys[i])
				r = load_remote(kernel, recovered, keys[i], &slots[i]);
		r = r < 0 ? r : more;
	}
	free(slots);
	return r;
}

/* The queue cannot be looked at: what is in it is taken out and put back. */
static int load_spares(struct kernel *kernel)
{
	uint32_t *ids = calloc(WEFT_SPARES_MAX, sizeof(*ids)), count = 0;

	if (!ids)
		return -ENOMEM;
	while (count < WEFT_SPARES_MAX && !dp_spare_pop(kernel->dp, &ids[count]))
		count++;
	for (uint32_t i = 0; i < count; i++)
		if (!ids_claim(&kernel->remote_ids, ids[i]))
			dp_spare_push(kernel->dp, ids[i]);
	free(ids);
	return 0;
}

int recover_load(struct kernel *kernel, const json_t *state, struct error *err)
{
	struct recovered *recovered = calloc(1, sizeof(*recovered));
	int r;

	if (!recovered)
		return error_set(err, -ENOMEM, "out of memory");
	kernel->recovered = recovered;
	recovered->lent = json_incref(json_object_get(state, "lent"));
	r = load_ids(recovered, state, "bridges", &kernel->bridge_ids);
	if (r >= 0)
		r = load_ids(recovered, state, "hidden_bridges", &kernel->bridge_ids);
	if (r >= 0)
		r = load_ids(recovered, state, "ports", &kernel->port_ids);
	if (r >= 0)
		r = load_ids(recovered, state, "hidden_ports", &kernel->port_ids);
	if (r >= 0)
		r = load_ids(recovered, state, "tunnels", &kernel->tunnel_ids);
	if (r >= 0)
		r = load_flood(kernel, recovered);
	if (r >= 0)
		r = load_spares(kernel);
	if (r >= 0)
		r = load_remotes(kernel, recovered);
	if (r < 0)
		return error_set(err, r, "datapath: its maps cannot be read: %s", strerror(-r));
	return 0;
}

void recover_free(struct kernel *kernel)
{
	struct recovered *recovered = kernel->recovered;
	struct recovered_remote *remote, *next_remote;

	if (!recovered)
		return;
	table_free(recovered->ids);
	HASH_ITER (hh, recovered->remotes, remote, next_remote) {
		recovered_remote_free(recovered, remote);
	}
	json_decref(recovered->lent);
	free(recovered->members);
	free(recovered);
	kernel->recovered = NULL;
}

uint32_t recover_id(struct kernel *kernel, const char *section, const char *name)
{
	struct recovered_id *item = NULL;
	char full[NAME_LEN + 24];
	uint32_t id;

	if (!kernel->recovered)
		return 0;
	snprintf(full, sizeof(full), "%s/%s", section, name);
	HASH_FIND_STR(kernel->recovered->ids, full, item);
	if (!item)
		return 0;
	id = item->id;
	HASH_DEL(kernel->recovered->ids, item);
	free(item);
	return id;
}

const json_t *recover_lent(struct kernel *kernel, const char *name)
{
	return kernel->recovered ? json_object_get(kernel->recovered->lent, name) : NULL;
}

void recover_flood(struct kernel *kernel, struct live_bridge *bridge)
{
	const struct recovered *recovered = kernel->recovered;
	size_t low = 0, high = recovered ? recovered->member_count : 0;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (recovered->members[middle].key.bridge < bridge->id)
			low = middle + 1;
		else
			high = middle;
	}
	for (; recovered && low < recovered->member_count &&
	       recovered->members[low].key.bridge == bridge->id;
	     low++) {
		const struct recovered_member *member = &recovered->members[low];

		flood_load(member->key.class == WEFT_FLOOD_PORTS ? &bridge->ports
								 : &bridge->remotes,
			   member->key.slot, member->id);
	}
}

uint32_t recover_remote(struct kernel *kernel, const struct remote_key *key)
{
	struct recovered_remote *remote = NULL;
	uint32_t id;

	if (!kernel->recovered)
		return 0;
	HASH_FIND(hh, kernel->recovered->remotes, key, sizeof(*key), remote);
	if (!remote)
		return 0;
	id = remote->id;
	recovered_remote_free(kernel->recovered, remote);
	return id;
}

/* --- what nobody asked for ---------------------------------------------------------------------------- */

static void settle_ids(struct kernel *kernel)
{
	struct recovered_id *item, *next;

	HASH_ITER (hh, kernel->recovered->ids, item, next) {
		_Alignas(8) static const char none[sizeof(struct weft_remote)];
		enum dp_map map = item->ids == &kernel->bridge_ids ? DP_BRIDGES
				  : item->ids == &kernel->port_ids ? DP_PORTS
								   : DP_TUNNELS;

		dp_put(kernel->dp, map, &item->id, none);
		if (map == DP_BRIDGES)
			bit_set(kernel->purge.bridge, item->id);
		if (map == DP_PORTS)
			bit_set(kernel->purge.port, item->id);
		kernel->purge.any = true;
		ids_give(item->ids, item->id);
	}
}

/* A remote that has an owner still: the datapath, the FDB, or entries that are yet to be counted. */
static bool remote_keep(struct kernel *kernel, uint32_t id, const struct weft_remote *slot)
{
	struct live_tunnel *tunnel =
		slot->tunnel < WEFT_TUNNELS_MAX ? kernel->tunnel_by_id[slot->tunnel] : NULL;
	uint32_t owner = OWNER_DYNAMIC;

	if (slot->flags & WEFT_REMOTE_LEARNED)
		owner = OWNER_LEARNED;
	if (slot->flags & WEFT_REMOTE_FLOOD)
		owner = OWNER_FLOOD;
	return tunnel && !(slot->flags & WEFT_REMOTE_GROUP) && !addr_is_any(&slot->addr) &&
	       (owner != OWNER_LEARNED || tunnel_is_open(tunnel->config)) &&
	       remote_adopt(kernel, tunnel, id, slot, owner, NULL) >= 0;
}

static void settle_remotes(struct kernel *kernel)
{
	struct weft_remote slot, none = {};

	/* one that is kept may take another one out of the table: the one it is based on */
	while (kernel->recovered->remotes) {
		struct recovered_remote *item = kernel->recovered->remotes;
		uint32_t id = item->id;

		recovered_remote_free(kernel->recovered, item);
		if (!dp_get_remote(kernel->dp, &id, &slot) && remote_keep(kernel, id, &slot))
			continue;
		bit_set(kernel->purge.remote, id);
		kernel->purge.any = true;
		dp_put_remote(kernel->dp, &id, &none);
		ids_give(&kernel->remote_ids, id);
	}
}

static bool member_is_ours(struct kernel *kernel, const struct weft_flood_key *key, uint32_t id)
{
	const struct live_bridge *bridge =
		key->bridge < WEFT_BRIDGES_MAX ? kernel->bridge_by_id[key->bridge] : NULL;
	const struct live_remote *remote;
	const struct live_port *port;

	if (!bridge)
		return false;
	if (key->class == WEFT_FLOOD_PORTS) {
		port = id < WEFT_PORTS_MAX ? kernel->port_by_id[id] : NULL;
		return port && port->bridge == bridge && port->slot == key->slot;
	}
	remote = id < WEFT_REMOTES_MAX ? kernel->remote_by_id[id] : NULL;
	return remote && remote->tunnel->bridge == bridge && remote->slot == key->slot;
}

static void settle_flood(struct kernel *kernel)
{
	const struct recovered *recovered = kernel->recovered;

	for (size_t i = 0; i < recovered->member_count; i++) {
		const struct weft_flood_key *key = &recovered->members[i].key;
		struct live_bridge *bridge =
			key->bridge < WEFT_BRIDGES_MAX ? kernel->bridge_by_id[key->bridge] : NULL;

		if (member_is_ours(kernel, key, recovered->members[i].id))
			continue;
		dp_delete_flood(kernel->dp, key);
		if (!bridge)
			continue;
		flood_remove(kernel->dp,
			     key->class == WEFT_FLOOD_PORTS ? &bridge->ports : &bridge->remotes,
			     bridge->id, key->class, key->slot);
		bridge_write(kernel, bridge, NULL);
	}
}

static void settle_devices(struct kernel *kernel)
{
	uint32_t keys[BATCH], values[BATCH], count;
	struct dp_cursor cursor = {};
	int r = 1;

	while (r > 0) {
		r = dp_walk(kernel->dp, DP_DEVICES, &cursor, keys, values, BATCH, &count);
		for (uint32_t i = 0; r >= 0 && i < count; i++) {
			const struct live_port *port =
				values[i] < WEFT_PORTS_MAX ? kernel->port_by_id[values[i]] : NULL;

			if (!port || port->ifindex != keys[i])
				dp_delete_device(kernel->dp, &keys[i]);
		}
	}
}

static void settle_hook(void *arg, uint32_t ifindex, enum hook hook, uint32_t prog_id)
{
	struct kernel *kernel = arg;
	const struct link *link = link_by_index(kernel->netlink, ifindex);
	uint32_t id;

	(void)prog_id;
	if (kernel->splitter && link && device_is_splitter(link))
		return;
	if (!dp_get_device(kernel->dp, &ifindex, &id) || underlay_has(kernel->underlay, ifindex) ||
	    listen_has_device(kernel, ifindex))
		return;
	hook_detach(kernel->netlink, ifindex, hook, NULL);
}

void recover_links(struct kernel *kernel)
{
	uint32_t gone[BATCH];
	size_t count = 0;

	for (const struct link *link = link_next(kernel->netlink, NULL); link && count < BATCH;
	     link = link_next(kernel->netlink, link)) {
		const struct live_port *port = port_find(kernel, link->name);

		if (kernel->splitter && device_is_splitter(link))
			continue;
		if (listen_has_device(kernel, link->ifindex))
			continue;
		if (link->ours && !(port && port->ifindex == link->ifindex))
			gone[count++] = link->ifindex;
	}
	for (size_t i = 0; i < count; i++)
		device_doom(kernel->netlink, gone[i], NULL);
	if (count)
		devices_reap(kernel->netlink, NULL);
}

void recover_settle(struct kernel *kernel)
{
	struct error err = {};

	settle_ids(kernel);
	settle_remotes(kernel);
	settle_flood(kernel);
	settle_devices(kernel);
	if (hook_walk(kernel->netlink, settle_hook, kernel, &err) < 0)
		log_warning("%s", err.line);
	hook_settle();
	peers_settle(kernel);
	listen_settle(kernel);
	fdb_settle(kernel);
}
