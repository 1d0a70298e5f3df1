/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Next hops: see daemon/nexthop.h.
 *
 * Events only mark paths as dirty; they are resolved again in the next turn of the loop, and users whose
 * result changed are called then. A neighbour's event costs no request, a route's one for each path
 * that it covers.
 */
#include "daemon/nexthop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "daemon/neighbour.h"
#include "daemon/route.h"
#include "lib/addr.h"
#include "lib/table.h"

#define NUD_USABLE (NUD_PERMANENT | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

#define LOOPBACK_IFINDEX 1 /* of `lo` in every namespace */

/* The way to one key, shared by its users. */
struct path {
	struct nexthop_key key;
	struct nexthop now;
	struct neighbour_entry *neighbour; /* NULL: none needed, or no route */
	struct nexthop_user *users;
	uint32_t device_mtu;
	bool dirty; /* the route is to be asked for again */
	UT_hash_handle hh;
};

struct nexthop_user {
	struct nexthops *nexthops;
	struct path *path;
	nexthop_callback callback;
	void *arg;
	bool pending; /* is in the list of those to call */
	struct nexthop_user *next, *prev;
	struct nexthop_user *pending_next, *pending_prev;
};

/* How many paths go by a device. */
struct device_use {
	uint32_t ifindex;
	unsigned int count;
	UT_hash_handle hh;
};

struct nexthops {
	struct netlink *netlink;
	struct netlink_listener listener;
	struct neighbours neighbours;
	struct path *paths;
	struct nexthop_user *pending;
	struct device_use *devices;
	struct event *work;
	bool devices_changed;
	void (*changed)(void *arg);
	void *changed_arg;
};

static void work_soon(struct nexthops *nexthops)
{
	event_active(nexthops->work, EV_TIMEOUT, 0);
}

/* --- devices in use ------------------------------------------------------------------------ */

static void device_count(struct nexthops *nexthops, uint32_t ifindex, int difference)
{
	struct device_use *use;

	if (!ifindex)
		return;
	HASH_FIND(hh, nexthops->devices, &ifindex, sizeof(ifindex), use);
	if (!use && difference > 0) {
		use = calloc(1, sizeof(*use));
		if (!use)
			return;
		use->ifindex = ifindex;
		HASH_ADD(hh, nexthops->devices, ifindex, sizeof(use->ifindex), use);
		nexthops->devices_changed = true;
	}
	if (!use)
		return;
	use->count += (unsigned int)difference;
	if (!use->count) {
		HASH_DEL(nexthops->devices, use);
		free(use);
		nexthops->devices_changed = true;
	}
}

bool nexthops_use(const struct nexthops *nexthops, uint32_t ifindex)
{
	struct device_use *use;

	HASH_FIND(hh, nexthops->devices, &ifindex, sizeof(ifindex), use);
	return use != NULL;
}

void nexthops_watch(struct nexthops *nexthops, void (*changed)(void *arg), void *arg)
{
	nexthops->changed = changed;
	nexthops->changed_arg = arg;
}

/* --- resolving ----------------------------------------------------------------------------- */

static void ethernet_set(struct path *path, const uint8_t to[6], const struct link *link)
{
	uint16_t type = htons(addr_is_v4(&path->key.addr) ? ETH_P_IP : ETH_P_IPV6);

	path->now.state = NEXTHOP_RESOLVED;
	memcpy(path->now.ethernet, to, 6);
	memcpy(path->now.ethernet + 6, link->lladdr, 6);
	memcpy(path->now.ethernet + 12, &type, sizeof(type));
}

/* The MACs and the state, from what is known of route, link and neighbour. */
static void path_finish(struct path *path, struct nexthops *nexthops)
{
	const struct link *link = link_by_index(nexthops->netlink, path->now.ifindex);
	static const uint8_t zero[6];
	uint8_t mac[6];

	memset(path->now.ethernet, 0, sizeof(path->now.ethernet));
	if (!link) {
		path->now.ifindex = 0;
		path->now.state = NEXTHOP_NO_ROUTE;
	} else if (path->now.local) {
		ethernet_set(path, zero, link);
	} else if (addr_is_multicast(&path->key.addr) && link->type == ARPHRD_ETHER) {
		addr_group_mac(&path->key.addr, mac);
		ethernet_set(path, mac, link);
	} else if (path->neighbour && (path->neighbour->seen.state & NUD_USABLE)) {
		ethernet_set(path, path->neighbour->seen.lladdr, link);
	} else if (path->neighbour && (path->neighbour->seen.state & NUD_FAILED)) {
		path->now.state = NEXTHOP_UNREACHABLE;
	} else {
		path->now.state = NEXTHOP_RESOLVING;
	}
}

