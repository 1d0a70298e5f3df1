/* SPDX-License-Identifier: GPL-2.0-only */
/* The schema: parsing, refusals with their lines, checks, comparison, round trips, man pages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/object_fixture.h"

#define V(rest) "{'id': 1" rest "}"

static void test_defaults(void **state)
{
	struct error err = {};
	struct bridge *bridge = object_of(NOUN_BRIDGE, "{}", &err);
	struct port *port = object_of(NOUN_PORT, "{'bridge': 'br0'}", &err);
	struct tunnel *tunnel = object_of(NOUN_TUNNEL, V(), &err);

	(void)state;
	assert_string_equal(bridge->name, "x0");
	assert_int_equal(bridge->ageing, 300);
	assert_int_equal(bridge->maxaddress, 0);
	assert_int_equal(bridge->group_fwd_mask, 0x4001);
	assert_false(bridge->vlan_filtering);
	assert_int_equal(port->type, PORT_DEVICE);
	assert_true(port->learning);
	assert_int_equal(port->vlan, 0);
	assert_int_equal(tunnel->type, TUNNEL_VXLAN);
	assert_int_equal(tunnel->dstport, DSTPORT_AUTO);
	assert_int_equal(tunnel->srcport[0], 49152);
	assert_int_equal(tunnel->srcport[1], 65535);
	assert_int_equal(tunnel->ttl, TTL_AUTO);
	assert_int_equal(tunnel->tos, 0);
	assert_int_equal(tunnel->ageing, AGEING_BRIDGE);
	assert_int_equal(tunnel->udpcsum, CHOICE_AUTO);
	assert_true(tunnel->learning && tunnel->udpcsumrx && !tunnel->innervlan);
	assert_true(addr_is_any(&tunnel->local) && addr_is_any(&tunnel->group));
	object_free(NOUN_BRIDGE, bridge);
	object_free(NOUN_PORT, port);
	object_free(NOUN_TUNNEL, tunnel);
}

static void test_round_trips(void **state)
{
	(void)state;
	assert_round_trip(NOUN_BRIDGE, "{}");
	assert_round_trip(NOUN_BRIDGE,
			  "{'ageing': 'none', 'maxaddress': 7, 'group_fwd_mask': 65529,"
			  " 'vlan_filtering': true}");
	assert_round_trip(NOUN_PORT,
			  "{'bridge': 'br0', 'vlan': 10, 'trunk': [1, '3-9', '11,4000-4094'],"
			  " 'learning': false}");
	assert_round_trip(NOUN_PORT, "{'bridge': 'br0', 'type': 'internal', 'mtu': 9000,"
				     " 'address': ['10.0.0.1/24', '2001:db8::1/64'],"
				     " 'lladdr': '02:00:00:00:00:01'}");
	assert_round_trip(NOUN_TUNNEL, V());
	/* a list that was emptied still owns memory */
	assert_round_trip(NOUN_TUNNEL, V(", 'remote': [], 'address': []"));
	assert_round_trip(
		NOUN_TUNNEL,
		"{'bridge': 'br0', 'id': 16777215, 'local': '10.0.0.1',"
		" 'remote': ['10.0.0.3', '10.0.0.2', 'any', '10.0.0.3'], 'dev': 'eth0',"
		" 'dstport': 8472, 'srcport': [1, 2], 'ttl': 'inherit', 'tos': 'inherit',"
		" 'learning': false, 'ageing': 0, 'maxaddress': 5, 'udpcsum': true,"
		" 'udpcsumrx': false, 'innervlan': true, 'vlan': 5, 'trunk': '1-4,6-4094'}");
	assert_round_trip(NOUN_TUNNEL,
			  V(", 'group': '239.1.1.1', 'dev': 'eth0', 'ttl': 5, 'tos': 184,"
			    " 'address': '10.0.0.1', 'mtu': 1450"));
}

