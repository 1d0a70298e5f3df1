/* SPDX-License-Identifier: GPL-2.0-only */
/* Underlay devices: which they are, and the program on them. */
#include "daemon/underlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "daemon/hook.h"
#include "lib/table.h"

#define LOOPBACK_IFINDEX 1 /* of `lo` in every namespace */

/* A device that is an underlay device now. */
struct member {
	uint32_t ifindex;
	bool attached;
	char problem[ERROR_LINE]; /* why not */
	UT_hash_handle hh;
};

/* A device that tunnels name, whether it is there or not. */
struct hold {
	char dev[IFNAMSIZ];
	unsigned int count;
	UT_hash_handle hh;
};

struct exclusion {
	uint32_t ifindex;
	UT_hash_handle hh;
};

struct underlay {
	struct netlink *netlink;
	struct nexthops *nexthops;
	struct netlink_listener listener;
	struct member *members;
	struct hold *holds;
	struct exclusion *exclusions;
	int prog_fd; /* -1: not started */
};

static struct member *member_find(const struct underlay *underlay, uint32_t ifindex)
{
	struct member *member;

	HASH_FIND(hh, underlay->members, &ifindex, sizeof(ifindex), member);
	return member;
}

static bool is_wanted(const struct underlay *underlay, const struct link *link)
{
	struct exclusion *exclusion;
	struct hold *hold;

	if (link->ifindex == LOOPBACK_IFINDEX)
		return true;
	HASH_FIND(hh, underlay->exclusions, &link->ifindex, sizeof(link->ifindex), exclusion);
	if (exclusion || link->ours)
		return false;
	HASH_FIND_STR(underlay->holds, link->name, hold);
	if (hold)
		return true;
	return link->type == ARPHRD_ETHER && (address_on_device(underlay->netlink, link->ifindex) ||
					      nexthops_use(underlay->nexthops, link->ifindex));
}

static int member_attach(struct underlay *underlay, struct member *member, struct error *err)
{
	struct error refused = {0};
	int rc = hook_attach(underlay->netlink, member->ifindex, HOOK_INGRESS, underlay->prog_fd,
			     "weft_underlay", &refused);

	member->attached = !rc;
	memcpy(member->problem, refused.line, sizeof(member->problem));
	return rc ? error_set(err, rc, "%s", refused.line) : 0;
}

static int member_remove(struct underlay *underlay, struct member *member, struct error *err)
{
	int rc = 0;

	if (member->attached)
		rc = hook_detach(underlay->netlink, member->ifindex, HOOK_INGRESS, err);
	HASH_DEL(underlay->members, member);
	free(member);
	return rc;
}

static int member_add(struct underlay *underlay, uint32_t ifindex, struct error *err)
{
	struct member *member = calloc(1, sizeof(*member));

	if (!member)
		return error_set(err, -ENOMEM, "underlay: out of memory");
	member->ifindex = ifindex;
	HASH_ADD(hh, underlay->members, ifindex, sizeof(member->ifindex), member);
	return member_attach(underlay, member, err);
}

/* Makes the device what it ought to be now. */
static int evaluate(struct underlay *underlay, const struct link *link, struct error *err)
{
	struct member *member = member_find(underlay, link->ifindex);
	bool wanted = underlay->prog_fd >= 0 && is_wanted(underlay, link);

	if (wanted && !member)
		return member_add(underlay, link->ifindex, err);
	if (wanted && !member->attached)
		return member_attach(underlay, member, err);
	if (!wanted && member)
		return member_remove(underlay, member, err);
	return 0;
}

static void evaluate_index(struct underlay *underlay, uint32_t ifindex)
{
	const struct link *link = link_by_index(underlay->netlink, ifindex);

	if (link)
		evaluate(underlay, link, NULL);
}

static void evaluate_all(void *arg)
{
	struct underlay *underlay = arg;

	for (const struct link *link = link_next(underlay->netlink, NULL); link;
	     link = link_next(underlay->netlink, link))
		evaluate(underlay, link, NULL);
}

/* --- events -------------------------------------------------------------------------------- */

static void on_link(void *arg, enum link_event event, const struct link *link,
		    const struct link *old)
{
	struct underlay *underlay = arg;
	struct member *member = member_find(underlay, link->ifindex);

	(void)old;
	if (event != LINK_REMOVED) {
		evaluate_index(underlay, link->ifindex);
	} else if (member) {
		/* it may only be in another namespace by now; the filter went when it left */
		member->attached = false;
		member_remove(underlay, member, NULL);
	}
}

static void on_addr(void *arg, bool added, uint32_t ifindex, const struct weft_addr *addr)
{
	(void)added;
	(void)addr;
	evaluate_index(arg, ifindex);
}

/* Taken off by somebody else: put there again. Our own taking off leaves no member. */
static void on_filter(void *arg, uint32_t ifindex)
{
	struct underlay *underlay = arg;
	struct member *member = member_find(underlay, ifindex);

	if (member && member->attached && hook_query(underlay->netlink, ifindex, HOOK_INGRESS) == 0)
		member_attach(underlay, member, NULL);
}

/* --- calls --------------------------------------------------------------------------------- */

