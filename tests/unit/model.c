/* SPDX-License-Identifier: GPL-2.0-only */
/* What objects demand of each other, one request at a time. */
#include "tests/unit/fixture.h"

#include <string.h>

#include "tests/unit/fake_kernel.h"

static void one_of_each(struct fixture *f)
{
	call_is(f, "bridge.add", "{'name': 'br0', 'ageing': 60}", "{'changes': 1}");
	call_is(f, "port.add", "{'name': 'p0', 'bridge': 'br0'}", "{'changes': 1}");
	call_is(f, "tunnel.add",
		"{'name': 't0', 'bridge': 'br0', 'id': 1000, 'remote': '192.0.2.1'}",
		"{'changes': 1}");
}

static void test_names(void **state)
{
	struct fixture *f = *state;

	one_of_each(f);
	call_fails(f, "bridge.add", "{'name': 'br0'}", "bridge br0: is there already");
	call_fails(f, "port.add", "{'name': 't0', 'bridge': 'br0'}",
		   "port t0: name: there is a tunnel of that name");
	call_fails(f, "tunnel.add", "{'name': 'p0', 'bridge': 'br0', 'id': 1, 'remote': 'any'}",
		   "tunnel p0: name: there is a port of that name");
	/* a bridge is no device, and may be named like one */
	call_is(f, "port.add", "{'name': 'br0', 'bridge': 'br0', 'type': 'internal'}",
		"{'changes': 1}");
	call_fails(f, "port.add", "{'bridge': 'br0'}", "port: name: is missing");
	call_fails(f, "port.add", "{'name': 5, 'bridge': 'br0'}", "name: is no string");
	call_fails(f, "port.add", "{'name': '0123456789abcdef', 'bridge': 'br0'}",
		   "port: name: \"0123456789abcdef\" is longer than 15 letters");
	call_fails(f, "port.set", "{'name': 'p9'}", "port p9: there is no such port");
	call_fails(f, "port.del", "{'name': 'p9'}", "port p9: there is no such port");
	call_fails(f, "port.show", "{'name': 'p9'}", "port p9: there is no such port");
	call_fails(f, "port.del", "{'name': 'p0', 'bridge': 'br0'}",
		   "bridge: is no parameter of this method");
}

static void test_bridge_of_member(void **state)
{
	struct fixture *f = *state;

	one_of_each(f);
	call_fails(f, "port.add", "{'name': 'p1', 'bridge': 'br9'}",
		   "port p1: bridge: there is no bridge br9");
	call_fails(f, "tunnel.set", "{'name': 't0', 'bridge': 'br9'}",
		   "tunnel t0: bridge: there is no bridge br9");
	call_fails(f, "bridge.del", "{'name': 'br0'}", "bridge br0: port p0 is on it");
	call_is(f, "port.del", "{'name': 'p0'}", "{'changes': 1}");
	call_fails(f, "bridge.del", "{'name': 'br0'}", "bridge br0: tunnel t0 is on it");
	call_is(f, "tunnel.del", "{'name': 't0'}", "{'changes': 1}");
	call_is(f, "bridge.del", "{'name': 'br0'}", "{'changes': 1}");
	assert_int_equal(fake_kernel_objects(f->weftd.kernel, NOUN_BRIDGE), 0);
}

static void test_identity(void **state)
{
	struct fixture *f = *state;

	one_of_each(f);
	call_fails(f, "tunnel.add",
		   "{'name': 't1', 'bridge': 'br0', 'id': 1000, 'remote': '192.0.2.2'}",
		   "tunnel t1: id: 1000 on port 4789 is already tunnel t0");
	call_is(f, "tunnel.add",
		"{'name': 't1', 'bridge': 'br0', 'id': 1000, 'remote': '192.0.2.2', "
		"'dstport': 8472}",
		"{'changes': 1}");
	/* the one with a local address is the more specific one */
	call_is(f, "tunnel.add",
		"{'name': 't2', 'bridge': 'br0', 'id': 1000, 'remote': '192.0.2.2', "
		"'local': '192.0.2.9'}",
		"{'changes': 1}");
	call_fails(f, "tunnel.add",
		   "{'name': 't3', 'bridge': 'br0', 'id': 1000, 'remote': '192.0.2.3', "
		   "'local': '192.0.2.9'}",
		   "tunnel t3: id: 1000 on port 4789 at local 192.0.2.9 is already tunnel t2");
	call_fails(f, "tunnel.set", "{'name': 't2', 'local': null}",
		   "tunnel t2: id: 1000 on port 4789 is already tunnel t0");
	call_fails(f, "tunnel.set", "{'name': 't1', 'dstport': 4789}",
		   "tunnel t1: id: 1000 on port 4789 is already tunnel t0");
	call_is(f, "tunnel.del", "{'name': 't0'}", "{'changes': 1}");
	call_is(f, "tunnel.set", "{'name': 't1', 'dstport': 4789}", "{'changes': 1}");
}

