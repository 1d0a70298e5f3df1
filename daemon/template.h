/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Outer headers as data: what the datapath copies in front of a frame (abi/datapath.h, `remotes`).
 * VXLAN over IPv4: RFC 7348 section 5.
 */
#ifndef WEFT_DAEMON_TEMPLATE_H
#define WEFT_DAEMON_TEMPLATE_H

#include <stdint.h>

#include "abi/datapath.h"
#include "lib/objects.h"

#define TEMPLATE_TTL	       64
#define TEMPLATE_TTL_MULTICAST 1
#define TEMPLATE_OVERHEAD      50 /* VXLAN over IPv4: outer IP, UDP and VXLAN headers, inner Ethernet */

/* Fills header, header_len, udp_offset, room and addr; the rest of `ret` stays as it is. */
void template_vxlan(const struct tunnel *tunnel, const struct weft_addr *source,
		    const struct weft_addr *destination, uint32_t vni, struct weft_remote *ret);
/* The VNI in a template. */
uint32_t template_vni(const struct weft_remote *remote);
/* Ones' complement sum of `len` (even) bytes as they stand in memory, folded to 16 bits. */
uint16_t template_sum(const void *bytes, size_t len);

#endif
