/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bound UDP sockets that take nothing, raw sockets that take what came in fragments, and memberships on as many
 * sockets as the kernel's limits ask for.
 */
#include "daemon/holder_socket.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "daemon/holder_reassembly.h"
#include "lib/addr.h"

/* A socket that memberships hang on; the kernel limits how many one may have (igmp_max_memberships). */
struct carrier {
	int fd;
	int family;
	unsigned int count;
	bool full;
	struct carrier *next;
};

struct held {
	struct holder_item item;
	int fd[2];		 /* of a port or protocol: IPv4 and IPv6, -1: none */
	int back;		 /* of a protocol, else -1 */
	struct carrier *carrier; /* of a membership */
	struct held *next;
};

static struct held *everything;
static struct carrier *carriers;

static struct held *held_find(const struct holder_item *item)
{
	struct held *held;

	LL_FOREACH (everything, held)
		if (memcmp(&held->item, item, sizeof(*item)) == 0)
			break;
	return held;
}

static struct held *held_new(const struct holder_item *item)
{
	struct held *held = calloc(1, sizeof(*held));

	if (held) {
		held->item = *item;
		held->fd[0] = held->fd[1] = held->back = -1;
	}
	return held;
}

static void held_free(struct held *held)
{
	for (int i = 0; i < 2; i++)
		if (held->fd[i] >= 0)
			close(held->fd[i]);
	if (held->back >= 0)
		close(held->back);
	free(held);
}

/* 0 also if it is held already; `open` gives it its sockets, or says why not by a negative errno. */
static int held_hold(const struct holder_item *item, int (*open)(struct held *held))
{
	struct held *held;
	int rc;

	if (held_find(item))
		return 0;
	held = held_new(item);
	if (!held)
		return -ENOMEM;
	rc = open(held);
	if (rc) {
		held_free(held);
		return rc;
	}
	LL_PREPEND(everything, held);
	return 0;
}

/* 0 also if it is not held. */
static int held_release(const struct holder_item *item)
{
	struct held *held = held_find(item);

	if (!held)
		return 0;
	LL_DELETE(everything, held);
	held_free(held);
	return 0;
}

/* --- ports --------------------------------------------------------------------------------- */

/* A bound socket, or negative errno. The filter comes first, so that it never takes a packet. */
static int port_bind(int family, uint16_t port)
{
	struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog filter = {.len = 1, .filter = nothing};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const struct sockaddr *address =
		family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t length = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	int on = 1, small = 1, rc = 0;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)))
		rc = -errno;
	if (!rc && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)))
		rc = -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (!rc && bind(fd, address, length))
		rc = -errno;
	if (rc)
		close(fd);
	return rc ? rc : fd;
}

static int port_open(struct held *held)
{
	held->fd[0] = port_bind(AF_INET, held->item.port);
	held->fd[1] = held->fd[0] < 0 ? held->fd[0] : port_bind(AF_INET6, held->item.port);
	/* a host without IPv6 has none to hold */
	if (held->fd[0] >= 0 && (held->fd[1] == -EAFNOSUPPORT || held->fd[1] == -EADDRNOTAVAIL))
		held->fd[1] = -1;
	else if (held->fd[1] < 0)
		return held->fd[1];
	return 0;
}

int held_port_hold(uint16_t port)
{
	struct holder_item item = {.port = port};

	return port ? held_hold(&item, port_open) : -EINVAL;
}

int held_port_release(uint16_t port)
{
	struct holder_item item = {.port = port};

	return held_release(&item);
}

/* --- protocols ----------------------------------------------------------------------------- */

static int protocol_open(struct held *held)
{
	int rc = held->back = reassembly_back();

	if (rc >= 0)
		rc = held->fd[0] = reassembly_open(AF_INET, held->item.protocol);
	if (rc >= 0)
		rc = held->fd[1] = reassembly_open(AF_INET6, held->item.protocol);
	return rc < 0 && !(held->fd[0] >= 0 && rc == -EAFNOSUPPORT) ? rc : 0;
}

int held_protocol_hold(uint16_t protocol)
{
	struct holder_item item = {.protocol = protocol};

	return protocol == IPPROTO_GRE ? held_hold(&item, protocol_open) : -EOPNOTSUPP;
}

