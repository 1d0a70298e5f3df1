/* SPDX-License-Identifier: GPL-2.0-only */
/* Words of the command line to JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/words.h"

/* The JSON of a line of words, to be freed; NULL with `err` set if it is refused. */
static char *read_line(enum noun noun, bool set, const char *line, struct error *err)
{
	char *copy = strdup(line), *word[64], *rest = copy;
	struct words words = {word, 0};
	json_t *json = json_object();
	char *text = NULL;

	while ((word[words.count] = strsep(&rest, " ")))
		words.count++;
	if (*line == 0)
		words.count = 0;
	if (words_fields(noun, set, &words, json, err) == 0)
		text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	free(copy);
	return text;
}

static void assert_words(enum noun noun, bool set, const char *line, const char *json)
{
	struct error err = {};
	char *text = read_line(noun, set, line, &err);

	assert_string_equal(err.line, "");
	assert_string_equal(text, json);
	free(text);
}

static void assert_refused(enum noun noun, bool set, const char *line, int code, const char *why)
{
	struct error err = {};

	assert_null(read_line(noun, set, line, &err));
	assert_string_equal(err.line, why);
	assert_int_equal(err.code, code);
}

static void test_iproute2_tail(void **state)
{
	(void)state;
	assert_words(
		NOUN_TUNNEL, false,
		"type vxlan id 5001 remote 172.16.24.5 local 172.16.24.4 dev eth0 dstport 4789",
		"{\"type\":\"vxlan\",\"id\":5001,\"remote\":[\"172.16.24.5\"],"
		"\"local\":\"172.16.24.4\",\"dev\":\"eth0\",\"dstport\":4789}");
	assert_words(
		NOUN_TUNNEL, false,
		"type vxlan vni 0x10 group 239.1.1.1 dev ib0 srcport 50000 50010 ttl auto tos "
		"inherit "
		"nolearning noproxy norsc nol2miss nol3miss ageing 300 maxaddress unlimited "
		"noudpcsum noudp6zerocsumtx noudp6zerocsumrx",
		"{\"type\":\"vxlan\",\"id\":16,\"group\":\"239.1.1.1\",\"dev\":\"ib0\","
		"\"srcport\":[50000,50010],\"ttl\":\"auto\",\"tos\":\"inherit\",\"learning\":false,"
		"\"ageing\":300,\"maxaddress\":\"unlimited\",\"udpcsum\":false,"
		"\"udp6zerocsumtx\":false,\"udp6zerocsumrx\":false}");
	assert_words(NOUN_TUNNEL, false, "toobig reject mss 1360 mtu_expires 30",
		     "{\"toobig\":\"reject\",\"mss\":1360,\"mtu_expires\":30}");
	assert_words(NOUN_TUNNEL, true, "toobig default mss off",
		     "{\"toobig\":null,\"mss\":\"off\"}");
	assert_words(NOUN_TUNNEL, false, "", "{}");
}

static void test_lists(void **state)
{
	(void)state;
	assert_words(NOUN_TUNNEL, false, "remote 10.0.0.1 remote any remote 10.0.0.2",
		     "{\"remote\":[\"10.0.0.1\",\"any\",\"10.0.0.2\"]}");
	assert_words(
		NOUN_TUNNEL, true, "remote + 10.0.0.1 remote - 10.0.0.2 remote + 10.0.0.3",
		"{\"remote\":{\"add\":[\"10.0.0.1\",\"10.0.0.3\"],\"remove\":[\"10.0.0.2\"]}}");
	assert_words(NOUN_PORT, false, "bridge br0 trunk 10,20-30 trunk 5",
		     "{\"bridge\":\"br0\",\"trunk\":[\"10,20-30\",\"5\"]}");
	assert_words(NOUN_PORT, false, "type internal address 10.0.0.254/24",
		     "{\"type\":\"internal\",\"address\":[\"10.0.0.254/24\"]}");
	assert_refused(NOUN_TUNNEL, true, "remote 10.0.0.1 remote + 10.0.0.2", -EINVAL,
		       "remote: + and - cannot stand beside a whole list");
	assert_refused(NOUN_TUNNEL, true, "remote + 10.0.0.1 remote 10.0.0.2", -EINVAL,
		       "remote: + and - cannot stand beside a whole list");
	assert_refused(NOUN_TUNNEL, true, "remote +", WORDS_USAGE, "remote: needs a value");
	assert_refused(NOUN_TUNNEL, true, "remote default remote 10.0.0.1", -EINVAL,
		       "remote: is given twice");
}

