/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Remotes: a slot in map `remotes` each, with the template and the next hop.
 *
 * A remote is there as long as it has owners: the tunnel's configuration, FDB entries, or the
 * datapath that learned it. One whose last owner goes is retired at the end of the transaction.
 */
#include "daemon/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "daemon/log.h"
#include "daemon/template.h"
#include "lib/tunnel.h"

#define IPV6_MTU_MIN   1280
#define REMOTES_SPARED (WEFT_REMOTES_MAX / 4 * 3)

static void remote_touch(struct kernel *kernel, struct live_remote *remote)
{
	if (remote->touched)
		return;
	remote->touched = true;
	remote->purge_next = kernel->purge.remotes;
	kernel->purge.remotes = remote;
}

struct live_remote *remote_find(struct kernel *kernel, const struct remote_key *key)
{
	struct live_remote *remote = NULL;

	HASH_FIND(hh, kernel->remotes, key, sizeof(*key), remote);
	return remote;
}

struct remote_key remote_key(const struct live_tunnel *tunnel, const struct weft_addr *addr)
{
	return (struct remote_key){
		.tunnel = tunnel->id, .vni = tunnel_vni(tunnel->config), .addr = *addr};
}

bool remote_by_device(const struct live_remote *remote)
{
	return addr_is_any(&remote->key.addr) || addr_is_multicast(&remote->key.addr);
}

bool remote_by_itself(const struct live_remote *remote)
{
	const struct live_port *port = remote->tunnel->port;

	return port && port->ifindex && remote->hop.ifindex == port->ifindex;
}

bool remote_is_v6(const struct live_remote *remote)
{
	return !addr_is_v4(&remote->key.addr);
}

bool remote_is_special(const struct live_remote *remote)
{
	return remote->key.options || remote->key.vni != tunnel_vni(remote->tunnel->config);
}

/* The device is the tunnel's, or that of its local address. A group's MAC follows from its address. */
static void hop_by_device(struct kernel *kernel, struct live_remote *remote)
{
	const struct tunnel *config = remote->tunnel->config;
	bool v6 = remote_is_v6(remote);
	const struct link *link = NULL;
	struct nexthop hop = {.state = NEXTHOP_NO_ROUTE, .source = config->local};

	if (*config->dev)
		link = link_by_name(kernel->netlink, config->dev);
	else if (!addr_is_any(&config->local))
		link = link_by_index(kernel->netlink,
				     address_device(kernel->netlink, &config->local));
	if (link && (link->flags & IFF_UP)) {
		hop.state = NEXTHOP_RESOLVING;
		hop.ifindex = link->ifindex;
		hop.mtu = link->mtu;
		if (addr_is_any(&config->local))
			address_of_device(kernel->netlink, link->ifindex, v6 ? AF_INET6 : AF_INET,
					  &hop.source);
	}
	if (hop.ifindex && addr_is_multicast(&remote->key.addr)) {
		uint16_t type = htons(v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);

		addr_group_mac(&remote->key.addr, hop.ethernet);
		memcpy(hop.ethernet + 6, link->lladdr, 6);
		memcpy(hop.ethernet + 12, &type, sizeof(type));
		hop.state = NEXTHOP_RESOLVED;
	}
	remote->hop = hop;
}

static void slot_header(const struct live_remote *remote, const struct weft_addr *source,
			struct weft_remote *ret)
{
	const struct tunnel *config = remote->tunnel->config;
	struct template_spec spec = {
		.source = *source,
		.destination = remote->key.addr,
		.v6 = remote_is_v6(remote),
		.vni = remote->key.vni,
	};

	if (remote->options) {
		spec.options_len = (uint8_t)remote->options->len;
		spec.critical = options_has_critical(remote->options);
		ret->flags |= WEFT_REMOTE_OWN_OPTIONS;
	} else if (config->type == TUNNEL_GENEVE) {
		spec.options_len = (uint8_t)options_size(&config->option);
		spec.critical = options_critical(&config->option);
	}
	template_write(config, &spec, ret);
}

