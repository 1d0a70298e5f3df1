/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tunnel changes while it carries traffic: templates are rewritten where they are, remotes come and
 * go one by one, what the new configuration needs is had before what the old one needed is let go.
 */
#include <errno.h>
#include <string.h>

#include "daemon/device.h"
#include "daemon/log.h"
#include "daemon/tunnel_private.h"
#include "lib/tunnel.h"

/* Identity: what cannot change under what was learned. */
static bool tunnel_is_another(const struct tunnel *a, const struct tunnel *b)
{
	return strcmp(a->bridge, b->bridge) || a->id != b->id || a->type != b->type ||
	       tunnel_is_l3(a) != tunnel_is_l3(b) || tunnel_family(a) != tunnel_family(b);
}

/* What the tunnel holds: a second one's holding lets the shared counts stay above zero. */
struct held {
	uint32_t group_ifindex;
	bool dev, port, vni;
};

static struct held held_take(struct live_tunnel *tunnel)
{
	struct held held = {tunnel->group_ifindex, tunnel->dev_held, tunnel->port_held,
			    tunnel->vni_held};

	tunnel->group_ifindex = 0;
	tunnel->dev_held = tunnel->port_held = tunnel->vni_held = false;
	return held;
}

static void held_put(struct live_tunnel *tunnel, const struct held *held)
{
	tunnel->group_ifindex = held->group_ifindex;
	tunnel->dev_held = held->dev;
	tunnel->port_held = held->port;
	tunnel->vni_held = held->vni;
}

static int remotes_follow(struct kernel *kernel, struct live_tunnel *tunnel, bool track,
			  struct error *err)
{
	struct live_remote *remote;
	int r = 0;

	for (remote = tunnel->remote_list; remote && r >= 0; remote = remote->tunnel_next)
		r = track ? remote_track(kernel, remote, err) : remote_write(kernel, remote, err);
	return r;
}

static int device_follow(struct kernel *kernel, struct live_tunnel *tunnel,
			 const struct tunnel *old, struct error *err)
{
	const struct tunnel *new = tunnel->config;
	struct live_port *port = tunnel->port;
	int r = 0;

	if (!port || !port->ifindex)
		return 0;
	if (memcmp(old->lladdr, new->lladdr, 6) && !mac_is_zero(new->lladdr))
		r = port_lladdr_set(kernel, port, new->lladdr, err);
	if (r >= 0)
		r = device_addresses_set(kernel->netlink, port->ifindex, &old->address,
					 &new->address, err);
	if (r >= 0 && new->mtu && old->mtu != new->mtu)
		r = device_mtu_set(kernel->netlink, port->ifindex, new->mtu, err);
	return r;
}

/* From what `old` says to what tunnel->config says. */
static int tunnel_change(struct kernel *kernel, struct live_tunnel *tunnel,
			 const struct tunnel *old, struct error *err)
{
	const struct tunnel *new = tunnel->config;
	bool track = !addr_equal(&old->local, &new->local) || strcmp(old->dev, new->dev) ||
		     old->fwmark != new->fwmark;
	int r = tunnel_write(kernel, tunnel, err);

	if (r >= 0)
		r = remotes_follow(kernel, tunnel, track, err);
	if (r >= 0)
		r = tunnel_remotes_apply(kernel, tunnel, err);
	if (r >= 0)
		r = device_follow(kernel, tunnel, old, err);
	bridge_mtu_changed(kernel, tunnel->bridge);
	return r;
}

/* Another tunnel by the same name. */
static int tunnel_replace(struct kernel *kernel, struct live_tunnel *tunnel,
			  const struct tunnel *config, struct error *err)
{
	struct tunnel *old = object_copy(NOUN_TUNNEL, tunnel->config);
	struct error undo = {};
	int r;

	if (!old)
		return error_set(err, -ENOMEM, "out of memory");
	tunnel_delete(kernel, tunnel);
	r = tunnel_add(kernel, config, false, err);
	if (r < 0 && tunnel_add(kernel, old, true, &undo) < 0)
		log_error("%s", undo.line);
	object_free(NOUN_TUNNEL, old);
	return r;
}

int tunnel_set(struct kernel *kernel, struct live_tunnel *tunnel, const struct tunnel *config,
	       bool replay, struct error *err)
{
	struct tunnel *old = tunnel->config, *new;
	struct held held;
	int r;

	if (tunnel_is_another(old, config))
		return tunnel_replace(kernel, tunnel, config, err);
	new = object_copy(NOUN_TUNNEL, config);
	if (!new)
		return error_set(err, -ENOMEM, "out of memory");
	held = held_take(tunnel);
	tunnel->config = new;
	r = tunnel_hold(kernel, tunnel, replay, err);
	if (r >= 0)
		r = tunnel_change(kernel, tunnel, old, err);
	if (r < 0) {
		error_prefix(err, "tunnel %s", config->name);
		tunnel_release(kernel, tunnel);
		tunnel->config = old;
		held_put(tunnel, &held);
		tunnel_change(kernel, tunnel, new, NULL);
		object_free(NOUN_TUNNEL, new);
		return r;
	}
	tunnel->config = old;
	{
		struct held now = held_take(tunnel);

		held_put(tunnel, &held);
		tunnel_release(kernel, tunnel);
		tunnel->config = new;
		held_put(tunnel, &now);
	}
	object_free(NOUN_TUNNEL, old);
	return 0;
}

static void group_follow(struct kernel *kernel, struct live_tunnel *tunnel, const struct link *link)
{
	const struct tunnel *config = tunnel->config;
	uint32_t ifindex = link ? link->ifindex : 0;
	struct error err = {};

	if (addr_is_any(&config->group) || tunnel->group_ifindex == ifindex)
		return;
	if (tunnel->group_ifindex)
		group_release(kernel, &config->group, tunnel->group_ifindex);
	tunnel->group_ifindex = 0;
	if (!ifindex)
		return;
	if (group_hold(kernel, &config->group, ifindex, &err) < 0)
		log_warning("tunnel %s: group: %s", tunnel->name, err.line);
	else
		tunnel->group_ifindex = ifindex;
}

void tunnel_link_event(struct kernel *kernel, enum link_event event, const struct link *link)
{
	struct live_tunnel *tunnel, *next;

	if (link->ours)
		return;
	HASH_ITER (hh, kernel->tunnels, tunnel, next) {
		struct live_remote *remote;

		if (!*tunnel->config->dev || strcmp(tunnel->config->dev, link->name))
			continue;
		group_follow(kernel, tunnel, event == LINK_REMOVED ? NULL : link);
		for (remote = tunnel->remote_list; remote; remote = remote->tunnel_next)
			if (remote_by_device(remote))
				remote_track(kernel, remote, NULL);
	}
	bridges_mtu_apply(kernel);
}
