/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The splitter cuts super-packets into single ones where encapsulating them whole would be wrong: GRE sequence
 * numbers and outer checksums differ from packet to packet, and an outer fragment is one packet's.
 *
 * It is two devices. The datapath redirects a super-packet to the upper one (`weft-cut`, a macvlan that
 * allows single packets only), for which the kernel cuts it; each packet goes to the lower one (`weft-split`) at
 * once and in order, and there the program at tc egress takes it, with the control block, mark and hash that the
 * super-packet had. No checksum is computed on the way. Nothing else is sent by them: with an MTU below
 * that of IPv6 they have no addresses, and neither ARP nor multicast.
 */
#ifndef WEFT_DAEMON_SPLITTER_H
#define WEFT_DAEMON_SPLITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/netlink.h"
#include "lib/error.h"

/*
 * Makes both, or takes up those that an earlier weftd left, and puts program `prog_fd` there in place of the one
 * that was. To be called again when splitter_hurt() says so: it puts right what it finds. `ret_ifindex`: where the
 * datapath redirects to. On failure there is none afterwards; -EOPNOTSUPP: the kernel has no macvlan.
 */
int splitter_start(struct netlink *netlink, int prog_fd, uint32_t *ret_ifindex, struct error *err);
/* Deletes both; nothing happens if there are none. */
void splitter_stop(struct netlink *netlink);
/* Are there devices of a splitter? */
bool splitter_found(const struct netlink *netlink);
/* Has this event left a running splitter without what it needs? */
bool splitter_hurt(enum link_event event, const struct link *link, const struct link *old);
/* The same of a filter that was taken off the device. */
bool splitter_unhooked(struct netlink *netlink, uint32_t ifindex);

#endif
