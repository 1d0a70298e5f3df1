/* SPDX-License-Identifier: GPL-2.0-only */
/* How much of a packet a filter looks at: libpcap's verdict of that much is the one of the whole. */
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/capture.h"

#define LENGTH	2000
#define PACKETS 20000
#define ANY	WEFT_CAPTURE_BYTES

/* What is compiled, and the most bytes that it may take for it. */
static const struct {
	const char *text;
	uint32_t most;
} filters[] = {
	{"ip", 14},
	{"ether host 0a:00:00:00:00:0a", 14},
	{"host 10.0.0.1", 42},
	{"udp port 53", 200},
	{"tcp[tcpflags] == tcp-syn", 200},
	{"icmp6 or arp", 100},
	{"vlan 7 and udp", 200},
	{"udp[8:4] = 0x78787878", 200},
	{"ether[1500:4] = 0x78787878", 1504},
	{"len > 100", 0},
	{"tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420", ANY},
	{"ip6 protochain 58", ANY},
	{"ip[2:2] - ((ip[0] & 0xf) << 2) > 30", 200},
	{"ether[4294967295] = 1", ANY},
};

static uint32_t compiled(const char *text, struct weft_capture_filter *ret)
{
	pcap_t *handle = pcap_open_dead(DLT_EN10MB, 65535);
	struct bpf_program program;
	uint32_t length;

	assert_non_null(handle);
	assert_int_equal(pcap_compile(handle, &program, text, 1, PCAP_NETMASK_UNKNOWN), 0);
	length = program.bf_len;
	assert_in_range(length, 1, WEFT_CAPTURE_FILTER);
	for (uint32_t i = 0; i < length; i++)
		ret->insn[i] =
			(struct weft_capture_insn){program.bf_insns[i].code, program.bf_insns[i].jt,
						   program.bf_insns[i].jf, program.bf_insns[i].k};
	pcap_freecode(&program);
	pcap_close(handle);
	return length;
}

/* Headers of some kinds, at random, so that a filter gets far. */
static void packet_random(uint8_t packet[LENGTH])
{
	static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8100};
	static const uint8_t protocols[] = {1, 6, 17, 58, 0, 47};
	uint16_t type = types[random() % 4];
	uint8_t *ip = packet + 14;

	for (size_t i = 0; i < LENGTH; i++)
		packet[i] = (uint8_t)random();
	packet[12] = (uint8_t)(type >> 8);
	packet[13] = (uint8_t)type;
	if (type == 0x8100) {
		memcpy(packet + 14, "\x00\x07\x08\x00", 4);
		type = 0x0800;
		ip += 4;
	}
	if (type == 0x0800) {
		ip[0] = (uint8_t)(0x45 + random() % 11);
		memset(ip + 6, 0, 2);
		ip[9] = protocols[random() % 6];
		memcpy(ip + 12, "\x0a\x00\x00\x01", 4);
	} else {
		ip[0] = 0x60;
		ip[6] = protocols[random() % 6];
	}
	if (random() % 2)
		memset(ip + (ip[0] & 0xf) * 4 + 2, 0, 2);
}

static u_int verdict(const struct weft_capture_filter *filter, const uint8_t *packet,
		     uint32_t captured)
{
	/* the same layout, by another name */
	return bpf_filter((const struct bpf_insn *)(const void *)filter->insn, packet, LENGTH,
			  captured);
}

static void test_reach(void **state)
{
	static struct weft_capture_filter filter;
	uint8_t packet[LENGTH];

	(void)state;
	_Static_assert(sizeof(struct bpf_insn) == sizeof(filter.insn[0]), "instruction");
	srandom(1);
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
		uint32_t length = compiled(filters[i].text, &filter);
		uint32_t reach = capture_filter_reach(&filter, length);

		assert_in_range(reach, 0, filters[i].most);
		for (int n = 0; n < PACKETS; n++) {
			packet_random(packet);
			assert_int_equal(verdict(&filter, packet, reach < LENGTH ? reach : LENGTH),
					 verdict(&filter, packet, LENGTH));
		}
	}
}

/* A byte less would not do: it is what the filter asks for, and not a guess with a margin. */
static void test_no_more(void **state)
{
	static struct weft_capture_filter filter;
	uint32_t length = compiled("ether[1500:4] = 0x78787878", &filter);
	uint8_t packet[LENGTH];

	(void)state;
	memset(packet, 0x78, sizeof(packet));
	assert_int_equal(capture_filter_reach(&filter, length), 1504);
	assert_true(verdict(&filter, packet, 1504));
	assert_false(verdict(&filter, packet, 1503));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
