/* SPDX-License-Identifier: GPL-2.0-only */
/* The cache of this host's own addresses: by address, and by device. */
#include <errno.h>
#include <linux/if_addr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uthash.h>
#include <utlist.h>

#include "daemon/netlink.h"
#include "daemon/netlink_cache.h"
#include "lib/addr.h"
#include "lib/table.h"

/* The same address may stand on several devices, and on one device with several prefix lengths. */
struct address {
	struct weft_addr addr;
	uint32_t ifindex;
	uint32_t generation;
	uint8_t len;
	uint8_t scope;
	bool untold; /* a dump brought it: listeners are told when the dump has been read */
	struct address *next;	      /* of the same device */
	struct address *next_by_addr; /* the same address */
};

struct address_device {
	uint32_t ifindex;
	struct address *list; /* oldest first */
	UT_hash_handle hh;
};

struct address_head {
	struct weft_addr addr;
	struct address *list;
	UT_hash_handle hh;
};

struct address_cache {
	struct address_device *devices;
	struct address_head *heads;
	uint32_t generation;
};

struct address_cache *address_cache_new(void)
{
	return calloc(1, sizeof(struct address_cache));
}

static struct address_device *device_find(const struct address_cache *cache, uint32_t ifindex)
{
	struct address_device *device;

	HASH_FIND(hh, cache->devices, &ifindex, sizeof(ifindex), device);
	return device;
}

static struct address_head *head_find(const struct address_cache *cache,
				      const struct weft_addr *addr)
{
	struct address_head *head;

	HASH_FIND(hh, cache->heads, addr, sizeof(*addr), head);
	return head;
}

static struct address *address_find(const struct address_cache *cache, const struct address *like)
{
	struct address_head *head = head_find(cache, &like->addr);
	struct address *address = NULL;

	if (head)
		LL_FOREACH2(head->list, address, next_by_addr)
	if (address->ifindex == like->ifindex && address->len == like->len)
		break;
	return address;
}

/* Is the address on that device, with whatever prefix length? */
static bool address_there(const struct address_cache *cache, uint32_t ifindex,
			  const struct weft_addr *addr)
{
	struct address_head *head = head_find(cache, addr);
	struct address *address;

	if (head)
		LL_FOREACH2(head->list, address, next_by_addr)
	if (address->ifindex == ifindex)
		return true;
	return false;
}

static void address_remove(struct netlink *netlink, struct address *address)
{
	struct address_cache *cache = netlink->addresses;
	struct address_device *device = device_find(cache, address->ifindex);
	struct address_head *head = head_find(cache, &address->addr);
	uint32_t ifindex = address->ifindex;
	struct weft_addr addr = address->addr;

	LL_DELETE(device->list, address);
	if (!device->list) {
		HASH_DEL(cache->devices, device);
		free(device);
	}
	LL_DELETE2(head->list, address, next_by_addr);
	if (!head->list) {
		HASH_DEL(cache->heads, head);
		free(head);
	}
	free(address);
	if (!address_there(cache, ifindex, &addr))
		netlink_tell_addr(netlink, false, ifindex, &addr);
}

static int address_insert(struct netlink *netlink, const struct address *like, bool quiet)
{
	struct address_cache *cache = netlink->addresses;
	struct address_device *device = device_find(cache, like->ifindex);
	struct address_head *head = head_find(cache, &like->addr);
	struct address *address = calloc(1, sizeof(*address));
	bool known = address_there(cache, like->ifindex, &like->addr);

	if (!device) {
		device = calloc(1, sizeof(*device));
		if (device) {
			device->ifindex = like->ifindex;
			HASH_ADD(hh, cache->devices, ifindex, sizeof(device->ifindex), device);
		}
	}
	if (!head) {
		head = calloc(1, sizeof(*head));
		if (head) {
			head->addr = like->addr;
			HASH_ADD(hh, cache->heads, addr, sizeof(head->addr), head);
		}
	}
	if (!address || !device || !head) {
		free(address);
		return -ENOMEM;
	}
	*address = *like;
	address->untold = quiet && !known;
	address->next = address->next_by_addr = NULL;
	LL_APPEND(device->list, address);
	LL_APPEND2(head->list, address, next_by_addr);
	if (!known && !quiet)
		netlink_tell_addr(netlink, true, like->ifindex, &like->addr);
	return 0;
}

