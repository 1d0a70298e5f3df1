/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets as the API gives them. */
#ifndef WEFT_CLI_PACKET_H
#define WEFT_CLI_PACKET_H

#include <jansson.h>

#include "lib/addr.h"
#include "lib/packet_text.h"

/*
 * The headers of `last` of a drop in words (lib/packet_text.h), to be freed; NULL: there is none. `listen` is that of the
 * status: the UDP ports of tunnels.
 */
char *packet_last_text(const json_t *last, const json_t *listen);
/* The destination port of a `packet` that is UDP, without VLAN tags and extension headers; else -1. */
int packet_udp_port(const json_t *packet);
/* The source address of a `packet` that is IP, without VLAN tags; NULL: it is none. */
const char *packet_source(const json_t *packet, char text[ADDR_STRLEN]);
/* The UDP ports of tunnels, a new array, by `listen` of the status. */
struct packet_port *packet_ports(const json_t *listen, size_t *ret_count);

#endif