static void test_values_keep_their_type(void **state)
{
	(void)state;
	assert_words(NOUN_PORT, false, "bridge 10 vlan 010 lladdr 00:11:22:33:44:55 mtu auto",
		     "{\"bridge\":\"10\",\"vlan\":\"010\",\"lladdr\":\"00:11:22:33:44:55\","
		     "\"mtu\":\"auto\"}");
	assert_words(NOUN_BRIDGE, false, "ageing true", "{\"ageing\":\"true\"}");
	assert_words(NOUN_BRIDGE, false, "ageing -5", "{\"ageing\":-5}");
}

static void test_booleans(void **state)
{
	(void)state;
	assert_words(NOUN_BRIDGE, false, "vlan_filtering 1 ageing 5",
		     "{\"vlan_filtering\":true,\"ageing\":5}");
	assert_words(NOUN_BRIDGE, false, "vlan_filtering ageing 5",
		     "{\"vlan_filtering\":true,\"ageing\":5}");
	assert_words(NOUN_BRIDGE, false, "vlan_filtering off", "{\"vlan_filtering\":false}");
	assert_words(NOUN_PORT, true, "nolearning", "{\"learning\":false}");
	assert_refused(NOUN_PORT, true, "learning nolearning", -EINVAL, "learning: is given twice");
}

static void test_reset(void **state)
{
	(void)state;
	assert_words(NOUN_TUNNEL, true,
		     "local default remote default learning default srcport default",
		     "{\"local\":null,\"remote\":null,\"learning\":null,\"srcport\":null}");
	assert_words(NOUN_TUNNEL, false, "dev default", "{\"dev\":\"default\"}");
}

static void test_tos(void **state)
{
	(void)state;
	assert_words(NOUN_TUNNEL, false, "tos 0x10", "{\"tos\":16}");
	assert_words(NOUN_TUNNEL, false, "tos b8", "{\"tos\":184}");
	assert_words(NOUN_TUNNEL, false, "tos 4", "{\"tos\":4}");
	assert_words(NOUN_TUNNEL, false, "tos 0", "{\"tos\":0}");
	assert_refused(NOUN_TUNNEL, false, "tos 10", -EINVAL,
		       "tos: 10 may be meant as hexadecimal or decimal; write 0x10 or 0x0a");
}

static void test_refused(void **state)
{
	(void)state;
	assert_refused(NOUN_TUNNEL, false, "id", WORDS_USAGE, "id: needs a value");
	assert_refused(NOUN_TUNNEL, false, "srcport 5", WORDS_USAGE,
		       "srcport: needs two values, MIN MAX");
	assert_refused(NOUN_TUNNEL, false, "id 1 vni 2", -EINVAL, "id: is given twice");
	assert_refused(NOUN_TUNNEL, false, "id 1 proxy", -EOPNOTSUPP,
		       "proxy: weft does not have this option: ARP and neighbour discovery are not "
		       "answered for others");
	assert_refused(NOUN_TUNNEL, false, "localbypass", -EOPNOTSUPP,
		       "localbypass: weft does not have this option: what goes to this host is "
		       "encapsulated, too");
	assert_refused(NOUN_BRIDGE, false, "stp_state 1", -EOPNOTSUPP,
		       "stp_state: weft does not have this option: there is no spanning tree");
	assert_refused(NOUN_BRIDGE, false, "nomcast_snooping", -EOPNOTSUPP,
		       "nomcast_snooping: weft does not have this option: multicast is flooded");
	assert_refused(NOUN_TUNNEL, false, "frobnicate", -EINVAL,
		       "frobnicate: is not a field of a tunnel");
	assert_refused(NOUN_TUNNEL, false, "noid", -EINVAL, "noid: is not a field of a tunnel");
	assert_refused(NOUN_TUNNEL, false, "dev \xff", -EINVAL, "dev: is not UTF-8");
}

