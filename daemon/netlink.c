/* SPDX-License-Identifier: GPL-2.0-only */
/* The two rtnetlink sockets: requests with their answers, and events for the caches and listeners. */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <utlist.h>

#include "daemon/netlink.h"
#include "daemon/netlink_cache.h"
#include "lib/addr.h"

#define EVENT_SOCKET_BUFFER (8 << 20) /* bytes; a burst of some ten thousand events */
#define EVENT_READS_MAX	    64	      /* datagrams a turn of the loop, so that others have theirs */
#define EVENT_DISCARDS_MAX  1000000   /* more than the buffer holds */
#define REQUEST_TIMEOUT	    10 /* seconds; the kernel answers at once or has lost the request */

static const int event_groups[] = {
	RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,	 RTNLGRP_IPV6_RULE,   RTNLGRP_NEIGH,
	RTNLGRP_NEXTHOP,    RTNLGRP_TC,
};

/* --- requests ------------------------------------------------------------------------------ */

void *netlink_request(struct netlink_request *request, uint16_t type, uint16_t flags, size_t size)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(request->buffer);

	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(header, size);
}

/* The kernel's own words in an acknowledgement, NULL if it gave none. */
static const char *error_words(const struct nlmsghdr *message)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	size_t offset = sizeof(*answer);

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		offset += MNL_ALIGN(answer->msg.nlmsg_len) - sizeof(struct nlmsghdr);
	if (offset >= mnl_nlmsg_get_payload_len(message))
		return NULL;
	mnl_attr_for_each(attr, message, offset)
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attr);
	}
	return NULL;
}

/* What an NLMSG_ERROR says: 0 for an acknowledgement. */
static int error_read(const struct nlmsghdr *message, struct error *err)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
	const char *words;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*answer))
		return error_set(err, -EBADMSG, "netlink: answer cut short");
	if (answer->error >= 0)
		return 0;
	words = error_words(message);
	if (words)
		return error_set(err, answer->error, "%s (%s)", words, strerror(-answer->error));
	return error_set(err, answer->error, "%s", strerror(-answer->error));
}

/* Who gets the messages of an answer. */
struct answer {
	uint32_t sequence;
	mnl_cb_t each;
	void *arg;
	bool interrupted; /* a dump that changed under the reader: read to its end all the same */
};

/* One datagram of the answer. 1: more to come; 0: that was all; or negative errno. */
static int answer_read(struct netlink *netlink, struct answer *answer, size_t length,
		       struct error *err)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)netlink->answer;
	int left = (int)length;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != answer->sequence)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			answer->interrupted = true;
		if (message->nlmsg_type == NLMSG_ERROR)
			return error_read(message, err);
		if (message->nlmsg_type == NLMSG_DONE)
			return answer->interrupted ? error_set(err, -EINTR,
							       "netlink: changed while it was read")
						   : 0;
		if (message->nlmsg_type >= NLMSG_MIN_TYPE && answer->each)
			answer->each(message, answer->arg);
	}
	return 1;
}

int netlink_do(struct netlink *netlink, struct netlink_request *request, mnl_cb_t each, void *arg,
	       struct error *err)
{
	struct nlmsghdr *header = &request->header;
	struct answer answer = {.sequence = ++netlink->sequence, .each = each, .arg = arg};
	ssize_t length;
	int more;