static void test_group(void **state)
{
	struct fixture *f = *state;

	one_of_each(f);
	call_is(f, "tunnel.add",
		"{'name': 'g0', 'bridge': 'br0', 'id': 10, 'group': '239.1.1.1', 'dev': 'e0', "
		"'local': '192.0.2.8'}",
		"{'changes': 1}");
	call_fails(f, "tunnel.add",
		   "{'name': 'g1', 'bridge': 'br0', 'id': 10, 'group': '239.1.1.1', 'dev': 'e0', "
		   "'local': '192.0.2.9'}",
		   "tunnel g1: group: 239.1.1.1 with id 10 on port 4789 is already tunnel g0");
	call_is(f, "tunnel.add",
		"{'name': 'g1', 'bridge': 'br0', 'id': 11, 'group': '239.1.1.1', 'dev': 'e0'}",
		"{'changes': 1}");
}

static void test_vlans(void **state)
{
	struct fixture *f = *state;

	one_of_each(f);
	call_fails(f, "port.set", "{'name': 'p0', 'vlan': 10}",
		   "port p0: vlan: bridge br0 is without vlan_filtering");
	call_fails(f, "tunnel.set", "{'name': 't0', 'trunk': '10-20'}",
		   "tunnel t0: trunk: bridge br0 is without vlan_filtering");
	call_is(f, "bridge.set", "{'name': 'br0', 'vlan_filtering': true}", "{'changes': 1}");
	call_is(f, "port.set", "{'name': 'p0', 'vlan': 10}", "{'changes': 1}");
	call_fails(f, "bridge.set", "{'name': 'br0', 'vlan_filtering': false}",
		   "bridge br0: vlan_filtering: port p0 on it has vlan");
	call_is(f, "bridge.add", "{'name': 'br1'}", "{'changes': 1}");
	call_fails(f, "port.set", "{'name': 'p0', 'bridge': 'br1'}",
		   "port p0: vlan: bridge br1 is without vlan_filtering");
	call_is(f, "fdb.add", "{'mac': '02:00:00:00:00:01', 'dev': 'p0'}", "{'changes': 1}");
	call_is(f, "port.set", "{'name': 'p0', 'vlan': null}", "{'changes': 1}");
	/* what was under a VLAN is under none that there is now */
	call_is(f, "bridge.set", "{'name': 'br0', 'vlan_filtering': false}", "{'changes': 1}");
	assert_int_equal(fake_kernel_entries(f->weftd.kernel), 0);
}

static void test_set(void **state)
{
	struct fixture *f = *state;
	json_t *shown;

	one_of_each(f);
	call_is(f, "tunnel.set", "{'name': 't0', 'remote': {'add': ['192.0.2.2']}}",
		"{'changes': 1}");
	call_is(f, "tunnel.set", "{'name': 't0', 'remote': {'add': ['192.0.2.2']}}",
		"{'changes': 0}");
	call_is(f, "bridge.set", "{'name': 'br0', 'ageing': null}", "{'changes': 1}");
	call_fails(f, "port.set", "{'name': 'p0', 'type': 'internal'}",
		   "port p0: type: cannot be changed; delete the port and add it again");
	call_is(f, "port.set", "{'name': 'p0', 'type': 'device'}", "{'changes': 0}");
	shown = call_ok(f, "tunnel.show", "{'name': 't0'}");
	assert_int_equal(json_array_size(shown), 1);
	assert_int_equal(json_array_size(json_object_get(json_array_get(shown, 0), "remote")), 2);
	assert_true(json_is_object(json_object_get(json_array_get(shown, 0), "state")));
	json_decref(shown);
	shown = call_ok(f, "bridge.show", "{}");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(shown, 0), "ageing")),
			 300);
	json_decref(shown);
}

/* What the kernel refuses leaves no trace in the model. */
static void test_kernel_refuses(void **state)
{
	struct fixture *f = *state;

	one_of_each(f);
	call_fails(f, "port.add", "{'name': '" FAKE_REFUSED_NAME "', 'bridge': 'br0'}",
		   "port refused: there is no such device");
	call_fails(f, "port.show", "{'name': 'refused'}", "port refused: there is no such port");
	call_is(f, "port.del", "{'name': 'p0'}", "{'changes': 1}");
	call_is(f, "tunnel.del", "{'name': 't0'}", "{'changes': 1}");
	/* it is no member of the bridge either */
	call_is(f, "bridge.del", "{'name': 'br0'}", "{'changes': 1}");
}