/* Everything that iproute2 has and weft has not is refused in one line, and its `no...` is taken. */
static void test_without(void **state)
{
	static const char *const words[] = {
		"external",    "vnifilter",  "gbp",	   "gpe",	 "proxy",
		"rsc",	       "l2miss",     "l3miss",	   "mcroute",	 "localbypass",
		"remcsumtx",   "remcsumrx",  "encap",	   "encap-csum", "encap-udp6-csum",
		"encap-sport", "encaplimit", "erspan_ver", "erspan",	 "encap-remcsum"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct error err = {};
		char line[64], begin[64];

		assert_null(read_line(NOUN_TUNNEL, false, words[i], &err));
		assert_int_equal(err.code, -EOPNOTSUPP);
		snprintf(begin, sizeof(begin), "%s: weft does not have this option: ", words[i]);
		assert_memory_equal(err.line, begin, strlen(begin));
		assert_true(strlen(err.line) > strlen(begin));
		snprintf(line, sizeof(line), "no%s", words[i]);
		assert_words(NOUN_TUNNEL, false, line, "{}");
	}
	assert_words(NOUN_TUNNEL, false, "encap none encaplimit none allow-localremote noignore-df",
		     "{}");
	assert_refused(
		NOUN_TUNNEL, false, "encaplimit 4", -EOPNOTSUPP,
		"encaplimit: weft does not have this option: no encapsulation limit is sent");
}

static void test_geneve(void **state)
{
	(void)state;
	assert_words(NOUN_TUNNEL, false,
		     "bridge B type geneve id 77 remote 2001:db8::2 option 0x0102:0x80:0011aabb",
		     "{\"bridge\":\"B\",\"type\":\"geneve\",\"id\":77,\"remote\":[\"2001:db8::2\"],"
		     "\"option\":[\"0x0102:0x80:0011aabb\"]}");
	assert_words(
		NOUN_TUNNEL, false,
		"type geneve vni 1 remote 10.0.0.2 ttl auto tos inherit df unset label 0x12345 "
		"dstport 6081 noexternal udpcsum udp6zerocsumtx udp6zerocsumrx "
		"innerprotoinherit",
		"{\"type\":\"geneve\",\"id\":1,\"remote\":[\"10.0.0.2\"],\"ttl\":\"auto\","
		"\"tos\":\"inherit\",\"df\":\"unset\",\"flowlabel\":74565,\"dstport\":6081,"
		"\"udpcsum\":true,\"udp6zerocsumtx\":true,\"udp6zerocsumrx\":true,"
		"\"innerprotoinherit\":true}");
	assert_words(
		NOUN_TUNNEL, false,
		"option 1:2: option 3:4:00000005,1:2: accept 1:2:4 match 5:6: nooptions optmax 8",
		"{\"option\":[\"1:2:\",\"3:4:00000005\",\"1:2:\"],\"accept\":[\"1:2:4\"],"
		"\"match\":[\"5:6:\"],\"options\":false,\"optmax\":8}");
	assert_words(NOUN_TUNNEL, false, "geneve_opts 1:2:00000000",
		     "{\"option\":[\"1:2:00000000\"]}");
	assert_words(NOUN_TUNNEL, true, "option + 1:2: option - 3:4: option + 5:6:,7:8:",
		     "{\"option\":{\"add\":[\"1:2:\",\"5:6:\",\"7:8:\"],\"remove\":[\"3:4:\"]}}");
	assert_words(NOUN_TUNNEL, true, "option default match default udpcsum default",
		     "{\"option\":null,\"match\":null,\"udpcsum\":null}");
	/* the schema judges them */
	assert_words(NOUN_TUNNEL, false, "option ,", "{\"option\":[\"\",\"\"]}");
	assert_refused(NOUN_TUNNEL, false, "option", WORDS_USAGE, "option: needs a value");
	assert_refused(NOUN_TUNNEL, false, "option 1:2:,\xff", -EINVAL, "option: is not UTF-8");
}

