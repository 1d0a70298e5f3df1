/* SPDX-License-Identifier: GPL-2.0-only */
/* Managed neighbours: see daemon/neighbour.h. */
#include <errno.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/neighbour.h"
#include "lib/addr.h"
#include "lib/table.h"

#define SETTLE_ATTEMPTS 8 /* a dump that changes under the reader is read again */

static struct ndmsg *neighbour_request(struct netlink_request *request, uint16_t type,
				       uint16_t flags, const struct neighbour_key *key)
{
	struct ndmsg *head = netlink_request(request, type, flags, sizeof(*head));

	head->ndm_family = addr_is_v4(&key->addr) ? AF_INET : AF_INET6;
	head->ndm_ifindex = (int)key->ifindex;
	netlink_put_addr(&request->header, NDA_DST, &key->addr);
	return head;
}

static int read_each(const struct nlmsghdr *message, void *arg)
{
	struct neighbour *seen = arg;
	struct neighbour parsed;

	if (message->nlmsg_type == RTM_NEWNEIGH && neighbour_parse(message, &parsed) &&
	    parsed.ifindex == seen->ifindex && addr_equal(&parsed.addr, &seen->addr))
		*seen = parsed;
	return MNL_CB_OK;
}

/* The kernel's entry; state 0: there is none. */
static void neighbour_read(struct neighbours *neighbours, const struct neighbour_key *key,
			   struct neighbour *ret)
{
	struct netlink_request request;

	memset(ret, 0, sizeof(*ret));
	ret->ifindex = key->ifindex;
	ret->addr = key->addr;
	neighbour_request(&request, RTM_GETNEIGH, 0, key);
	netlink_do(neighbours->netlink, &request, read_each, ret, NULL);
}

static bool is_ours(const struct neighbour *seen)
{
	return seen->managed && seen->protocol == NEIGHBOUR_PROTOCOL;
}

/* Nobody else's business that we would spoil: managing an entry takes NUD_PERMANENT from it. */
static bool may_manage(const struct neighbour *seen)
{
	return !seen->managed && !seen->extern_learn &&
	       !(seen->state & (NUD_PERMANENT | NUD_NOARP));
}

void neighbour_manage(struct neighbours *neighbours, struct neighbour_entry *entry)
{
	struct netlink_request request;

	if (entry->seen.managed || !may_manage(&entry->seen))
		return;
	/* what events told may be old by now */
	neighbour_read(neighbours, &entry->key, &entry->seen);
	if (is_ours(&entry->seen))
		entry->managed = true;
	if (!may_manage(&entry->seen))
		return;
	if (!entry->managed) {
		entry->existed = entry->seen.state != 0;
		entry->protocol = entry->seen.protocol;
	}
	neighbour_request(&request, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &entry->key);
	mnl_attr_put_u32(&request.header, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
	mnl_attr_put_u8(&request.header, NDA_PROTOCOL, NEIGHBOUR_PROTOCOL);
	if (netlink_do(neighbours->netlink, &request, NULL, NULL, NULL) == 0) {
		entry->managed = true;
		neighbour_read(neighbours, &entry->key, &entry->seen);
	}
}

/* Deletes the entry, or makes it an ordinary one, which ages as the host's traffic has it. */
static void neighbour_release(struct neighbours *neighbours, const struct neighbour_key *key,
			      bool existed, uint8_t protocol)
{
	struct netlink_request request;
	struct neighbour seen;

	neighbour_read(neighbours, key, &seen);
	if (!is_ours(&seen) || (seen.state & NUD_PERMANENT))
		return;
	if (existed) {
		neighbour_request(&request, RTM_NEWNEIGH, NLM_F_REPLACE, key)->ndm_flags = NTF_USE;
		/* it can be given another protocol, but not none */
		mnl_attr_put_u8(&request.header, NDA_PROTOCOL, protocol ? protocol : RTPROT_KERNEL);
	} else {
		neighbour_request(&request, RTM_DELNEIGH, 0, key);
	}
	netlink_do(neighbours->netlink, &request, NULL, NULL, NULL);
}

struct neighbour_entry *neighbour_hold(struct neighbours *neighbours, uint32_t ifindex,
				       const struct weft_addr *addr)
{
	struct neighbour_key key;
	struct neighbour_entry *entry;

	memset(&key, 0, sizeof(key));
	key.ifindex = ifindex;
	key.addr = *addr;
	HASH_FIND(hh, neighbours->entries, &key, sizeof(key), entry);
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return NULL;
		entry->key = key;
		HASH_ADD(hh, neighbours->entries, key, sizeof(entry->key), entry);
		neighbour_manage(neighbours, entry);
	}
	entry->users++;
	return entry;
}

