/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who may send to us: the maps `peers`, `vnis` and `addresses`, with the groups joined for them.
 *
 * A remote has an explicit key, with the tunnel's own `local`. Where that is any, it also has a
 * hint: the same with the address that the route to it would send from, which is the one that the far end
 * most likely sends to, so that the first of the datapath's look-ups hits. A hint never takes the place of
 * another tunnel's explicit key.
 */
#include "daemon/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "lib/table.h"
#include "lib/tunnel.h"

struct vni_count {
	struct weft_vni_key key;
	uint32_t count;
	UT_hash_handle hh;
};

struct group_count {
	struct weft_addr addr;
	uint32_t count;
	UT_hash_handle hh;
};

static const struct weft_addr any;

/* What a packet says to belong to the tunnel, but for its addresses. */
static struct weft_vni_key tunnel_identity(const struct tunnel *config)
{
	const struct gre_key key = tunnel_in_key(config);
	struct weft_vni_key ret = {.vni = tunnel_vni(config), .type = tunnel_wire_type(config)};

	if (!tunnel_is_gre(config)) {
		ret.port = tunnel_dstport(config);
	} else if (config->type == TUNNEL_NVGRE) {
		ret.port = WEFT_GRE_KEY;
	} else {
		ret.port = key.any ? WEFT_GRE_ANY_KEY : key.set ? WEFT_GRE_KEY : WEFT_GRE_NO_KEY;
		ret.vni = key.set && !key.any ? key.value : 0;
	}
	return ret;
}

static struct weft_peer_key peer_key(const struct live_tunnel *tunnel,
				     const struct weft_addr *local, const struct weft_addr *remote)
{
	const struct weft_vni_key identity = tunnel_identity(tunnel->config);
	struct weft_peer_key key = {
		.vni = identity.vni, .port = identity.port, .type = identity.type};

	if (!addr_is_any(local))
		key.local = *local;
	if (!addr_is_any(remote))
		key.remote = *remote;
	return key;
}

/* A tunnel that goes may have been replaced by another one under the same key already. */
static void peer_remove(struct kernel *kernel, const struct weft_peer_key *key, uint32_t tunnel)
{
	struct weft_peer peer;

	if (!dp_get_peer(kernel->dp, key, &peer) && peer.tunnel == tunnel)
		dp_delete_peer(kernel->dp, key);
}

static void peer_put(struct kernel *kernel, const struct weft_peer_key *key, uint32_t tunnel,
		     uint32_t remote)
{
	struct weft_peer peer = {.tunnel = tunnel, .remote = remote};
	int r = dp_put_peer(kernel->dp, key, &peer);

	if (r < 0)
		log_error("map peers: %s", strerror(-r));
}

/* The local address counts more than the remote: a hint is not to win over a tunnel that has it and is open. */
static bool hint_put(struct kernel *kernel, const struct weft_peer_key *key, uint32_t tunnel,
		     uint32_t remote)
{
	struct weft_peer peer = {.tunnel = tunnel, .remote = remote}, there;
	struct weft_peer_key open = *key;

	open.remote = any;
	if (!dp_get_peer(kernel->dp, &open, &there) && there.tunnel != tunnel)
		return false;
	if (!dp_get_peer(kernel->dp, key, &there)) {
		if (there.tunnel != tunnel)
			return false;
		return there.remote == remote || !dp_put_peer(kernel->dp, key, &peer);
	}
	return !dp_add(kernel->dp, DP_PEERS, key, &peer);
}

