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

/* Is the answer something that the kernel has put beside the route for a while, as a path MTU that it was told? */
static bool answer_expires(const struct nlattr *attr)
{
	const struct rta_cacheinfo *info = mnl_attr_get_payload(attr);

	return mnl_attr_get_payload_len(attr) >= sizeof(*info) && info->rta_expires;
}

struct answer {
	struct route *route;
	bool expires;
};

static int route_each(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *head = mnl_nlmsg_get_payload(message);
	struct answer *answer = arg;
	struct route *route = answer->route;
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
		case RTA_CACHEINFO:
			answer->expires = answer_expires(attr);
			break;
		}
	}
	return MNL_CB_OK;
}

static int route_ask(struct netlink *netlink, const struct nexthop_key *key, uint32_t oif,
		     uint32_t flags, struct answer *answer)
{
	const struct weft_addr *addr = &key->addr, *source = &key->local;
	struct netlink_request request;
	struct rtmsg *head = netlink_request(&request, RTM_GETROUTE, 0, sizeof(*head));

	head->rtm_family = addr_is_v4(addr) ? AF_INET : AF_INET6;
	head->rtm_dst_len = addr_is_v4(addr) ? 32 : 128;
	head->rtm_flags = flags;
	netlink_put_addr(&request.header, RTA_DST, addr);
	if (oif)
		mnl_attr_put_u32(&request.header, RTA_OIF, oif);
	if (key->mark)
		mnl_attr_put_u32(&request.header, RTA_MARK, key->mark);
	if (!addr_is_any(source)) {
		head->rtm_src_len = head->rtm_dst_len;
		netlink_put_addr(&request.header, RTA_SRC, source);
	}
	return netlink_do(netlink, &request, route_each, answer, NULL);
}

/*
 * What the host was told of the path by an ICMP error is no fact about the next hop: the host believes more of them
 * than the datapath does, nobody says when it is forgotten, and devices would follow it. The MTU then is that of the
 * entry in the routing table.
 */
void route_get(struct netlink *netlink, const struct nexthop_key *key, uint32_t oif,
	       struct route *ret)
{
	struct route entry = {};
	struct answer answer = {.route = ret}, plain = {.route = &entry};

	memset(ret, 0, sizeof(*ret));
	ret->gateway = key->addr;
	ret->source = key->local;
	if (route_ask(netlink, key, oif, 0, &answer)) {
		ret->ifindex = 0;
		return;
	}
	if (answer.expires && ret->ifindex && ret->mtu &&
	    !route_ask(netlink, key, oif, RTM_F_FIB_MATCH, &plain))
		ret->mtu = entry.mtu;
}