int underlay_start(struct underlay *underlay, int prog_fd, struct error *err)
{
	int copy = fcntl(prog_fd, F_DUPFD_CLOEXEC, 3);
	const struct link *lo = link_by_index(underlay->netlink, LOOPBACK_IFINDEX);
	struct member *member, *next;
	int rc;

	if (copy < 0)
		return error_set(err, -errno, "underlay: %s", strerror(errno));
	if (underlay->prog_fd >= 0)
		close(underlay->prog_fd);
	underlay->prog_fd = copy;
	HASH_ITER (hh, underlay->members, member, next)
		member_attach(underlay, member, NULL);
	rc = lo ? evaluate(underlay, lo, err) : error_set(err, -ENODEV, "no such device");
	if (rc) {
		underlay_stop(underlay);
		return error_prefix(err, "underlay: lo");
	}
	evaluate_all(underlay);
	return 0;
}

void underlay_stop(struct underlay *underlay)
{
	struct member *member, *next;

	HASH_ITER (hh, underlay->members, member, next)
		member_remove(underlay, member, NULL);
	if (underlay->prog_fd >= 0)
		close(underlay->prog_fd);
	underlay->prog_fd = -1;
}

int underlay_hold(struct underlay *underlay, const char *dev, struct error *err)
{
	const struct link *link = link_by_name(underlay->netlink, dev);
	struct error refused = {0};
	struct hold *hold;
	int rc;

	HASH_FIND_STR(underlay->holds, dev, hold);
	if (!hold) {
		hold = calloc(1, sizeof(*hold));
		if (!hold)
			return error_set(err, -ENOMEM, "underlay: out of memory");
		strncpy(hold->dev, dev, sizeof(hold->dev) - 1);
		HASH_ADD_STR(underlay->holds, dev, hold);
	}
	hold->count++;
	rc = link ? evaluate(underlay, link, &refused) : 0;
	if (!rc)
		return 0;
	underlay_release(underlay, dev);
	return error_set(err, rc, "dev: %s: %s", dev, refused.line);
}

void underlay_release(struct underlay *underlay, const char *dev)
{
	const struct link *link = link_by_name(underlay->netlink, dev);
	struct hold *hold;

	HASH_FIND_STR(underlay->holds, dev, hold);
	if (!hold || --hold->count)
		return;
	HASH_DEL(underlay->holds, hold);
	free(hold);
	if (link)
		evaluate(underlay, link, NULL);
}

int underlay_exclude(struct underlay *underlay, uint32_t ifindex, struct error *err)
{
	struct member *member = member_find(underlay, ifindex);
	struct exclusion *exclusion;

	HASH_FIND(hh, underlay->exclusions, &ifindex, sizeof(ifindex), exclusion);
	if (exclusion)
		return 0;
	exclusion = calloc(1, sizeof(*exclusion));
	if (!exclusion)
		return error_set(err, -ENOMEM, "underlay: out of memory");
	exclusion->ifindex = ifindex;
	HASH_ADD(hh, underlay->exclusions, ifindex, sizeof(exclusion->ifindex), exclusion);
	return member ? member_remove(underlay, member, err) : 0;
}

void underlay_include(struct underlay *underlay, uint32_t ifindex)
{
	struct exclusion *exclusion;

	HASH_FIND(hh, underlay->exclusions, &ifindex, sizeof(ifindex), exclusion);
	if (!exclusion)
		return;
	HASH_DEL(underlay->exclusions, exclusion);
	free(exclusion);
	evaluate_index(underlay, ifindex);
}

bool underlay_has(const struct underlay *underlay, uint32_t ifindex)
{
	return member_find(underlay, ifindex) != NULL;
}

void underlay_walk(const struct underlay *underlay,
		   void (*each)(void *arg, const char *name, uint32_t ifindex, const char *problem),
		   void *arg)
{
	struct member *member, *next;
	const struct link *link;

	HASH_ITER (hh, underlay->members, member, next) {
		link = link_by_index(underlay->netlink, member->ifindex);
		if (link)
			each(arg, link->name, member->ifindex,
			     member->attached ? NULL : member->problem);
	}
}

/* --- life ---------------------------------------------------------------------------------- */

int underlay_new(struct netlink *netlink, struct nexthops *nexthops, struct event_base *base,
		 struct underlay **ret, struct error *err)
{
	struct underlay *underlay = calloc(1, sizeof(*underlay));

	(void)base;
	if (!underlay)
		return error_set(err, -ENOMEM, "underlay: out of memory");
	underlay->netlink = netlink;
	underlay->nexthops = nexthops;
	underlay->prog_fd = -1;
	underlay->listener = (struct netlink_listener){
		.link = on_link, .addr = on_addr, .filter = on_filter, .arg = underlay};
	netlink_listen(netlink, &underlay->listener);
	nexthops_watch(nexthops, evaluate_all, underlay);
	*ret = underlay;
	return 0;
}

void underlay_free(struct underlay *underlay)
{
	if (!underlay)
		return;
	netlink_unlisten(underlay->netlink, &underlay->listener);
	nexthops_watch(underlay->nexthops, NULL, NULL);
	table_free(underlay->members);
	table_free(underlay->holds);
	table_free(underlay->exclusions);
	if (underlay->prog_fd >= 0)
		close(underlay->prog_fd);
	free(underlay);
}
