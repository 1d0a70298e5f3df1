/* SPDX-License-Identifier: GPL-2.0-only */
/* Hexadecimal to words. */
#include "cli/packet.h"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/member.h"
#include "lib/hex.h"

struct packet_port *packet_ports(const json_t *listen, size_t *ret_count)
{
	struct packet_port *ports = calloc(json_array_size(listen) + 1, sizeof(*ports));
	json_t *entry;
	size_t i;

	*ret_count = ports ? json_array_size(listen) : 0;
	json_array_foreach ((json_t *)listen, i, entry) {
		const char *type = json_string_value(json_object_get(entry, "type"));

		if (!ports)
			break;
		ports[i].port = (uint16_t)member_number(entry, "port");
		ports[i].geneve = type && !strcmp(type, "geneve");
	}
	return ports;
}

/* Of member "packet"; NULL: there is none, or it is no packet. The caller's. */
static uint8_t *packet_bytes(const json_t *json, size_t *ret_count)
{
	const char *hex = json_string_value(json_object_get(json, "packet"));
	size_t room = hex ? strlen(hex) / 2 : 0;
	uint8_t *bytes = hex ? malloc(room + 1) : NULL;
	int count = bytes ? hex_read(hex, bytes, room) : -1;

	*ret_count = count < 0 ? 0 : (size_t)count;
	if (count >= 0)
		return bytes;
	free(bytes);
	return NULL;
}

char *packet_last_text(const json_t *last, const json_t *listen)
{
	size_t count, port_count;
	uint8_t *bytes = packet_bytes(last, &count);
	struct packet_port *ports;
	char *text;

	if (!bytes)
		return NULL;
	ports = packet_ports(listen, &port_count);
	text = packet_text(bytes, count, ports, port_count);
	free(ports);
	free(bytes);
	return text;
}

int packet_udp_port(const json_t *packet)
{
	size_t count, ip = ETH_HLEN, udp = 0;
	uint8_t *bytes = packet_bytes(packet, &count);
	int type = count > ip + 20 ? bytes[12] << 8 | bytes[13] : 0, port = -1;

	if (type == ETHERTYPE_IP && bytes[ip + 9] == IPPROTO_UDP)
		udp = ip + (bytes[ip] & 0xfu) * 4;
	else if (type == ETHERTYPE_IPV6 && bytes[ip + 6] == IPPROTO_UDP)
		udp = ip + 40;
	if (udp && count >= udp + 4)
		port = bytes[udp + 2] << 8 | bytes[udp + 3];
	free(bytes);
	return port;
}

const char *packet_source(const json_t *packet, char text[ADDR_STRLEN])
{
	size_t count = 0, ip = ETH_HLEN;
	uint8_t *bytes = packet_bytes(packet, &count);
	int type = count > ip + 20 ? bytes[12] << 8 | bytes[13] : 0;
	struct weft_addr source = {};
	struct in_addr four;

	if (type == ETHERTYPE_IP) {
		memcpy(&four, bytes + ip + 12, sizeof(four));
		source = addr_from_v4(four);
	} else if (type == ETHERTYPE_IPV6 && count >= ip + 24) {
		memcpy(&source, bytes + ip + 8, sizeof(source));
	}
	free(bytes);
	return addr_is_any(&source) ? NULL : addr_format(&source, text);
}
