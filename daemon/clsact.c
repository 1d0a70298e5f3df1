/* SPDX-License-Identifier: GPL-2.0-only */
/* Filters on clsact, over rtnetlink: see daemon/clsact.h for how ours are known. */
#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include "daemon/clsact.h"

#define FILTER_ATTEMPTS 8 /* a dump that changes under the reader is read again */

static uint32_t hook_parent(enum hook hook)
{
	return TC_H_MAKE(TC_H_CLSACT, hook == HOOK_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

static struct tcmsg *tc_request(struct netlink_request *request, uint16_t type, uint16_t flags,
				uint32_t ifindex)
{
	struct tcmsg *tc = netlink_request(request, type, flags, sizeof(*tc));

	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)ifindex;
	return tc;
}

/* --- what is there ------------------------------------------------------------------------- */

/* The filters of a hook: ours, and how many of others. */
struct filters {
	uint32_t handle; /* of ours, 0: none */
	uint32_t prog_id;
	unsigned int others;
};

static uint32_t options_prog_id(const struct nlattr *options)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, options)
	{
		if (mnl_attr_get_type(attr) == TCA_BPF_ID && mnl_attr_get_payload_len(attr) == 4)
			return mnl_attr_get_u32(attr);
	}
	return 0;
}

static int filter_each(const struct nlmsghdr *message, void *arg)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct filters *filters = arg;
	const struct nlattr *attr;
	const char *kind = "";
	uint32_t prog_id = 0;

	if (message->nlmsg_type != RTM_NEWTFILTER ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*tc))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*tc))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			kind = mnl_attr_get_str(attr);
		else if (mnl_attr_get_type(attr) == TCA_OPTIONS)
			prog_id = options_prog_id(attr);
	}
	if (!tc->tcm_handle) /* a chain of filters, told of before the filters in it */
		return MNL_CB_OK;
	if (TC_H_MAJ(tc->tcm_info) >> 16 == CLSACT_PRIORITY && strcmp(kind, "bpf") == 0 &&
	    (tc->tcm_handle == CLSACT_HANDLE || tc->tcm_handle == CLSACT_HANDLE_MADE)) {
		filters->handle = tc->tcm_handle;
		filters->prog_id = prog_id;
	} else {
		filters->others++;
	}
	return MNL_CB_OK;
}

/* 0 with nothing found also where there is no clsact. */
static int filters_read(struct netlink *netlink, uint32_t ifindex, enum hook hook,
			struct filters *ret, struct error *err)
{
	struct netlink_request request;
	struct error refused;
	int rc = -EINTR;

	for (int i = 0; rc == -EINTR && i < FILTER_ATTEMPTS; i++) {
		memset(ret, 0, sizeof(*ret));
		memset(&refused, 0, sizeof(refused));
		tc_request(&request, RTM_GETTFILTER, NLM_F_DUMP, ifindex)->tcm_parent =
			hook_parent(hook);
		rc = netlink_do(netlink, &request, filter_each, ret, &refused);
	}
	/* no clsact: -EINVAL or -ENOENT, or an empty answer, by kernel */
	if (rc == -EINVAL || rc == -ENOENT)
		return 0;
	return rc ? error_set(err, rc, "%s", refused.line) : 0;
}

int64_t clsact_query(struct netlink *netlink, uint32_t ifindex, enum hook hook)
{
	struct filters filters;
	int rc = filters_read(netlink, ifindex, hook, &filters, NULL);

	if (rc == -ENODEV)
		return 0;
	return rc ? rc : filters.handle ? (int64_t)filters.prog_id : 0;
}

/* --- the qdisc ----------------------------------------------------------------------------- */

/* 1: made it; 0: it was there; or negative errno. */
static int clsact_make(struct netlink *netlink, uint32_t ifindex, struct error *err)
{
	struct netlink_request request;
	struct error refused = {0};
	struct tcmsg *tc = tc_request(&request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex);
	int rc;

	tc->tcm_parent = TC_H_CLSACT;
	tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(&request.header, TCA_KIND, "clsact");
	rc = netlink_do(netlink, &request, NULL, NULL, &refused);
	if (rc == -EEXIST)
		return 0;
	return rc ? error_set(err, rc, "clsact: %s", refused.line) : 1;
}

static int clsact_delete(struct netlink *netlink, uint32_t ifindex, struct error *err)
{
	struct netlink_request request;
	struct tcmsg *tc = tc_request(&request, RTM_DELQDISC, 0, ifindex);

	tc->tcm_parent = TC_H_CLSACT;
	tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(&request.header, TCA_KIND, "clsact");
	return netlink_do(netlink, &request, NULL, NULL, err);
}

/* Takes the qdisc away if nobody else has put a filter on either hook. */
static int clsact_release(struct netlink *netlink, uint32_t ifindex, struct error *err)
{
	struct filters filters;
	int rc;

	for (enum hook hook = HOOK_INGRESS; hook <= HOOK_EGRESS; hook++) {
		rc = filters_read(netlink, ifindex, hook, &filters, err);
		if (rc)
			return rc == -ENODEV ? 0 : rc;
		if (filters.handle || filters.others)
			return 0;
	}
	rc = clsact_delete(netlink, ifindex, NULL);
	return rc == -ENOENT || rc == -ENODEV || rc == -EINVAL
		       ? 0
		       : error_set(err, rc, "clsact: %s", strerror(-rc));
}