void address_cache_free(struct address_cache *cache)
{
	struct address_device *device, *next_device;
	struct address *address, *next;

	if (!cache)
		return;
	table_free(cache->heads);
	HASH_ITER (hh, cache->devices, device, next_device) {
		LL_FOREACH_SAFE(device->list, address, next)
		free(address);
		HASH_DEL(cache->devices, device);
		free(device);
	}
	free(cache);
}

static bool address_parse(const struct nlmsghdr *message, struct address *ret)
{
	const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	bool local = false, found = false;

	memset(ret, 0, sizeof(*ret));
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*head) ||
	    (head->ifa_family != AF_INET && head->ifa_family != AF_INET6))
		return false;
	ret->ifindex = head->ifa_index;
	ret->len = head->ifa_prefixlen;
	ret->scope = head->ifa_scope;
	mnl_attr_for_each(attr, message, sizeof(*head))
	{
		/* IFA_ADDRESS is the other end's where there is an IFA_LOCAL */
		if (mnl_attr_get_type(attr) == IFA_LOCAL)
			local = found = netlink_get_addr(attr, &ret->addr);
		else if (mnl_attr_get_type(attr) == IFA_ADDRESS && !local)
			found = netlink_get_addr(attr, &ret->addr);
	}
	return found;
}

int address_cache_update(struct netlink *netlink, const struct nlmsghdr *message, bool quiet)
{
	struct address_cache *cache = netlink->addresses;
	struct address *address;
	struct address like;

	if (!address_parse(message, &like))
		return 0;
	like.generation = cache->generation;
	address = address_find(cache, &like);
	if (message->nlmsg_type == RTM_DELADDR) {
		if (address)
			address_remove(netlink, address);
		return 0;
	}
	if (!address)
		return address_insert(netlink, &like, quiet);
	address->generation = cache->generation;
	address->scope = like.scope;
	return 0;
}

void address_cache_drop(struct netlink *netlink, uint32_t ifindex)
{
	struct address_device *device;

	while ((device = device_find(netlink->addresses, ifindex)))
		address_remove(netlink, device->list);
}

int address_cache_sync(struct netlink *netlink, bool quiet, struct error *err)
{
	struct address_cache *cache = netlink->addresses;
	struct netlink_request request;
	struct address_device *device, *next_device;
	struct address *address, *next;
	struct ifaddrmsg *head;
	bool untold;
	int rc = -EINTR;

	head = netlink_request(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(*head));
	head->ifa_family = AF_UNSPEC;
	for (int i = 0; rc == -EINTR && i < SYNC_ATTEMPTS; i++) {
		cache->generation++;
		rc = cache_read(netlink, &request, RTM_NEWADDR, address_cache_update);
	}
	if (rc)
		return error_set(err, rc, "netlink: reading addresses: %s", strerror(-rc));
	/* removing a device's last address frees the device: its last `next` is read before that */
	HASH_ITER (hh, cache->devices, device, next_device)
		for (address = device->list; address; address = next) {
			next = address->next;
			untold = address->untold && !quiet;
			address->untold = false;
			if (address->generation != cache->generation)
				address_remove(netlink, address);
			else if (untold)
				netlink_tell_addr(netlink, true, address->ifindex, &address->addr);
		}
	return 0;
}

uint32_t address_device(const struct netlink *netlink, const struct weft_addr *addr)
{
	struct address_head *head = head_find(netlink->addresses, addr);

	return head && head->list ? head->list->ifindex : 0;
}

bool address_on_device(const struct netlink *netlink, uint32_t ifindex)
{
	struct address_device *device = device_find(netlink->addresses, ifindex);
	const struct address *address;

	if (device)
		LL_FOREACH (device->list, address)
			if (address->scope < RT_SCOPE_LINK)
				return true;
	return false;
}

bool address_of_device(const struct netlink *netlink, uint32_t ifindex, int family,
		       struct weft_addr *ret)
{
	struct address_device *device = device_find(netlink->addresses, ifindex);
	const struct address *address, *best = NULL;

	if (!device)
		return false;
	LL_FOREACH (device->list, address) {
		if (addr_is_v4(&address->addr) != (family == AF_INET))
			continue;
		/* scopes count from the world (0) to this host (254) */
		if (!best || address->scope < best->scope)
			best = address;
	}
	if (best)
		*ret = best->addr;
	return best != NULL;
}

void address_walk(const struct netlink *netlink,
		  void (*each)(void *arg, const struct weft_addr *addr, uint32_t ifindex),
		  void *arg)
{
	struct address_device *device, *next;
	struct address *address;

	HASH_ITER (hh, netlink->addresses->devices, device, next)
		LL_FOREACH (device->list, address)
			each(arg, &address->addr, address->ifindex);
}
