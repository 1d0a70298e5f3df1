/* SPDX-License-Identifier: GPL-2.0-only */
/* Its devices are known by alias and kind, whatever somebody may have called them since. */
#include "daemon/splitter.h"

#include <stdio.h>
#include <string.h>

#include "daemon/device.h"
#include "daemon/hook.h"

#define LOWER_NAME "weft-split"
#define UPPER_NAME "weft-cut"
#define UPPER_KIND "macvlan"
#define QUIET_MTU                                                                                  \
	1279 /* below the least of IPv6, whose stack leaves such a device alone; cutting does not ask */

/* NULL: there is none. */
static const struct link *half_find(const struct netlink *netlink, bool upper)
{
	const struct link *link;

	for (link = link_next(netlink, NULL); link; link = link_next(netlink, link))
		if (device_is_splitter(link) && !strcmp(link->kind, UPPER_KIND) == upper)
			break;
	return link;
}

/* `below` is that of the spec. */
static int half_make(struct netlink *netlink, uint32_t below, uint32_t *ret_ifindex,
		     struct error *err)
{
	const struct link *link = half_find(netlink, below);
	char name[IFNAMSIZ];
	struct device_spec spec = {.name = name,
				   .alias = DEVICE_SPLITTER,
				   .mtu = QUIET_MTU,
				   .below = below,
				   .noarp = true,
				   .nomulticast = true};

	snprintf(name, sizeof(name), "%s", link ? link->name : below ? UPPER_NAME : LOWER_NAME);
	return device_create(netlink, &spec, ret_ifindex, err);
}

/* What the cache has may be gone: the kernel is asked. An upper one that is not above the lower one is of no use. */
static int halves_check(struct netlink *netlink, struct error *err)
{
	const struct link *lower, *upper;

	for (int i = 0; i < 2; i++) {
		const struct link *link = half_find(netlink, i);

		if (link)
			link_refresh(netlink, NULL, link->ifindex);
	}
	lower = half_find(netlink, false);
	upper = half_find(netlink, true);
	if (upper && (!lower || upper->peer != lower->ifindex))
		return device_delete(netlink, upper->ifindex, err);
	return 0;
}

int splitter_start(struct netlink *netlink, int prog_fd, uint32_t *ret_ifindex, struct error *err)
{
	struct error refused = {0};
	uint32_t lower, upper = 0;
	int rc = halves_check(netlink, &refused);

	if (!rc)
		rc = half_make(netlink, 0, &lower, &refused);
	if (!rc)
		rc = hook_attach(netlink, lower, HOOK_EGRESS, prog_fd, "weft_split", &refused);
	if (!rc)
		rc = half_make(netlink, lower, &upper, &refused);
	if (!rc)
		rc = device_gso_off(netlink, upper, &refused);
	if (!rc) {
		*ret_ifindex = upper;
		return 0;
	}
	splitter_stop(netlink);
	return error_set(err, rc, "splitter: %s", refused.line);
}

void splitter_stop(struct netlink *netlink)
{
	const struct link *link;
	uint32_t ifindex;

	/* the upper one goes with the lower one, where they belong together */
	while ((link = half_find(netlink, false)) || (link = half_find(netlink, true))) {
		ifindex = link->ifindex;
		if (device_delete(netlink, ifindex, NULL))
			break;
		link = half_find(netlink, true);
		if (link)
			link_refresh(netlink, NULL, link->ifindex);
	}
}

bool splitter_found(const struct netlink *netlink)
{
	return half_find(netlink, false) || half_find(netlink, true);
}

bool splitter_hurt(enum link_event event, const struct link *link, const struct link *old)
{
	bool down = old && (old->flags & IFF_UP) && !(link->flags & IFF_UP);

	return device_is_splitter(link) && (event == LINK_REMOVED || down);
}

bool splitter_unhooked(struct netlink *netlink, uint32_t ifindex)
{
	const struct link *lower = half_find(netlink, false);

	return lower && lower->ifindex == ifindex && !hook_query(netlink, ifindex, HOOK_EGRESS);
}