void peers_of_remote(struct kernel *kernel, struct live_remote *remote)
{
	const struct live_tunnel *tunnel = remote->tunnel;
	const struct tunnel *config = tunnel->config;
	struct weft_peer_key peer = peer_key(tunnel, &config->local, &remote->key.addr);
	struct weft_peer_key hint = peer_key(tunnel, &remote->hop.source, &remote->key.addr);
	bool want_peer, want_hint;

	want_peer = !remote_is_special(remote) && !addr_is_any(&remote->key.addr) &&
		    !addr_is_multicast(&remote->key.addr);
	want_hint = want_peer && addr_is_any(&config->local) && !addr_is_any(&remote->hop.source);
	if (want_peer)
		peer_put(kernel, &peer, tunnel->id, remote->id);
	if (remote->has_peer && (!want_peer || memcmp(&peer, &remote->peer, sizeof(peer))))
		peer_remove(kernel, &remote->peer, tunnel->id);
	remote->peer = peer;
	remote->has_peer = want_peer;

	if (remote->has_hint && (!want_hint || memcmp(&hint, &remote->hint, sizeof(hint))))
		peer_remove(kernel, &remote->hint, tunnel->id);
	remote->hint = hint;
	remote->has_hint = want_hint && hint_put(kernel, &hint, tunnel->id, remote->id);
}

void peers_of_remote_remove(struct kernel *kernel, struct live_remote *remote)
{
	if (remote->has_peer)
		peer_remove(kernel, &remote->peer, remote->tunnel->id);
	if (remote->has_hint)
		peer_remove(kernel, &remote->hint, remote->tunnel->id);
	remote->has_peer = remote->has_hint = false;
}

void peers_of_slot_remove(struct kernel *kernel, uint32_t id, const struct weft_remote *slot)
{
	const struct live_tunnel *tunnel =
		slot->tunnel < WEFT_TUNNELS_MAX ? kernel->tunnel_by_id[slot->tunnel] : NULL;
	struct weft_peer_key keys[64];
	struct weft_peer peers[64];
	struct dp_cursor cursor = {};
	uint32_t count;
	int r = 1;

	if (tunnel) {
		struct weft_peer_key key = peer_key(tunnel, &tunnel->config->local, &slot->addr);

		if (!dp_get_peer(kernel->dp, &key, &peers[0]) && peers[0].remote == id)
			dp_delete_peer(kernel->dp, &key);
		return;
	}
	/* its tunnel is gone, and with it what the key was made of */
	while (r > 0) {
		r = dp_walk(kernel->dp, DP_PEERS, &cursor, keys, peers, 64, &count);
		for (uint32_t i = 0; r >= 0 && i < count; i++)
			if (peers[i].remote == id)
				dp_delete_peer(kernel->dp, &keys[i]);
	}
}

/* Takes away the hints of tunnels without a local address that would win over this one, which has one. */
static void hints_yield(struct kernel *kernel, const struct live_tunnel *tunnel)
{
	const struct weft_peer_key own = peer_key(tunnel, &tunnel->config->local, &any);
	const struct weft_vni_key identity = tunnel_identity(tunnel->config);
	struct live_remote *remote, *next;
	uint32_t tunnels = 0;

	/* nobody shares its VNI: nothing to be compared */
	if (dp_get_vni(kernel->dp, &identity, &tunnels) < 0 || tunnels < 2)
		return;
	HASH_ITER (hh, kernel->remotes, remote, next) {
		const struct weft_peer_key *hint = &remote->hint;

		if (!remote->has_hint || remote->tunnel == tunnel || hint->vni != own.vni ||
		    hint->port != own.port || hint->type != own.type ||
		    !addr_equal(&hint->local, &own.local))
			continue;
		peer_remove(kernel, hint, remote->tunnel->id);
		remote->has_hint = false;
	}
}

void peers_of_tunnel(struct kernel *kernel, struct live_tunnel *tunnel)
{
	const struct tunnel *config = tunnel->config;
	struct weft_peer_key key[TUNNEL_KEYS];
	uint32_t count = 0;

	if (!addr_is_any(&config->group))
		key[count++] = peer_key(tunnel, &config->group, &any);
	if (tunnel_is_open(config))
		key[count++] = peer_key(tunnel, &config->local, &any);
	for (uint32_t i = 0; i < count; i++)
		peer_put(kernel, &key[i], tunnel->id, 0);
	if (tunnel_is_open(config) && !addr_is_any(&config->local))
		hints_yield(kernel, tunnel);
	for (uint32_t i = 0; i < tunnel->key_count; i++) {
		bool kept = false;

		for (uint32_t j = 0; j < count; j++)
			kept = kept || !memcmp(&key[j], &tunnel->key[i], sizeof(key[j]));
		if (!kept)
			peer_remove(kernel, &tunnel->key[i], tunnel->id);
	}
	memcpy(tunnel->key, key, count * sizeof(key[0]));
	tunnel->key_count = count;
}