static void test_values_refused(void **state)
{
	(void)state;
	assert_refused(NOUN_TUNNEL, "{'id': 16777216}", "id: 16777216 is above 16777215");
	assert_refused(NOUN_TUNNEL, "{'id': -1}", "id: -1 is below 0");
	assert_refused(NOUN_TUNNEL, "{'id': '7'}", "id: \"7\" is not a number");
	assert_refused(NOUN_TUNNEL, "{'id': 1.5}", "id: a fraction is not a number");
	assert_refused(NOUN_TUNNEL, "{'id': true}", "id: true is not a number");
	assert_refused(NOUN_TUNNEL, "{'id': 9223372036854775807}",
		       "id: 9223372036854775807 is above 16777215");
	assert_refused(NOUN_TUNNEL, V(", 'remote': '1.2.3'"),
		       "remote: \"1.2.3\" is not an IP address");
	assert_refused(NOUN_TUNNEL, V(", 'remote': [1]"), "remote: 1 is not an IP address");
	assert_refused(NOUN_TUNNEL, V(", 'remote': [['any']]"),
		       "remote: a list is not an IP address");
	assert_refused(NOUN_TUNNEL, V(", 'local': {}"), "local: an object is not an IP address");
	assert_refused(NOUN_TUNNEL, V(", 'learning': 'yes'"),
		       "learning: \"yes\" is neither true nor false");
	assert_refused(NOUN_TUNNEL, V(", 'learning': 1"), "learning: 1 is neither true nor false");
	assert_refused(NOUN_TUNNEL, V(", 'type': 'vlan'"),
		       "type: \"vlan\" is none of: vxlan geneve gretap gre nvgre");
	assert_refused(NOUN_TUNNEL, V(", 'ttl': 256"), "ttl: 256 is above 255");
	assert_refused(NOUN_TUNNEL, V(", 'ttl': 'none'"), "ttl: \"none\" is not a number");
	assert_refused(NOUN_TUNNEL, V(", 'dstport': -1"), "dstport: -1 is below 1");
	assert_refused(NOUN_TUNNEL, V(", 'dstport': 65536"), "dstport: 65536 is above 65535");
	assert_refused(NOUN_TUNNEL, V(", 'srcport': [1]"),
		       "srcport: a list is not a list of two numbers");
	assert_refused(NOUN_TUNNEL, V(", 'srcport': [1, 65536]"), "srcport: 65536 is above 65535");
	assert_refused(NOUN_TUNNEL, V(", 'ageing': 4294967295"),
		       "ageing: 4294967295 is above 31536000");
	assert_refused(NOUN_TUNNEL, V(", 'mtu': 67"), "mtu: 67 is below 68");
	assert_refused(NOUN_TUNNEL, V(", 'mtu': 65536"), "mtu: 65536 is above 65535");
	assert_refused(NOUN_TUNNEL, V(", 'proxy': true"), "proxy: is not a field of a tunnel");
	assert_refused(NOUN_TUNNEL, V(", 'bridge': 'abcdefghijklmnop'"),
		       "bridge: \"abcdefghijklmnop\" is longer than 15 letters");
	assert_refused(NOUN_TUNNEL, V(", 'bridge': ''"), "bridge: is empty");
	assert_refused(NOUN_TUNNEL, V(", 'dev': 'a/b'"),
		       "dev: \"a/b\" has a letter that a device's name cannot have");
	assert_refused(NOUN_TUNNEL, V(", 'dev': 7"), "dev: 7 is not a name");
	assert_refused(NOUN_TUNNEL, V(", 'lladdr': '00:00:00:00:00:00'"),
		       "lladdr: \"00:00:00:00:00:00\" is zero");
	assert_refused(NOUN_TUNNEL, V(", 'lladdr': '01:00:00:00:00:00'"),
		       "lladdr: \"01:00:00:00:00:00\" is a group address");
	assert_refused(NOUN_TUNNEL, V(", 'address': '10.0.0.1/33'"),
		       "address: \"10.0.0.1/33\" is not an address with its prefix length");
	assert_refused(NOUN_TUNNEL, V(", 'address': '239.0.0.1/24'"),
		       "address: \"239.0.0.1/24\" is no address for a host");
	assert_refused(NOUN_TUNNEL, "[]", "is not an object with fields");
}