/* --- filters ------------------------------------------------------------------------------- */

static struct tcmsg *filter_request(struct netlink_request *request, uint16_t type, uint16_t flags,
				    uint32_t ifindex, enum hook hook, uint32_t handle)
{
	struct tcmsg *tc = tc_request(request, type, flags, ifindex);

	tc->tcm_parent = hook_parent(hook);
	tc->tcm_handle = handle;
	tc->tcm_info = TC_H_MAKE(CLSACT_PRIORITY << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(&request->header, TCA_KIND, "bpf");
	return tc;
}

int clsact_attach(struct netlink *netlink, uint32_t ifindex, enum hook hook, int prog_fd,
		  const char *name, struct error *err)
{
	enum hook other = hook == HOOK_INGRESS ? HOOK_EGRESS : HOOK_INGRESS;
	struct filters here, there;
	struct netlink_request request;
	struct nlattr *options;
	uint32_t handle;
	int made, rc;

	made = clsact_make(netlink, ifindex, err);
	if (made < 0)
		return made;
	rc = filters_read(netlink, ifindex, hook, &here, err);
	if (!rc)
		rc = filters_read(netlink, ifindex, other, &there, err);
	if (rc)
		return rc;
	/* our filters of one device agree about who made the qdisc */
	handle = here.handle	? here.handle
		 : there.handle ? there.handle
		 : made		? CLSACT_HANDLE_MADE
				: CLSACT_HANDLE;
	filter_request(&request, RTM_NEWTFILTER, NLM_F_CREATE | (here.handle ? 0 : NLM_F_EXCL),
		       ifindex, hook, handle);
	options = mnl_attr_nest_start(&request.header, TCA_OPTIONS);
	mnl_attr_put_u32(&request.header, TCA_BPF_FD, (uint32_t)prog_fd);
	mnl_attr_put_strz(&request.header, TCA_BPF_NAME, name);
	mnl_attr_put_u32(&request.header, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(&request.header, options);
	rc = netlink_do(netlink, &request, NULL, NULL, err);
	if (rc && made)
		clsact_release(netlink, ifindex, NULL);
	return rc;
}

int clsact_detach(struct netlink *netlink, uint32_t ifindex, enum hook hook, struct error *err)
{
	struct netlink_request request;
	struct filters filters;
	int rc = filters_read(netlink, ifindex, hook, &filters, err);

	if (rc || !filters.handle)
		return rc == -ENODEV ? 0 : rc;
	filter_request(&request, RTM_DELTFILTER, 0, ifindex, hook, filters.handle);
	rc = netlink_do(netlink, &request, NULL, NULL, NULL);
	if (rc && rc != -ENOENT && rc != -ENODEV)
		return error_set(err, rc, "filter: %s", strerror(-rc));
	return filters.handle == CLSACT_HANDLE_MADE ? clsact_release(netlink, ifindex, err) : 0;
}

/* --- everything of ours -------------------------------------------------------------------- */

/* Devices with a clsact: a list that grows while the dump is read. */
struct devices {
	uint32_t *ifindex;
	size_t count;
	size_t room;
	int rc;
};

static int qdisc_each(const struct nlmsghdr *message, void *arg)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	struct devices *devices = arg;
	uint32_t *grown;

	if (message->nlmsg_type != RTM_NEWQDISC ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*tc) || tc->tcm_parent != TC_H_CLSACT)
		return MNL_CB_OK;
	if (devices->count == devices->room) {
		grown = realloc(devices->ifindex, (devices->room + 256) * sizeof(*grown));
		if (!grown) {
			devices->rc = -ENOMEM;
			return MNL_CB_OK;
		}
		devices->ifindex = grown;
		devices->room += 256;
	}
	devices->ifindex[devices->count++] = (uint32_t)tc->tcm_ifindex;
	return MNL_CB_OK;
}

int clsact_walk(struct netlink *netlink, hook_each *each, void *arg, struct error *err)
{
	struct devices devices = {0};
	struct netlink_request request;
	struct filters filters;
	int rc = -EINTR;

	for (int i = 0; rc == -EINTR && i < FILTER_ATTEMPTS; i++) {
		devices.count = 0;
		tc_request(&request, RTM_GETQDISC, NLM_F_DUMP, 0);
		rc = netlink_do(netlink, &request, qdisc_each, &devices, NULL);
	}
	if (!rc)
		rc = devices.rc;
	if (rc)
		error_set(err, rc, "netlink: reading qdiscs: %s", strerror(-rc));
	for (size_t i = 0; !rc && i < devices.count; i++)
		for (enum hook hook = HOOK_INGRESS; hook <= HOOK_EGRESS; hook++) {
			if (filters_read(netlink, devices.ifindex[i], hook, &filters, NULL))
				continue;
			if (filters.handle)
				each(arg, devices.ifindex[i], hook, filters.prog_id);
		}
	free(devices.ifindex);
	return rc;
}
