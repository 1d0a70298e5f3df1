/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets in words: of every kind that scapy builds, and cut off at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/packet_text.h"

static const struct {
	const char *hex, *text;
} packets[] = {
	{"0a000000000b0a000000000a0806000108000604000102fc000000010a0000010000000000000a000002",
	 "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, ARP who has 10.0.0.2, tell 10.0.0.1"},
	{"0a000000000b0a000000000a080600010800060400020a000000000a0a0000010000000000000a000002",
	 "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, ARP 10.0.0.1 is at 0a:00:00:00:00:0a"},
	{"0a000000000b0a000000000a88a800058100604d08004500001c00010000400166de0a0000010a000002"
	 "0800f7f700070001",
	 "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, S-VLAN 5, VLAN 77 priority 3, IPv4 10.0.0.1 > "
	 "10.0.0.2 ttl 64, ICMP echo request id 7 seq 1"},
	{"0a000000000b0a000000000a080045b90018000920b9030082690a0000010a00000231323334",
	 "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, IPv4 10.0.0.1 > 10.0.0.2 ttl 3 DSCP 46 ECT(1) "
	 "fragment id 9 offset 1480+"},
	{"0a000000000b0a000000000a08004500002800010000400666cd0a0000010a0000020001000200000005"
	 "00000006501220007bc20000",
	 "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, IPv4 10.0.0.1 > 10.0.0.2 ttl 64, TCP 1 > 2 SA seq "
	 "5 ack 6"},
	{"020000000002020000000001080045000050000040004011b699c0000201c0000202c35012b5003cad71"
	 "080000000003e8000a000000000b0a000000000a08004500001e00010000401166cc0a0000010a000002"
	 "00070009000a734f7878",
	 "02:00:00:00:00:01 > 02:00:00:00:00:02, IPv4 192.0.2.1 > 192.0.2.2 ttl 64 DF, UDP 50000 > "
	 "4789, VXLAN vni 1000\n"
	 "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, IPv4 10.0.0.1 > 10.0.0.2 ttl 64, UDP 7 > 9 length "
	 "10"},
	{"02000000000202000000000186dd600000000066114020010db800000000000000000000000120010db8"
	 "000000000000000000000002c35017c10066b27a0240655800004d00010280010011aabb0a000000000b"
	 "0a000000000a86dd6000000000183afffd000000000000000000000000000001fd000000000000000000"
	 "000000000002870081a500000000fd000000000000000000000000000002",
	 "02:00:00:00:00:01 > 02:00:00:00:00:02, IPv6 2001:db8::1 > 2001:db8::2 hlim 64, UDP 50000 "
	 "> 6081, GENEVE vni 77 critical options 8 bytes\n"
	 "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, IPv6 fd00::1 > fd00::2 hlim 255, ICMPv6 neighbour "
	 "solicitation code 0"},
	{"02000000000202000000000108004500005400004000402fb677c0000201c0000202b00086dd2f0f0000"
	 "00000009000000036000000000083a40fd000000000000000000000000000001fd000000000000000000"
	 "0000000000020200fe4000000578",
	 "02:00:00:00:00:01 > 02:00:00:00:00:02, IPv4 192.0.2.1 > 192.0.2.2 ttl 64 DF, GRE csum "
	 "key 9 seq 3\n"
	 "IPv6 fd00::1 > fd00::2 hlim 64, ICMPv6 packet too big: MTU 1400"},
	{"0a000000000b0a000000000a08004500001c00010000400166de0a0000010a0000020304f78300000578",
	 "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, IPv4 10.0.0.1 > 10.0.0.2 ttl 64, ICMP "
	 "unreachable: MTU 1400"},
	{"02000000000202000000000186dd600000000018004020010db800000000000000000000000120010db8"
	 "0000000000000000000000022c000104000000001100000100000004000100020008a466",
	 "02:00:00:00:00:01 > 02:00:00:00:00:02, IPv6 2001:db8::1 > 2001:db8::2 hlim 64 fragment "
	 "id 4 offset 0+, UDP 1 > 2 length 8"},
	{"0a000000000b0a000000000a88cc78", "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, type 0x88cc"},
	{"0a000000000b0a000000000a08006000000000003b40fd000000000000000000000000000001fd000000"
	 "000000000000000000000002",
	 "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, IPv4 that says it is version 6"},
};
enum { COUNT = sizeof(packets) / sizeof(*packets) };

/* A copy of the very size, so that a read beyond is seen. */
static uint8_t *bytes_of(const char *hex, size_t size)
{
	uint8_t *bytes = calloc(1, size ? size : 1);
	unsigned int byte;

	for (size_t i = 0; i < size; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (uint8_t)byte;
	}
	return bytes;
}

static char *text_of(const char *hex, size_t size)
{
	uint8_t *bytes = bytes_of(hex, size);
	char *text = packet_text(bytes, size, NULL, 0);

	assert_non_null(text);
	free(bytes);
	return text;
}

static void test_text(void **state)
{
	(void)state;
	for (int i = 0; i < COUNT; i++) {
		char *text = text_of(packets[i].hex, strlen(packets[i].hex) / 2);

		assert_string_equal(text, packets[i].text);
		free(text);
	}
}

/* However much is there: what is said of it is the beginning of the whole, or that it is cut off. */
static void test_cut_off(void **state)
{
	(void)state;
	for (int i = 0; i < COUNT; i++) {
		for (size_t size = 0; size < strlen(packets[i].hex) / 2; size++) {
			char *text = text_of(packets[i].hex, size), *cut = strstr(text, " cut off");

			assert_true(cut || !strcmp(text, packets[i].text));
			assert_true(!cut || !cut[strlen(" cut off")]);
			free(text);
		}
	}
}

static void test_nothing(void **state)
{
	char *text = text_of("", 0);

	(void)state;
	assert_string_equal(text, "Ethernet cut off");
	free(text);
}

/* GRE in GRE in GRE: an end is made of it. */
static void test_depth(void **state)
{
	char hex[2048] = "0a000000000b0a000000000a0800";
	char *text;

	(void)state;
	for (int i = 0; i < 16; i++)
		strcat(hex, "450000540000400040"
			    "2fb677c0000201c0000202"
			    "00000800");
	text = text_of(hex, strlen(hex) / 2);
	assert_non_null(strstr(text, "more inside"));
	assert_true(strlen(text) < 400);
	free(text);
}

/* Ports that tunnels have chosen, one of them another type's usual one. */
static void test_ports(void **state)
{
	static const struct packet_port ports[] = {{9, true}, {6081, false}};
	static const char head[] =
		"0a000000000b0a000000000a080045000050000040004011b699c0000201c0000202c350";
	static const struct {
		const char *port, *header, *text;
	} wanted[] = {{"0009", "00006558000309", "UDP 50000 > 9, GENEVE vni 777"},
		      {"17c1", "08000000000309", "UDP 50000 > 6081, VXLAN vni 777"},
		      {"12b5", "08000000000309", "UDP 50000 > 4789, VXLAN vni 777"},
		      {"000a", "08000000000309", "UDP 50000 > 10 length 60"}};

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		char hex[256], *text;
		uint8_t *bytes;

		snprintf(hex, sizeof(hex), "%s%s003c0000%s00", head, wanted[i].port,
			 wanted[i].header);
		bytes = bytes_of(hex, strlen(hex) / 2);
		text = packet_text(bytes, strlen(hex) / 2, ports, 2);
		assert_non_null(strstr(text, wanted[i].text));
		free(text);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_nothing), cmocka_unit_test(test_depth),
		cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
