/* SPDX-License-Identifier: GPL-2.0-only */
/* The outer header as bytes (RFC 7348 section 5, RFC 791), and the sum that the datapath goes on from. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/template.h"

static struct weft_addr addr(const char *text)
{
	struct weft_addr ret;

	assert_int_equal(addr_parse(text, &ret), 0);
	return ret;
}

static struct weft_remote make(const struct tunnel *tunnel, const char *to, uint32_t vni)
{
	struct weft_addr source = addr("192.0.2.1"), destination = addr(to);
	struct weft_remote remote = {};

	template_vxlan(tunnel, &source, &destination, vni, &remote);
	return remote;
}

/* What the datapath does: adds the length, folds, complements. */
static uint16_t completed(const struct weft_remote *remote, uint16_t length)
{
	uint16_t check;
	uint32_t sum;

	memcpy(&check, remote->header + 10, sizeof(check));
	sum = (uint32_t)check + htons(length);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void test_bytes(void **state)
{
	const struct tunnel tunnel = {.dstport = 4789};
	static const uint8_t wanted[36] = {
		0x45, 0, 0, 0, 0,    0,	   0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51,
		100,  7, 0, 0, 0x12, 0xb5, 0,	 0, 0,	0,  8, 0, 0,   0, 1, 2, 3,   0,
	};
	struct weft_remote remote = make(&tunnel, "198.51.100.7", 0x010203);

	(void)state;
	assert_int_equal(remote.header_len, 36);
	assert_int_equal(remote.udp_offset, 20);
	memset(remote.header + 10, 0, 2);
	assert_memory_equal(remote.header, wanted, sizeof(wanted));
	for (size_t i = sizeof(wanted); i < WEFT_HEADER_MAX; i++)
		assert_int_equal(remote.header[i], 0);
	assert_int_equal(remote.room, BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 |
					      BPF_F_ADJ_ROOM_ENCAP_L4_UDP |
					      BPF_F_ADJ_ROOM_ENCAP_L2_ETH);
	assert_int_equal(remote.addr.word[3], inet_addr("198.51.100.7"));
}

/* The sum over a complete header, its checksum counted, is all ones. */
static void test_checksum(void **state)
{
	static const uint16_t lengths[] = {20, 50, 1500, 9000, 65535};
	const struct tunnel tunnels[] = {
		{.dstport = 4789},
		{.dstport = 8472, .tos = 0xb8, .ttl = 255},
		{.dstport = 1, .tos = TOS_INHERIT, .ttl = TTL_INHERIT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		struct weft_remote remote = make(&tunnels[i], "255.254.253.252", 0xffffff);

		for (size_t j = 0; j < sizeof(lengths) / sizeof(lengths[0]); j++) {
			uint8_t header[20];
			uint16_t check = completed(&remote, lengths[j]), length = htons(lengths[j]);

			memcpy(header, remote.header, sizeof(header));
			memcpy(header + 2, &length, sizeof(length));
			memcpy(header + 10, &check, sizeof(check));
			assert_int_equal(template_sum(header, sizeof(header)), 0xffff);
		}
	}
}

static void test_ttl_and_tos(void **state)
{
	(void)state;
	assert_int_equal(make(&(struct tunnel){.dstport = 1}, "10.0.0.1", 1).header[8], 64);
	assert_int_equal(make(&(struct tunnel){.dstport = 1}, "239.1.1.1", 1).header[8], 1);
	assert_int_equal(make(&(struct tunnel){.ttl = 9}, "239.1.1.1", 1).header[8], 9);
	assert_int_equal(make(&(struct tunnel){.ttl = TTL_INHERIT}, "10.0.0.1", 1).header[8], 64);
	assert_int_equal(make(&(struct tunnel){.tos = 0x28}, "10.0.0.1", 1).header[1], 0x28);
	assert_int_equal(make(&(struct tunnel){.tos = TOS_INHERIT}, "10.0.0.1", 1).header[1], 0);
}

static void test_vni(void **state)
{
	static const uint32_t vnis[] = {0, 1, 0x800000, 0xffffff};
	struct weft_remote none = {};

	(void)state;
	for (size_t i = 0; i < sizeof(vnis) / sizeof(vnis[0]); i++) {
		struct weft_remote remote =
			make(&(struct tunnel){.dstport = 4789}, "10.0.0.1", vnis[i]);

		assert_int_equal(template_vni(&remote), vnis[i]);
	}
	assert_int_equal(template_vni(&none), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_ttl_and_tos),
		cmocka_unit_test(test_vni),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