/* RFC 7676 3.3: what has no room for the smallest MTU of IPv6 carries its packets all the same. */
static bool slot_fragments(const struct live_remote *remote, uint32_t mtu)
{
	const struct tunnel *config = remote->tunnel->config;

	return config->type == TUNNEL_GRE && mtu &&
	       mtu < IPV6_MTU_MIN + template_overhead(config, remote_is_v6(remote));
}

/* What is sent to the remote is sent from there. */
static const struct weft_addr *remote_source(const struct live_remote *remote)
{
	const struct weft_addr *local = &remote->tunnel->config->local;

	return addr_is_any(local) ? &remote->hop.source : local;
}

static void remote_slot(struct live_remote *remote, struct weft_remote *ret)
{
	const struct nexthop *hop = &remote->hop;
	const struct weft_addr *source = remote_source(remote);
	uint16_t type = htons(remote_is_v6(remote) ? ETHERTYPE_IPV6 : ETHERTYPE_IP);

	memset(ret, 0, sizeof(*ret));
	slot_header(remote, source, ret);
	/* also while the MACs are not known: traces and captures tell by it what the packet is */
	memcpy(ret->ethernet + 12, &type, sizeof(type));
	ret->tunnel = remote->tunnel->id;
	/* without an address to send from there is no way there */
	ret->ifindex =
		addr_is_any(source) && !(remote->owners & OWNER_PROTOTYPE) ? 0 : hop->ifindex;
	/* nor by the tunnel itself */
	if (remote_by_itself(remote))
		ret->ifindex = 0;
	path_mtu_fill(remote->kernel, remote, ret);
	if (slot_fragments(remote, ret->mtu))
		ret->flags |= WEFT_REMOTE_FRAGMENT;
	if (hop->state == NEXTHOP_RESOLVED) {
		ret->flags |= WEFT_REMOTE_RESOLVED;
		memcpy(ret->ethernet, hop->ethernet, sizeof(ret->ethernet));
	}
	if (remote->owners & OWNER_LEARNED)
		ret->flags |= WEFT_REMOTE_LEARNED;
	if (remote->owners & OWNER_FLOOD)
		ret->flags |= WEFT_REMOTE_FLOOD;
	if (addr_is_multicast(&remote->key.addr))
		ret->flags |= WEFT_REMOTE_GROUP;
}

/* The options, which the datapath looks for when the slot says that there are some. */
static int remote_options_write(struct kernel *kernel, const struct live_remote *remote)
{
	struct weft_options sent = {};
	int len;

	if (remote->options) {
		sent.len = remote->options->len;
		memcpy(sent.bytes, remote->options->bytes, sent.len);
	} else if (remote->tunnel->config->type == TUNNEL_GENEVE) {
		len = options_write(&remote->tunnel->config->option, sent.bytes);
		if (len < 0)
			return len;
		sent.len = (uint32_t)len;
	}
	return sent.len ? dp_put_options(kernel->dp, &remote->id, &sent)
			: dp_delete_options(kernel->dp, &remote->id);
}

int remote_slot_key(struct kernel *kernel, uint32_t id, const struct weft_remote *slot,
		    struct remote_key *ret, struct options_set **ret_options)
{
	struct weft_options sent;
	int r = 0;

	*ret_options = NULL;
	*ret = (struct remote_key){.tunnel = slot->tunnel, .vni = slot->vni, .addr = slot->addr};
	if (!(slot->flags & WEFT_REMOTE_OWN_OPTIONS))
		return 0;
	r = dp_get_options(kernel->dp, &id, &sent);
	if (r >= 0 && sent.len > WEFT_OPTIONS_MAX)
		r = -EINVAL;
	if (r >= 0)
		r = options_intern(sent.bytes, sent.len, ret_options);
	ret->options = options_id(*ret_options);
	return r;
}

