/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets in words: a function per header, each of which reads what it needs or says that it is not there. */
#include "lib/packet_text.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

#define DEPTH_MAX	4 /* packets in packets */
#define TAGS_MAX	4
#define EXTENSIONS_MAX	8
#define PORT_VXLAN	4789
#define PORT_VXLAN_OLD	8472 /* Linux's before RFC 7348 */
#define PORT_GENEVE	6081
#define PROTO_ETHERNET	0x6558
#define GENEVE_CONTROL	0x80
#define GENEVE_CRITICAL 0x40

struct reader {
	FILE *out;
	const uint8_t *at, *end;
	int depth;
	const struct packet_port *ports;
	size_t port_count;
};

/* The next `size` bytes, which are then behind us; NULL, and said so, if they are not there. */
static const uint8_t *take(struct reader *reader, size_t size, const char *what)
{
	const uint8_t *at = reader->at;

	if ((size_t)(reader->end - at) < size) {
		fprintf(reader->out, ", %s cut off", what);
		reader->at = reader->end;
		return NULL;
	}
	reader->at += size;
	return at;
}

static uint32_t big(const uint8_t *at, size_t size)
{
	uint32_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

static void ethernet(struct reader *reader);
static void ip(struct reader *reader, uint16_t proto);

/* What a tunnel header says is inside, on a line of its own. */
static void inside(struct reader *reader, uint16_t proto)
{
	if (++reader->depth >= DEPTH_MAX) {
		fputs(", more inside", reader->out);
		return;
	}
	if (proto == PROTO_ETHERNET || proto == ETHERTYPE_IP || proto == ETHERTYPE_IPV6)
		fputc('\n', reader->out);
	if (proto == PROTO_ETHERNET)
		ethernet(reader);
	else if (proto == ETHERTYPE_IP || proto == ETHERTYPE_IPV6)
		ip(reader, proto);
	else
		fprintf(reader->out, ", protocol 0x%04x", proto);
}

static void vxlan(struct reader *reader)
{
	const uint8_t *header = take(reader, 8, "VXLAN");

	if (!header)
		return;
	fprintf(reader->out, ", VXLAN vni %u", big(header + 4, 3));
	if (header[0] != 0x08)
		fprintf(reader->out, " flags 0x%02x", header[0]);
	inside(reader, PROTO_ETHERNET);
}

static void geneve(struct reader *reader)
{
	const uint8_t *header = take(reader, 8, "GENEVE");
	size_t options;

	if (!header)
		return;
	options = (size_t)(header[0] & 0x3f) * 4;
	fprintf(reader->out, ", GENEVE vni %u", big(header + 4, 3));
	if (header[0] >> 6)
		fprintf(reader->out, " version %d", header[0] >> 6);
	if (header[1] & GENEVE_CONTROL)
		fputs(" control", reader->out);
	if (header[1] & GENEVE_CRITICAL)
		fputs(" critical", reader->out);
	if (options)
		fprintf(reader->out, " options %zu bytes", options);
	if (take(reader, options, "options"))
		inside(reader, (uint16_t)big(header + 2, 2));
}

static void gre(struct reader *reader)
{
	const uint8_t *header = take(reader, 4, "GRE"), *field;
	uint16_t flags;

	if (!header)
		return;
	flags = (uint16_t)big(header, 2);
	fputs(", GRE", reader->out);
	if (flags & 7) {
		fprintf(reader->out, " version %d", flags & 7);
		return;
	}
	if (flags & 0x8000) {
		fputs(" csum", reader->out);
		if (!take(reader, 4, "checksum"))
			return;
	}
	if (flags & 0x2000) {
		field = take(reader, 4, "key");
		if (!field)
			return;
		fprintf(reader->out, " key %u", big(field, 4));
	}
	if (flags & 0x1000) {
		field = take(reader, 4, "sequence number");
		if (!field)
			return;
		fprintf(reader->out, " seq %u", big(field, 4));
	}
	inside(reader, (uint16_t)big(header + 2, 2));
}

/* What is in UDP to this port; NULL: no tunnel's. */
static void (*udp_carries(const struct reader *reader, uint32_t port))(struct reader *reader)
{
	for (size_t i = 0; i < reader->port_count; i++)
		if (reader->ports[i].port == port)
			return reader->ports[i].geneve ? geneve : vxlan;
	if (port == PORT_VXLAN || port == PORT_VXLAN_OLD)
		return vxlan;
	return port == PORT_GENEVE ? geneve : NULL;
}

static void udp(struct reader *reader)
{
	const uint8_t *header = take(reader, 8, "UDP");
	void (*carries)(struct reader * reader);
	uint32_t port;

	if (!header)
		return;
	port = big(header + 2, 2);
	fprintf(reader->out, ", UDP %u > %u", big(header, 2), port);
	carries = udp_carries(reader, port);
	if (carries)
		carries(reader);
	else
		fprintf(reader->out, " length %u", big(header + 4, 2));
}

static void tcp(struct reader *reader)
{
	static const char flags[] = "FSRPAUEC";
	const uint8_t *header = take(reader, 20, "TCP");

	if (!header)
		return;
	fprintf(reader->out, ", TCP %u > %u ", big(header, 2), big(header + 2, 2));
	for (int bit = 0; bit < 8; bit++)
		if (header[13] >> bit & 1)
			fputc(flags[bit], reader->out);
	fprintf(reader->out, " seq %u", big(header + 4, 4));
	if (header[13] & 0x10)
		fprintf(reader->out, " ack %u", big(header + 8, 4));
}

static void icmp(struct reader *reader, bool six)
{
	static const struct {
		uint8_t type, type6;
		const char *name;
	} names[] = {{0, 129, "echo reply"},
		     {8, 128, "echo request"},
		     {3, 1, "unreachable"},
		     {11, 3, "time exceeded"},
		     {255, 2, "packet too big"},
		     {255, 133, "router solicitation"},
		     {255, 134, "router advert"},
		     {255, 135, "neighbour solicitation"},
		     {255, 136, "neighbour advertisement"}};
	const uint8_t *header = take(reader, 8, six ? "ICMPv6" : "ICMP");

	if (!header)
		return;
	fputs(six ? ", ICMPv6" : ", ICMP", reader->out);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (header[0] != (six ? names[i].type6 : names[i].type) || header[0] == 255)
			continue;
		fprintf(reader->out, " %s", names[i].name);
		if (i < 2)
			fprintf(reader->out, " id %u seq %u", big(header + 4, 2),
				big(header + 6, 2));
		else if (!six && header[0] == 3 && header[1] == 4)
			fprintf(reader->out, ": MTU %u", big(header + 6, 2));
		else if (six && header[0] == 2)
			fprintf(reader->out, ": MTU %u", big(header + 4, 4));
		else
			fprintf(reader->out, " code %u", header[1]);
		return;
	}
	fprintf(reader->out, " type %u code %u", header[0], header[1]);
}

