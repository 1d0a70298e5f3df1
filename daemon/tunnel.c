/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunnels: a slot in map `tunnels`, a prototype, the remotes, and what makes packets come
 * in: UDP port, VNI, group. One without a bridge gets a bridge without a name and an internal port there
 * that has the tunnel's name.
 */
#include "daemon/live.h"
#include "daemon/storm.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "daemon/log.h"
#include "daemon/template.h"
#include "daemon/tunnel_private.h"
#include "lib/tunnel.h"
#include "lib/tunnel.h"

#define MTU_DEFAULT 1500
#define MTU_MIN	    68

#define IPV6_MTU_MIN   1280
#define VXLAN_RESERVED 0xf7ffffff000000ffULL /* RFC 7348 5: all but the I flag and the VNI */

/* The address of a prototype: none, in one version of IP or the other. */
static struct weft_addr addr_none(bool v6)
{
	static const struct weft_addr none;

	return v6 ? none : addr_from_v4((struct in_addr){INADDR_ANY});
}

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

struct live_remote *tunnel_prototype(const struct live_tunnel *tunnel)
{
	return tunnel->prototype[0] ? tunnel->prototype[0] : tunnel->prototype[1];
}

struct live_remote *tunnel_prototype_of(const struct live_tunnel *tunnel,
					const struct weft_addr *addr)
{
	return tunnel->prototype[!addr_is_v4(addr)];
}

/*
 * What is left of the MTU of the way to a remote; 0: not known. The tunnel's own device says nothing of it, and its MTU, which
 * follows from this one, would have to be less and less.
 */
static uint32_t remote_mtu(const struct live_remote *remote)
{
	uint32_t overhead = template_overhead(remote->tunnel->config, remote_is_v6(remote));

	if (!remote->hop.mtu || remote_by_itself(remote))
		return 0;
	return remote->hop.mtu < MTU_MIN + overhead ? MTU_MIN : remote->hop.mtu - overhead;
}

/* Whatever the underlay leaves, an L3 tunnel takes packets that IPv6 may rely on (RFC 7676 3.3). */
static uint32_t mtu_floor(const struct tunnel *config)
{
	return config->type == TUNNEL_GRE ? IPV6_MTU_MIN : MTU_MIN;
}

uint32_t tunnel_mtu(const struct live_tunnel *tunnel)
{
	uint32_t mtu = 0, own, floor = mtu_floor(tunnel->config);

	for (struct live_remote *remote = tunnel->remote_list; remote;
	     remote = remote->tunnel_next) {
		own = remote_mtu(remote);
		if ((remote->owners & OWNER_PROTOTYPE) || !own)
			continue;
		if (!mtu || own < mtu)
			mtu = own;
	}
	if (!mtu && tunnel_prototype(tunnel))
		mtu = remote_mtu(tunnel_prototype(tunnel));
	if (!mtu)
		mtu = MTU_DEFAULT - template_overhead(tunnel->config, !tunnel->prototype[0]);
	return mtu < floor ? floor : mtu;
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
	bool l3 = tunnel_is_l3(config);
	/* RFC 8926 3.3 and RFC 2784 2.2 leave no choice */
	bool verify = config->type != TUNNEL_VXLAN || config->udpcsumrx;

	return (config->learning && !l3 ? WEFT_TUNNEL_LEARNING : 0) |
	       (config->innervlan ? WEFT_TUNNEL_INNER_VLAN : 0) |
	       (verify ? WEFT_TUNNEL_CSUM_RX : 0) |
	       (config->ttl == TTL_INHERIT ? WEFT_TUNNEL_TTL_INHERIT : 0) |
	       (config->tos == TOS_INHERIT ? WEFT_TUNNEL_TOS_INHERIT : 0) |
	       (config->trunk.any ? WEFT_TUNNEL_TRUNK : 0) |
	       (bridge_vlan_aware(tunnel->bridge) ? WEFT_TUNNEL_VLAN_AWARE : 0) |
	       (l3 ? WEFT_TUNNEL_L3 : 0) | (config->udp6zerocsumrx ? WEFT_TUNNEL_ZERO6_RX : 0) |
	       (config->ecn == ECN_COMPATIBLE ? WEFT_TUNNEL_ECN_COMPAT : 0) |
	       (config->ecn == ECN_RFC3168 ? WEFT_TUNNEL_ECN_3168 : 0) |
	       (config->dscp == DSCP_INHERIT ? WEFT_TUNNEL_DSCP_INHERIT : 0) |
	       (tunnel_csum_in(config) ? WEFT_TUNNEL_CSUM_NEEDED : 0) |
	       (tunnel_seq_in(config) ? WEFT_TUNNEL_SEQ_NEEDED : 0) |
	       (config->options ? WEFT_TUNNEL_OPTIONS : 0) |
	       (config->toobig == TOOBIG_REJECT ? WEFT_TUNNEL_TOOBIG_REJECT : 0) |
	       (config->toobig == TOOBIG_DROP ? WEFT_TUNNEL_TOOBIG_DROP : 0) |
	       (config->mss != MSS_OFF ? WEFT_TUNNEL_MSS : 0) |
	       (storm_limited(&config->storm) ? WEFT_STORM : 0);
}

uint8_t tunnel_wire_type(const struct tunnel *config)
{
	static const uint8_t types[] = {
		[TUNNEL_VXLAN] = WEFT_TYPE_VXLAN,   [TUNNEL_GENEVE] = WEFT_TYPE_GENEVE,
		[TUNNEL_GRETAP] = WEFT_TYPE_GRETAP, [TUNNEL_GRE] = WEFT_TYPE_GRE,
		[TUNNEL_NVGRE] = WEFT_TYPE_NVGRE,
	};

	return types[config->type];
}