int remote_write(struct kernel *kernel, struct live_remote *remote, struct error *err)
{
	struct weft_remote slot;
	int r;

	remote_slot(remote, &slot);
	r = remote_options_write(kernel, remote);
	if (r >= 0)
		r = dp_put_remote(kernel->dp, &remote->id, &slot);
	if (r < 0)
		return error_set(err, r, "remote: map remotes: %s", strerror(-r));
	peers_of_remote(kernel, remote);
	path_of_remote(kernel, remote, remote_source(remote));
	return 0;
}

static void remote_hop_changed(void *arg, const struct nexthop *nexthop)
{
	struct live_remote *remote = arg;
	struct kernel *kernel = remote->kernel;
	bool state = remote->hop.state != nexthop->state;

	remote->hop = *nexthop;
	if (!kernel->dp)
		return;
	remote_write(kernel, remote, NULL);
	bridge_mtu_changed(kernel, remote->tunnel->bridge);
	bridges_mtu_apply(kernel);
	if (state)
		remote_state_event(kernel, remote);
}

int remote_track(struct kernel *kernel, struct live_remote *remote, struct error *err)
{
	const struct tunnel *config = remote->tunnel->config;
	struct nexthop_user *before = remote->nexthop;
	struct nexthop_key key = {.addr = remote->key.addr};
	int r;

	if (remote_by_device(remote)) {
		hop_by_device(kernel, remote);
	} else {
		if (!addr_is_any(&config->local))
			key.local = config->local;
		strcpy(key.dev, config->dev);
		key.mark = config->fwmark;
		r = nexthop_track(kernel->nexthops, &key, remote_hop_changed, remote, &remote->hop,
				  &remote->nexthop, err);
		if (r < 0) {
			remote->nexthop = before;
			return r;
		}
		if (before)
			nexthop_untrack(before);
	}
	bridge_mtu_changed(kernel, remote->tunnel->bridge);
	return remote_write(kernel, remote, err);
}

static int remote_flood(struct kernel *kernel, struct live_remote *remote, struct error *err)
{
	struct live_bridge *bridge = remote->tunnel->bridge;
	uint32_t slot;
	int r;

	if (remote->slot != FLOOD_NO_SLOT || !(remote->owners & OWNERS_FLOODED))
		return 0;
	slot = flood_find(&bridge->remotes, remote->id);
	if (slot == FLOOD_NO_SLOT) {
		r = flood_add(kernel->dp, &bridge->remotes, bridge->id, WEFT_FLOOD_REMOTES,
			      remote->id, &slot);
		if (r < 0)
			return error_set(err, r, "remote: map flood: %s", strerror(-r));
	}
	remote->slot = slot;
	return bridge_write(kernel, bridge, err);
}

static void remote_unflood(struct kernel *kernel, struct live_remote *remote)
{
	struct live_bridge *bridge = remote->tunnel->bridge;

	if (remote->slot == FLOOD_NO_SLOT)
		return;
	flood_remove(kernel->dp, &bridge->remotes, bridge->id, WEFT_FLOOD_REMOTES, remote->slot);
	remote->slot = FLOOD_NO_SLOT;
	bridge_write(kernel, bridge, NULL);
}

static struct live_remote *remote_new(struct kernel *kernel, struct live_tunnel *tunnel,
				      const struct remote_key *key, uint32_t id)
{
	struct live_remote *remote = calloc(1, sizeof(*remote));

	if (!remote)
		return NULL;
	remote->key = *key;
	remote->options = options_hold(options_find(key->options));
	remote->id = id;
	remote->kernel = kernel;
	remote->tunnel = tunnel;
	remote->slot = FLOOD_NO_SLOT;
	kernel->remote_by_id[id] = remote;
	HASH_ADD(hh, kernel->remotes, key, sizeof(*key), remote);
	DL_PREPEND2(tunnel->remote_list, remote, tunnel_prev, tunnel_next);
	return remote;
}

