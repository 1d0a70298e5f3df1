/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Next hops: for a remote address, the device to send by, both MACs and the MTU, kept
 * up to date from routes, neighbours, links and addresses. The kernel is asked to keep the
 * neighbour resolved (NTF_EXT_MANAGED), so no traffic through the stack is needed.
 *
 * Shared: many users of the same (address, device, local) cost one route, many routes over one gateway
 * one neighbour.
 */
#ifndef WEFT_DAEMON_NEXTHOP_H
#define WEFT_DAEMON_NEXTHOP_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/netlink.h"

struct nexthops;
struct nexthop_user;

struct nexthop_key {
	struct weft_addr addr;
	struct weft_addr local; /* any: the route picks */
	uint32_t mark;		/* of the packets, for rules that look at it */
	char dev[IFNAMSIZ];	/* by name, as it may come and go; "": the route picks */
};

/* The kernel grows no single packet beyond 16 KiB less what it keeps for itself (BPF_SKB_MAX_LEN, pages of 4 KiB). */
#define NEXTHOP_MTU_MAX 16000

enum nexthop_state {
	NEXTHOP_NO_ROUTE,    /* ifindex is 0 */
	NEXTHOP_RESOLVING,   /* route known, MAC not yet (or the kernel cannot tell) */
	NEXTHOP_UNREACHABLE, /* the neighbour does not answer */
	NEXTHOP_RESOLVED,
};

struct nexthop {
	enum nexthop_state state;
	uint32_t ifindex;	 /* 0: no route */
	uint32_t mtu;		 /* largest IP packet that way, bytes; at most NEXTHOP_MTU_MAX */
	bool local;		 /* an address of this host: by way of lo, MACs zero */
	uint8_t ethernet[14];	 /* destination and source MAC, EtherType; zero unless RESOLVED */
	struct weft_addr source; /* the address the kernel would send from, or `local`; any: none */
	struct weft_addr gateway; /* or the remote itself, when it is on the link */
};

typedef void (*nexthop_callback)(void *arg, const struct nexthop *nexthop);

int nexthops_new(struct netlink *netlink, struct event_base *base, struct nexthops **ret,
		 struct error *err);
/* Leaves the managed neighbours as they are: packets go on. */
void nexthops_free(struct nexthops *nexthops);
/*
 * Begins to follow `key`. `ret` has what is known now; the callback comes from the loop, whenever
 * something in `struct nexthop` changes. Only -ENOMEM can happen: no route is a state.
 */
int nexthop_track(struct nexthops *nexthops, const struct nexthop_key *key,
		  nexthop_callback callback, void *arg, struct nexthop *ret,
		  struct nexthop_user **ret_user, struct error *err);
void nexthop_untrack(struct nexthop_user *user);
const struct nexthop *nexthop_get(const struct nexthop_user *user);
/* After adoption: gives up managed neighbours of an earlier weftd that nobody tracks. */
void nexthops_settle(struct nexthops *nexthops);
/* Does any next hop go by this device? */
bool nexthops_use(const struct nexthops *nexthops, uint32_t ifindex);
/* Called once per turn of the loop in which the set of devices in use may have changed. */
void nexthops_watch(struct nexthops *nexthops, void (*changed)(void *arg), void *arg);

const char *nexthop_state_name(enum nexthop_state state); /* "no_route" "resolving" ... */

#endif
