/* SPDX-License-Identifier: GPL-2.0-only */
/* What one object says by itself: rules between its fields that the tables cannot tell. Tunnels: tunnel_check.c. */
#include <errno.h>
#include <string.h>

#include "lib/object_check.h"

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

int vlans_check(uint32_t vlan, const struct vlan_set *trunk, struct error *err)
{
	if (vlan && vlan_set_has(trunk, vlan))
		return error_set(err, -EINVAL, "trunk: %u is the vlan of untagged frames already",
				 vlan);
	return 0;
}

int no_device_check(const struct prefix_list *address, const uint8_t *lladdr, uint32_t mtu,
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
		ret = no_device_check(
			&port->address, port->lladdr,
			port->mtu == PORT_MTU_UNSET || port->mtu == PORT_MTU_AUTO ? 0 : port->mtu,
			"ports of type internal", err);
	return ret < 0 ? ret : vlans_check(port->vlan, &port->trunk, err);
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