static void transport(struct reader *reader, uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_UDP:
		udp(reader);
		break;
	case IPPROTO_TCP:
		tcp(reader);
		break;
	case IPPROTO_GRE:
		gre(reader);
		break;
	case IPPROTO_ICMP:
		icmp(reader, false);
		break;
	case IPPROTO_ICMPV6:
		icmp(reader, true);
		break;
	case IPPROTO_IPIP:
		inside(reader, ETHERTYPE_IP);
		break;
	case IPPROTO_IPV6:
		inside(reader, ETHERTYPE_IPV6);
		break;
	default:
		fprintf(reader->out, ", protocol %u", protocol);
	}
}

static void class_print(struct reader *reader, uint32_t class)
{
	static const char *const ecn[] = {"", " ECT(1)", " ECT(0)", " CE"};

	if (class >> 2)
		fprintf(reader->out, " DSCP %u", class >> 2);
	fputs(ecn[class & 3], reader->out);
}

static void ipv4(struct reader *reader)
{
	const uint8_t *header = take(reader, 20, "IPv4");
	char from[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN];
	uint32_t fragment;

	if (!header)
		return;
	fragment = big(header + 6, 2);
	fprintf(reader->out, "IPv4 %s > %s", inet_ntop(AF_INET, header + 12, from, sizeof(from)),
		inet_ntop(AF_INET, header + 16, to, sizeof(to)));
	fprintf(reader->out, " ttl %u", header[8]);
	class_print(reader, header[1]);
	if (fragment & 0x4000)
		fputs(" DF", reader->out);
	if ((header[0] & 15) < 5) {
		fputs(", header length wrong", reader->out);
		return;
	}
	if (!take(reader, (size_t)((header[0] & 15) - 5) * 4, "IP options"))
		return;
	if (fragment & 0x3fff)
		fprintf(reader->out, " fragment id %u offset %u%s", big(header + 4, 2),
			(fragment & 0x1fff) * 8, fragment & 0x2000 ? "+" : "");
	if (fragment & 0x1fff)
		return;
	transport(reader, header[9]);
}