	header->nlmsg_seq = answer.sequence;
	header->nlmsg_flags |= NLM_F_REQUEST;
	if ((header->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		header->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(netlink->requests, header, header->nlmsg_len) < 0)
		return error_set(err, -errno, "netlink: %s", strerror(errno));
	do {
		length = mnl_socket_recvfrom(netlink->requests, netlink->answer,
					     sizeof(netlink->answer));
		if (length < 0 && errno == EINTR) {
			more = 1;
			continue;
		}
		if (length < 0)
			return error_set(err, -errno, "netlink: %s", strerror(errno));
		more = answer_read(netlink, &answer, (size_t)length, err);
	} while (more > 0);
	return more;
}

struct reading {
	struct netlink *netlink;
	uint16_t type;
	cache_update *update;
	int rc;
};

static int read_each(const struct nlmsghdr *message, void *arg)
{
	struct reading *reading = arg;
	int rc = 0;

	if (message->nlmsg_type == reading->type)
		rc = reading->update(reading->netlink, message, true);
	if (rc)
		reading->rc = rc;
	return MNL_CB_OK;
}

int cache_read(struct netlink *netlink, struct netlink_request *request, uint16_t type,
	       cache_update *update)
{
	struct reading reading = {.netlink = netlink, .type = type, .update = update};
	int rc = netlink_do(netlink, request, read_each, &reading, NULL);

	return rc ? rc : reading.rc;
}

void netlink_put_addr(struct nlmsghdr *header, uint16_t type, const struct weft_addr *addr)
{
	if (addr_is_v4(addr))
		mnl_attr_put(header, type, 4, &addr->word[3]);
	else
		mnl_attr_put(header, type, 16, addr->word);
}

bool netlink_get_addr(const struct nlattr *attr, struct weft_addr *ret)
{
	struct in_addr v4;

	if (mnl_attr_get_payload_len(attr) == 16) {
		memcpy(ret->word, mnl_attr_get_payload(attr), 16);
		return true;
	}
	if (mnl_attr_get_payload_len(attr) != 4)
		return false;
	memcpy(&v4, mnl_attr_get_payload(attr), 4);
	*ret = addr_from_v4(v4);
	return true;
}

/* --- listeners ----------------------------------------------------------------------------- */

void netlink_listen(struct netlink *netlink, struct netlink_listener *listener)
{
	LL_APPEND(netlink->listeners, listener);
}

void netlink_unlisten(struct netlink *netlink, struct netlink_listener *listener)
{
	LL_DELETE(netlink->listeners, listener);
}

void netlink_tell_link(struct netlink *netlink, enum link_event event, const struct link *link,
		       const struct link *old)
{
	struct netlink_listener *listener;

	LL_FOREACH (netlink->listeners, listener)
		if (listener->link)
			listener->link(listener->arg, event, link, old);
}

void netlink_tell_addr(struct netlink *netlink, bool added, uint32_t ifindex,
		       const struct weft_addr *addr)
{
	struct netlink_listener *listener;

	LL_FOREACH (netlink->listeners, listener)
		if (listener->addr)
			listener->addr(listener->arg, added, ifindex, addr);
}

static void tell_route(struct netlink *netlink, const struct route_event *event)
{
	struct netlink_listener *listener;

	LL_FOREACH (netlink->listeners, listener)
		if (listener->route)
			listener->route(listener->arg, event);
}

/* --- events -------------------------------------------------------------------------------- */

static void route_update(struct netlink *netlink, const struct nlmsghdr *message)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	struct route_event event = {0};
	const struct nlattr *attr;
	bool found = false;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*route))
		return;
	/* the cache of exceptions and cloned routes is not the table */
	if (route->rtm_flags & RTM_F_CLONED)
		return;
	if (route->rtm_family != AF_INET && route->rtm_family != AF_INET6)
		return;
	event.len = route->rtm_dst_len;
	if (route->rtm_family == AF_INET) {
		event.len += 96;
		event.dst = addr_from_v4((struct in_addr){0});
	}
	if (event.len > 128)
		return;
	mnl_attr_for_each(attr, message, sizeof(*route))
	{
		if (mnl_attr_get_type(attr) == RTA_DST)
			found = netlink_get_addr(attr, &event.dst);
	}
	event.all = !found && route->rtm_dst_len;
	tell_route(netlink, &event);
}

