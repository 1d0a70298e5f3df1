/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets of a trace between two programs: the first segment of a super-packet, and packets that only look like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "daemon/trace_packet.h"
#include "lib/packet_make.h"

#define SEGMENT 100

static struct weft_trace_packet record;

/* The record of a packet that a description makes, a super-packet. */
static void record_make(const char *description)
{
	struct packet_want want;
	struct error err = {};
	uint32_t len = 0;

	memset(&record, 0, sizeof(record));
	assert_int_equal(packet_parse(description, &want, &err), 0);
	assert_int_equal(packet_build(&want, record.bytes, &len, &err), 0);
	record.captured = (uint16_t)len;
	record.segment = SEGMENT;
}

/* It is the packet of another description, to the byte. */
static void assert_packet(const struct trace_packet *packet, const char *description)
{
	struct packet_want want;
	struct error err = {};
	uint8_t bytes[PACKET_MAX];
	uint32_t len = 0;

	assert_int_equal(packet_parse(description, &want, &err), 0);
	assert_int_equal(packet_build(&want, bytes, &len, &err), 0);
	assert_int_equal(packet->input.len, len);
	assert_memory_equal(packet->bytes, bytes, len);
}

static void first_segment(void **state)
{
	static const char *const heads[] = {
		"udp, src 10.0.0.1, dst 10.0.0.2",
		"udp, src fd00::1, dst fd00::2, vlan 5",
		"tcp, src 10.0.0.1, dst 10.0.0.2, vlan 5, vlan 6, ack",
		"tcp, src fd00::1, dst fd00::2, ack, mss 1000",
	};
	struct trace_packet packet;
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		snprintf(text, sizeof(text), "%s, len 1000%s", heads[i],
			 strstr(heads[i], "tcp") ? ", fin" : "");
		record_make(text);
		trace_packet_take(&packet, &record);
		trace_packet_segment(&packet);
		assert_int_equal(packet.input.segment, 0);
		snprintf(text, sizeof(text), "%s, len %d", heads[i], SEGMENT);
		assert_packet(&packet, text);
	}
}

/* An IP header with options ends with the packet, or hardly before: nothing is written behind it. */
static void header_at_the_end(void **state)
{
	struct trace_packet packet, before;

	(void)state;
	for (int protocol = 0; protocol < 2; protocol++)
		for (uint32_t len = 14 + 60; len < 14 + 60 + (protocol ? 20 : 8); len++) {
			record_make(protocol ? "tcp, src 10.0.0.1, dst 10.0.0.2, len 200"
					     : "udp, src 10.0.0.1, dst 10.0.0.2, len 200");
			record.bytes[14] = 0x4f;
			record.captured = (uint16_t)len;
			trace_packet_take(&packet, &record);
			memset(packet.bytes + len, 0x5a, sizeof(packet.bytes) - len);
			memcpy(&before, &packet, sizeof(packet));
			trace_packet_segment(&packet);
			assert_memory_equal(packet.bytes, before.bytes, sizeof(packet.bytes));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_segment),
		cmocka_unit_test(header_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
