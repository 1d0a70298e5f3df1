/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MTU of ports' devices, against what the tunnels of their bridge carry. Devices that weft made follow it; one that
 * it did not make is left alone, unless the port has `mtu auto`: then it follows too, with its far end where that is in
 * this namespace, and what it had before is given back when the port goes or loses the field.
 */
#include <string.h>

#include "daemon/device.h"
#include "daemon/log.h"
#include "daemon/port_private.h"

#define MTU_INTERNAL 1500 /* of a device of weft's own on a bridge without tunnels */

/* Whether the device is the user's, who has given leave to set its MTU. */
static bool port_is_lent(const struct live_port *port)
{
	return !port_is_internal(port) && port->config->mtu == PORT_MTU_AUTO;
}

/* What the configuration says as a number; 0: nothing. */
static uint32_t port_mtu_fixed(const struct live_port *port)
{
	if (port->tunnel)
		return port->tunnel->config->mtu;
	return port->config->mtu == PORT_MTU_UNSET ? 0 : port->config->mtu;
}

static bool is_veth(const struct link *link)
{
	return !strcmp(link->kind, "veth") && link->peer;
}

/* The far end of a veth, in this namespace; NULL: there is none, or it is a port, which is looked after by itself. */
static const struct link *lent_peer(struct kernel *kernel, const struct link *link)
{
	const struct link *peer = is_veth(link) && !link->peer_netns
					  ? link_by_index(kernel->netlink, link->peer)
					  : NULL;

	return peer && !port_by_ifindex(kernel, peer->ifindex) ? peer : NULL;
}

static bool mtu_set(struct kernel *kernel, const struct live_port *port, const struct link *link,
		    uint32_t mtu)
{
	struct error err = {};

	if (link->mtu == mtu || device_mtu_set(kernel->netlink, link->ifindex, mtu, &err) >= 0)
		return true;
	log_warning("port %s: mtu: %s", port->name, err.line);
	return false;
}

/* --- devices that are lent ------------------------------------------------------------------- */

static void lend(struct kernel *kernel, struct live_port *port, struct lent_device *lent,
		 const struct link *link, uint32_t mtu)
{
	if (lent->ifindex != link->ifindex)
		*lent = (struct lent_device){.ifindex = link->ifindex, .before = link->mtu};
	/* what was refused is not tried again and again */
	if (lent->refused == mtu)
		return;
	lent->refused = 0;
	if (link->mtu == mtu && lent->set == mtu)
		return;
	if (!mtu_set(kernel, port, link, mtu)) {
		lent->refused = mtu;
		return;
	}
	lent->set = mtu;
	port_mtu_event(kernel, port, mtu);
}

/* What somebody else has set meanwhile stays. */
static void give_back(struct kernel *kernel, struct live_port *port, struct lent_device *lent)
{
	const struct link *link =
		lent->ifindex ? link_by_index(kernel->netlink, lent->ifindex) : NULL;

	if (link && lent->set && link->mtu == lent->set)
		mtu_set(kernel, port, link, lent->before);
	*lent = (struct lent_device){};
}

void port_mtu_give_back(struct kernel *kernel, struct live_port *port)
{
	give_back(kernel, port, &port->lent);
	give_back(kernel, port, &port->lent_peer);
}

static void lent_follow(struct kernel *kernel, struct live_port *port, uint32_t overlay)
{
	const struct link *link = link_by_index(kernel->netlink, port->ifindex), *peer;

	if (!link)
		return;
	lend(kernel, port, &port->lent, link, overlay);
	/* setting it has asked for the link anew */
	link = link_by_index(kernel->netlink, port->ifindex);
	peer = link ? lent_peer(kernel, link) : NULL;
	if (peer)
		lend(kernel, port, &port->lent_peer, peer, overlay);
}

/* --- what a device should have --------------------------------------------------------------- */

/* That of a veth's other end, wherever it is; 0: there is none, or the kernel does not tell. */
static uint32_t peer_mtu(struct kernel *kernel, const struct link *link)
{
	const struct link *peer;
	uint32_t mtu;

	if (!is_veth(link))
		return 0;
	if (link->peer_netns)
		return link_peer_mtu(kernel->netlink, link, &mtu) < 0 ? 0 : mtu;
	peer = link_by_index(kernel->netlink, link->peer);
	return peer ? peer->mtu : 0;
}

/* Was it said already? From now on it is. */
static bool mtu_is_told(struct live_port *port, const struct mtu_verdict *verdict)
{
	for (int i = 0; i < MTU_TOLD_MAX; i++)
		if (!memcmp(&port->mtu_told[i], verdict, sizeof(*verdict)))
			return true;
	memmove(port->mtu_told + 1, port->mtu_told, (MTU_TOLD_MAX - 1) * sizeof(*port->mtu_told));
	port->mtu_told[0] = *verdict;
	return false;
}