bool neighbour_parse(const struct nlmsghdr *message, struct neighbour *ret)
{
	const struct ndmsg *head = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	bool found = false;

	memset(ret, 0, sizeof(*ret));
	if (mnl_nlmsg_get_payload_len(message) < sizeof(*head))
		return false;
	if ((head->ndm_family != AF_INET && head->ndm_family != AF_INET6) ||
	    (head->ndm_flags & NTF_PROXY))
		return false;
	ret->ifindex = (uint32_t)head->ndm_ifindex;
	ret->state = message->nlmsg_type == RTM_DELNEIGH ? 0 : head->ndm_state;
	ret->extern_learn = head->ndm_flags & NTF_EXT_LEARNED;
	mnl_attr_for_each(attr, message, sizeof(*head))
	{
		size_t length = mnl_attr_get_payload_len(attr);

		switch (mnl_attr_get_type(attr)) {
		case NDA_DST:
			found = netlink_get_addr(attr, &ret->addr);
			break;
		case NDA_LLADDR:
			if (length == sizeof(ret->lladdr))
				memcpy(ret->lladdr, mnl_attr_get_payload(attr), length);
			break;
		case NDA_PROTOCOL:
			if (length == 1)
				ret->protocol = mnl_attr_get_u8(attr);
			break;
		case NDA_FLAGS_EXT:
			if (length == 4)
				ret->managed = mnl_attr_get_u32(attr) & NTF_EXT_MANAGED;
			break;
		}
	}
	return found;
}

static void neighbour_update(struct netlink *netlink, const struct nlmsghdr *message)
{
	struct netlink_listener *listener;
	struct neighbour neighbour;

	if (!neighbour_parse(message, &neighbour))
		return;
	LL_FOREACH (netlink->listeners, listener)
		if (listener->neighbour)
			listener->neighbour(listener->arg, &neighbour);
}

void netlink_filter_lost(struct netlink *netlink, uint32_t ifindex)
{
	struct netlink_listener *listener;

	LL_FOREACH (netlink->listeners, listener)
		if (listener->filter)
			listener->filter(listener->arg, ifindex);
}

static void filter_update(struct netlink *netlink, const struct nlmsghdr *message)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*tc) || tc->tcm_ifindex <= 0)
		return;
	if (message->nlmsg_type == RTM_DELQDISC && tc->tcm_parent != TC_H_CLSACT)
		return;
	netlink_filter_lost(netlink, (uint32_t)tc->tcm_ifindex);
}

static void event_read(struct netlink *netlink, const struct nlmsghdr *message)
{
	static const struct route_event all = {.all = true};

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_cache_update(netlink, message, false);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		address_cache_update(netlink, message, false);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		route_update(netlink, message);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		neighbour_update(netlink, message);
		break;
	case RTM_DELQDISC:
	case RTM_DELTFILTER:
		filter_update(netlink, message);
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		tell_route(netlink, &all);
		break;
	}
}

static int sync_all(struct netlink *netlink, bool quiet, struct error *err)
{
	int rc = link_cache_sync(netlink, quiet, err);

	return rc ? rc : address_cache_sync(netlink, quiet, err);
}

/*
 * Events were lost: the kernel is asked for everything. What is still queued tells of times before
 * that and would undo it, so it is thrown away first.
 */
static void resync(struct netlink *netlink, int fd)
{
	static const struct route_event all = {.all = true};
	ssize_t length;

	for (int i = 0; i < EVENT_DISCARDS_MAX; i++) {
		length = recv(fd, netlink->event_buffer, sizeof(netlink->event_buffer),
			      MSG_DONTWAIT);
		if (length < 0 && errno != ENOBUFS && errno != EINTR)
			break;
	}
	sync_all(netlink, false, NULL);
	tell_route(netlink, &all);
}