/* Undoes remote_new(), after the slot and the keys are gone. */
static void remote_free(struct kernel *kernel, struct live_remote *remote)
{
	if (remote->nexthop)
		nexthop_untrack(remote->nexthop);
	kernel->remote_by_id[remote->id] = NULL;
	ids_give(&kernel->remote_ids, remote->id);
	HASH_DEL(kernel->remotes, remote);
	DL_DELETE2(remote->tunnel->remote_list, remote, tunnel_prev, tunnel_next);
	dp_delete_options(kernel->dp, &remote->id);
	dp_delete_sequence(kernel->dp, &remote->id);
	dp_delete_seen_options(kernel->dp, &remote->id);
	options_release(remote->options);
	free(remote);
}

static int remote_make(struct kernel *kernel, struct live_tunnel *tunnel,
		       const struct remote_key *key, struct live_remote **ret, struct error *err)
{
	struct weft_stats none = {};
	uint32_t id = recover_remote(kernel, key);
	struct weft_remote slot = {};
	int r;

	if (id) {
		dp_get_remote(kernel->dp, &id, &slot);
	} else {
		r = ids_take(&kernel->remote_ids, &id);
		if (r < 0)
			return error_set(err, r, "remote: more than %u in all",
					 WEFT_REMOTES_MAX - 1);
		dp_stats_set(kernel->dp, DP_REMOTE_STATS, id, &none);
	}
	*ret = remote_new(kernel, tunnel, key, id);
	if (!*ret) {
		ids_give(&kernel->remote_ids, id);
		return error_set(err, -ENOMEM, "out of memory");
	}
	/* whoever asks for it first after a restart, the FDB's word stays */
	if (slot.flags & WEFT_REMOTE_FLOOD)
		(*ret)->owners = OWNER_FLOOD;
	return 0;
}

/* A remote with a VNI or options of its own keeps one without: packets from there come as the tunnel has it. */
static int remote_base(struct kernel *kernel, struct live_remote *remote, struct error *err)
{
	struct remote_key key = remote_key(remote->tunnel, &remote->key.addr);

	if (remote->base || !remote_is_special(remote) || remote_by_device(remote))
		return 0;
	return remote_own(kernel, remote->tunnel, &key, OWNER_BASE, &remote->base, err);
}

int remote_own(struct kernel *kernel, struct live_tunnel *tunnel, const struct remote_key *key,
	       uint32_t owner, struct live_remote **ret, struct error *err)
{
	struct live_remote *remote = remote_find(kernel, key);
	uint32_t owners = remote ? remote->owners : 0;
	int r;

	if (!remote) {
		r = remote_make(kernel, tunnel, key, &remote, err);
		if (r < 0)
			return r;
	}
	remote->owners |= owner;
	if (owner == OWNER_FDB)
		remote->statics++;
	if (owner == OWNER_BASE)
		remote->based++;
	r = remote_base(kernel, remote, err);
	if (r >= 0 && !owners)
		r = remote_track(kernel, remote, err);
	else if (r >= 0 && owners != remote->owners)
		r = remote_write(kernel, remote, err);
	if (r >= 0)
		r = remote_flood(kernel, remote, err);
	if (r < 0) {
		if (owner & (OWNER_FDB | OWNER_BASE) || !(owners & owner))
			remote_disown(kernel, remote, owner);
		return r;
	}
	if (ret)
		*ret = remote;
	return 0;
}

void remote_disown(struct kernel *kernel, struct live_remote *remote, uint32_t owner)
{
	if (owner == OWNER_FDB && remote->statics && --remote->statics)
		return;
	if (owner == OWNER_BASE && remote->based && --remote->based)
		return;
	remote->owners &= ~owner;
	remote_touch(kernel, remote);
}