/*
 * Says once what is larger than the tunnels carry. Whether anything has changed is seen without asking the kernel, since
 * this is called for all ports whenever a next hop is another one.
 */
static void mtu_judge(struct kernel *kernel, struct live_port *port, uint32_t overlay)
{
	const struct link *link =
		port->ifindex ? link_by_index(kernel->netlink, port->ifindex) : NULL;
	struct mtu_verdict now = {.overlay = overlay}, verdict;
	uint32_t mtu, peer;

	if (link)
		/* of weft's own it is what has just been set, which the link may not show yet */
		now = (struct mtu_verdict){overlay, port_is_internal(port) ? port->mtu : link->mtu,
					   link->peer_netns};
	if (!memcmp(&now, &port->mtu_seen, sizeof(now)))
		return;
	port->mtu_seen = now;
	peer = link ? peer_mtu(kernel, link) : 0;
	/* of a veth the other end is who sends */
	mtu = peer ? peer : now.mtu;
	verdict = (struct mtu_verdict){overlay, mtu, 0};
	if (!overlay || mtu <= overlay || mtu_is_told(port, &verdict))
		return;
	log_warning("port %s: the MTU of its %s is %u, and the tunnels carry %u", port->name,
		    peer ? "device's other end" : "device", mtu, overlay);
}

void port_mtu_follow(struct kernel *kernel, struct live_port *port)
{
	uint32_t overlay = bridge_overlay_mtu(port->bridge), fixed = port_mtu_fixed(port);
	const struct link *link =
		port->ifindex ? link_by_index(kernel->netlink, port->ifindex) : NULL;

	if (port_is_internal(port)) {
		port->mtu = fixed ? fixed : overlay ? overlay : MTU_INTERNAL;
		if (link)
			mtu_set(kernel, port, link, port->mtu);
	} else if (port_is_lent(port) && overlay) {
		lent_follow(kernel, port, overlay);
	} else if (!port_is_lent(port) || !kernel->recovered) {
		/* after a restart the tunnels may be yet to come */
		port_mtu_give_back(kernel, port);
	}
	mtu_judge(kernel, port, overlay);
}

void port_mtu_link_changed(struct kernel *kernel, const struct link *link, const struct link *old)
{
	struct live_port *port = port_by_ifindex(kernel, link->ifindex);

	if (link->mtu == old->mtu && link->peer_netns == old->peer_netns)
		return;
	if (!port && is_veth(link) && !link->peer_netns)
		port = port_by_ifindex(kernel, link->peer);
	if (!port)
		return;
	if (port_is_internal(port))
		mtu_judge(kernel, port, bridge_overlay_mtu(port->bridge));
	else
		port_mtu_follow(kernel, port);
}

void port_mtu_json(struct kernel *kernel, const struct live_port *port, json_t *json)
{
	const struct link *link =
		port->ifindex ? link_by_index(kernel->netlink, port->ifindex) : NULL;
	uint32_t overlay = bridge_overlay_mtu(port->bridge);
	uint32_t peer = link ? peer_mtu(kernel, link) : 0;

	if (overlay)
		json_object_set_new(json, "mtu_overlay", json_integer(overlay));
	if (peer)
		json_object_set_new(json, "mtu_peer", json_integer(peer));
}

/* --- across a restart ------------------------------------------------------------------------ */

static json_t *lent_json(const struct lent_device *lent)
{
	return json_pack("{s:I, s:I, s:I}", "ifindex", (json_int_t)lent->ifindex, "before",
			 (json_int_t)lent->before, "set", (json_int_t)lent->set);
}

json_t *port_mtu_state(const struct live_port *port)
{
	if (!port->lent.ifindex)
		return NULL;
	return json_pack("{s:o, s:o}", "device", lent_json(&port->lent), "peer",
			 lent_json(&port->lent_peer));
}

static uint32_t number_of(const json_t *json, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(json, name));

	return number > 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

static struct lent_device lent_of(const json_t *json)
{
	return (struct lent_device){.ifindex = number_of(json, "ifindex"),
				    .before = number_of(json, "before"),
				    .set = number_of(json, "set")};
}

void port_mtu_recover(struct kernel *kernel, struct live_port *port)
{
	const json_t *json = recover_lent(kernel, port->name);

	port->lent = lent_of(json_object_get(json, "device"));
	port->lent_peer = lent_of(json_object_get(json, "peer"));
}