void peers_of_tunnel_remove(struct kernel *kernel, struct live_tunnel *tunnel)
{
	for (uint32_t i = 0; i < tunnel->key_count; i++)
		peer_remove(kernel, &tunnel->key[i], tunnel->id);
	tunnel->key_count = 0;
}

void peers_restore(struct kernel *kernel, struct live_tunnel *tunnel)
{
	struct live_remote *remote;

	for (remote = tunnel->remote_list; remote; remote = remote->tunnel_next)
		peers_of_remote(kernel, remote);
	peers_of_tunnel(kernel, tunnel);
}

/* --- VNIs and keys --------------------------------------------------------------------------- */

static int vni_write(struct kernel *kernel, struct vni_count *vni)
{
	return vni->count ? dp_put_vni(kernel->dp, &vni->key, &vni->count)
			  : dp_delete_vni(kernel->dp, &vni->key);
}

int vni_hold(struct kernel *kernel, const struct tunnel *config, struct error *err)
{
	const struct weft_vni_key key = tunnel_identity(config);
	struct vni_count *vni = NULL;
	int r;

	HASH_FIND(hh, kernel->vnis, &key, sizeof(key), vni);
	if (!vni) {
		vni = calloc(1, sizeof(*vni));
		if (!vni)
			return error_set(err, -ENOMEM, "out of memory");
		vni->key = key;
		HASH_ADD(hh, kernel->vnis, key, sizeof(key), vni);
	}
	vni->count++;
	r = vni_write(kernel, vni);
	if (r < 0) {
		vni_release(kernel, config);
		return error_set(err, r, "id: map vnis: %s", strerror(-r));
	}
	return 0;
}

void vni_release(struct kernel *kernel, const struct tunnel *config)
{
	const struct weft_vni_key key = tunnel_identity(config);
	struct vni_count *vni = NULL;

	HASH_FIND(hh, kernel->vnis, &key, sizeof(key), vni);
	if (!vni)
		return;
	vni->count--;
	vni_write(kernel, vni);
	if (!vni->count) {
		HASH_DEL(kernel->vnis, vni);
		free(vni);
	}
}

static struct group_count *group_find(struct kernel *kernel, const struct weft_addr *addr)
{
	struct group_count *group = NULL;

	HASH_FIND(hh, kernel->groups, addr, sizeof(*addr), group);
	return group;
}

int group_hold(struct kernel *kernel, const struct weft_addr *addr, uint32_t ifindex,
	       struct error *err)
{
	struct group_count *group = group_find(kernel, addr);
	uint32_t kind = WEFT_ADDRESS_GROUP;
	struct error own = {};
	int r = holder_join(kernel->holder, addr, ifindex, &own);

	if (r < 0 && kernel->replaying)
		log_warning("%s", own.line);
	else if (r < 0)
		return error_set(err, r, "%s", own.line);
	if (!group) {
		group = calloc(1, sizeof(*group));
		if (!group) {
			holder_leave(kernel->holder, addr, ifindex);
			return error_set(err, -ENOMEM, "out of memory");
		}
		group->addr = *addr;
		HASH_ADD(hh, kernel->groups, addr, sizeof(*addr), group);
	}
	group->count++;
	dp_put_address(kernel->dp, addr, &kind);
	return 0;
}

void group_release(struct kernel *kernel, const struct weft_addr *addr, uint32_t ifindex)
{
	struct group_count *group = group_find(kernel, addr);

	holder_leave(kernel->holder, addr, ifindex);
	if (!group || --group->count)
		return;
	dp_delete_address(kernel->dp, addr);
	HASH_DEL(kernel->groups, group);
	free(group);
}

