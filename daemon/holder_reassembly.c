/* SPDX-License-Identifier: GPL-2.0-only */
/* Raw sockets in, a packet socket out. A raw socket of IPv6 has no header to give: it is made again. */
#include "daemon/holder_reassembly.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi/datapath.h"

#define LOOPBACK_IFINDEX 1	   /* of `lo` in every namespace */
#define RECEIVE_BUFFER	 (1 << 20) /* bytes asked for; net.core.rmem_max may allow less */
#define BATCH		 64	   /* packets in a turn, so that clients are heard, too */
#define IP_PACKET_MAX	 65535
#define RECV_FLOWINFO                                                                              \
	11 /* IPV6_FLOWINFO of linux/in6.h: traffic class and flow label, network byte order */

/* Room for an Ethernet and an IPv6 header before what is received. */
static uint8_t buffer[ETH_HLEN + sizeof(struct ip6_hdr) + IP_PACKET_MAX];

/* Only what has the mark, and not what was put back. */
static int filter_attach(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_MARK)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WEFT_FRAGMENT_MARK, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOOPBACK_IFINDEX, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(*code), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ? -errno : 0;
}

/* What the header of an IPv6 packet is made of again. */
static int header_ask(int fd)
{
	static const int options[] = {IPV6_RECVPKTINFO, RECV_FLOWINFO, IPV6_RECVHOPLIMIT};
	int on = 1;

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (setsockopt(fd, IPPROTO_IPV6, options[i], &on, sizeof(on)))
			return -errno;
	return 0;
}

int reassembly_open(int family, int protocol)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int size = RECEIVE_BUFFER, rc;

	if (fd < 0)
		return -errno;
	rc = filter_attach(fd);
	if (!rc && family == AF_INET6)
		rc = header_ask(fd);
	if (rc) {
		close(fd);
		return rc;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	/* it has been receiving since before the filter */
	while (recv(fd, buffer, 1, MSG_DONTWAIT) >= 0)
		;
	return fd;
}

int reassembly_back(void)
{
	/* of protocol 0, which receives nothing */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	uint32_t mark = WEFT_FRAGMENT_MARK;
	int rc;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static uint16_t checksum(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Receives a packet into `packet`, with its IP header. Its length, 0: one that is of no use; -1: there is none. */
static ssize_t receive_v4(int fd, uint8_t *packet)
{
	ssize_t length = recv(fd, packet, IP_PACKET_MAX, MSG_DONTWAIT | MSG_TRUNC);
	struct iphdr header;
	size_t size;

	if (length < 0)
		return -1;
	if (length < (ssize_t)sizeof(header) || length > IP_PACKET_MAX)
		return 0;
	memcpy(&header, packet, sizeof(header));
	size = header.ihl * 4U;
	if (size < sizeof(header) || size > (size_t)length)
		return 0;
	header.tot_len = htons((uint16_t)length);
	header.frag_off &= htons(IP_DF);
	header.check = 0;
	memcpy(packet, &header, sizeof(header));
	header.check = checksum(packet, size);
	memcpy(packet, &header, sizeof(header));
	return length;
}

/* False: something is missing. */
static bool header_v6(struct msghdr *message, struct ip6_hdr *header)
{
	const struct sockaddr_in6 *from = message->msg_name;
	struct in6_pktinfo info;
	struct cmsghdr *control;
	int value, found = 0;

	header->ip6_src = from->sin6_addr;
	for (control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
		if (control->cmsg_level != IPPROTO_IPV6)
			continue;
		found++;
		if (control->cmsg_type == IPV6_PKTINFO) {
			memcpy(&info, CMSG_DATA(control), sizeof(info));
			header->ip6_dst = info.ipi6_addr;
			continue;
		}
		memcpy(&value, CMSG_DATA(control), sizeof(value));
		if (control->cmsg_type == RECV_FLOWINFO)
			header->ip6_flow = htonl(6U << 28) | (uint32_t)value;
		else if (control->cmsg_type == IPV6_HOPLIMIT)
			header->ip6_hlim = (uint8_t)value;
		else
			found--;
	}
	return found == 3;
}

static ssize_t receive_v6(int fd, int protocol, uint8_t *packet)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int))];
	} control;
	struct ip6_hdr header = {.ip6_nxt = (uint8_t)protocol};
	struct sockaddr_in6 from = {.sin6_family = AF_INET6};
	struct iovec data = {.iov_base = packet + sizeof(header), .iov_len = IP_PACKET_MAX};
	struct msghdr message = {.msg_name = &from,
				 .msg_namelen = sizeof(from),
				 .msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);

	if (length < 0)
		return -1;
	if (length > IP_PACKET_MAX || !header_v6(&message, &header))
		return 0;
	header.ip6_plen = htons((uint16_t)length);
	memcpy(packet, &header, sizeof(header));
	return (ssize_t)sizeof(header) + length;
}

void reassembly_serve(int fd, int family, int protocol, int back)
{
	uint16_t type = htons(family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
				 .sll_protocol = type,
				 .sll_ifindex = LOOPBACK_IFINDEX,
				 .sll_halen = ETH_ALEN};
	uint8_t *packet = buffer + ETH_HLEN;
	ssize_t length = 0;

	memset(buffer, 0, ETH_HLEN); /* the addresses of `lo` */
	memcpy(buffer + 2 * ETH_ALEN, &type, sizeof(type));
	for (int i = 0; i < BATCH && length >= 0; i++) {
		length = family == AF_INET ? receive_v4(fd, packet)
					   : receive_v6(fd, protocol, packet);
		if (length > 0)
			sendto(back, buffer, ETH_HLEN + (size_t)length, MSG_DONTWAIT,
			       (struct sockaddr *)&to, sizeof(to));
	}
}