int held_protocol_release(uint16_t protocol)
{
	struct holder_item item = {.protocol = protocol};

	return held_release(&item);
}

static const struct held *held_gre(void)
{
	const struct held *held;

	LL_FOREACH (everything, held)
		if (held->item.protocol)
			break;
	return held;
}

int held_poll(struct pollfd polled[HELD_POLLED_MAX])
{
	const struct held *held = held_gre();
	int count = 0;

	for (int i = 0; held && i < HELD_POLLED_MAX; i++)
		if (held->fd[i] >= 0)
			polled[count++] = (struct pollfd){.fd = held->fd[i], .events = POLLIN};
	return count;
}

void held_serve(const struct pollfd *polled, int count)
{
	const struct held *held = held_gre();

	for (int i = 0; held && i < count; i++)
		if (polled[i].revents)
			reassembly_serve(polled[i].fd,
					 polled[i].fd == held->fd[0] ? AF_INET : AF_INET6,
					 held->item.protocol, held->back);
}

/* --- groups -------------------------------------------------------------------------------- */

static int membership_set(const struct carrier *carrier, const struct holder_item *item, bool join)
{
	struct ipv6_mreq v6 = {.ipv6mr_interface = item->ifindex};
	struct ip_mreqn v4 = {.imr_ifindex = (int)item->ifindex};
	int rc;

	if (carrier->family == AF_INET) {
		v4.imr_multiaddr = addr_to_v4(&item->group);
		rc = setsockopt(carrier->fd, IPPROTO_IP,
				join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &v4, sizeof(v4));
	} else {
		memcpy(&v6.ipv6mr_multiaddr, item->group.word, sizeof(v6.ipv6mr_multiaddr));
		rc = setsockopt(carrier->fd, IPPROTO_IPV6,
				join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &v6, sizeof(v6));
	}
	return rc ? -errno : 0;
}

static struct carrier *carrier_new(int family)
{
	struct carrier *carrier = calloc(1, sizeof(*carrier));

	if (!carrier)
		return NULL;
	carrier->family = family;
	carrier->fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	if (carrier->fd < 0) {
		free(carrier);
		return NULL;
	}
	LL_PREPEND(carriers, carrier);
	return carrier;
}

static void carrier_drop(struct carrier *carrier)
{
	if (carrier->count)
		return;
	close(carrier->fd);
	LL_DELETE(carriers, carrier);
	free(carrier);
}

/* Joins by the first socket that has room; a new one is asked last. */
static int carrier_join(struct held *held)
{
	int family = addr_is_v4(&held->item.group) ? AF_INET : AF_INET6;
	struct carrier *carrier;
	bool fresh = false;
	int rc;

	for (;;) {
		LL_FOREACH (carriers, carrier)
			if (carrier->family == family && !carrier->full)
				break;
		if (!carrier) {
			fresh = true;
			carrier = carrier_new(family);
		}
		if (!carrier)
			return -errno;
		rc = membership_set(carrier, &held->item, true);
		if (!rc) {
			carrier->count++;
			held->carrier = carrier;
			return 0;
		}
		if (fresh || (rc != -ENOBUFS && rc != -ENOMEM)) {
			carrier_drop(carrier);
			return rc;
		}
		carrier->full = true;
	}
}

int held_join(const struct weft_addr *group, uint32_t ifindex)
{
	struct holder_item item = {.ifindex = ifindex, .group = *group};

	return addr_is_multicast(group) && ifindex ? held_hold(&item, carrier_join) : -EINVAL;
}

int held_leave(const struct weft_addr *group, uint32_t ifindex)
{
	struct holder_item item = {.ifindex = ifindex, .group = *group};
	struct held *held;

	held = held_find(&item);
	if (!held)
		return 0;
	/* fails only when the device is gone, and the membership with it */
	membership_set(held->carrier, &item, false);
	held->carrier->count--;
	held->carrier->full = false;
	carrier_drop(held->carrier);
	LL_DELETE(everything, held);
	free(held);
	return 0;
}

bool held_nothing(void)
{
	return !everything;
}

const struct held *held_next(const struct held *held)
{
	return held ? held->next : everything;
}

const struct holder_item *held_item(const struct held *held)
{
	return &held->item;
}
