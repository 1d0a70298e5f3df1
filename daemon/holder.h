/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel ties to a process and must outlive weftd: bound UDP sockets, so that nobody else
 * takes a port weft listens to and the host answers no packet of ours with an ICMP error; GRE as a protocol, for the
 * same reason, and for what comes in fragments (daemon/holder_reassembly.h); and group memberships (IGMP, MLD). A
 * small process of its own, `weft-holder`, has them; it is started when first needed and goes when it holds
 * nothing.
 *
 * This is weftd's side. Everything is counted: a port held twice is released twice. When the holder
 * dies it is started again with everything it had.
 */
#ifndef WEFT_DAEMON_HOLDER_H
#define WEFT_DAEMON_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/datapath.h"
#include "daemon/netlink.h"
#include "lib/error.h"

struct holder;

#define HOLDER_ARGV0 "weft-holder"
/* To be called first in main() of every program that uses holder_new(): if this process was started to
 * be the holder, does that and does not return. */
void holder_main(int argc, char **argv);

/* Connects to the holder of an earlier weftd, if there is one; starts none. */
int holder_new(struct event_base *base, struct netlink *netlink, const char *rundir,
	       struct holder **ret, struct error *err);
/* Leaves the holder holding. */
void holder_free(struct holder *holder);
/* Something could not be had again after the holder had died. */
void holder_watch(struct holder *holder, void (*lost)(void *arg, const struct error *err),
		  void *arg);

/* Binds the port on 0.0.0.0 and [::]. -EADDRINUSE names who has it: "dstport: 4789 is held by ...". */
int holder_port_hold(struct holder *holder, uint16_t port, struct error *err);
void holder_port_release(struct holder *holder, uint16_t port);
/* GRE over IPv4 and IPv6: others may have it, too. */
int holder_gre_hold(struct holder *holder, struct error *err);
void holder_gre_release(struct holder *holder);
/* The group by a device. The device must be there; when it has gone, leave, and join again by the new one. */
int holder_join(struct holder *holder, const struct weft_addr *group, uint32_t ifindex,
		struct error *err);
void holder_leave(struct holder *holder, const struct weft_addr *group, uint32_t ifindex);
/* Releases what an earlier weftd held and nobody has asked for since. */
void holder_settle(struct holder *holder);

struct holder_item {
	uint16_t port;	   /* UDP; 0: a protocol or a membership */
	uint16_t protocol; /* IPPROTO_GRE; 0: a port or a membership */
	uint32_t ifindex;
	struct weft_addr group;
};
/* Everything held. `pid` of the holder, 0: none is running. */
void holder_list(const struct holder *holder,
		 void (*each)(void *arg, const struct holder_item *item), void *arg);
int holder_pid(const struct holder *holder);

#endif
