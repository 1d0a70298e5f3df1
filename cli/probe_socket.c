/* SPDX-License-Identifier: GPL-2.0-only */
/* Raw sockets (raw(7)): the whole IP packet is ours, so that its TTL, DF and source port are what they are meant to be. */
#include "cli/probe_socket.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/watch.h"

#define BUFFER (4 << 20) /* of the receiving socket: other people's ICMP is in it, too */

static int raw_open(int family, int protocol, const char *dev, uint32_t mark, struct error *err)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	if (fd < 0)
		return error_set(err, -errno, "probe: raw socket: %s%s", strerror(errno),
				 errno == EPERM ? "; it takes root" : "");
	if ((dev && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, dev, (socklen_t)strlen(dev)) < 0) ||
	    (mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)) {
		int code = -errno;

		close(fd);
		return error_set(err, code, "probe: raw socket: %s", strerror(-code));
	}
	return fd;
}

/* Only what may be about a probe wakes us. */
static void filter_set(int fd, bool v4)
{
	struct icmp_filter four = {.data = ~(1u << ICMP_ECHOREPLY | 1u << ICMP_DEST_UNREACH |
					     1u << ICMP_TIME_EXCEEDED)};
	struct icmp6_filter six;

	ICMP6_FILTER_SETBLOCKALL(&six);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &six);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &six);
	ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &six);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &six);
	if (v4)
		setsockopt(fd, SOL_RAW, ICMP_FILTER, &four, sizeof(four));
	else
		setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &six, sizeof(six));
}

int prober_open(struct prober *prober, const struct probe_way *way, const char *dev, uint32_t mark,
		struct error *err)
{
	bool v4 = addr_is_v4(&way->remote);
	int family = v4 ? AF_INET : AF_INET6, size = BUFFER;
	int blind = v4 ? IP_PMTUDISC_PROBE : IPV6_PMTUDISC_PROBE;

	*prober = (struct prober){.way = way, .send_fd = -1, .receive_fd = -1};
	prober->bytes = malloc(PROBE_SIZE_MAX);
	if (!prober->bytes)
		return error_set(err, -ENOMEM, "out of memory");
	prober->send_fd = raw_open(family, IPPROTO_RAW, dev, mark, err);
	if (prober->send_fd < 0)
		return prober->send_fd;
	prober->receive_fd = raw_open(family, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, NULL, 0, err);
	if (prober->receive_fd < 0)
		return prober->receive_fd;
	/* what the kernel has heard of the path counts for nothing, only the device's MTU */
	if (v4)
		setsockopt(prober->send_fd, IPPROTO_IP, IP_MTU_DISCOVER, &blind, sizeof(blind));
	else
		setsockopt(prober->send_fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &blind, sizeof(blind));
	size = BUFFER;
	setsockopt(prober->send_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(prober->receive_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	filter_set(prober->receive_fd, v4);
	return 0;
}

void prober_close(struct prober *prober)
{
	if (prober->send_fd >= 0)
		close(prober->send_fd);
	if (prober->receive_fd >= 0)
		close(prober->receive_fd);
	free(prober->bytes);
}

static void probe_send(struct prober *prober, struct probe_result *result)
{
	const struct weft_addr *remote = &prober->way->remote;
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = addr_to_v4(remote)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	bool v4 = addr_is_v4(remote);
	ssize_t sent;

	prober->sequence = prober->sequence == UINT16_MAX ? 1 : prober->sequence + 1;
	result->probe.sequence = prober->sequence;
	result->reply = (struct probe_reply){0};
	memcpy(&six.sin6_addr, remote, sizeof(six.sin6_addr));
	probe_build(prober->way, &result->probe, prober->bytes);
	prober->sent++;
	result->sent = watch_clock();
	sent = sendto(prober->send_fd, prober->bytes, result->probe.size, 0,
		      v4 ? (struct sockaddr *)&four : (struct sockaddr *)&six,
		      v4 ? sizeof(four) : sizeof(six));
	result->given_up = sent < 0;
	if (sent < 0 && errno == EMSGSIZE) {
		result->reply.event = PROBE_TOO_BIG;
		result->reply.from = prober->way->source;
	}
}

static bool is_settled(const struct probe_result *result)
{
	return result->given_up || result->reply.event != PROBE_SILENCE;
}

static bool all_settled(const struct probe_result *results, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_settled(&results[i]))
			return false;
	return true;
}

/* Only the first reply counts, and only one about a probe that is under way. */
static void reply_note(struct probe_result *results, size_t sent, const struct probe_reply *reply)
{
	for (size_t i = 0; i < sent; i++) {
		struct probe_result *result = &results[i];

		if (result->probe.sequence != reply->sequence || result->probe.kind != reply->kind)
			continue;
		if (!is_settled(result)) {
			result->reply = *reply;
			result->took = watch_clock() - result->sent;
		}
		return;
	}
}

static void receive(struct prober *prober, struct probe_result *results, size_t sent)
{
	bool v4 = addr_is_v4(&prober->way->remote);
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);
	ssize_t len = recvfrom(prober->receive_fd, prober->bytes, PROBE_SIZE_MAX, MSG_TRUNC,
			       (struct sockaddr *)&name, &size);
	struct weft_addr from;
	struct probe_reply reply;

	if (len < 0 || len > PROBE_SIZE_MAX)
		return;
	if (v4)
		from = addr_from_v4(((struct sockaddr_in *)&name)->sin_addr);
	else
		memcpy(&from, &((struct sockaddr_in6 *)&name)->sin6_addr, sizeof(from));
	if (probe_read(prober->way, prober->bytes, (size_t)len, &from, &reply))
		reply_note(results, sent, &reply);
}

/* Receives until the time, or until all that was sent is settled if `early`. */
static void receive_until(struct prober *prober, struct probe_result *results, size_t sent,
			  double until, bool early)
{
	double left;

	while ((left = until - watch_clock()) > 0 && !(early && all_settled(results, sent))) {
		struct pollfd poller = {.fd = prober->receive_fd, .events = POLLIN};
		struct timespec time = {.tv_sec = (time_t)left};

		time.tv_nsec = (long)((left - (double)time.tv_sec) * 1e9);
		if (ppoll(&poller, 1, &time, NULL) > 0)
			receive(prober, results, sent);
	}
}

void prober_run(struct prober *prober, struct probe_result *results, size_t count, double interval,
		double patience)
{
	double next = watch_clock();

	for (size_t i = 0; i < count; i++) {
		receive_until(prober, results, i, next, false);
		probe_send(prober, &results[i]);
		next += interval;
	}
	receive_until(prober, results, count, watch_clock() + patience, true);
}
