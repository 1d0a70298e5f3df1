/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets between two programs: tags, segments, what the host's own devices do. */
#include "daemon/trace_packet.h"

#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/internet_sum.h"

#define TAG_OFFSET     12
#define IPV4_LEAST     20
#define IPV6_LEN       40
#define UDP_LEN	       8
#define TCP_LEAST      20
#define TCP_FLAGS      13   /* offset in its header */
#define TCP_FLAGS_LAST 0x09 /* FIN and PSH: of the last segment only */

static uint32_t big16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static void big16_put(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void trace_packet_take(struct trace_packet *packet, const struct weft_trace_packet *record)
{
	uint32_t len = record->captured;

	memcpy(packet->bytes, record->bytes, len);
	if (record->vlan_proto && len >= TAG_OFFSET) {
		memmove(packet->bytes + TAG_OFFSET + TRACE_TAG_LENGTH, packet->bytes + TAG_OFFSET,
			len - TAG_OFFSET);
		memcpy(packet->bytes + TAG_OFFSET, &record->vlan_proto, 2);
		big16_put(packet->bytes + TAG_OFFSET + 2, record->vlan_tci);
		len += TRACE_TAG_LENGTH;
	}
	packet->input = (struct dp_trace_input){.bytes = packet->bytes,
						.len = len,
						.segment = record->segment,
						.mark = record->mark,
						.priority = record->priority};
	memcpy(packet->input.cb, record->cb, sizeof(record->cb));
}

/* TCP's or UDP's over the pseudo-header; `addresses` are both of them. */
static void transport_sum(uint8_t *l4, uint32_t len, const uint8_t *addresses, uint32_t size,
			  uint32_t protocol)
{
	uint8_t *place = l4 + (protocol == IPPROTO_TCP ? 16 : 6);
	uint32_t value;

	big16_put(place, 0);
	value = internet_sum_end(
		internet_sum(l4, len, internet_sum(addresses, size, protocol + len)));
	big16_put(place, protocol == IPPROTO_UDP && !value ? 0xffff : value);
}

void trace_packet_segment(struct trace_packet *packet)
{
	uint8_t *bytes = packet->bytes, *ip, *l4;
	uint32_t len = packet->input.len, at = TAG_OFFSET, protocol, header, ip_len, whole;
	bool v4;

	while (at + 2 <= len &&
	       (big16(bytes + at) == ETHERTYPE_VLAN || big16(bytes + at) == 0x88a8))
		at += TRACE_TAG_LENGTH;
	if (!packet->input.segment || at + 2 + IPV6_LEN + TCP_LEAST > len)
		return;
	v4 = big16(bytes + at) == ETHERTYPE_IP;
	if (!v4 && big16(bytes + at) != ETHERTYPE_IPV6)
		return;
	ip = bytes + at + 2;
	ip_len = v4 ? (ip[0] & 0xfu) * 4 : IPV6_LEN;
	protocol = v4 ? ip[9] : ip[6];
	l4 = ip + ip_len;
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || ip_len < IPV4_LEAST)
		return;
	if (l4 + (protocol == IPPROTO_TCP ? TCP_LEAST : UDP_LEN) > bytes + len)
		return;
	header = protocol == IPPROTO_TCP ? (l4[12] >> 4) * 4u : UDP_LEN;
	whole = (uint32_t)(l4 - bytes) + header + packet->input.segment;
	if (whole < len) {
		packet->input.len = len = whole;
		if (protocol == IPPROTO_TCP)
			l4[TCP_FLAGS] &= (uint8_t)~TCP_FLAGS_LAST;
	}
	packet->input.segment = 0;
	whole = len - (uint32_t)(ip - bytes);
	if (v4) {
		big16_put(ip + 2, whole);
		big16_put(ip + 10, 0);
		big16_put(ip + 10, internet_sum_end(internet_sum(ip, ip_len, 0)));
	} else {
		big16_put(ip + 4, whole - IPV6_LEN);
	}
	if (protocol == IPPROTO_UDP)
		big16_put(l4 + 4, whole - ip_len);
	transport_sum(l4, whole - ip_len, v4 ? ip + 12 : ip + 8, v4 ? 8 : 32, protocol);
}

void trace_packet_open(struct trace_packet *packet, uint32_t offset)
{
	if (offset >= packet->input.len)
		return;
	packet->input.len -= offset;
	memmove(packet->bytes, packet->bytes + offset, packet->input.len);
}

int trace_packet_source(const uint8_t *bytes, uint32_t len, struct weft_addr *ret)
{
	struct in_addr v4;

	if (len >= 14 + IPV4_LEAST && big16(bytes + TAG_OFFSET) == ETHERTYPE_IP) {
		memcpy(&v4, bytes + 14 + 12, sizeof(v4));
		*ret = addr_from_v4(v4);
		return 0;
	}
	if (len >= 14 + IPV6_LEN && big16(bytes + TAG_OFFSET) == ETHERTYPE_IPV6) {
		memcpy(ret, bytes + 14 + 8, sizeof(*ret));
		return 0;
	}
	return -EINVAL;
}
