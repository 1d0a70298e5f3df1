/* SPDX-License-Identifier: GPL-2.0-only */
/* Hexadecimal to words. */
#include "cli/packet.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
		ports[i].port = (uint16_t)json_integer_value(json_object_get(entry, "port"));
		ports[i].geneve = type && !strcmp(type, "geneve");
	}
	return ports;
}

char *packet_last_text(const json_t *last, const json_t *listen)
{
	const char *hex = json_string_value(json_object_get(last, "packet"));
	struct packet_port *ports;
	size_t room = hex ? strlen(hex) / 2 : 0, port_count;
	uint8_t *bytes;
	char *text;
	int count;

	if (!hex)
		return NULL;
	bytes = malloc(room + 1);
	count = bytes ? hex_read(hex, bytes, room) : -1;
	ports = packet_ports(listen, &port_count);
	text = count < 0 ? NULL : packet_text(bytes, (size_t)count, ports, port_count);
	free(ports);
	free(bytes);
	return text;
}
