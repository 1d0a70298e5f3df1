/* SPDX-License-Identifier: GPL-2.0-only */
/* Who has a UDP port, for the line that says why weft cannot have it. */
#ifndef WEFT_DAEMON_PORT_OWNER_H
#define WEFT_DAEMON_PORT_OWNER_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/netlink.h"

/* "vxlan device vx0", "process NAME (pid N)" or, if that cannot be told, "another process"; in `text`, which is returned. */
const char *port_owner(const struct netlink *netlink, uint16_t port, char *text, size_t size);

#endif