/* A group goes out by the device that is named, whatever the routes say. */
static void group_route(struct nexthops *nexthops, const struct path *path,
			const struct link *device, struct route *ret)
{
	int family = addr_is_v4(&path->key.addr) ? AF_INET : AF_INET6;

	memset(ret, 0, sizeof(*ret));
	ret->gateway = path->key.addr;
	ret->source = path->key.local;
	if (device->flags & IFF_UP)
		ret->ifindex = device->ifindex;
	if (addr_is_any(&ret->source))
		address_of_device(nexthops->netlink, device->ifindex, family, &ret->source);
}

static void path_route(struct nexthops *nexthops, const struct path *path, struct route *ret)
{
	const struct link *device = NULL;

	if (path->key.dev[0]) {
		device = link_by_name(nexthops->netlink, path->key.dev);
		if (!device) {
			memset(ret, 0, sizeof(*ret));
			return;
		}
	}
	if (device && addr_is_multicast(&path->key.addr))
		group_route(nexthops, path, device, ret);
	else
		route_get(nexthops->netlink, &path->key, device ? device->ifindex : 0, ret);
}

/* The neighbour that the route needs, held before the one it needed so far is dropped. */
static void path_neighbour(struct nexthops *nexthops, struct path *path, const struct link *link)
{
	struct neighbour_entry *old = path->neighbour;

	path->neighbour = NULL;
	if (link && !path->now.local && !addr_is_multicast(&path->key.addr) &&
	    link->type == ARPHRD_ETHER && !(link->flags & (IFF_NOARP | IFF_LOOPBACK)))
		path->neighbour =
			neighbour_hold(&nexthops->neighbours, link->ifindex, &path->now.gateway);
	if (path->neighbour)
		neighbour_manage(&nexthops->neighbours, path->neighbour);
	if (old)
		neighbour_drop(&nexthops->neighbours, old);
}

static void path_resolve(struct nexthops *nexthops, struct path *path)
{
	const struct link *link;
	struct route route;

	path->dirty = false;
	path_route(nexthops, path, &route);
	if (route.local) /* whatever device has the address */
		route.ifindex = LOOPBACK_IFINDEX;
	link = route.ifindex ? link_by_index(nexthops->netlink, route.ifindex) : NULL;
	if (route.ifindex != path->now.ifindex) {
		device_count(nexthops, route.ifindex, 1);
		device_count(nexthops, path->now.ifindex, -1);
	}
	path->now.ifindex = route.ifindex;
	path->now.local = route.local;
	path->now.gateway = route.gateway;
	path->now.source = route.source;
	path->now.mtu = link ? link->mtu : 0;
	if (route.mtu && route.mtu < path->now.mtu)
		path->now.mtu = route.mtu;
	if (path->now.mtu > NEXTHOP_MTU_MAX)
		path->now.mtu = NEXTHOP_MTU_MAX;
	path_neighbour(nexthops, path, link);
	path_finish(path, nexthops);
}

/* --- telling ------------------------------------------------------------------------------- */

static void path_tell(struct nexthops *nexthops, struct path *path)
{
	struct nexthop_user *user;

	DL_FOREACH (path->users, user) {
		if (user->pending)
			continue;
		user->pending = true;
		DL_APPEND2(nexthops->pending, user, pending_prev, pending_next);
	}
}