static void test_fdb(void **state)
{
	struct fixture *f = *state;

	one_of_each(f);
	call_is(f, "fdb.add", "{'mac': '02:00:00:00:00:01', 'dev': 'p0'}", "{'changes': 1}");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:01', 'dev': 'p0'}",
		   "fdb 02:00:00:00:00:01: is there already");
	/* the only remote is meant, and the tunnel's own VNI is the tunnel's own VNI */
	call_is(f, "fdb.add", "{'mac': '02:00:00:00:00:02', 'dev': 't0', 'vni': 1000}",
		"{'changes': 1}");
	call_is(f, "fdb.get", "{'mac': '02:00:00:00:00:02', 'bridge': 'br0'}",
		"{'mac': '02:00:00:00:00:02', 'bridge': 'br0', 'dev': 't0', 'state': 'static', "
		"'dst': '192.0.2.1'}");
	call_fails(f, "fdb.get", "{'mac': '02:00:00:00:00:09', 'dev': 't0'}",
		   "fdb 02:00:00:00:00:09: there is no such entry");
	call_is(f, "tunnel.set", "{'name': 't0', 'remote': {'add': ['192.0.2.2']}}",
		"{'changes': 1}");
	call_fails(
		f, "fdb.add", "{'mac': '02:00:00:00:00:03', 'dev': 't0'}",
		"fdb 02:00:00:00:00:03: dst: is missing, and tunnel t0 has not exactly one remote");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:03', 'dev': 'x'}",
		   "fdb 02:00:00:00:00:03: dev: there is no port or tunnel x");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:03'}",
		   "fdb 02:00:00:00:00:03: dev: is missing");
	call_fails(f, "fdb.add", "{'dev': 'p0'}", "fdb: mac: is missing");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:03', 'dev': 'p0', 'dst': '192.0.2.1'}",
		   "fdb 02:00:00:00:00:03: dst: p0 is a port and has no remotes");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:03', 'dev': 'p0', 'vlan': 5}",
		   "fdb 02:00:00:00:00:03: vlan: bridge br0 is without vlan_filtering");
	call_fails(f, "fdb.add", "{'mac': '01:00:00:00:00:03', 'dev': 'p0'}",
		   "fdb 01:00:00:00:00:03: mac: is a group address");
	call_fails(f, "fdb.add", "{'mac': '00:00:00:00:00:00', 'dev': 'p0'}",
		   "fdb 00:00:00:00:00:00: mac: all zero is for tunnels, and p0 is a port");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:03', 'dev': 'p0', 'vlan': 4095}",
		   "fdb 02:00:00:00:00:03: vlan: is no number of 0 to 4094");
	call_fails(f, "fdb.add", "{'mac': 'zz', 'dev': 'p0'}", "fdb zz: mac: is no MAC address");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:03', 'dev': 'p0', 'x': 1}",
		   "fdb 02:00:00:00:00:03: x: is no member of an FDB entry");
	call_fails(f, "fdb.add", "{'entries': [{'mac': '02:00:00:00:00:03', 'dev': 'p0'}, 7]}",
		   "fdb: is no object");
	call_is(f, "fdb.add",
		"{'entries': [{'mac': '02:00:00:00:00:03', 'dev': 'p0'}, "
		"{'mac': '02:00:00:00:00:04', 'dev': 'p0'}]}",
		"{'changes': 2}");
	call_is(f, "fdb.del", "{'mac': '02:00:00:00:00:03', 'dev': 'p0'}", "{'changes': 1}");
	assert_int_equal(fake_kernel_entries(f->weftd.kernel), 3);
}

static void test_fdb_show(void **state)
{
	struct fixture *f = *state;
	json_t *shown;

	one_of_each(f);
	fake_kernel_learn(f->weftd.kernel, "br0", "p0", (const uint8_t[]){2, 0, 0, 0, 0, 9});
	call_is(f, "fdb.add",
		"{'entries': [{'mac': '02:00:00:00:00:01', 'dev': 'p0'}, "
		"{'mac': '02:00:00:00:00:02', 'dev': 't0'}]}",
		"{'changes': 2}");
	call_is(f, "fdb.show", "{'state': 'learned'}",
		"{'entries': [{'mac': '02:00:00:00:00:09', 'bridge': 'br0', 'dev': 'p0', "
		"'state': 'learned', 'age': 0}], 'cursor': null}");
	shown = call_ok(f, "fdb.show", "{'limit': 2}");
	assert_int_equal(json_array_size(json_object_get(shown, "entries")), 2);
	assert_string_equal(json_string_value(json_object_get(shown, "cursor")), "2");
	json_decref(shown);
	shown = call_ok(f, "fdb.show", "{'limit': 2, 'cursor': '2'}");
	assert_int_equal(json_array_size(json_object_get(shown, "entries")), 1);
	assert_true(json_is_null(json_object_get(shown, "cursor")));
	json_decref(shown);
	call_fails(f, "fdb.show", "{'dev': 'x'}", "dev: there is no port or tunnel x");
	call_fails(f, "fdb.show", "{'bridge': 'x'}", "bridge: there is no bridge x");
	call_fails(f, "fdb.show", "{'limit': 0}", "limit: is no number of 1 to 65536");
	call_fails(f, "fdb.show", "{'state': 'x'}", "state: x is not learned, static or local");
	call_is(f, "fdb.flush", "{}", "{'changes': 1}");
	call_is(f, "fdb.flush", "{'dev': 't0', 'static': true}", "{'changes': 1}");
	assert_int_equal(fake_kernel_entries(f->weftd.kernel), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names),    TEST(test_bridge_of_member),
		TEST(test_identity), TEST(test_group),
		TEST(test_vlans),    TEST(test_set),
		TEST(test_fdb),	     TEST(test_kernel_refuses),
		TEST(test_fdb_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