static uint32_t slot_prototype(const struct live_tunnel *tunnel, int family)
{
	return tunnel->prototype[family] ? tunnel->prototype[family]->id : 0;
}

/* The port of an L3 tunnel's device. After a restart packets go there before the port is there again. */
static uint32_t tunnel_port(struct kernel *kernel, const struct live_tunnel *tunnel)
{
	struct weft_tunnel before;

	if (tunnel->port)
		return tunnel->port->id;
	return kernel->recovered && !dp_get_tunnel(kernel->dp, &tunnel->id, &before) ? before.port
										     : 0;
}

int tunnel_write(struct kernel *kernel, struct live_tunnel *tunnel, struct error *err)
{
	const struct tunnel *config = tunnel->config;
	struct weft_tunnel slot = {
		.bridge = tunnel->bridge->id,
		.vni = tunnel_vni(config),
		.flags = tunnel_flags(tunnel),
		.ageing = config->ageing == AGEING_BRIDGE ? bridge_ageing(tunnel->bridge)
							  : WEFT_TICKS(config->ageing),
		.maxaddress = config->maxaddress,
		.prototype = {slot_prototype(tunnel, 0), slot_prototype(tunnel, 1)},
		.vlan = (uint16_t)config->vlan,
		.srcport_min = config->srcport[0],
		.srcport_range = (uint32_t)config->srcport[1] - config->srcport[0],
		.mark = config->fwmark,
		.strict = htobe64(~config->reserved_bits & VXLAN_RESERVED),
		.required = tunnel_required(config),
		.options_max =
			config->optmax == OPTMAX_AUTO ? WEFT_OPTIONS_MAX : (uint16_t)config->optmax,
		.type = tunnel_wire_type(config),
		.mss = config->mss == MSS_AUTO ? 0 : (uint16_t)config->mss,
		.mtu_expires = (uint16_t)config->mtu_expires,
	};
	int r;

	if (!addr_is_any(&config->local))
		slot.local = config->local;
	if (tunnel_is_l3(config))
		slot.port = tunnel_port(kernel, tunnel);
	r = trunk_write(kernel, tunnel);
	if (r >= 0)
		r = storm_write(kernel->dp, tunnel->id | WEFT_TRUNK_TUNNEL, &config->storm);
	if (r >= 0)
		r = tunnel_options_write(kernel, tunnel);
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
		r = listen_hold(kernel, config, err);
		tunnel->port_held = r >= 0;
	}
	if (r >= 0) {
		r = vni_hold(kernel, config, err);
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
		vni_release(kernel, config);
	if (tunnel->port_held)
		listen_release(kernel, config);
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
	struct remote_key key;
	int r = 0;

	for (remote = tunnel->remote_list; remote; remote = remote->tunnel_next)
		remote->wanted = false;
	for (size_t i = 0; i < config->remote.count && r >= 0; i++) {
		key = remote_key(tunnel, &config->remote.item[i]);
		r = remote_own(kernel, tunnel, &key, OWNER_CONFIG, &remote, err);
		if (r >= 0)
			remote->wanted = true;
	}
	if (r >= 0 && !addr_is_any(&config->group)) {
		key = remote_key(tunnel, &config->group);
		r = remote_own(kernel, tunnel, &key, OWNER_GROUP, &remote, err);
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
	/* the device of an L3 tunnel knows its only remote */
	return tunnel->port ? port_write(kernel, tunnel->port, err) : 0;
}

struct live_remote *tunnel_only_remote(const struct live_tunnel *tunnel)
{
	struct live_remote *remote, *only = NULL;

	if (tunnel->config->remote.count != 1)
		return NULL;
	for (remote = tunnel->remote_list; remote; remote = remote->tunnel_next)
		if (remote->owners & OWNER_CONFIG && !remote_is_special(remote) &&
		    addr_equal(&remote->key.addr, &tunnel->config->remote.item[0]))
			only = remote;
	return only;
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

static int tunnel_prototypes(struct kernel *kernel, struct live_tunnel *tunnel, struct error *err)
{
	int family = tunnel_family(tunnel->config);
	int r = 0;

	for (int i = 0; i < 2 && r >= 0; i++) {
		const struct weft_addr none = addr_none(i);
		struct remote_key key = remote_key(tunnel, &none);

		if ((family && (family == AF_INET6) != i) || tunnel->prototype[i])
			continue;
		r = remote_own(kernel, tunnel, &key, OWNER_PROTOTYPE, &tunnel->prototype[i], err);
	}
	return r;
}

static int tunnel_build(struct kernel *kernel, struct live_tunnel *tunnel, bool replay,
			struct error *err)
{
	int r = tunnel_bridge(kernel, tunnel, err);

	if (r >= 0)
		r = tunnel_hold(kernel, tunnel, replay, err);
	if (r >= 0)
		r = tunnel_prototypes(kernel, tunnel, err);
	if (r >= 0)
		r = tunnel_write(kernel, tunnel, err);
	if (r >= 0 && !*tunnel->config->bridge)
		r = port_add_hidden(kernel, tunnel,
				    recover_id(kernel, "hidden_ports", tunnel->name), err);
	if (r >= 0 && tunnel_is_l3(tunnel->config))
		r = tunnel_write(kernel, tunnel, err);
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
		dp_delete_storm(kernel->dp, &trunk);
		tunnel_options_delete(kernel, tunnel);
		drops_forget(kernel, 0, tunnel->id);
		notes_forget(kernel, tunnel->id);
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
