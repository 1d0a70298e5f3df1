/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/hook.h"

#include "daemon/clsact.h"
#include "daemon/tcx.h"

/* Are there filters of ours on clsact although the kernel has tcx? */
static bool filters_left;

static bool clsact_used(void)
{
	return filters_left || !tcx_supported();
}

int hook_attach(struct netlink *netlink, uint32_t ifindex, enum hook hook, int prog_fd,
		const char *name, struct error *err)
{
	int rc;

	if (!tcx_supported())
		return clsact_attach(netlink, ifindex, hook, prog_fd, name, err);
	rc = tcx_attach(ifindex, hook, prog_fd, err);
	return rc || !filters_left ? rc : clsact_detach(netlink, ifindex, hook, err);
}

int hook_detach(struct netlink *netlink, uint32_t ifindex, enum hook hook, struct error *err)
{
	int rc = tcx_supported() ? tcx_detach(ifindex, hook, err) : 0;

	return rc || !clsact_used() ? rc : clsact_detach(netlink, ifindex, hook, err);
}

int64_t hook_query(struct netlink *netlink, uint32_t ifindex, enum hook hook)
{
	int64_t id = tcx_supported() ? tcx_query(ifindex, hook) : 0;

	return id || !clsact_used() ? id : clsact_query(netlink, ifindex, hook);
}

int hook_walk(struct netlink *netlink, hook_each *each, void *arg, struct error *err)
{
	if (tcx_supported())
		tcx_walk(netlink, each, arg);
	return clsact_used() ? clsact_walk(netlink, each, arg, err) : 0;
}

static void filter_seen(void *arg, uint32_t ifindex, enum hook hook, uint32_t prog_id)
{
	(void)ifindex;
	(void)hook;
	(void)prog_id;
	if (arg)
		*(bool *)arg = true;
}

int hook_start(struct netlink *netlink, struct error *err)
{
	if (!tcx_supported())
		return 0;
	tcx_walk(netlink, filter_seen, NULL);
	return clsact_walk(netlink, filter_seen, &filters_left, err);
}

void hook_settle(void)
{
	filters_left = false;
	tcx_settle();
}

void hook_stop(void)
{
	hook_settle();
	tcx_forget();
}

void hook_watch(struct netlink *netlink)
{
	if (tcx_supported())
		tcx_watch(netlink);
}

unsigned int hook_others(uint32_t ifindex, enum hook hook)
{
	return tcx_supported() ? tcx_others(ifindex, hook) : 0;
}

const char *hook_kind(void)
{
	return tcx_supported() ? "tcx" : "clsact";
}