static void work(evutil_socket_t fd, short what, void *arg)
{
	struct nexthops *nexthops = arg;
	struct nexthop_user *user;
	struct path *path, *next;
	struct nexthop before, now;

	(void)fd;
	(void)what;
	HASH_ITER (hh, nexthops->paths, path, next) {
		if (!path->dirty)
			continue;
		memcpy(&before, &path->now, sizeof(before));
		path_resolve(nexthops, path);
		if (memcmp(&before, &path->now, sizeof(before)) != 0)
			path_tell(nexthops, path);
	}
	/* a callback may give up users, its own too */
	while ((user = nexthops->pending)) {
		DL_DELETE2(nexthops->pending, user, pending_prev, pending_next);
		user->pending = false;
		memcpy(&now, &user->path->now, sizeof(now));
		if (user->callback)
			user->callback(user->arg, &now);
	}
	if (nexthops->devices_changed && nexthops->changed) {
		nexthops->devices_changed = false;
		nexthops->changed(nexthops->changed_arg);
	}
}

/* --- events -------------------------------------------------------------------------------- */

static void dirty_all(struct nexthops *nexthops)
{
	struct path *path, *next;

	HASH_ITER (hh, nexthops->paths, path, next)
		path->dirty = true;
	work_soon(nexthops);
}

static bool prefix_covers(const struct weft_addr *network, uint8_t len,
			  const struct weft_addr *addr)
{
	uint32_t mask;

	for (int i = 0; i < 4 && len > i * 32; i++) {
		mask = len >= (i + 1) * 32 ? UINT32_MAX : ~(UINT32_MAX >> (len - i * 32));
		if ((network->word[i] ^ addr->word[i]) & htonl(mask))
			return false;
	}
	return true;
}

static void on_route(void *arg, const struct route_event *event)
{
	struct nexthops *nexthops = arg;
	struct path *path, *next;

	if (event->all) {
		neighbours_refresh(&nexthops->neighbours);
		dirty_all(nexthops);
		return;
	}
	HASH_ITER (hh, nexthops->paths, path, next) {
		if (!path->dirty && prefix_covers(&event->dst, event->len, &path->key.addr)) {
			path->dirty = true;
			work_soon(nexthops);
		}
	}
}

/* A new device matters to those that name it, or have no route. */
static void on_link_added(struct nexthops *nexthops, const struct link *link)
{
	struct path *path, *next;

	HASH_ITER (hh, nexthops->paths, path, next) {
		if (path->now.ifindex && strcmp(path->key.dev, link->name) != 0)
			continue;
		path->dirty = true;
		work_soon(nexthops);
	}
}

/* A device that goes up or down takes IPv4 routes along without a word. */
static void on_link(void *arg, enum link_event event, const struct link *link,
		    const struct link *old)
{
	const uint32_t matter = IFF_UP | IFF_RUNNING | IFF_NOARP;
	struct nexthops *nexthops = arg;

	if (event == LINK_CHANGED && old->mtu == link->mtu &&
	    !((old->flags ^ link->flags) & matter) &&
	    memcmp(old->lladdr, link->lladdr, sizeof(link->lladdr)) == 0)
		return;
	if (event == LINK_ADDED)
		on_link_added(nexthops, link);
	else
		dirty_all(nexthops);
}

static void on_addr(void *arg, bool added, uint32_t ifindex, const struct weft_addr *addr)
{
	(void)added;
	(void)ifindex;
	(void)addr;
	dirty_all(arg);
}

static void on_neighbour(void *arg, const struct neighbour *seen)
{
	struct nexthops *nexthops = arg;
	struct neighbour_entry *entry = neighbour_update(&nexthops->neighbours, seen);
	struct path *path, *next;
	struct nexthop before;

	if (!entry)
		return;
	HASH_ITER (hh, nexthops->paths, path, next) {
		if (path->neighbour != entry)
			continue;
		if (!seen->state) { /* gone: to be asked for again */
			path->dirty = true;
			work_soon(nexthops);
			continue;
		}
		memcpy(&before, &path->now, sizeof(before));
		path_finish(path, nexthops);
		if (memcmp(&before, &path->now, sizeof(before)) == 0)
			continue;
		path_tell(nexthops, path);
		work_soon(nexthops);
	}
}

/* --- users --------------------------------------------------------------------------------- */

static struct path *path_find(struct nexthops *nexthops, const struct nexthop_key *like)
{
	struct nexthop_key key;
	struct path *path;

