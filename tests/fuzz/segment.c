/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet between two programs of a trace, as a record of the datapath has it: its tag put back, its first segment, its inside. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/trace_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input has its first bytes in `captured`; so much of `bytes` is there. */
static bool record_read(const uint8_t *data, size_t size, struct weft_trace_packet *ret)
{
	struct {
		uint16_t segment, captured, vlan_proto, vlan_tci;
	} head;

	if (size < sizeof(head))
		return false;
	memcpy(&head, data, sizeof(head));
	size -= sizeof(head);
	memcpy(ret->bytes, data + sizeof(head), size < WEFT_TRACE_BYTES ? size : WEFT_TRACE_BYTES);
	ret->segment = head.segment;
	ret->captured = head.captured % (WEFT_TRACE_BYTES + 1);
	ret->vlan_proto = head.vlan_proto;
	ret->vlan_tci = head.vlan_tci;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weft_trace_packet *record = calloc(1, sizeof(*record));
	struct trace_packet *packet = calloc(1, sizeof(*packet));
	struct weft_addr source;

	if (record_read(data, size, record)) {
		trace_packet_take(packet, record);
		trace_packet_segment(packet);
		if (packet->input.len > sizeof(packet->bytes) ||
		    packet->input.bytes != packet->bytes)
			abort();
		trace_packet_open(packet, record->segment % 64);
		trace_packet_source(packet->bytes, packet->input.len, &source);
	}
	free(packet);
	free(record);
	return 0;
}
