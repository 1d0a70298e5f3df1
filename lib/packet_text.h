/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The headers of a packet in words, a line for each Ethernet frame or IP packet in it: Ethernet, VLAN tags, ARP, IPv4,
 * IPv6, UDP, TCP, ICMP, and what is inside GRE, VXLAN and GENEVE. Nothing about the packet is believed: what is cut off or
 * does not add up is said to be so, and ends the text.
 */
#ifndef WEFT_LIB_PACKET_TEXT_H
#define WEFT_LIB_PACKET_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A UDP port that tunnels use. */
struct packet_port {
	uint16_t port;
	bool geneve; /* else VXLAN */
};

/*
 * `bytes` are the first `captured` of a packet, from its Ethernet header on. UDP to one of the `ports`, and else to 4789 or
 * 8472, is taken for VXLAN, to 6081 for GENEVE, as they say. Returns a new string whose lines have no newline at the end of the last; NULL: out of memory.
 */
char *packet_text(const uint8_t *bytes, size_t captured, const struct packet_port *ports,
		  size_t count);

#endif
