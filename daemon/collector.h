/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A collector is an external device of the kernel's (iproute2's `external`, the kernel's "collect metadata") for
 * a UDP port that weft listens on. It is a tunnel's receiving end for every VNI and remote, and good for three things:
 * NICs that do GRO merge received packets of a port that has one; the host's stack takes everything of the tunnel off a
 * super-packet that the datapath hands to it (bpf/collect.h), and program weft_collect takes it up at the device; and
 * nobody else can have the port. Nothing is ever sent by it: with an MTU below that of IPv6 it has no addresses, and neither ARP
 * nor multicast. The port is the kernel's: no process has to live for it.
 *
 * Its devices are known by alias and kind, whatever somebody may have called them since.
 */
#ifndef WEFT_DAEMON_COLLECTOR_H
#define WEFT_DAEMON_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/netlink.h"
#include "lib/error.h"

/*
 * Makes the device of `kind` ("vxlan", "geneve") for the port, or takes up the one that an earlier weftd left, with
 * program `prog_fd` on it. It does not have the port before collector_open(). -EOPNOTSUPP: the kernel has no such kind.
 */
int collector_make(struct netlink *netlink, const char *kind, uint16_t port, int prog_fd,
		   uint32_t *ret_ifindex, struct error *err);
/* Brings it up and so takes the port; 0 if it has it already. -EADDRINUSE: somebody else has it. */
int collector_open(struct netlink *netlink, uint32_t ifindex, struct error *err);
/* Deletes it, and gives the port free; 0 if it is gone already. */
int collector_delete(struct netlink *netlink, uint32_t ifindex, struct error *err);

#endif