static void events_readable(evutil_socket_t fd, short what, void *arg)
{
	struct netlink *netlink = arg;

	(void)what;
	link_cache_tell(netlink);
	for (int i = 0; i < EVENT_READS_MAX; i++) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)netlink->event_buffer;
		struct sockaddr_nl from = {0};
		socklen_t from_length = sizeof(from);
		ssize_t length = recvfrom(fd, netlink->event_buffer, sizeof(netlink->event_buffer),
					  MSG_DONTWAIT, (struct sockaddr *)&from, &from_length);
		int left = (int)length;

		if (length < 0 && errno == ENOBUFS) {
			resync(netlink, fd);
			return;
		}
		if (length < 0)
			return;
		if (from.nl_pid) /* not the kernel */
			continue;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			event_read(netlink, message);
	}
}

static void deferred_tell(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	link_cache_tell(arg);
}

/* --- life ---------------------------------------------------------------------------------- */

static struct mnl_socket *socket_open(struct error *err)
{
	struct mnl_socket *opened = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int on = 1;

	if (!opened || mnl_socket_bind(opened, 0, MNL_SOCKET_AUTOPID)) {
		error_set(err, -errno, "netlink: %s", strerror(errno));
		if (opened)
			mnl_socket_close(opened);
		return NULL;
	}
	/* niceties of newer kernels; all of them are there since 4.20 */
	mnl_socket_setsockopt(opened, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(opened, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(opened, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return opened;
}

static int events_open(struct netlink *netlink, struct event_base *base, struct error *err)
{
	int size = EVENT_SOCKET_BUFFER;
	int fd;

	netlink->events = socket_open(err);
	if (!netlink->events)
		return -errno;
	fd = mnl_socket_get_fd(netlink->events);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (size_t i = 0; i < sizeof(event_groups) / sizeof(event_groups[0]); i++) {
		int group = event_groups[i];

		/* a kernel without IPv6 or nexthop objects lacks their groups */
		if (mnl_socket_setsockopt(netlink->events, NETLINK_ADD_MEMBERSHIP, (void *)&group,
					  sizeof(group)) &&
		    group == RTNLGRP_LINK)
			return error_set(err, -errno, "netlink: events of links: %s",
					 strerror(errno));
	}
	netlink->readable = event_new(base, fd, EV_READ | EV_PERSIST, events_readable, netlink);
	netlink->deferred = event_new(base, -1, 0, deferred_tell, netlink);
	if (!netlink->readable || !netlink->deferred || event_add(netlink->readable, NULL))
		return error_set(err, -ENOMEM, "netlink: out of memory");
	return 0;
}

int netlink_new(struct event_base *base, struct netlink **ret, struct error *err)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	struct timeval timeout = {.tv_sec = REQUEST_TIMEOUT};
	int rc;

	if (!netlink)
		return error_set(err, -ENOMEM, "netlink: out of memory");
	netlink->links = link_cache_new();
	netlink->addresses = address_cache_new();
	netlink->requests = socket_open(err);
	if (!netlink->links || !netlink->addresses)
		rc = error_set(err, -ENOMEM, "netlink: out of memory");
	else if (!netlink->requests)
		rc = -EIO;
	else
		rc = events_open(netlink, base, err);
	if (!rc) {
		setsockopt(mnl_socket_get_fd(netlink->requests), SOL_SOCKET, SO_RCVTIMEO, &timeout,
			   sizeof(timeout));
		rc = sync_all(netlink, true, err);
	}
	if (rc) {
		netlink_free(netlink);
		return rc;
	}
	*ret = netlink;
	return 0;
}

void netlink_free(struct netlink *netlink)
{
	if (!netlink)
		return;
	if (netlink->readable)
		event_free(netlink->readable);
	if (netlink->deferred)
		event_free(netlink->deferred);
	if (netlink->events)
		mnl_socket_close(netlink->events);
	if (netlink->requests)
		mnl_socket_close(netlink->requests);
	link_cache_free(netlink->links);
	address_cache_free(netlink->addresses);
	free(netlink);
}
