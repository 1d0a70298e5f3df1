/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The cache of links.
 *
 * Each entry keeps what the kernel said last (`now`) and what listeners were told last (`told`), so that
 * a refresh in the middle of a request can update the one and leave the other to the loop.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "daemon/device.h"
#include "daemon/netlink.h"
#include "daemon/netlink_cache.h"

struct link_entry {
	struct link now;
	struct link told;
	bool announced; /* `told` is set */
	bool named;	/* is in the hash of names */
	bool dirty;	/* a quiet update is to be told */
	bool gone;	/* found missing by a refresh: hidden until its RTM_DELLINK is read */
	uint32_t generation;
	UT_hash_handle by_index;
	UT_hash_handle by_name;
};

struct link_cache {
	struct link_entry *by_index;
	struct link_entry *by_name;
	uint32_t generation;
	bool dirty;
};

struct link_cache *link_cache_new(void)
{
	return calloc(1, sizeof(struct link_cache));
}

static void entry_free(struct link_cache *cache, struct link_entry *entry)
{
	if (entry->named)
		HASH_DELETE(by_name, cache->by_name, entry);
	HASH_DELETE(by_index, cache->by_index, entry);
	free(entry);
}

void link_cache_free(struct link_cache *cache)
{
	struct link_entry *entry, *next;

	if (!cache)
		return;
	HASH_ITER (by_index, cache->by_index, entry, next)
		entry_free(cache, entry);
	free(cache);
}

/* --- parsing ------------------------------------------------------------------------------- */

static void vxlan_parse(const struct nlattr *data, struct link *link)
{
	const struct nlattr *attr;
	__be16 port;

	mnl_attr_for_each_nested(attr, data)
	{
		if (mnl_attr_get_type(attr) == IFLA_VXLAN_PORT &&
		    mnl_attr_get_payload_len(attr) == sizeof(port)) {
			memcpy(&port, mnl_attr_get_payload(attr), sizeof(port));
			link->vxlan_port = ntohs(port);
		}
	}
}

static void text_copy(char *to, size_t size, const struct nlattr *attr)
{
	size_t length = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	if (length >= size)
		length = size - 1;
	memcpy(to, mnl_attr_get_payload(attr), length);
	to[length] = 0;
}

static void linkinfo_parse(const struct nlattr *info, struct link *link)
{
	const struct nlattr *data = NULL;
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, info)
	{
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			text_copy(link->kind, sizeof(link->kind), attr);
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	if (data && strcmp(link->kind, "vxlan") == 0)
		vxlan_parse(data, link);
}

static void attribute_parse(const struct nlattr *attr, struct link *link)
{
	size_t length = mnl_attr_get_payload_len(attr);

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		text_copy(link->name, sizeof(link->name), attr);
		break;
	case IFLA_IFALIAS:
		text_copy(link->alias, sizeof(link->alias), attr);
		break;
	case IFLA_ADDRESS:
		if (length == sizeof(link->lladdr))
			memcpy(link->lladdr, mnl_attr_get_payload(attr), length);
		break;
	case IFLA_MTU:
		if (length == 4)
			link->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_MASTER:
		if (length == 4)
			link->master = mnl_attr_get_u32(attr);
		break;
	case IFLA_GROUP:
		if (length == 4)
			link->group = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK:
		if (length == 4)
			link->peer = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		link->peer_netns = true;
		if (length == 4)
			link->peer_nsid = (int32_t)mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		linkinfo_parse(attr, link);
		break;
	}
}

/* False for what says nothing about the link as such: AF_BRIDGE messages are about its being a bridge's port. */
static bool link_parse(const struct nlmsghdr *message, struct link *link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;

	memset(link, 0, sizeof(*link));
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info) || info->ifi_family != AF_UNSPEC)
		return false;
	link->ifindex = (uint32_t)info->ifi_index;
	link->flags = info->ifi_flags;
	link->type = info->ifi_type;
	mnl_attr_for_each(attr, message, sizeof(*info)) attribute_parse(attr, link);
	link->ours = strncmp(link->alias, DEVICE_ALIAS, strlen(DEVICE_ALIAS)) == 0;
	return link->ifindex && link->name[0];
}

