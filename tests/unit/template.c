/* SPDX-License-Identifier: GPL-2.0-only */
/* Outer headers as bytes (RFC 7348 5, RFC 8926 3.4, RFC 2784, RFC 2890, RFC 7637 3.2, RFC 791, RFC 8200 3), and the sum
 * that the datapath goes on from. */
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
	struct template_spec spec = {
		.destination = addr(to),
		.v6 = strchr(to, ':') != NULL,
		.vni = vni,
	};
	struct weft_remote remote = {};

	spec.source = addr(spec.v6 ? "2001:db8::1" : "192.0.2.1");
	template_write(tunnel, &spec, &remote);
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

#define V4(protocol) 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 10, 0, 0, 1
#define V6(protocol)                                                                               \
	0x60, 0, 0, 0, 0, 0, protocol, 64, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,   \
		1, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2
#define TO4 "10.0.0.1"
#define TO6 "2001:db8::2"

/* Each type over both versions of IP: the bytes behind the IP header, and what the datapath is to patch. */
static void test_types(void **state)
{
	static const struct {
		struct tunnel tunnel;
		const char *to;
		uint8_t len;
		uint8_t wanted[WEFT_HEADER_MAX];
		uint32_t flags;
	} cases[] = {
		{{.type = TUNNEL_VXLAN},
		 TO6,
		 56,
		 {V6(17), 0, 0, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 0},
		 WEFT_REMOTE_IPV6 | WEFT_REMOTE_CSUM},
		{{.type = TUNNEL_VXLAN, .udp6zerocsumtx = true, .flowlabel = FLOWLABEL_AUTO},
		 TO6,
		 56,
		 {V6(17), 0, 0, 0x12, 0xb5, 0, 0, 0, 0, 8, 0, 0, 0, 1, 2, 3, 0},
		 WEFT_REMOTE_IPV6 | WEFT_REMOTE_FLOWLABEL},
		{{.type = TUNNEL_GENEVE},
		 TO4,
		 36,
		 {V4(17), 0, 0, 0x17, 0xc1, 0, 0, 0, 0, 0, 0, 0x65, 0x58, 1, 2, 3, 0},
		 WEFT_REMOTE_CSUM},
		{{.type = TUNNEL_GENEVE, .innerprotoinherit = true, .udpcsum = CHOICE_NO},
		 TO4,
		 36,
		 {V4(17), 0, 0, 0x17, 0xc1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0},
		 WEFT_REMOTE_L3},
		{{.type = TUNNEL_GRETAP}, TO4, 24, {V4(47), 0, 0, 0x65, 0x58}, WEFT_REMOTE_GRE},
		{{.type = TUNNEL_GRETAP, .key = {true, false, 9}},
		 TO6,
		 48,
		 {V6(47), 0x20, 0, 0x65, 0x58, 0, 0, 0, 9},
		 WEFT_REMOTE_GRE | WEFT_REMOTE_IPV6},
		{{.type = TUNNEL_GRE,
		  .csum = true,
		  .seq = true,
		  .key = {true, false, 1},
		  .okey = {true, false, 0x01020304}},
		 TO4,
		 36,
		 {V4(47), 0xb0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
		 WEFT_REMOTE_GRE | WEFT_REMOTE_L3 | WEFT_REMOTE_CSUM | WEFT_REMOTE_SEQ},
		{{.type = TUNNEL_GRE, .key = {true, true, 0}},
		 TO4,
		 24,
		 {V4(47)},
		 WEFT_REMOTE_GRE | WEFT_REMOTE_L3},
		{{.type = TUNNEL_NVGRE},
		 TO6,
		 48,
		 {V6(47), 0x20, 0, 0x65, 0x58, 1, 2, 3, 0},
		 WEFT_REMOTE_GRE | WEFT_REMOTE_IPV6 | WEFT_REMOTE_FLOWID},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weft_remote remote = make(&cases[i].tunnel, cases[i].to, 0x010203);

		if (!(remote.flags & WEFT_REMOTE_IPV6))
			memset(remote.header + 10, 0, 2);
		assert_int_equal(remote.header_len, cases[i].len);
		assert_memory_equal(remote.header, cases[i].wanted, sizeof(remote.header));
		assert_int_equal(remote.flags, cases[i].flags);
		assert_int_equal(remote.vni, 0x010203);
		assert_int_equal(!(remote.room & BPF_F_ADJ_ROOM_ENCAP_L2_ETH),
				 !!(remote.flags & WEFT_REMOTE_L3));
		if (remote.flags & WEFT_REMOTE_SEQ)
			assert_int_equal(remote.sequence, 32);
	}
}

/* What is behind the header is told in it (RFC 8926 3.4). */
static void test_options(void **state)
{
	const struct tunnel tunnel = {.type = TUNNEL_GENEVE};
	struct template_spec spec = {
		.source = addr("192.0.2.1"), .destination = addr(TO4), .vni = 1};
	struct weft_remote remote = {};

	(void)state;
	spec.options_len = 252;
	spec.critical = true;
	template_write(&tunnel, &spec, &remote);
	assert_int_equal(remote.header[28], 63);
	assert_int_equal(remote.header[29], 0x40);
	assert_int_equal(remote.options_len, 252);
	assert_int_equal(remote.header_len, 36);
}

static void test_df(void **state)
{
	static const struct {
		struct tunnel tunnel;
		uint8_t byte;
		uint32_t flags;
	} cases[] = {
		{{.df = DF_SET}, 0x40, 0},
		{{.df = DF_UNSET}, 0, WEFT_REMOTE_ID},
		{{.df = DF_INHERIT}, 0, WEFT_REMOTE_ID | WEFT_REMOTE_DF_INHERIT},
		{{.type = TUNNEL_GRETAP, .df = DF_UNSET},
		 0,
		 WEFT_REMOTE_ID | WEFT_REMOTE_GRE | WEFT_REMOTE_FRAGMENT},
		{{.type = TUNNEL_NVGRE, .df = DF_UNSET},
		 0,
		 WEFT_REMOTE_ID | WEFT_REMOTE_GRE | WEFT_REMOTE_FLOWID},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weft_remote remote = make(&cases[i].tunnel, TO4, 1);

		assert_int_equal(remote.header[6], cases[i].byte);
		assert_int_equal(remote.flags, cases[i].flags);
	}
}

/* What an MTU loses: the figures that RFC 7348, RFC 8926 4.4.1 and the others come to. */
static void test_overhead(void **state)
{
	static const struct {
		struct tunnel tunnel;
		uint32_t v4, v6;
	} cases[] = {
		{{.type = TUNNEL_VXLAN}, 50, 70},
		{{.type = TUNNEL_GENEVE, .optmax = OPTMAX_AUTO}, 50, 70},
		{{.type = TUNNEL_GENEVE, .optmax = 64}, 114, 134},
		{{.type = TUNNEL_GENEVE, .innerprotoinherit = true}, 36, 56},
		{{.type = TUNNEL_GRETAP}, 38, 58},
		{{.type = TUNNEL_GRETAP, .key = {true, false, 1}}, 42, 62},
		{{.type = TUNNEL_GRE}, 24, 44},
		{{.type = TUNNEL_GRE, .seq = true, .csum = true, .key = {true, false, 1}}, 36, 56},
		{{.type = TUNNEL_NVGRE}, 42, 62},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(template_overhead(&cases[i].tunnel, false), cases[i].v4);
		assert_int_equal(template_overhead(&cases[i].tunnel, true), cases[i].v6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),	    cmocka_unit_test(test_checksum),
		cmocka_unit_test(test_ttl_and_tos), cmocka_unit_test(test_types),
		cmocka_unit_test(test_options),	    cmocka_unit_test(test_df),
		cmocka_unit_test(test_overhead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