static void test_gre(void **state)
{
	(void)state;
	assert_words(
		NOUN_TUNNEL, false,
		"type gretap remote 10.0.0.2 local 10.0.0.1 ttl 64 tclass 0x10 dev e0 key 9 "
		"iseq oseq icsum ocsum pmtudisc noencap fwmark 0x7",
		"{\"type\":\"gretap\",\"remote\":[\"10.0.0.2\"],\"local\":\"10.0.0.1\",\"ttl\":64,"
		"\"tos\":16,\"dev\":\"e0\",\"key\":9,\"iseq\":true,\"oseq\":true,\"icsum\":true,"
		"\"ocsum\":true,\"df\":\"set\",\"fwmark\":7}");
	assert_words(
		NOUN_TUNNEL, false,
		"type gre ikey 1.2.3.4 okey 0x10 nocsum noseq hoplimit inherit nopmtudisc "
		"ignore-df dscp inherit",
		"{\"type\":\"gre\",\"ikey\":\"1.2.3.4\",\"okey\":16,\"csum\":false,\"seq\":false,"
		"\"ttl\":\"inherit\",\"df\":\"unset\",\"dscp\":\"inherit\"}");
	assert_words(NOUN_TUNNEL, false, "key any nookey", "{\"key\":\"any\",\"okey\":null}");
	assert_words(NOUN_TUNNEL, false, "type nvgre vsid 0x1000 nolog",
		     "{\"type\":\"nvgre\",\"id\":4096,\"log\":false}");
	assert_refused(NOUN_TUNNEL, false, "pmtudisc ignore-df", -EINVAL, "df: is given twice");
	assert_refused(NOUN_TUNNEL, false, "pmtudisc df set", -EINVAL, "df: is given twice");
	assert_refused(NOUN_TUNNEL, false, "key 5 nokey", -EINVAL, "key: is given twice");
	assert_refused(NOUN_PORT, false, "pmtudisc", -EINVAL, "pmtudisc: is not a field of a port");
	assert_refused(NOUN_PORT, false, "noexternal", -EINVAL,
		       "noexternal: is not a field of a port");
}

static void test_choice_and_mask(void **state)
{
	(void)state;
	assert_words(NOUN_TUNNEL, false, "udpcsum id 1", "{\"udpcsum\":true,\"id\":1}");
	assert_words(NOUN_TUNNEL, false, "udpcsum off", "{\"udpcsum\":false}");
	assert_words(NOUN_TUNNEL, false, "udpcsum auto", "{\"udpcsum\":null}");
	assert_words(NOUN_TUNNEL, false, "noudpcsum reserved_bits 0xff",
		     "{\"udpcsum\":false,\"reserved_bits\":255}");
	assert_words(NOUN_TUNNEL, false, "reserved_bits 0xffffffffffffffff",
		     "{\"reserved_bits\":\"0xffffffffffffffff\"}");
	assert_refused(NOUN_TUNNEL, false, "udpcsum noudpcsum", -EINVAL, "udpcsum: is given twice");
	/* a field named `learning` has no auto */
	assert_refused(NOUN_TUNNEL, false, "learning auto", -EINVAL,
		       "auto: is not a field of a tunnel");
}

static void test_open_vswitch(void **state)
{
	(void)state;
	assert_words(
		NOUN_TUNNEL, false,
		"type gre remote_ip 10.0.0.2 local_ip 10.0.0.1 in_key 1 out_key 2 csum true seq "
		"true df_default false egress_pkt_mark 3",
		"{\"type\":\"gre\",\"remote\":[\"10.0.0.2\"],\"local\":\"10.0.0.1\",\"ikey\":1,"
		"\"okey\":2,\"csum\":true,\"seq\":true,\"df\":\"unset\",\"fwmark\":3}");
	assert_words(NOUN_TUNNEL, false, "df_default true dst_port 5",
		     "{\"df\":\"set\",\"dstport\":5}");
	assert_refused(NOUN_TUNNEL, false, "df_default maybe", -EINVAL,
		       "df_default: is not a field of a tunnel");
}

static void test_take(void **state)
{
	char *word[] = {(char *)"a", (char *)"b"};
	struct words words = {word, 2};
	struct error err = {};
	const char *value;

	(void)state;
	assert_string_equal(words_peek(&words), "a");
	assert_false(words_match(&words, "b"));
	assert_int_equal(words_end(&words, &err), WORDS_USAGE);
	assert_string_equal(err.line, "\"a\" is one word too many");
	assert_true(words_match(&words, "a"));
	err = (struct error){};
	assert_int_equal(words_value(&words, "a", &value, &err), 0);
	assert_string_equal(value, "b");
	assert_int_equal(words_value(&words, "b", &value, &err), WORDS_USAGE);
	assert_null(words_peek(&words));
	assert_null(words_take(&words));
	assert_int_equal(words_end(&words, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iproute2_tail),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_values_keep_their_type),
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_tos),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_geneve),
		cmocka_unit_test(test_gre),
		cmocka_unit_test(test_choice_and_mask),
		cmocka_unit_test(test_open_vswitch),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