/* --- the cache ----------------------------------------------------------------------------- */

static void entry_tell(struct netlink *netlink, struct link_entry *entry)
{
	struct link now, told;
	enum link_event event;

	entry->dirty = false;
	if (entry->announced && memcmp(&entry->now, &entry->told, sizeof(entry->now)) == 0)
		return;
	event = !entry->announced				 ? LINK_ADDED
		: strcmp(entry->now.name, entry->told.name) != 0 ? LINK_RENAMED
								 : LINK_CHANGED;
	/* copies: a listener's own refresh may change the entry */
	memcpy(&now, &entry->now, sizeof(now));
	memcpy(&told, &entry->told, sizeof(told));
	memcpy(&entry->told, &now, sizeof(now));
	entry->announced = true;
	netlink_tell_link(netlink, event, &now, event == LINK_ADDED ? NULL : &told);
}

static void entry_remove(struct netlink *netlink, struct link_entry *entry)
{
	struct link last = entry->now;
	bool announced = entry->announced;

	entry_free(netlink->links, entry);
	address_cache_drop(netlink, last.ifindex);
	if (announced)
		netlink_tell_link(netlink, LINK_REMOVED, &last, &last);
}

static struct link_entry *entry_find(const struct link_cache *cache, uint32_t ifindex)
{
	struct link_entry *entry;

	HASH_FIND(by_index, cache->by_index, &ifindex, sizeof(ifindex), entry);
	return entry;
}

/* A name belongs to whom the kernel named last: an entry that had it is renamed or gone, as its own event will say. */
static void entry_name(struct link_cache *cache, struct link_entry *entry, const char *name)
{
	struct link_entry *holder;

	if (entry->named && strcmp(entry->now.name, name) == 0)
		return;
	HASH_FIND(by_name, cache->by_name, name, strlen(name), holder);
	if (holder) {
		HASH_DELETE(by_name, cache->by_name, holder);
		holder->named = false;
	}
	if (entry->named)
		HASH_DELETE(by_name, cache->by_name, entry);
	memcpy(entry->now.name, name, sizeof(entry->now.name));
	HASH_ADD_KEYPTR(by_name, cache->by_name, entry->now.name, strlen(entry->now.name), entry);
	entry->named = true;
}

int link_cache_update(struct netlink *netlink, const struct nlmsghdr *message, bool quiet)
{
	struct link_cache *cache = netlink->links;
	struct link_entry *entry;
	struct link link;

	if (!link_parse(message, &link))
		return 0;
	entry = entry_find(cache, link.ifindex);
	if (message->nlmsg_type == RTM_DELLINK) {
		if (entry)
			entry_remove(netlink, entry);
		return 0;
	}
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		entry->now.ifindex = link.ifindex;
		HASH_ADD(by_index, cache->by_index, now.ifindex, sizeof(entry->now.ifindex), entry);
	}
	entry->generation = cache->generation;
	entry->gone = false;
	/* the hashes point into `now`: the keys go first, then the same bytes again */
	entry_name(cache, entry, link.name);
	memcpy(&entry->now, &link, sizeof(link));
	if (quiet)
		entry->dirty = cache->dirty = true;
	else
		entry_tell(netlink, entry);
	return 0;
}

void link_cache_tell(struct netlink *netlink)
{
	struct link_cache *cache = netlink->links;
	struct link_entry *entry, *next;

	if (!cache->dirty)
		return;
	cache->dirty = false;
	/* listeners do not remove entries, so `next` stays good */
	HASH_ITER (by_index, cache->by_index, entry, next)
		if (entry->dirty)
			entry_tell(netlink, entry);
}

