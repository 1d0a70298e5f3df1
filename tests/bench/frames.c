/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small UDP packets to many MACs: what a bridge with a large FDB forwards.
 *
 *     frames DEVICE SECONDS COUNT STRIDE [new]    sends to 02:00:00:00:00:00 + i * STRIDE, i below COUNT, in turn
 *                                                 (new: from there, to 02:ff:00:00:00:02, each once)
 *
 * Prints one JSON object at its end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH	64
#define PAYLOAD 64
#define LENGTH                                                                                     \
	(sizeof(struct ether_header) + sizeof(struct iphdr) + sizeof(struct udphdr) + PAYLOAD)

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "frames: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint16_t header_sum(const struct iphdr *ip)
{
	const uint16_t *word = (const uint16_t *)ip;
	uint32_t sum = 0;

	for (size_t i = 0; i < sizeof(*ip) / 2; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* From a MAC and to addresses that nobody has. */
static void frame_make(char *frame)
{
	struct ether_header *ether = (struct ether_header *)frame;
	struct iphdr *ip = (struct iphdr *)(ether + 1);
	struct udphdr *udp = (struct udphdr *)(ip + 1);

	memcpy(ether->ether_dhost, (uint8_t[]){2, 0xff, 0, 0, 0, 2}, ETHER_ADDR_LEN);
	memcpy(ether->ether_shost, (uint8_t[]){2, 0xff, 0, 0, 0, 1}, ETHER_ADDR_LEN);
	ether->ether_type = htons(ETHERTYPE_IP);
	*ip = (struct iphdr){
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(LENGTH - sizeof(*ether))),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = htonl(0x0a00fe01),
		.daddr = htonl(0x0a00fe02),
	};
	ip->check = header_sum(ip);
	*udp = (struct udphdr){
		.source = htons(7000), .dest = htons(7001), .len = htons(sizeof(*udp) + PAYLOAD)};
}

int main(int argc, char **argv)
{
	static char frames[BATCH][LENGTH];
	struct mmsghdr messages[BATCH] = {};
	struct iovec vectors[BATCH];
	struct sockaddr_ll to = {.sll_family = AF_PACKET};
	uint64_t count, stride, next = 0, sent = 0;
	double start, end, time;
	int fd;

	if (argc != 5 && !(argc == 6 && !strcmp(argv[5], "new"))) {
		fprintf(stderr, "usage: frames DEVICE SECONDS COUNT STRIDE [new]\n");
		return 2;
	}
	count = strtoull(argv[3], NULL, 10);
	stride = strtoull(argv[4], NULL, 10);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	to.sll_ifindex = (int)if_nametoindex(argv[1]);
	if (fd < 0 || !to.sll_ifindex || bind(fd, (struct sockaddr *)&to, sizeof(to)))
		die(argv[1]);
	for (int i = 0; i < BATCH; i++) {
		frame_make(frames[i]);
		vectors[i] = (struct iovec){frames[i], LENGTH};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	start = time = now();
	end = start + atof(argv[2]);
	while (count && time < end && !(argc == 6 && sent >= count)) {
		int done;

		for (int i = 0; i < BATCH; i++, next = (next + 1) % count) {
			uint64_t number = next * stride;
			uint8_t *mac = (uint8_t *)frames[i] + (argc == 6 ? ETHER_ADDR_LEN : 0);

			mac[0] = 2;
			for (int byte = 1; byte < ETHER_ADDR_LEN; byte++)
				mac[byte] = (uint8_t)(number >> (8 * (ETHER_ADDR_LEN - 1 - byte)));
		}
		done = sendmmsg(fd, messages, BATCH, 0);
		if (done < 0 && errno != ENOBUFS)
			die("sendmmsg");
		sent += done > 0 ? (uint64_t)done : 0;
		time = now();
	}
	printf("{\"sent\": %llu, \"seconds\": %.6f}\n", (unsigned long long)sent, time - start);
	return 0;
}
