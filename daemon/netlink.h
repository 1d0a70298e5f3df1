/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's links, addresses, routes and neighbours, as seen over rtnetlink.
 *
 * Two sockets: requests are synchronous and acknowledged, the kernel's reason for a refusal
 * becomes the error's line; events arrive in the loop, keep the caches and are passed
 * on to the listeners. When the kernel had to drop events everything is read again, and
 * listeners hear of the differences.
 *
 * Listeners are only called from the loop, never from within a call that the owner makes,
 * and may make requests, but must not free the netlink or other listeners.
 */
#ifndef WEFT_DAEMON_NETLINK_H
#define WEFT_DAEMON_NETLINK_H

#include <net/if.h> /* before linux/if.h, which yields to it */

#include <event2/event.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/datapath.h"
#include "lib/error.h"

struct netlink;

#define LINK_KIND_LEN  16
#define LINK_ALIAS_LEN 256

struct link {
	uint32_t ifindex;
	uint32_t flags; /* IFF_UP, IFF_LOOPBACK, ... */
	uint32_t mtu;
	uint32_t master; /* ifindex, 0: none */
	uint32_t group;	 /* IFLA_GROUP */
	uint32_t
		peer; /* IFLA_LINK: ifindex of a veth's other end or a vlan's lower device, 0: none */
	uint16_t type;	   /* ARPHRD_* */
	bool peer_netns;   /* the peer is in another network namespace */
	int32_t peer_nsid; /* whose id here is this */
	bool ours;	   /* made by weft: the alias says so */
	uint8_t lladdr[6];
	uint16_t vxlan_port; /* kind "vxlan": UDP port (host order), else 0 */
	char name[IFNAMSIZ];
	char kind
		[LINK_KIND_LEN]; /* "veth", "tun", "bridge", "vxlan", "ifb", ...; "" for hardware */
	char alias[LINK_ALIAS_LEN];
};

enum link_event {
	LINK_ADDED,
	LINK_CHANGED, /* flags, mtu, lladdr, master, alias, peer */
	LINK_RENAMED, /* and perhaps changed too */
	LINK_REMOVED, /* also: moved to another namespace */
};

/* One change of the routing table or of a neighbour, as far as others can use it. */
struct route_event {
	bool all; /* any route or neighbour may have changed (rules, lost events); nothing else is set */
	struct weft_addr dst; /* network address of the route, v4-mapped */
	uint8_t len;	      /* prefix length in the 128 bits of dst: 96 + n for IPv4 */
};
struct neighbour {
	uint32_t ifindex;
	struct weft_addr addr;
	uint16_t state; /* NUD_*; 0: there is none */
	bool managed;	/* the kernel keeps it resolved */
	bool extern_learn;
	uint8_t protocol; /* NDA_PROTOCOL: who made it */
	uint8_t lladdr[6];
};

/* Every callback may be NULL. The structs passed in are gone after the call. */
struct netlink_listener {
	/* `old` is what was known before, NULL for LINK_ADDED; `link` is the last state for LINK_REMOVED */
	void (*link)(void *arg, enum link_event event, const struct link *link,
		     const struct link *old);
	/* another device may still have the address, or have had it before: address_device() */
	void (*addr)(void *arg, bool added, uint32_t ifindex, const struct weft_addr *addr);
	void (*route)(void *arg, const struct route_event *event);
	void (*neighbour)(void *arg, const struct neighbour *neighbour);
	/* somebody, perhaps weft itself, took a filter or a clsact qdisc off the device */
	void (*filter)(void *arg, uint32_t ifindex);
	void *arg;
	struct netlink_listener *next; /* the netlink's */
};

/* Opens both sockets in the caller's namespace and reads links and addresses. */
int netlink_new(struct event_base *base, struct netlink **ret, struct error *err);
void netlink_free(struct netlink *netlink);
/* The listener stays the caller's and must live until it is removed or netlink_free(). Listeners
 * are called in the order they were added. */
void netlink_listen(struct netlink *netlink, struct netlink_listener *listener);
void netlink_unlisten(struct netlink *netlink, struct netlink_listener *listener);

/* Tells the listeners that somebody took a program off the device, where no event says so. */
void netlink_filter_lost(struct netlink *netlink, uint32_t ifindex);

/* The caches. Pointers are good until the next turn of the loop or the next refresh. */
const struct link *link_by_index(const struct netlink *netlink, uint32_t ifindex);
const struct link *link_by_name(const struct netlink *netlink, const char *name);
/* Every link: NULL starts, NULL ends. */
const struct link *link_next(const struct netlink *netlink, const struct link *link);
/* Asks the kernel for one link, by name or (name NULL) ifindex, and puts the answer in the cache;
 * listeners hear of it in the next turn of the loop. -ENODEV. */
int link_refresh(struct netlink *netlink, const char *name, uint32_t ifindex);

/* The MTU of a veth's peer in another namespace, if the kernel lets us know: one look, as no events tell of it. */
int link_peer_mtu(struct netlink *netlink, const struct link *link, uint32_t *ret);

/* Is this a unicast address of this host? Its device, or 0. */
uint32_t address_device(const struct netlink *netlink, const struct weft_addr *addr);
/* Has the device an address that more than its own link can use? */
bool address_on_device(const struct netlink *netlink, uint32_t ifindex);
/* The first address of the device of that family (AF_INET, AF_INET6), any scope but a
 * global one before others; false: there is none. */
bool address_of_device(const struct netlink *netlink, uint32_t ifindex, int family,
		       struct weft_addr *ret);
/* Every local unicast address with each device that has it. */
void address_walk(const struct netlink *netlink,
		  void (*each)(void *arg, const struct weft_addr *addr, uint32_t ifindex),
		  void *arg);

/* --- requests, for the modules that speak rtnetlink themselves ----------------------------- */

#define NETLINK_REQUEST_MAX 4096
struct netlink_request {
	union {
		struct nlmsghdr header;
		char buffer[NETLINK_REQUEST_MAX];
	};
};

/* Starts a request in `request`: header and a zeroed family header of `size` bytes, which is returned. */
void *netlink_request(struct netlink_request *request, uint16_t type, uint16_t flags, size_t size);
/*
 * Sends it and waits for the answer; `each` (may be NULL) sees every message of the answer that is not
 * an acknowledgement or error, makes no requests itself, and returns MNL_CB_OK. 0, or a negative errno with the kernel's words in
 * `err` (may be NULL). -EINTR: a dump that changed while it was read, to be asked for again.
 */
int netlink_do(struct netlink *netlink, struct netlink_request *request, mnl_cb_t each, void *arg,
	       struct error *err);

/* An address in a netlink attribute of `family`; addr_get is false for a wrong length. */
void netlink_put_addr(struct nlmsghdr *header, uint16_t type, const struct weft_addr *addr);
bool netlink_get_addr(const struct nlattr *attr, struct weft_addr *ret);
/* An RTM_NEWNEIGH or RTM_DELNEIGH; false for what is no neighbour of IPv4 or IPv6. */
bool neighbour_parse(const struct nlmsghdr *message, struct neighbour *ret);

#endif
