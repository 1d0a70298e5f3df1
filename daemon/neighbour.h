/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Neighbours that the kernel keeps resolved for us (NTF_EXT_MANAGED), counted. Ours carry NEIGHBOUR_PROTOCOL, so
 * that a later weftd knows them. An entry that somebody else manages, made permanent or learned from a control
 * plane is only watched; one that was there before keeps on being there when we are done with it.
 */
#ifndef WEFT_DAEMON_NEIGHBOUR_H
#define WEFT_DAEMON_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "daemon/netlink.h"

#define NEIGHBOUR_PROTOCOL 119 /* a number of rtnetlink's protocols that nobody has */

struct neighbour_key {
	uint32_t ifindex;
	struct weft_addr addr;
};

struct neighbour_entry {
	struct neighbour_key key;
	struct neighbour seen; /* as of the last event or request */
	unsigned int users;
	bool managed;	  /* by us */
	bool existed;	  /* before we asked for it, */
	uint8_t protocol; /* with this protocol */
	UT_hash_handle hh;
};

struct neighbours {
	struct netlink *netlink;
	struct neighbour_entry *entries;
};

/* NULL: out of memory. Any other difficulty is a state of the entry. */
struct neighbour_entry *neighbour_hold(struct neighbours *neighbours, uint32_t ifindex,
				       const struct weft_addr *addr);
/* The last user's drop gives the neighbour up. */
void neighbour_drop(struct neighbours *neighbours, struct neighbour_entry *entry);
/* Asks the kernel to keep it resolved, if it does not and may. */
void neighbour_manage(struct neighbours *neighbours, struct neighbour_entry *entry);
/* Takes in an event: the entry it is about, NULL: nobody here cares. */
struct neighbour_entry *neighbour_update(struct neighbours *neighbours,
					 const struct neighbour *seen);
/* Reads all of them again, after events were lost. */
void neighbours_refresh(struct neighbours *neighbours);
/* Gives up ours of an earlier weftd that nobody holds. */
void neighbours_settle(struct neighbours *neighbours);
/* Frees, and leaves the kernel's as they are. */
void neighbours_free(struct neighbours *neighbours);

#endif
