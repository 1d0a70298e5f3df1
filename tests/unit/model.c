/* SPDX-License-Identifier: GPL-2.0-only */
/* What objects demand of each other, one request at a time. */
#include "tests/unit/fixture.h"

#include <stdio.h>
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

/* Tunnels over GRE are told apart by key and by remote, and the types by themselves. */
static void test_identity_of_gre(void **state)
{
	struct fixture *f = *state;

	call_is(f, "tunnel.add", "{'name': 'a', 'type': 'gre', 'remote': '192.0.2.1'}",
		"{'changes': 1}");
	call_is(f, "tunnel.add", "{'name': 'b', 'type': 'gre', 'remote': '192.0.2.2'}",
		"{'changes': 1}");
	call_fails(f, "tunnel.add",
		   "{'name': 'x', 'type': 'gre', 'remote': ['192.0.2.3', '192.0.2.2']}",
		   "tunnel x: remote: 192.0.2.2 with no key is already tunnel b");
	/* a key of 0 is a key */
	call_is(f, "tunnel.add", "{'name': 'c', 'type': 'gre', 'remote': '192.0.2.2', 'key': 0}",
		"{'changes': 1}");
	call_is(f, "tunnel.add",
		"{'name': 'd', 'type': 'gre', 'remote': '192.0.2.2', 'key': 'any'}",
		"{'changes': 1}");
	call_is(f, "tunnel.add",
		"{'name': 'e', 'type': 'gre', 'remote': '192.0.2.2', 'local': '192.0.2.9'}",
		"{'changes': 1}");
	call_fails(f, "tunnel.add",
		   "{'name': 'x', 'type': 'gre', 'remote': '192.0.2.2', 'ikey': 0, 'okey': 7}",
		   "tunnel x: remote: 192.0.2.2 with key 0 is already tunnel c");
	call_fails(f, "tunnel.add",
		   "{'name': 'x', 'type': 'gre', 'remote': '192.0.2.2', 'ikey': 'any'}",
		   "tunnel x: remote: 192.0.2.2 with any key is already tunnel d");
	call_fails(f, "tunnel.set", "{'name': 'e', 'local': null}",
		   "tunnel e: remote: 192.0.2.2 with no key is already tunnel b");
	call_fails(
		f, "tunnel.add",
		"{'name': 'x', 'type': 'gre', 'remote': '192.0.2.2', 'local': '192.0.2.9'}",
		"tunnel x: remote: 192.0.2.2 with no key at local 192.0.2.9 is already tunnel e");
	/* what it sends does not matter */
	call_fails(f, "tunnel.add",
		   "{'name': 'x', 'type': 'gre', 'remote': '192.0.2.1', 'okey': 5}",
		   "tunnel x: remote: 192.0.2.1 with no key is already tunnel a");
	/* the one for everybody stands beside those that are not, but there is one */
	call_is(f, "tunnel.add", "{'name': 'o', 'type': 'gre', 'remote': 'any'}", "{'changes': 1}");
	call_fails(f, "tunnel.add", "{'name': 'x', 'type': 'gre', 'remote': ['192.0.2.7', 'any']}",
		   "tunnel x: remote: any with no key is already tunnel o");
	call_fails(f, "tunnel.add", "{'name': 'x', 'type': 'gre'}",
		   "tunnel x: remote: any with no key is already tunnel o");
	/* another payload, and another meaning of the key */
	call_is(f, "tunnel.add", "{'name': 'p', 'type': 'gretap', 'remote': '192.0.2.2'}",
		"{'changes': 1}");
	call_is(f, "tunnel.add",
		"{'name': 'n', 'type': 'nvgre', 'id': 4096, 'remote': '192.0.2.2'}",
		"{'changes': 1}");
	call_fails(f, "tunnel.add",
		   "{'name': 'x', 'type': 'nvgre', 'id': 4096, 'remote': '192.0.2.3'}",
		   "tunnel x: id: 4096 is already tunnel n");
	/* remotes come and go */
	call_fails(f, "tunnel.set", "{'name': 'a', 'remote': {'add': '192.0.2.2'}}",
		   "tunnel a: remote: 192.0.2.2 with no key is already tunnel b");
	call_is(f, "tunnel.set", "{'name': 'b', 'remote': '192.0.2.4'}", "{'changes': 1}");
	call_is(f, "tunnel.set", "{'name': 'a', 'remote': {'add': '192.0.2.2'}}", "{'changes': 1}");
	call_is(f, "tunnel.del", "{'name': 'a'}", "{'changes': 1}");
	call_is(f, "tunnel.set", "{'name': 'b', 'remote': {'add': ['192.0.2.1', '192.0.2.2']}}",
		"{'changes': 1}");
	call_fails(f, "tunnel.set", "{'name': 'b', 'type': 'gretap'}",
		   "tunnel b: type: cannot be changed; delete the tunnel and add it again");
}