static void ipv6(struct reader *reader)
{
	const uint8_t *header = take(reader, 40, "IPv6"), *extension;
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	uint32_t fragment;
	uint8_t next;

	if (!header)
		return;
	next = header[6];
	fprintf(reader->out, "IPv6 %s > %s", inet_ntop(AF_INET6, header + 8, from, sizeof(from)),
		inet_ntop(AF_INET6, header + 24, to, sizeof(to)));
	fprintf(reader->out, " hlim %u", header[7]);
	class_print(reader, big(header, 2) >> 4 & 0xff);
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT) {
			transport(reader, next);
			return;
		}
		extension = take(reader, 8, "extension header");
		if (!extension)
			return;
		if (next == IPPROTO_FRAGMENT) {
			fragment = big(extension + 2, 2);
			fprintf(reader->out, " fragment id %u offset %u%s", big(extension + 4, 4),
				fragment & 0xfff8, fragment & 1 ? "+" : "");
			if (fragment & 0xfff8)
				return;
		} else if (!take(reader, (size_t)extension[1] * 8, "extension header")) {
			return;
		}
		next = extension[0];
	}
	fputs(", more extension headers", reader->out);
}

static void ip(struct reader *reader, uint16_t proto)
{
	uint8_t version = proto == ETHERTYPE_IP ? 4 : 6;

	if (reader->at < reader->end && *reader->at >> 4 != version)
		fprintf(reader->out, "IPv%u that says it is version %d", version, *reader->at >> 4);
	else if (version == 4)
		ipv4(reader);
	else
		ipv6(reader);
}

static void arp(struct reader *reader)
{
	char mac[MAC_STRLEN], from[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN];
	const uint8_t *header = take(reader, 28, "ARP");

	if (!header)
		return;
	inet_ntop(AF_INET, header + 14, from, sizeof(from));
	inet_ntop(AF_INET, header + 24, to, sizeof(to));
	if (big(header + 6, 2) == 1)
		fprintf(reader->out, "ARP who has %s, tell %s", to, from);
	else if (big(header + 6, 2) == 2)
		fprintf(reader->out, "ARP %s is at %s", from, mac_format(header + 8, mac));
	else
		fprintf(reader->out, "ARP operation %u", big(header + 6, 2));
}

static void ethernet(struct reader *reader)
{
	const uint8_t *header = take(reader, 14, "Ethernet"), *tag;
	char from[MAC_STRLEN], to[MAC_STRLEN];
	uint32_t proto;

	if (!header)
		return;
	proto = big(header + 12, 2);
	fprintf(reader->out, "%s > %s", mac_format(header + 6, from), mac_format(header, to));
	for (int i = 0; i < TAGS_MAX && (proto == ETHERTYPE_VLAN || proto == 0x88a8); i++) {
		tag = take(reader, 4, "VLAN tag");
		if (!tag)
			return;
		fprintf(reader->out, ", %s %u", proto == ETHERTYPE_VLAN ? "VLAN" : "S-VLAN",
			big(tag, 2) & 0xfff);
		if (tag[0] >> 5)
			fprintf(reader->out, " priority %d", tag[0] >> 5);
		proto = big(tag + 2, 2);
	}
	fputs(", ", reader->out);
	if (proto == ETHERTYPE_IP || proto == ETHERTYPE_IPV6)
		ip(reader, (uint16_t)proto);
	else if (proto == ETHERTYPE_ARP)
		arp(reader);
	else
		fprintf(reader->out, "type 0x%04x", proto);
}

char *packet_text(const uint8_t *bytes, size_t captured, const struct packet_port *ports,
		  size_t count)
{
	struct reader reader = {
		.at = bytes, .end = bytes + captured, .ports = ports, .port_count = count};
	char *text = NULL;
	size_t size;

	reader.out = open_memstream(&text, &size);
	if (!reader.out)
		return NULL;
	ethernet(&reader);
	fclose(reader.out);
	/* what begins with something that is missing begins with its comma */
	if (text && !strncmp(text, ", ", 2))
		memmove(text, text + 2, strlen(text + 2) + 1);
	return text;
}