static void test_vlans_refused(void **state)
{
	static const char *const bad[] = {"''",	  "'1,'", "',1'",  "'1--2'",
					  "'1-'", "'a'",  "'1 2'", "{}x"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) - 1; i++) {
		char text[64], line[128];

		snprintf(text, sizeof(text), "{'bridge': 'b', 'trunk': %s}", bad[i]);
		snprintf(line, sizeof(line), "trunk: \"%.*s\" is not a list of VLANs as 1,10-20",
			 (int)strlen(bad[i]) - 2, bad[i] + 1);
		assert_refused(NOUN_PORT, text, line);
	}
	assert_refused(NOUN_PORT, "{'bridge': 'b', 'trunk': '0-5'}", "trunk: 0 is below 1");
	assert_refused(NOUN_PORT, "{'bridge': 'b', 'trunk': '5-4095'}",
		       "trunk: 4095 is above 4094");
	assert_refused(NOUN_PORT, "{'bridge': 'b', 'trunk': '99999999999999999999'}",
		       "trunk: 999999999 is above 4094");
	assert_refused(NOUN_PORT, "{'bridge': 'b', 'trunk': '9-5'}",
		       "trunk: 9-5 ends before it begins");
	assert_refused(NOUN_PORT, "{'bridge': 'b', 'trunk': [true]}",
		       "trunk: true is not a list of VLANs as 1,10-20");
	assert_refused(NOUN_PORT, "{'bridge': 'b', 'vlan': 4095}", "vlan: 4095 is above 4094");
	assert_refused(NOUN_PORT, "{'bridge': 'b', 'vlan': 5, 'trunk': '1-9'}",
		       "trunk: 5 is the vlan of untagged frames already");
}

static void test_checks(void **state)
{
	(void)state;
	assert_refused(NOUN_BRIDGE, "{'group_fwd_mask': 2}",
		       "group_fwd_mask: 0x0002 has bit 1 or 2 (pause, LACP) set");
	assert_refused(NOUN_PORT, "{}", "bridge: is required");
	assert_round_trip(NOUN_PORT, "{'bridge': 'b', 'mtu': 'auto'}");
	assert_round_trip(NOUN_PORT, "{'bridge': 'b', 'type': 'internal', 'mtu': 'auto'}");
	assert_refused(NOUN_PORT, "{'bridge': 'b', 'mtu': 1400}",
		       "mtu: is only for ports of type internal");
	assert_refused(NOUN_TUNNEL, "{}", "id: is required");
	assert_refused(NOUN_TUNNEL, V(", 'group': '239.1.1.1', 'dev': 'e', 'remote': '10.0.0.1'"),
		       "group: cannot be given together with remote");
	assert_refused(NOUN_TUNNEL, V(", 'group': '239.1.1.1', 'dev': 'e', 'remote': 'any'"),
		       "group: cannot be given together with remote");
	assert_refused(NOUN_TUNNEL, V(", 'group': '239.1.1.1'"),
		       "group: needs dev, the device to join it on");
	assert_refused(NOUN_TUNNEL, V(", 'group': '10.0.0.1', 'dev': 'e'"),
		       "group: 10.0.0.1 is not a multicast address");
	assert_refused(NOUN_TUNNEL, V(", 'local': '239.0.0.1'"),
		       "local: 239.0.0.1 is a multicast address");
	assert_refused(NOUN_TUNNEL, V(", 'remote': '239.0.0.1'"),
		       "remote: 239.0.0.1 is a multicast address");
	assert_refused(NOUN_TUNNEL, V(", 'remote': '0.0.0.0'"),
		       "remote: 0.0.0.0 is no host's address");
	assert_refused(NOUN_TUNNEL, V(", 'remote': '127.0.0.1'"),
		       "remote: 127.0.0.1 is a loopback address");
	assert_refused(NOUN_TUNNEL, V(", 'remote': '255.255.255.255'"),
		       "remote: 255.255.255.255 is the broadcast address");
	assert_refused(NOUN_TUNNEL, V(", 'local': '10.0.0.1', 'remote': ['10.0.0.2', '10.0.0.1']"),
		       "remote: 10.0.0.1 is local too");
	assert_refused(NOUN_TUNNEL, V(", 'srcport': [5, 5]"), "srcport: 5 is not above 5");
	assert_refused(NOUN_TUNNEL, V(", 'tos': 185"),
		       "tos: 0xb9 has one of the two low bits (ECN) set");
	assert_refused(NOUN_TUNNEL, V(", 'bridge': 'b', 'address': '10.0.0.1/8'"),
		       "address: is only for tunnels without a bridge");
	assert_refused(NOUN_TUNNEL, V(", 'vlan': 5"), "vlan: is only for tunnels on a bridge");
	assert_refused(NOUN_TUNNEL, V(", 'trunk': '5'"), "trunk: is only for tunnels on a bridge");
	assert_refused(NOUN_TUNNEL, V(", 'dev': 'x0'"), "dev: x0 is the tunnel's own device");
}

