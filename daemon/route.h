/* SPDX-License-Identifier: GPL-2.0-only */
/* One question to the kernel's routing: how would a packet to this address leave? */
#ifndef WEFT_DAEMON_ROUTE_H
#define WEFT_DAEMON_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/nexthop.h"

struct route {
	uint32_t ifindex;	  /* 0: no route */
	bool local;		  /* an address of this host */
	struct weft_addr gateway; /* or the address itself, when it is on the link */
	struct weft_addr source;
	uint32_t mtu; /* of the route; 0: the device's */
};

/* `oif` 0 and a `local` of the key that is any leave the choice to the kernel; the key's device is not looked at. */
void route_get(struct netlink *netlink, const struct nexthop_key *key, uint32_t oif,
	       struct route *ret);

#endif
