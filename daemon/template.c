/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/template.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>

#include "lib/tunnel.h"

#define VXLAN_FLAG_VNI 0x08000000 /* the I flag: the VNI is valid */

/* The bytes on the wire. */
struct wire {
	struct iphdr ip;
	struct udphdr udp;
	uint32_t vxlan[2];
} __attribute__((packed));

_Static_assert(sizeof(struct wire) == 36, "VXLAN over IPv4");
_Static_assert(sizeof(struct wire) <= WEFT_HEADER_MAX, "header");
_Static_assert(sizeof(struct wire) + 14 == TEMPLATE_OVERHEAD, "overhead");

uint16_t template_sum(const void *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		uint16_t word;

		memcpy(&word, (const char *)bytes + i, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint8_t template_ttl(const struct tunnel *tunnel, const struct weft_addr *destination)
{
	if (tunnel->ttl != TTL_AUTO && tunnel->ttl != TTL_INHERIT)
		return (uint8_t)tunnel->ttl;
	return addr_is_multicast(destination) ? TEMPLATE_TTL_MULTICAST : TEMPLATE_TTL;
}

void template_vxlan(const struct tunnel *tunnel, const struct weft_addr *source,
		    const struct weft_addr *destination, uint32_t vni, struct weft_remote *ret)
{
	struct wire wire = {
		.ip =
			{
				.version = 4,
				.ihl = sizeof(struct iphdr) / 4,
				.tos = tunnel->tos == TOS_INHERIT ? 0 : (uint8_t)tunnel->tos,
				.frag_off = htons(IP_DF),
				.ttl = template_ttl(tunnel, destination),
				.protocol = IPPROTO_UDP,
				.saddr = source->word[3],
				.daddr = destination->word[3],
			},
		.udp = {.uh_dport = htons(tunnel_dstport(tunnel))},
		.vxlan = {htonl(VXLAN_FLAG_VNI), htonl(vni << 8)},
	};

	wire.ip.check = template_sum(&wire.ip, sizeof(wire.ip));
	memset(ret->header, 0, sizeof(ret->header));
	memcpy(ret->header, &wire, sizeof(wire));
	ret->header_len = sizeof(wire);
	ret->udp_offset = sizeof(struct iphdr);
	ret->room = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 |
		    BPF_F_ADJ_ROOM_ENCAP_L4_UDP | BPF_F_ADJ_ROOM_ENCAP_L2_ETH;
	ret->addr = *destination;
}

uint32_t template_vni(const struct weft_remote *remote)
{
	uint32_t word = 0;

	if (remote->header_len == sizeof(struct wire))
		memcpy(&word, remote->header + offsetof(struct wire, vxlan) + 4, sizeof(word));
	return ntohl(word) >> 8;
}
