/* SPDX-License-Identifier: GPL-2.0-only */
/* What one object says by itself: rules between its fields that the tables cannot tell. */
#include <errno.h>
#include <string.h>

#include "lib/schema.h"

/* PAUSE (802.3 annex 31B) and LACP (802.1AX) are for the link, never for a bridge to pass on. */
#define GROUP_FWD_NEVER 0x0006

static int bridge_check(const struct bridge *bridge, struct error *err)
{
	if (bridge->group_fwd_mask & GROUP_FWD_NEVER)
		return error_set(err, -EINVAL,
				 "group_fwd_mask: 0x%04x has bit 1 or 2 (pause, LACP) set",
				 bridge->group_fwd_mask);
	return 0;
}

static int vlans_check(uint32_t vlan, const struct vlan_set *trunk, struct error *err)
{
	if (vlan && vlan_set_has(trunk, vlan))
		return error_set(err, -EINVAL, "trunk: %u is the vlan of untagged frames already",
				 vlan);
	return 0;
}

/* The fields of a device that weft makes. `owner` says what has one. */
static int no_device_check(const struct prefix_list *address, const uint8_t *lladdr, uint32_t mtu,
			   const char *owner, struct error *err)
{
	const char *field = address->count	   ? "address"
			    : !mac_is_zero(lladdr) ? "lladdr"
			    : mtu		   ? "mtu"
						   : NULL;

	if (field)
		return error_set(err, -EINVAL, "%s: is only for %s", field, owner);
	return 0;
}

static int port_check(const struct port *port, struct error *err)
{
	int ret = 0;

	if (!*port->bridge)
		return error_set(err, -EINVAL, "bridge: is required");
	if (port->type != PORT_INTERNAL)
		ret = no_device_check(&port->address, port->lladdr, port->mtu,
				      "ports of type internal", err);
	return ret < 0 ? ret : vlans_check(port->vlan, &port->trunk, err);
}

/* An address that a host can send outer packets from or be sent them. */
static int unicast_check(const char *field, const struct weft_addr *addr, struct error *err)
{
	const char *what = addr_is_any(addr)			      ? "no host's address"
			   : addr_is_multicast(addr)		      ? "a multicast address"
			   : addr_is_loopback(addr)		      ? "a loopback address"
			   : addr_is_v4(addr) && addr->word[3] == ~0u ? "the broadcast address"
								      : NULL;
	char text[ADDR_STRLEN];

	addr_format(addr, text);
	if (what)
		return error_set(err, -EINVAL, "%s: %s is %s", field, text, what);
	if (!addr_is_v4(addr))
		return error_set(err, -EINVAL, "%s: %s: IPv6 underlay is not supported yet", field,
				 text);
	return 0;
}

static bool addr_is_set(const struct weft_addr *addr)
{
	static const struct weft_addr any;

	return !addr_equal(addr, &any);
}

static int tunnel_group_check(const struct tunnel *tunnel, struct error *err)
{
	char text[ADDR_STRLEN];

	if (!addr_is_set(&tunnel->group))
		return 0;
	if (!addr_is_multicast(&tunnel->group))
		return error_set(err, -EINVAL, "group: %s is not a multicast address",
				 addr_format(&tunnel->group, text));
	if (!addr_is_v4(&tunnel->group))
		return error_set(err, -EINVAL, "group: %s: IPv6 underlay is not supported yet",
				 addr_format(&tunnel->group, text));
	if (tunnel->remote.count || tunnel->remote.any)
		return error_set(err, -EINVAL, "group: cannot be given together with remote");
	if (!*tunnel->dev)
		return error_set(err, -EINVAL, "group: needs dev, the device to join it on");
	return 0;
}

static int tunnel_addrs_check(const struct tunnel *tunnel, struct error *err)
{
	char text[ADDR_STRLEN];
	int ret;

	if (addr_is_set(&tunnel->local)) {
		ret = unicast_check("local", &tunnel->local, err);
		if (ret < 0)
			return ret;
	}
	for (size_t i = 0; i < tunnel->remote.count; i++) {
		const struct weft_addr *remote = &tunnel->remote.item[i];

		ret = unicast_check("remote", remote, err);
		if (ret < 0)
			return ret;
		if (addr_equal(remote, &tunnel->local))
			return error_set(err, -EINVAL, "remote: %s is local too",
					 addr_format(remote, text));
	}
	return tunnel_group_check(tunnel, err);
}

static int tunnel_bridge_check(const struct tunnel *tunnel, struct error *err)
{
	if (*tunnel->bridge) {
		int ret = no_device_check(&tunnel->address, tunnel->lladdr, tunnel->mtu,
					  "tunnels without a bridge", err);

		return ret < 0 ? ret : vlans_check(tunnel->vlan, &tunnel->trunk, err);
	}
	if (tunnel->vlan || tunnel->trunk.any)
		return error_set(err, -EINVAL, "%s: is only for tunnels on a bridge",
				 tunnel->vlan ? "vlan" : "trunk");
	if (!strcmp(tunnel->dev, tunnel->name))
		return error_set(err, -EINVAL, "dev: %s is the tunnel's own device", tunnel->dev);
	return 0;
}

static int tunnel_check(const struct tunnel *tunnel, struct error *err)
{
	int ret;

	if (tunnel->id == UINT32_MAX)
		return error_set(err, -EINVAL, "id: is required");
	ret = tunnel_addrs_check(tunnel, err);
	if (ret < 0)
		return ret;
	if (tunnel->srcport[1] <= tunnel->srcport[0])
		return error_set(err, -EINVAL, "srcport: %u is not above %u", tunnel->srcport[1],
				 tunnel->srcport[0]);
	if (tunnel->tos != TOS_INHERIT && (tunnel->tos & 3))
		return error_set(err, -EINVAL, "tos: 0x%02x has one of the two low bits (ECN) set",
				 tunnel->tos);
	return tunnel_bridge_check(tunnel, err);
}

int object_check(enum noun noun, const void *object, struct error *err)
{
	switch (noun) {
	case NOUN_BRIDGE:
		return bridge_check(object, err);
	case NOUN_PORT:
		return port_check(object, err);
	case NOUN_TUNNEL:
		return tunnel_check(object, err);
	case NOUN_COUNT:
		break;
	}
	return -EINVAL;
}
