/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Outer headers as data: what the datapath copies in front of a frame (abi/datapath.h, `remotes`).
 * VXLAN (RFC 7348 5), GENEVE (RFC 8926 3.4), GRE (RFC 2784, RFC 2890) and NVGRE (RFC 7637 3.2), over IPv4 and IPv6.
 */
#ifndef WEFT_DAEMON_TEMPLATE_H
#define WEFT_DAEMON_TEMPLATE_H

#include <stdint.h>

#include "abi/datapath.h"
#include "lib/objects.h"

#define TEMPLATE_TTL	       64
#define TEMPLATE_TTL_MULTICAST 1

/* What a template is made of besides the tunnel. */
struct template_spec {
	struct weft_addr source;      /* any: not known yet */
	struct weft_addr destination; /* any: a prototype's */
	bool v6;
	uint32_t vni; /* not for GRE, whose key is the tunnel's */
	uint8_t options_len;
	bool critical; /* some option is */
};

/*
 * Fills header, header_len, options_len, sequence, room, addr, vni and the flags that follow from the header; the
 * rest of `ret` stays as it is.
 */
void template_write(const struct tunnel *tunnel, const struct template_spec *spec,
		    struct weft_remote *ret);
/* Bytes from the outer IP header to the inner packet's IP header: what an MTU loses to the tunnel. The room for
 * options is that of the tunnel (RFC 8926 4.4.1), not of one remote. */
uint32_t template_overhead(const struct tunnel *tunnel, bool v6);
/* Ones' complement sum of `len` (even) bytes as they stand in memory, folded to 16 bits. */
uint16_t template_sum(const void *bytes, size_t len);

#endif