	memset(&key, 0, sizeof(key));
	key.addr = like->addr;
	key.mark = like->mark;
	if (!addr_is_any(&like->local))
		key.local = like->local;
	memcpy(key.dev, like->dev, strnlen(like->dev, sizeof(key.dev) - 1));
	HASH_FIND(hh, nexthops->paths, &key, sizeof(key), path);
	if (path)
		return path;
	path = calloc(1, sizeof(*path));
	if (!path)
		return NULL;
	path->key = key;
	HASH_ADD(hh, nexthops->paths, key, sizeof(path->key), path);
	path_resolve(nexthops, path);
	if (nexthops->devices_changed)
		work_soon(nexthops);
	return path;
}

static void path_free(struct nexthops *nexthops, struct path *path)
{
	device_count(nexthops, path->now.ifindex, -1);
	if (nexthops->devices_changed)
		work_soon(nexthops);
	if (path->neighbour)
		neighbour_drop(&nexthops->neighbours, path->neighbour);
	HASH_DEL(nexthops->paths, path);
	free(path);
}

int nexthop_track(struct nexthops *nexthops, const struct nexthop_key *key,
		  nexthop_callback callback, void *arg, struct nexthop *ret,
		  struct nexthop_user **ret_user, struct error *err)
{
	struct nexthop_user *user = calloc(1, sizeof(*user));
	struct path *path = user ? path_find(nexthops, key) : NULL;

	if (!path) {
		free(user);
		return error_set(err, -ENOMEM, "next hop: out of memory");
	}
	user->nexthops = nexthops;
	user->path = path;
	user->callback = callback;
	user->arg = arg;
	DL_APPEND(path->users, user);
	*ret = path->now;
	*ret_user = user;
	return 0;
}

void nexthop_untrack(struct nexthop_user *user)
{
	struct nexthops *nexthops;
	struct path *path;

	if (!user)
		return;
	nexthops = user->nexthops;
	path = user->path;
	if (user->pending)
		DL_DELETE2(nexthops->pending, user, pending_prev, pending_next);
	DL_DELETE(path->users, user);
	free(user);
	if (!path->users)
		path_free(nexthops, path);
}

const struct nexthop *nexthop_get(const struct nexthop_user *user)
{
	return &user->path->now;
}

void nexthops_settle(struct nexthops *nexthops)
{
	neighbours_settle(&nexthops->neighbours);
}

const char *nexthop_state_name(enum nexthop_state state)
{
	static const char *const names[] = {
		[NEXTHOP_NO_ROUTE] = "no_route",
		[NEXTHOP_RESOLVING] = "resolving",
		[NEXTHOP_UNREACHABLE] = "unreachable",
		[NEXTHOP_RESOLVED] = "resolved",
	};

	return names[state];
}

/* --- life ---------------------------------------------------------------------------------- */

int nexthops_new(struct netlink *netlink, struct event_base *base, struct nexthops **ret,
		 struct error *err)
{
	struct nexthops *nexthops = calloc(1, sizeof(*nexthops));

	if (nexthops)
		nexthops->work = event_new(base, -1, 0, work, nexthops);
	if (!nexthops || !nexthops->work) {
		free(nexthops);
		return error_set(err, -ENOMEM, "next hops: out of memory");
	}
	nexthops->netlink = netlink;
	nexthops->neighbours.netlink = netlink;
	nexthops->listener = (struct netlink_listener){
		.link = on_link,
		.addr = on_addr,
		.route = on_route,
		.neighbour = on_neighbour,
		.arg = nexthops,
	};
	netlink_listen(netlink, &nexthops->listener);
	*ret = nexthops;
	return 0;
}

void nexthops_free(struct nexthops *nexthops)
{
	struct nexthop_user *user, *next_user;
	struct path *path, *next;

	if (!nexthops)
		return;
	netlink_unlisten(nexthops->netlink, &nexthops->listener);
	HASH_ITER (hh, nexthops->paths, path, next) {
		DL_FOREACH_SAFE(path->users, user, next_user)
		free(user);
		HASH_DEL(nexthops->paths, path);
		free(path);
	}
	table_free(nexthops->devices);
	neighbours_free(&nexthops->neighbours);
	event_free(nexthops->work);
	free(nexthops);
}
