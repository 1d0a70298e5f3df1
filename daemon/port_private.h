/* SPDX-License-Identifier: GPL-2.0-only */
/* What port.c, port_link.c and inject.c share. */
#ifndef WEFT_DAEMON_PORT_PRIVATE_H
#define WEFT_DAEMON_PORT_PRIVATE_H

#include "daemon/live.h"

struct live_port *port_by_ifindex(struct kernel *kernel, uint32_t ifindex);
bool port_is_internal(const struct live_port *port);
/* Is it the device of a tunnel that carries IP without Ethernet? */
bool port_is_l3(const struct live_port *port);
/* Lets the device go, if there is one; what was learned behind the port goes at the end of the transaction. */
void port_detach(struct kernel *kernel, struct live_port *port);
/* Removes the LOCAL entries in VLANs that the port, on the same bridge, was in and is not any more. */
void port_local_leave(struct kernel *kernel, struct live_port *port, const struct port *old);
/* A device of the port's name has come. */
int port_take_up(struct kernel *kernel, struct live_port *port, const struct link *link);

#endif