static void test_names(void **state)
{
	static const char *const bad[] = {"",	 ".",	"..",  "a b",	   "a/b",
					  "a:b", "a%d", "a\n", "\xc3\xa4", "abcdefghijklmnop"};

	(void)state;
	assert_int_equal(name_check("abcdefghijklmno", NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = {};

		assert_int_equal(name_check(bad[i], &err), -EINVAL);
		assert_memory_equal(err.line, "name: ", 6);
		assert_null(object_new(NOUN_PORT, bad[i], NULL));
	}
}

static void test_lists_change(void **state)
{
	static const char *const steps[] = {
		"{\"id\": 1, \"remote\": \"10.0.0.9\"}",
		"{\"remote\": {\"add\": [\"10.0.0.1\", \"10.0.0.9\", \"any\"]}}",
		"{\"remote\": {\"add\": \"10.0.0.2\", \"remove\": [\"10.0.0.9\", \"any\"]}}",
		"{\"address\": [\"10.0.0.1/8\", \"10.0.0.2/8\"]}",
		"{\"address\": {\"remove\": \"10.0.0.1/8\", \"add\": \"10.0.0.3/8\"}}",
		NULL,
	};

	(void)state;
	assert_changes(NOUN_TUNNEL, object_new(NOUN_TUNNEL, "x0", NULL), steps,
		       "{\"id\":1,\"remote\":[\"10.0.0.1\",\"10.0.0.2\"],"
		       "\"address\":[\"10.0.0.2/8\",\"10.0.0.3/8\"]}");
	assert_refused(NOUN_TUNNEL, V(", 'remote': {'remove': '10.0.0.1'}"),
		       "remote: 10.0.0.1 is not in the list");
	assert_refused(NOUN_TUNNEL, V(", 'remote': {'remove': 'any'}"),
		       "remote: any is not in the list");
	assert_refused(NOUN_TUNNEL, V(", 'remote': {'drop': 'any'}"),
		       "remote: \"drop\" is neither add nor remove");
	assert_refused(NOUN_TUNNEL, V(", 'address': {'remove': '10.0.0.1/8'}"),
		       "address: \"10.0.0.1/8\" is not in the list");
}

static void test_null_resets(void **state)
{
	struct error err = {};
	void *tunnel = object_of(NOUN_TUNNEL,
				 V(", 'local': '10.0.0.1', 'remote': '10.0.0.2', 'ttl': 9, "
				   "'srcport': [1, 2]"),
				 &err);
	void *plain = object_of(NOUN_TUNNEL, V(), &err);
	json_t *json = json_pack("{s:n, s:n, s:n, s:n}", "local", "remote", "ttl", "srcport");

	(void)state;
	assert_int_equal(__builtin_popcountll(object_diff(NOUN_TUNNEL, tunnel, plain)), 4);
	assert_int_equal(object_parse(NOUN_TUNNEL, tunnel, json, &err), 0);
	assert_int_equal(object_diff(NOUN_TUNNEL, tunnel, plain), 0);
	json_decref(json);
	object_free(NOUN_TUNNEL, tunnel);
	object_free(NOUN_TUNNEL, plain);
}

static void test_diff_names_the_field(void **state)
{
	struct error err = {};
	void *a = object_of(NOUN_BRIDGE, "{}", &err),
	     *b = object_of(NOUN_BRIDGE, "{'ageing': 7}", &err);
	uint64_t diff = object_diff(NOUN_BRIDGE, a, b);

	(void)state;
	assert_int_equal(diff, 1);
	assert_string_equal(schemas[NOUN_BRIDGE].field[0].name, "ageing");
	object_free(NOUN_BRIDGE, a);
	object_free(NOUN_BRIDGE, b);
}

static void test_vlan_set(void **state)
{
	struct error err = {};
	struct port *port = object_of(NOUN_PORT, "{'bridge': 'b', 'trunk': '1,10-20,4094'}", &err);

	(void)state;
	assert_true(port->trunk.any);
	assert_true(vlan_set_has(&port->trunk, 1) && vlan_set_has(&port->trunk, 10) &&
		    vlan_set_has(&port->trunk, 20) && vlan_set_has(&port->trunk, 4094));
	assert_false(vlan_set_has(&port->trunk, 0) || vlan_set_has(&port->trunk, 2) ||
		     vlan_set_has(&port->trunk, 21) || vlan_set_has(&port->trunk, 4095) ||
		     vlan_set_has(&port->trunk, 4096) || vlan_set_has(&port->trunk, 100000));
	object_free(NOUN_PORT, port);
}

/* The widest list of VLANs there is has room where it is written. */
static void test_vlan_text_longest(void **state)
{
	struct error err = {};
	json_t *list = json_array(), *json = json_pack("{s:s, s:o}", "bridge", "b", "trunk", list);
	void *port = object_new(NOUN_PORT, "x0", &err), *read = object_new(NOUN_PORT, "x0", &err);

	(void)state;
	for (int vid = 1; vid < 4094; vid += 3) {
		json_array_append_new(list, json_integer(vid));
		json_array_append_new(list, json_integer(vid + 1));
	}
	assert_int_equal(object_parse(NOUN_PORT, port, json, &err), 0);
	json_decref(json);
	json = object_json(NOUN_PORT, port, false);
	assert_int_equal(object_parse(NOUN_PORT, read, json, &err), 0);
	assert_int_equal(object_diff(NOUN_PORT, port, read), 0);
	json_decref(json);
	object_free(NOUN_PORT, port);
	object_free(NOUN_PORT, read);
}

/* A line is one line of printable letters, whatever the input was. */
static void test_lines_are_clean(void **state)
{
	struct error err = {};
	char many[4096];

	(void)state;
	memset(many, 'x', sizeof(many));
	many[sizeof(many) - 1] = 0;
	assert_int_equal(error_set(&err, -EINVAL, "a: \"%s\"", "\n\033[31m\xc3\xa4"), -EINVAL);
	assert_string_equal(err.line, "a: \"??[31m??\"");
	assert_int_equal(error_set(&err, -ENOENT, "later"), -ENOENT);
	assert_int_equal(err.code, -EINVAL);
	assert_int_equal(error_prefix(&err, "tunnel %s", "v"), -EINVAL);
	assert_string_equal(err.line, "tunnel v: a: \"??[31m??\"");
	error_prefix(&err, "%s", many);
	assert_int_equal(strlen(err.line), ERROR_LINE - 1);
}

/* Each field stands in the man page of its noun: "*FIELD*" at the start of a line. */
static void test_man_pages(void **state)
{
	const char *source = getenv("WEFT_SOURCE");

	(void)state;
	if (!source) {
		printf("skip: WEFT_SOURCE does not say where the pages are\n");
		skip();
	}
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++) {
		char path[512], text[65536] = "\n", begin[64];
		FILE *file;

		snprintf(path, sizeof(path), "%s/docs/man/weft-%s.8.scd", source,
			 schemas[noun].noun);
		file = fopen(path, "re");
		assert_non_null(file);
		text[1 + fread(text + 1, 1, sizeof(text) - 2, file)] = 0;
		fclose(file);
		for (size_t i = 0; i < schemas[noun].count; i++) {
			snprintf(begin, sizeof(begin), "\n*%s*", schemas[noun].field[i].name);
			if (!strstr(text, begin))
				fail_msg("%s: %s is not there", path, schemas[noun].field[i].name);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_values_refused),
		cmocka_unit_test(test_vlans_refused),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_lists_change),
		cmocka_unit_test(test_null_resets),
		cmocka_unit_test(test_diff_names_the_field),
		cmocka_unit_test(test_vlan_set),
		cmocka_unit_test(test_vlan_text_longest),
		cmocka_unit_test(test_lines_are_clean),
		cmocka_unit_test(test_man_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
