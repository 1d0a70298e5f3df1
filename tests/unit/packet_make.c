/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets out of descriptions: what they are is what packet_text() says of them, and no text breaks it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/packet_make.h"
#include "lib/packet_text.h"

#define MACS "smac 0a:00:00:00:00:0a, dmac 0a:00:00:00:00:0b, "
#define HEAD "0a:00:00:00:00:0a > 0a:00:00:00:00:0b, "

static const struct {
	const char *description, *text;
} packets[] = {
	{MACS "arp, src 10.0.0.1, dst 10.0.0.2", HEAD "ARP who has 10.0.0.2, tell 10.0.0.1"},
	{MACS "icmp, src 10.0.0.1, dst 10.0.0.2, ttl 3",
	 HEAD "IPv4 10.0.0.1 > 10.0.0.2 ttl 3, ICMP echo request id 1 seq 1"},
	{MACS "udp, src 10.0.0.1, dst 10.0.0.2, sport 7, dport 9, len 5, df, dscp 46, ecn 1",
	 HEAD "IPv4 10.0.0.1 > 10.0.0.2 ttl 64 DSCP 46 ECT(1) DF, UDP 7 > 9 length 13"},
	{MACS "vlan 77 pcp 3,icmp,src 10.0.0.1,dst 10.0.0.2",
	 HEAD "VLAN 77 priority 3, IPv4 10.0.0.1 > 10.0.0.2 ttl 64, ICMP echo request id 1 seq 1"},
};

static void packets_are_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		struct packet_want want;
		struct error err = {};
		uint8_t bytes[PACKET_MAX];
		uint32_t len;
		char *text;

		assert_int_equal(packet_parse(packets[i].description, &want, &err), 0);
		assert_int_equal(packet_build(&want, bytes, &len, &err), 0);
		text = packet_text(bytes, len, NULL, 0);
		assert_non_null(text);
		assert_string_equal(text, packets[i].text);
		free(text);
	}
}

/* One line, which names the word that is lost otherwise. */
static void words_without_effect(void **state)
{
	static const struct {
		const char *description, *name;
	} refused[] = {
		{"icmp, sport 7", "sport"},
		{"udp, syn", "syn"},
		{"udp, mss 9", "mss"},
		{"arp, ttl 3", "ttl"},
		{"arp, len 3", "len"},
		{"icmp6, src fd00::1, dst fd00::2, df", "df"},
		{"ether 0x88b5, src 10.0.0.1", "src"},
		{"icmp, segment 9", "segment"},
		{"hex 00, vlan 3", "vlan"},
		{"icmp, src 10.0.0.1, dst 10.0.0.2, src 10.0.0.3", "src"},
		{"icmp src 10.0.0.1, dst 10.0.0.2", "\"src\""},
		{"icmp, df yes", "\"yes\""},
		{"ip proto 4 5", "\"5\""},
		{"vlan 3 pcp 1 2, arp", "\"2\""},
		{"icmp, src 10.0.0.1 dst 10.0.0.2", "\"dst\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct packet_want want;
		struct error err = {};

		assert_int_equal(packet_parse(refused[i].description, &want, &err), -EINVAL);
		assert_non_null(strstr(err.line, refused[i].name));
	}
}

/* Cut off at every character: a packet, or one line. */
static void cut_descriptions(void **state)
{
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++)
		for (size_t cut = 0; cut <= strlen(packets[i].description); cut++) {
			struct packet_want want;
			struct error err = {};
			uint8_t bytes[PACKET_MAX];
			uint32_t len;

			memcpy(text, packets[i].description, cut);
			text[cut] = '\0';
			if (packet_parse(text, &want, &err) == 0 &&
			    packet_build(&want, bytes, &len, &err) == 0)
				assert_in_range(len, 14, PACKET_MAX);
			else
				assert_true(*err.line && !strchr(err.line, '\n'));
		}
}

static void largest(void **state)
{
	struct packet_want want;
	struct error err = {};
	uint8_t bytes[PACKET_MAX];
	uint32_t len;

	(void)state;
	assert_int_equal(
		packet_parse("tcp, mss 1000, vlan 1, vlan 2, src fd00::1, dst fd00::2, len 3976",
			     &want, &err),
		0);
	assert_int_equal(packet_build(&want, bytes, &len, &err), 0);
	assert_int_equal(len, 14 + 8 + 40 + 24 + 3976);
	assert_true(packet_parse("tcp, len 3977", &want, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_what_they_say),
		cmocka_unit_test(cut_descriptions),
		cmocka_unit_test(words_without_effect),
		cmocka_unit_test(largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