int remote_adopt(struct kernel *kernel, struct live_tunnel *tunnel, uint32_t id,
		 const struct weft_remote *slot, uint32_t owner, struct live_remote **ret)
{
	struct live_remote *remote = NULL;
	struct options_set *options;
	struct remote_key key;
	int r = remote_slot_key(kernel, id, slot, &key, &options);

	if (r >= 0 && remote_find(kernel, &key))
		r = -EEXIST;
	if (r >= 0 && !ids_taken(&kernel->remote_ids, id))
		r = ids_claim(&kernel->remote_ids, id);
	if (r >= 0) {
		remote = remote_new(kernel, tunnel, &key, id);
		r = remote ? 0 : -ENOMEM;
	}
	options_release(options);
	if (r < 0)
		return r;
	remote->owners = owner;
	r = remote_track(kernel, remote, NULL);
	if (r >= 0)
		r = remote_base(kernel, remote, NULL);
	if (r >= 0)
		r = remote_flood(kernel, remote, NULL);
	if (r < 0)
		log_warning("tunnel %s: a learned remote cannot be followed: %s", tunnel->name,
			    strerror(-r));
	if (ret)
		*ret = remote;
	return 0;
}

bool remotes_retire(struct kernel *kernel)
{
	struct live_remote *remote;
	bool more = false;

	/* what is based on another one first lets go of that, which may then go too */
	for (remote = kernel->purge.remotes; remote; remote = remote->purge_next) {
		if (remote->owners || !remote->base)
			continue;
		remote_disown(kernel, remote->base, OWNER_BASE);
		remote->base = NULL;
	}
	for (remote = kernel->purge.remotes; remote; remote = remote->purge_next) {
		if (!(remote->owners & OWNERS_FLOODED))
			remote_unflood(kernel, remote);
		if (remote->owners) {
			remote_write(kernel, remote, NULL);
			continue;
		}
		if (remote->retired)
			continue;
		peers_of_remote_remove(kernel, remote);
		path_of_remote_remove(kernel, remote);
		bit_set(kernel->purge.remote, remote->id);
		kernel->purge.any = true;
		remote->retired = more = true;
	}
	return more;
}

/* Totals of a tunnel never go down: what a remote counted is added to its prototype. */
static void remote_bequeath(struct kernel *kernel, const struct live_remote *remote)
{
	const struct live_remote *heir = tunnel_prototype(remote->tunnel);
	struct weft_stats own, sum;

	if (remote->tunnel->doomed || !heir || heir == remote ||
	    dp_stats_get(kernel->dp, DP_REMOTE_STATS, remote->id, &own) < 0 ||
	    dp_stats_get(kernel->dp, DP_REMOTE_STATS, heir->id, &sum) < 0)
		return;
	sum.rx_packets += own.rx_packets;
	sum.rx_bytes += own.rx_bytes;
	sum.tx_packets += own.tx_packets;
	sum.tx_bytes += own.tx_bytes;
	dp_stats_set(kernel->dp, DP_REMOTE_STATS, heir->id, &sum);
}

void remotes_free(struct kernel *kernel)
{
	struct weft_remote none = {};

	while (kernel->purge.remotes) {
		struct live_remote *remote = kernel->purge.remotes;

		kernel->purge.remotes = remote->purge_next;
		remote->touched = remote->retired = false;
		bridge_mtu_changed(kernel, remote->tunnel->bridge);
		if (remote->owners)
			continue;
		remote_bequeath(kernel, remote);
		dp_put_remote(kernel->dp, &remote->id, &none);
		remote_free(kernel, remote);
	}
}

/*
 * Up to the queue's size, once a tunnel may meet unknown sources; but whoever makes up sources does
 * not get the last of the remotes.
 */
void spares_fill(struct kernel *kernel)
{
	struct weft_stats nothing = {};
	struct weft_remote none = {};
	uint32_t id;

	while (kernel->remote_ids.used < REMOTES_SPARED && !ids_take(&kernel->remote_ids, &id)) {
		dp_put_remote(kernel->dp, &id, &none);
		dp_stats_set(kernel->dp, DP_REMOTE_STATS, id, &nothing);
		if (dp_spare_push(kernel->dp, id) < 0) {
			/* it was never out: no need to rest */
			ids_return(&kernel->remote_ids, id);
			return;
		}
	}
}