static void test_ports_of_types(void **state)
{
	struct fixture *f = *state;

	one_of_each(f);
	call_is(f, "tunnel.add",
		"{'name': 'g', 'bridge': 'br0', 'type': 'geneve', 'id': 1000, 'remote': "
		"'192.0.2.1'}",
		"{'changes': 1}");
	call_fails(f, "tunnel.add", "{'name': 'h', 'type': 'geneve', 'id': 1000}",
		   "tunnel h: id: 1000 on port 6081 is already tunnel g");
	call_fails(f, "tunnel.add",
		   "{'name': 'h', 'type': 'geneve', 'id': 7, 'dstport': 4789, 'remote': 'any'}",
		   "tunnel h: dstport: 4789 is that of tunnel t0, of another type");
	call_fails(f, "tunnel.set", "{'name': 't0', 'dstport': 6081}",
		   "tunnel t0: dstport: 6081 is that of tunnel g, of another type");
	/* the default said aloud is the default */
	call_fails(f, "tunnel.add", "{'name': 'x', 'id': 1000, 'dstport': 4789}",
		   "tunnel x: id: 1000 on port 4789 is already tunnel t0");
	call_is(f, "tunnel.del", "{'name': 'g'}", "{'changes': 1}");
	call_is(f, "tunnel.set", "{'name': 't0', 'dstport': 6081}", "{'changes': 1}");
	call_fails(f, "tunnel.add", "{'name': 'h', 'type': 'geneve', 'id': 7}",
		   "tunnel h: dstport: 6081 is that of tunnel t0, of another type");
	call_fails(f, "tunnel.add", "{'name': 'h', 'type': 'geneve', 'id': 7, 'option': '1:2:3'}",
		   "tunnel h: option: \"1:2:3\" is an option with data that does not fill words of "
		   "4 bytes");
}

static json_t *shown_field(struct fixture *f, const char *name, const char *field)
{
	char params[64];
	json_t *shown, *value;

	snprintf(params, sizeof(params), "{'name': '%s'}", name);
	shown = call_ok(f, "tunnel.show", params);
	value = json_incref(json_object_get(json_array_get(shown, 0), field));
	json_decref(shown);
	return value;
}