void neighbour_drop(struct neighbours *neighbours, struct neighbour_entry *entry)
{
	if (--entry->users)
		return;
	if (entry->managed)
		neighbour_release(neighbours, &entry->key, entry->existed, entry->protocol);
	HASH_DEL(neighbours->entries, entry);
	free(entry);
}

struct neighbour_entry *neighbour_update(struct neighbours *neighbours,
					 const struct neighbour *seen)
{
	struct neighbour_entry *entry;
	struct neighbour_key key;

	memset(&key, 0, sizeof(key));
	key.ifindex = seen->ifindex;
	key.addr = seen->addr;
	HASH_FIND(hh, neighbours->entries, &key, sizeof(key), entry);
	if (!entry)
		return NULL;
	entry->seen = *seen;
	/* deleted under us: made again by neighbour_manage(), and then it is all ours */
	if (!seen->state)
		entry->managed = entry->existed = false;
	return entry;
}

void neighbours_refresh(struct neighbours *neighbours)
{
	struct neighbour_entry *entry, *next;
	struct neighbour seen;

	HASH_ITER (hh, neighbours->entries, entry, next) {
		neighbour_read(neighbours, &entry->key, &seen);
		neighbour_update(neighbours, &seen);
	}
}

void neighbours_free(struct neighbours *neighbours)
{
	table_free(neighbours->entries);
}

/* --- what an earlier weftd left ------------------------------------------------------------- */

/* Keys to give up, collected while the dump is read. */
struct leftovers {
	struct neighbours *neighbours;
	struct neighbour_key *keys;
	size_t count;
	size_t room;
};

static int settle_each(const struct nlmsghdr *message, void *arg)
{
	struct leftovers *leftovers = arg;
	struct neighbour_entry *entry;
	struct neighbour_key key, *grown;
	struct neighbour seen;

	if (message->nlmsg_type != RTM_NEWNEIGH || !neighbour_parse(message, &seen) ||
	    !is_ours(&seen))
		return MNL_CB_OK;
	memset(&key, 0, sizeof(key));
	key.ifindex = seen.ifindex;
	key.addr = seen.addr;
	HASH_FIND(hh, leftovers->neighbours->entries, &key, sizeof(key), entry);
	if (entry)
		return MNL_CB_OK;
	if (leftovers->count == leftovers->room) {
		grown = realloc(leftovers->keys, (leftovers->room + 64) * sizeof(*grown));
		if (!grown)
			return MNL_CB_OK;
		leftovers->keys = grown;
		leftovers->room += 64;
	}
	leftovers->keys[leftovers->count++] = key;
	return MNL_CB_OK;
}

void neighbours_settle(struct neighbours *neighbours)
{
	struct leftovers leftovers = {.neighbours = neighbours};
	struct netlink_request request;
	int rc = -EINTR;

	for (int i = 0; rc == -EINTR && i < SETTLE_ATTEMPTS; i++) {
		leftovers.count = 0;
		netlink_request(&request, RTM_GETNEIGH, NLM_F_DUMP, sizeof(struct ndmsg));
		rc = netlink_do(neighbours->netlink, &request, settle_each, &leftovers, NULL);
	}
	for (size_t i = 0; i < leftovers.count; i++)
		neighbour_release(neighbours, &leftovers.keys[i], false, 0);
	free(leftovers.keys);
}
