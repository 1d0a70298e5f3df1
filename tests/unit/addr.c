/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses: text to bytes, bytes to text, and what kind they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "lib/addr.h"

static struct weft_addr parsed(const char *text)
{
	struct weft_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void test_addr_round_trip(void **state)
{
	static const char *const texts[] = {"192.168.1.20", "0.0.0.0", "255.255.255.255",
					    "2001:db8::1",  "ff02::1", "::1"};
	char text[ADDR_STRLEN];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct weft_addr addr = parsed(texts[i]);

		assert_string_equal(addr_format(&addr, text), texts[i]);
	}
}

static void test_addr_v4_is_mapped(void **state)
{
	struct weft_addr addr = parsed("10.1.2.3");
	static const uint8_t bytes[16] = {[10] = 0xff, 0xff, 10, 1, 2, 3};

	(void)state;
	assert_memory_equal(&addr, bytes, sizeof(bytes));
	assert_int_equal(addr_to_v4(&addr).s_addr, inet_addr("10.1.2.3"));
	addr = addr_from_v4((struct in_addr){inet_addr("10.1.2.3")});
	assert_memory_equal(&addr, bytes, sizeof(bytes));
}

static void test_addr_refused(void **state)
{
	static const char *const texts[] = {"",		"1.2.3",     "1.2.3.4.5", "1.2.3.256",
					    "01.2.3.4", "1.2.3.4 ",  "any",	  "::g",
					    "1::2::3",	"1.2.3.4/8", "a",	  "fe80::1%lo"};
	struct weft_addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(addr_parse(texts[i], &addr), -EINVAL);
}

static void test_addr_kinds(void **state)
{
	struct weft_addr any = {}, a;
	char text[ADDR_STRLEN];

	(void)state;
	assert_true(addr_is_any(&any));
	assert_false(addr_is_v4(&any));
	assert_string_equal(addr_format(&any, text), "any");
	a = parsed("0.0.0.0");
	assert_true(addr_is_any(&a));
	a = parsed("239.1.1.1");
	assert_true(addr_is_multicast(&a) && addr_is_v4(&a) && !addr_is_any(&a));
	a = parsed("223.255.255.255");
	assert_false(addr_is_multicast(&a));
	a = parsed("240.0.0.1");
	assert_false(addr_is_multicast(&a));
	a = parsed("ff05::1");
	assert_true(addr_is_multicast(&a) && !addr_is_v4(&a));
	a = parsed("127.1.2.3");
	assert_true(addr_is_loopback(&a));
	a = parsed("::1");
	assert_true(addr_is_loopback(&a) && !addr_is_any(&a));
	a = parsed("10.0.0.1");
	assert_false(addr_is_loopback(&a));
}

static void test_prefix(void **state)
{
	static const char *const bad[] = {"10.0.0.1/33",
					  "10.0.0.1/",
					  "10.0.0.1/-1",
					  "10.0.0.1/8x",
					  "::1/129",
					  "/8",
					  "10.0.0.1/+8",
					  "10.0.0.1/ 8",
					  "1111111111111111111111111111111"
					  "1111111111111111/1"};
	struct prefix prefix;

	(void)state;
	assert_int_equal(prefix_parse("10.0.0.254/24", &prefix), 0);
	assert_int_equal(prefix.len, 24);
	assert_int_equal(addr_to_v4(&prefix.addr).s_addr, inet_addr("10.0.0.254"));
	assert_int_equal(prefix_parse("10.0.0.1", &prefix), 0);
	assert_int_equal(prefix.len, 32);
	assert_int_equal(prefix_parse("2001:db8::1/64", &prefix), 0);
	assert_int_equal(prefix.len, 64);
	assert_int_equal(prefix_parse("::1", &prefix), 0);
	assert_int_equal(prefix.len, 128);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(prefix_parse(bad[i], &prefix), -EINVAL);
}

static void test_mac(void **state)
{
	static const char *const bad[] = {"",
					  "02:00:00:00:00",
					  "02:00:00:00:00:0",
					  "02:00:00:00:00:001",
					  "02:00-00:00:00:00",
					  "0200.0000.0000",
					  "02:00:00:00:00:0g",
					  "2:0:0:0:0:0",
					  "02:00:00:00:00:00:",
					  "020000000000"};
	uint8_t mac[6] = {9, 9, 9, 9, 9, 9}, zero[6] = {};
	char text[MAC_STRLEN];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(mac_parse(bad[i], mac), -EINVAL);
	assert_int_equal(mac[0], 9);
	assert_int_equal(mac_parse("0A-bC-00-11-22-ff", mac), 0);
	assert_string_equal(mac_format(mac, text), "0a:bc:00:11:22:ff");
	assert_false(mac_is_zero(mac) || mac_is_multicast(mac));
	assert_true(mac_is_zero(zero));
	assert_int_equal(mac_parse("ff:ff:ff:ff:ff:ff", mac), 0);
	assert_true(mac_is_multicast(mac));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addr_round_trip), cmocka_unit_test(test_addr_v4_is_mapped),
		cmocka_unit_test(test_addr_refused),	cmocka_unit_test(test_addr_kinds),
		cmocka_unit_test(test_prefix),		cmocka_unit_test(test_mac),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