static void address_put(void *arg, const struct weft_addr *addr, uint32_t ifindex)
{
	struct kernel *kernel = arg;
	uint32_t kind = WEFT_ADDRESS_UNICAST;

	(void)ifindex;
	dp_put_address(kernel->dp, addr, &kind);
}

void addresses_fill(struct kernel *kernel)
{
	address_walk(kernel->netlink, address_put, kernel);
}

void address_event(struct kernel *kernel, const struct weft_addr *addr)
{
	if (!kernel->dp)
		return;
	if (address_device(kernel->netlink, addr))
		address_put(kernel, addr, 0);
	else if (!group_find(kernel, addr))
		dp_delete_address(kernel->dp, addr);
}

/* --- after a restart --------------------------------------------------------------------------- */

#define SETTLE_BATCH 1024

static bool peer_is_ours(struct kernel *kernel, const struct weft_peer_key *key,
			 const struct weft_peer *peer)
{
	struct live_remote *remote;
	struct live_tunnel *tunnel;

	if (peer->remote) {
		remote =
			peer->remote < WEFT_REMOTES_MAX ? kernel->remote_by_id[peer->remote] : NULL;
		return remote && remote->tunnel->id == peer->tunnel &&
		       ((remote->has_peer && !memcmp(key, &remote->peer, sizeof(*key))) ||
			(remote->has_hint && !memcmp(key, &remote->hint, sizeof(*key))));
	}
	tunnel = peer->tunnel < WEFT_TUNNELS_MAX ? kernel->tunnel_by_id[peer->tunnel] : NULL;
	for (uint32_t i = 0; tunnel && i < tunnel->key_count; i++)
		if (!memcmp(key, &tunnel->key[i], sizeof(*key)))
			return true;
	return false;
}

static bool vni_is_ours(struct kernel *kernel, const struct weft_vni_key *key)
{
	struct vni_count *vni = NULL;

	HASH_FIND(hh, kernel->vnis, key, sizeof(*key), vni);
	return vni;
}

static bool entry_is_ours(struct kernel *kernel, enum dp_map map, const void *key,
			  const void *value)
{
	switch (map) {
	case DP_PEERS:
		return peer_is_ours(kernel, key, value);
	case DP_PATHS:
		return path_is_ours(kernel, key, *(const uint32_t *)value);
	case DP_VNIS:
		return vni_is_ours(kernel, key);
	case DP_ADDRESSES:
		return address_device(kernel->netlink, key) || group_find(kernel, key);
	default:
		return true;
	}
}

static void map_settle(struct kernel *kernel, enum dp_map map, size_t key_size, size_t value_size)
{
	char *keys = calloc(SETTLE_BATCH, key_size), *values = calloc(SETTLE_BATCH, value_size);
	struct dp_cursor cursor = {};
	uint32_t count;
	int r = keys && values ? 1 : 0;

	while (r > 0) {
		r = dp_walk(kernel->dp, map, &cursor, keys, values, SETTLE_BATCH, &count);
		for (uint32_t i = 0; r >= 0 && i < count; i++)
			if (!entry_is_ours(kernel, map, keys + i * key_size,
					   values + i * value_size))
				dp_delete(kernel->dp, map, keys + i * key_size);
	}
	free(keys);
	free(values);
}

void peers_settle(struct kernel *kernel)
{
	map_settle(kernel, DP_PEERS, sizeof(struct weft_peer_key), sizeof(struct weft_peer));
	map_settle(kernel, DP_PATHS, sizeof(struct weft_peer_key), sizeof(uint32_t));
	map_settle(kernel, DP_VNIS, sizeof(struct weft_vni_key), sizeof(uint32_t));
	map_settle(kernel, DP_ADDRESSES, sizeof(struct weft_addr), sizeof(uint32_t));
}

void peers_free(struct kernel *kernel)
{
	table_free(kernel->vnis);
	table_free(kernel->groups);
}