static void link_request(struct netlink_request *request, uint16_t flags, uint32_t ifindex)
{
	struct ifinfomsg *info;

	info = netlink_request(request, RTM_GETLINK, flags, sizeof(*info));
	info->ifi_index = (int)ifindex;
	mnl_attr_put_u32(&request->header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

int link_cache_sync(struct netlink *netlink, bool quiet, struct error *err)
{
	struct link_cache *cache = netlink->links;
	struct netlink_request request;
	struct link_entry *entry, *next;
	int rc = -EINTR;

	link_request(&request, NLM_F_DUMP, 0);
	for (int i = 0; rc == -EINTR && i < SYNC_ATTEMPTS; i++) {
		cache->generation++;
		rc = cache_read(netlink, &request, RTM_NEWLINK, link_cache_update);
	}
	if (rc)
		return error_set(err, rc, "netlink: reading links: %s", strerror(-rc));
	HASH_ITER (by_index, cache->by_index, entry, next)
		if (entry->generation != cache->generation)
			entry_remove(netlink, entry);
	if (!quiet)
		link_cache_tell(netlink);
	else /* the beginning: there are no listeners, and those to come read the cache */
		HASH_ITER (by_index, cache->by_index, entry, next) {
			memcpy(&entry->told, &entry->now, sizeof(entry->told));
			entry->announced = true;
			entry->dirty = false;
		}
	return 0;
}

static void link_hide(struct link_cache *cache, const char *name, uint32_t ifindex)
{
	struct link_entry *entry;

	if (name)
		HASH_FIND(by_name, cache->by_name, name, strlen(name), entry);
	else
		entry = entry_find(cache, ifindex);
	if (!entry)
		return;
	if (entry->named)
		HASH_DELETE(by_name, cache->by_name, entry);
	entry->named = false;
	/* by name it may only be called otherwise now */
	entry->gone = !name;
}

int link_refresh(struct netlink *netlink, const char *name, uint32_t ifindex)
{
	struct netlink_request request;
	int rc;

	link_request(&request, 0, name ? 0 : ifindex);
	if (name)
		mnl_attr_put_strz(&request.header, IFLA_IFNAME, name);
	rc = cache_read(netlink, &request, RTM_NEWLINK, link_cache_update);
	if (rc == -ENODEV)
		link_hide(netlink->links, name, ifindex);
	if (netlink->links->dirty)
		event_active(netlink->deferred, EV_TIMEOUT, 0);
	return rc;
}

static int mtu_each(const struct nlmsghdr *message, void *arg)
{
	uint32_t *mtu = arg;
	struct link link;

	if (message->nlmsg_type == RTM_NEWLINK && link_parse(message, &link))
		*mtu = link.mtu;
	return MNL_CB_OK;
}

int link_peer_mtu(struct netlink *netlink, const struct link *link, uint32_t *ret)
{
	struct netlink_request request;
	uint32_t mtu = 0;
	int rc;

	link_request(&request, 0, link->peer);
	mnl_attr_put_u32(&request.header, IFLA_TARGET_NETNSID, (uint32_t)link->peer_nsid);
	rc = netlink_do(netlink, &request, mtu_each, &mtu, NULL);
	if (!rc && !mtu)
		rc = -ENODATA;
	*ret = mtu;
	return rc;
}

const struct link *link_by_index(const struct netlink *netlink, uint32_t ifindex)
{
	struct link_entry *entry = entry_find(netlink->links, ifindex);

	return entry && !entry->gone ? &entry->now : NULL;
}

const struct link *link_by_name(const struct netlink *netlink, const char *name)
{
	struct link_entry *entry;

	HASH_FIND(by_name, netlink->links->by_name, name, strlen(name), entry);
	return entry ? &entry->now : NULL;
}

const struct link *link_next(const struct netlink *netlink, const struct link *link)
{
	struct link_entry *entry = netlink->links->by_index;

	if (link) {
		entry = entry_find(netlink->links, link->ifindex);
		entry = entry ? entry->by_index.next : NULL;
	}
	while (entry && entry->gone)
		entry = entry->by_index.next;
	return entry ? &entry->now : NULL;
}
