/* SPDX-License-Identifier: GPL-2.0-only */
/* What daemon/netlink.c shares with the caches of links and addresses, and nobody else. */
#ifndef WEFT_DAEMON_NETLINK_CACHE_H
#define WEFT_DAEMON_NETLINK_CACHE_H

#include "daemon/netlink.h"

struct link_cache;
struct address_cache;

struct netlink {
	struct mnl_socket *requests;
	struct mnl_socket *events;
	struct event *readable; /* of the event socket */
	struct event *deferred; /* links that a refresh changed: told in the next turn */
	uint32_t sequence;
	struct netlink_listener *listeners;
	struct link_cache *links;
	struct address_cache *addresses;
	char answer[65536];	  /* of requests */
	char event_buffer[65536]; /* apart, as listeners make requests while this is read */
};

/* To the listeners, in order. */
void netlink_tell_link(struct netlink *netlink, enum link_event event, const struct link *link,
		       const struct link *old);
void netlink_tell_addr(struct netlink *netlink, bool added, uint32_t ifindex,
		       const struct weft_addr *addr);

#define SYNC_ATTEMPTS 8 /* a dump that changes under the reader (-EINTR) is read again */
typedef int cache_update(struct netlink *netlink, const struct nlmsghdr *message, bool quiet);
/* Takes the answer's messages of that type in, quietly. The first error of the kernel, else the last of a message. */
int cache_read(struct netlink *netlink, struct netlink_request *request, uint16_t type,
	       cache_update *update);

struct link_cache *link_cache_new(void);
void link_cache_free(struct link_cache *cache);
/* Takes in an RTM_NEWLINK or RTM_DELLINK and tells; `quiet`: listeners are told by link_cache_tell(). */
cache_update link_cache_update;
/* Tells what quiet updates changed. */
void link_cache_tell(struct netlink *netlink);
/* Reads every link; those that are gone are told and removed. */
int link_cache_sync(struct netlink *netlink, bool quiet, struct error *err);

struct address_cache *address_cache_new(void);
void address_cache_free(struct address_cache *cache);
/* The same of an RTM_NEWADDR or RTM_DELADDR; what is new quietly is told by address_cache_sync(). */
cache_update address_cache_update;
int address_cache_sync(struct netlink *netlink, bool quiet, struct error *err);
/* The device is gone, and its addresses with it. */
void address_cache_drop(struct netlink *netlink, uint32_t ifindex);

#endif
