/* SPDX-License-Identifier: GPL-2.0-only */
/* Hexadecimal to words. */
#include "cli/packet.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A new array; what is no hexadecimal ends it. */
static uint8_t *bytes_of(const char *hex, size_t *ret_count)
{
	size_t count = strspn(hex, "0123456789abcdef") / 2;
	uint8_t *bytes = malloc(count + 1);
	unsigned int byte = 0;

	for (size_t i = 0; bytes && i < count && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
		bytes[i] = (uint8_t)byte;
	*ret_count = bytes ? count : 0;
	return bytes;
}

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
	size_t count, port_count;
	uint8_t *bytes;
	char *text;

	if (!hex)
		return NULL;
	bytes = bytes_of(hex, &count);
	ports = packet_ports(listen, &port_count);
	text = bytes ? packet_text(bytes, count, ports, port_count) : NULL;
	free(ports);
	free(bytes);
	return text;
}
