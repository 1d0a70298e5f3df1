/* SPDX-License-Identifier: GPL-2.0-only */
/* RTM_GETROUTE and its answer. */
#include <string.h>
#include <sys/socket.h>

#include "daemon/route.h"
#include "lib/addr.h"

/* A gateway of the other family, as IPv4 over IPv6 has it (RFC 5549). */
static void via_parse(const struct nlattr *attr, struct weft_addr *ret)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t length = mnl_attr_get_payload_len(attr);
	struct in_addr v4;

	if (length < sizeof(*via))
		return;
	length -= sizeof(*via);
	if (via->rtvia_family == AF_INET6 && length == 16)
		memcpy(ret->word, via->rtvia_addr, 16);
	if (via->rtvia_family == AF_INET && length == 4) {
		memcpy(&v4, via->rtvia_addr, 4);
		*ret = addr_from_v4(v4);
	}
}

static uint32_t metrics_mtu(const struct nlattr *metrics)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, metrics)
	{
		if (mnl_attr_get_type(attr) == RTAX_MTU && mnl_attr_get_payload_len(attr) == 4)
			return mnl_attr_get_u32(attr);
	}
	return 0;
}

static int route_each(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);
	struct route *route = arg;
	const struct nlattr *attr;

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*head) ||
	    (head->rtm_type != RTN_UNICAST && head->rtm_type != RTN_LOCAL &&
	     head->rtm_type != RTN_MULTICAST))
		return MNL_CB_OK;
	route->local = head->rtm_type == RTN_LOCAL;
	mnl_attr_for_each(attr, message, sizeof(*head))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_OIF:
			if (mnl_attr_get_payload_len(attr) == 4)
				route->ifindex = mnl_attr_get_u32(attr);
			break;
		case RTA_GATEWAY:
			netlink_get_addr(attr, &route->gateway);
			break;
		case RTA_VIA:
			via_parse(attr, &route->gateway);
			break;
		case RTA_PREFSRC:
			netlink_get_addr(attr, &route->source);
			break;
		case RTA_METRICS:
			route->mtu = metrics_mtu(attr);
			break;
		}
	}
	return MNL_CB_OK;
}

void route_get(struct netlink *netlink, const struct nexthop_key *key, uint32_t oif,
	       struct route *ret)
{
	const struct weft_addr *addr = &key->addr, *source = &key->local;
	struct netlink_request request;
	struct rtmsg *head = netlink_request(&request, RTM_GETROUTE, 0, sizeof(*head));

	memset(ret, 0, sizeof(*ret));
	ret->gateway = *addr;
	ret->source = *source;
	head->rtm_family = addr_is_v4(addr) ? AF_INET : AF_INET6;
	head->rtm_dst_len = addr_is_v4(addr) ? 32 : 128;
	netlink_put_addr(&request.header, RTA_DST, addr);
	if (oif)
		mnl_attr_put_u32(&request.header, RTA_OIF, oif);
	if (key->mark)
		mnl_attr_put_u32(&request.header, RTA_MARK, key->mark);
	if (!addr_is_any(source)) {
		head->rtm_src_len = head->rtm_dst_len;
		netlink_put_addr(&request.header, RTA_SRC, source);
	}
	if (netlink_do(netlink, &request, route_each, ret, NULL))
		ret->ifindex = 0;
}
