/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel makes of a packet between two programs of the datapath. */
#ifndef WEFT_DAEMON_TRACE_PACKET_H
#define WEFT_DAEMON_TRACE_PACKET_H

#include <stdint.h>

#include "abi/trace.h"
#include "daemon/dp_trace.h"

#define TRACE_TAG_LENGTH 4

/* A packet that a program is to be run on. */
struct trace_packet {
	uint8_t bytes[WEFT_TRACE_BYTES + TRACE_TAG_LENGTH];
	struct dp_trace_input input; /* of `bytes` */
};

/* That of a record, with the tag that is kept beside it in its place. */
void trace_packet_take(struct trace_packet *packet, const struct weft_trace_packet *record);
/* Leaves the first segment of a super-packet of TCP or UDP, as segmentation makes it. Anything else stays as it is. */
void trace_packet_segment(struct trace_packet *packet);
/* Takes `offset` bytes off the front: all but the inner frame. */
void trace_packet_open(struct trace_packet *packet, uint32_t offset);
/* The source address of the outer IP header; -EINVAL: there is none. */
int trace_packet_source(const uint8_t *bytes, uint32_t len, struct weft_addr *ret);

#endif