/* What is left to the type is shown as what it is; that the type has not such a field, too. */
static void test_show_defaults(void **state)
{
	struct fixture *f = *state;
	json_t *value;

	call_is(f, "tunnel.add", "{'name': 'v', 'id': 1}", "{'changes': 1}");
	call_is(f, "tunnel.add", "{'name': 'g', 'type': 'geneve', 'id': 1}", "{'changes': 1}");
	call_is(f, "tunnel.add", "{'name': 'r', 'type': 'gre'}", "{'changes': 1}");
	value = shown_field(f, "v", "dstport");
	assert_int_equal(json_integer_value(value), 4789);
	json_decref(value);
	value = shown_field(f, "v", "udpcsum");
	assert_true(json_is_false(value));
	value = shown_field(f, "g", "dstport");
	assert_int_equal(json_integer_value(value), 6081);
	json_decref(value);
	value = shown_field(f, "g", "udpcsum");
	assert_true(json_is_true(value));
	value = shown_field(f, "r", "udpcsum");
	assert_true(json_is_null(value));
	value = shown_field(f, "r", "dstport");
	assert_true(json_is_null(value));
	value = shown_field(f, "r", "id");
	assert_true(json_is_null(value));
	call_is(f, "config.save", "{}",
		"{'tunnels': {'v': {'id': 1}, 'g': {'type': 'geneve', 'id': 1}, "
		"'r': {'type': 'gre'}}}");
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

#define GENEVE_ENTRY(rest) "{'mac': '02:00:00:00:00:01', 'dev': 'g0'" rest "}"

static void test_fdb_options(void **state)
{
	struct fixture *f = *state;

	one_of_each(f);
	call_is(f, "tunnel.add",
		"{'name': 'g0', 'bridge': 'br0', 'type': 'geneve', 'id': 1, 'remote': '192.0.2.1', "
		"'optmax': 8}",
		"{'changes': 1}");
	call_is(f, "fdb.add", GENEVE_ENTRY(", 'option': '1:82:00000007'"), "{'changes': 1}");
	call_is(f, "fdb.get", "{'mac': '02:00:00:00:00:01', 'dev': 'g0'}",
		"{'mac': '02:00:00:00:00:01', 'bridge': 'br0', 'dev': 'g0', 'state': 'static', "
		"'dst': '192.0.2.1', 'option': ['0x0001:0x82:00000007']}");
	call_is(f, "fdb.replace", GENEVE_ENTRY(", 'option': ['1:1:', '1:2:']"), "{'changes': 1}");
	call_fails(f, "fdb.replace", GENEVE_ENTRY(", 'option': ['1:1:', '1:2:', '1:3:']"),
		   "fdb 02:00:00:00:00:01: option: 12 bytes, and tunnel g0 has room for 8; see its "
		   "optmax");
	call_fails(f, "fdb.replace", GENEVE_ENTRY(", 'option': 'x'"),
		   "fdb 02:00:00:00:00:01: option: \"x\" is not CLASS:TYPE:DATA in hexadecimal");
	call_fails(f, "fdb.replace", GENEVE_ENTRY(", 'option': 5"),
		   "fdb 02:00:00:00:00:01: option: 5 is not CLASS:TYPE:DATA in hexadecimal");
	call_fails(
		f, "fdb.replace", GENEVE_ENTRY(", 'option': {'x': 5}"),
		"fdb 02:00:00:00:00:01: option: an object is not CLASS:TYPE:DATA in hexadecimal");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:02', 'dev': 't0', 'option': '1:1:'}",
		   "fdb 02:00:00:00:00:02: option: is only for tunnels of type geneve");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:02', 'dev': 'p0', 'option': '1:1:'}",
		   "fdb 02:00:00:00:00:02: option: p0 is a port and sends none");
	call_fails(f, "fdb.add",
		   "{'entries': [{'mac': '02:00:00:00:00:02', 'dev': 'g0', 'option': '1:1:'}, "
		   "{'mac': '02:00:00:00:00:03', 'dev': 'g0', 'option': '1:9:', 'x': 1}]}",
		   "fdb 02:00:00:00:00:03: x: is no member of an FDB entry");
	call_is(f, "tunnel.add", "{'name': 'gt', 'type': 'gretap', 'remote': '192.0.2.1'}",
		"{'changes': 1}");
	call_is(f, "tunnel.add",
		"{'name': 'nv', 'type': 'nvgre', 'id': 4096, 'remote': "
		"'192.0.2.1'}",
		"{'changes': 1}");
	call_is(f, "tunnel.add", "{'name': 'l3', 'type': 'gre', 'key': 1, 'remote': '192.0.2.1'}",
		"{'changes': 1}");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:02', 'dev': 'gt', 'vni': 1}",
		   "fdb 02:00:00:00:00:02: vni: tunnel gt has a key and no VNI");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:02', 'dev': 'nv', 'vni': 4095}",
		   "fdb 02:00:00:00:00:02: vni: 4095 is not for use (RFC 7637 3.4: 4096 to "
		   "16777214)");
	call_fails(f, "fdb.add", "{'mac': '02:00:00:00:00:02', 'dev': 'l3'}",
		   "fdb 02:00:00:00:00:02: dev: tunnel l3 carries no Ethernet");
	call_fails(f, "fdb.append", "{'mac': '00:00:00:00:00:00', 'dev': 'l3', 'dst': '192.0.2.9'}",
		   "fdb 00:00:00:00:00:00: dev: tunnel l3 carries no Ethernet");
	/* an empty list is no list */
	call_is(f, "fdb.add", "{'mac': '02:00:00:00:00:02', 'dev': 't0', 'option': []}",
		"{'changes': 1}");
	/* the tunnel keeps room for what its entries send */
	call_fails(f, "tunnel.set", "{'name': 'g0', 'optmax': 4}",
		   "tunnel g0: optmax: an FDB entry has options of 8 bytes");
	call_fails(f, "tunnel.set", "{'name': 'g0', 'optmax': null, 'option': '1:1:'}",
		   "tunnel g0: option: an FDB entry has options of 8 bytes");
	call_is(f, "tunnel.set", "{'name': 'g0', 'optmax': 64}", "{'changes': 1}");
	call_is(f, "tunnel.set", "{'name': 'g0', 'optmax': 8}", "{'changes': 1}");
	/* only what this wants is kept */
	assert_int_equal(options_count(), 1);
	call_is(f, "fdb.del", "{'mac': '02:00:00:00:00:01', 'dev': 'g0'}", "{'changes': 1}");
	assert_int_equal(options_count(), 0);
	call_is(f, "tunnel.set", "{'name': 'g0', 'optmax': 4}", "{'changes': 1}");
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
		TEST(test_names),
		TEST(test_bridge_of_member),
		TEST(test_identity),
		TEST(test_group),
		TEST(test_vlans),
		TEST(test_set),
		TEST(test_fdb),
		TEST(test_kernel_refuses),
		TEST(test_fdb_show),
		TEST(test_fdb_options),
		TEST(test_identity_of_gre),
		TEST(test_ports_of_types),
		TEST(test_show_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
