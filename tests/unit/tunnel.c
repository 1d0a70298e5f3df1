/* SPDX-License-Identifier: GPL-2.0-only */
/* Tunnels of every type: what their fields say, what goes together, what they come to. */
#include "tests/unit/object_fixture.h"
#include <stdlib.h>
#include <string.h>

#include "lib/tunnel.h"

#define VXLAN(rest)  "{'type': 'vxlan', 'id': 1" rest "}"
#define GENEVE(rest) "{'type': 'geneve', 'id': 1" rest "}"
#define GRETAP(rest) "{'type': 'gretap'" rest "}"
#define GRE(rest)    "{'type': 'gre'" rest "}"
#define NVGRE(rest)  "{'type': 'nvgre', 'id': 4096" rest "}"

static struct tunnel *tunnel_of(const char *text)
{
	struct error err = {};
	struct tunnel *tunnel = object_of(NOUN_TUNNEL, text, &err);

	assert_string_equal(err.line, "");
	return tunnel;
}

static void accepted(const char *text)
{
	object_free(NOUN_TUNNEL, tunnel_of(text));
}

/* The short JSON of a tunnel. */
static void assert_written(const char *text, const char *wanted)
{
	struct tunnel *tunnel = tunnel_of(text);
	json_t *json = object_json(NOUN_TUNNEL, tunnel, false);
	char *written = json_dumps(json, JSON_COMPACT);

	assert_string_equal(written, wanted);
	free(written);
	json_decref(json);
	object_free(NOUN_TUNNEL, tunnel);
}

static void refused(const char *text, const char *line)
{
	assert_refused(NOUN_TUNNEL, text, line);
}

static void test_defaults(void **state)
{
	struct tunnel *tunnel = tunnel_of(GRE());

	(void)state;
	assert_int_equal(tunnel->id, UINT32_MAX);
	assert_false(tunnel->key.set || tunnel->ikey.set || tunnel->okey.set);
	assert_false(tunnel->csum || tunnel->icsum || tunnel->ocsum);
	assert_false(tunnel->seq || tunnel->iseq || tunnel->oseq);
	assert_false(tunnel->udp6zerocsumtx || tunnel->udp6zerocsumrx);
	assert_int_equal(tunnel->flowlabel, FLOWLABEL_AUTO);
	assert_int_equal(tunnel->df, DF_SET);
	assert_int_equal(tunnel->ecn, ECN_NORMAL);
	assert_int_equal(tunnel->dscp, DSCP_INNER);
	assert_int_equal(tunnel->toobig, TOOBIG_FRAGMENT);
	assert_int_equal(tunnel->mss, MSS_OFF);
	assert_int_equal(tunnel->mtu_expires, 600);
	assert_int_equal(tunnel->fwmark, 0);
	assert_true(tunnel->reserved_bits == UINT64_MAX);
	assert_true(tunnel->log && tunnel->options && !tunnel->innerprotoinherit);
	assert_int_equal(tunnel->optmax, OPTMAX_AUTO);
	assert_int_equal(tunnel->option.count + tunnel->accept.count + tunnel->match.count, 0);
	object_free(NOUN_TUNNEL, tunnel);
}

static void test_round_trips(void **state)
{
	(void)state;
	assert_round_trip(NOUN_TUNNEL,
			  VXLAN(", 'reserved_bits': '0xf7ffffff000000ff', 'log': false"));
	assert_round_trip(NOUN_TUNNEL,
			  VXLAN(", 'udpcsum': true, 'udp6zerocsumtx': true, 'udp6zerocsumrx': true,"
				" 'flowlabel': 1048575, 'df': 'inherit', 'ecn': 'rfc3168',"
				" 'dscp': 'inherit', 'fwmark': 4294967295"));
	assert_round_trip(NOUN_TUNNEL,
			  VXLAN(", 'toobig': 'reject', 'mss': 'auto', 'mtu_expires': 65535"));
	assert_round_trip(NOUN_TUNNEL, GRE(", 'toobig': 'drop', 'mss': 64, 'mtu_expires': 1"));
	assert_round_trip(
		NOUN_TUNNEL,
		GENEVE(", 'udpcsum': false, 'bridge': 'b', 'optmax': 64, 'option':"
		       " ['0102:80:0011aabb', '0x0102:0x01:', '0x0102:0x80:00000000'],"
		       " 'accept': ['ffff:1:124', '0102:80:4'], 'match': '1:2:0x01020304'"));
	assert_round_trip(NOUN_TUNNEL, GENEVE(", 'innerprotoinherit': true, 'options': false"));
	assert_round_trip(NOUN_TUNNEL, GENEVE(", 'option': [], 'accept': [], 'match': []"));
	assert_round_trip(NOUN_TUNNEL,
			  GRETAP(", 'bridge': 'b', 'key': 0, 'ikey': 'any', 'okey': 4294967295,"
				 " 'icsum': true, 'ocsum': true, 'iseq': true, 'oseq': true"));
	assert_round_trip(NOUN_TUNNEL,
			  GRE(", 'key': 'any', 'csum': true, 'seq': true, 'local': '2001:db8::1',"
			      " 'remote': ['2001:db8::2', 'any'], 'address': '10.0.0.1/24'"));
	assert_round_trip(NOUN_TUNNEL, NVGRE(", 'bridge': 'b', 'vlan': 5, 'group': 'ff05::1',"
					     " 'dev': 'e0', 'local': '2001:db8::1'"));
}

static void test_written(void **state)
{
	(void)state;
	assert_written(GRE(", 'key': '1.2.3.4', 'ikey': 'any'"),
		       "{\"type\":\"gre\",\"key\":16909060,\"ikey\":\"any\"}");
	/* a key of 0 is another thing than no key */
	assert_written(GRE(", 'key': 0, 'okey': null"), "{\"type\":\"gre\",\"key\":0}");
	assert_written(VXLAN(", 'reserved_bits': 255"), "{\"id\":1,\"reserved_bits\":\"0xff\"}");
	assert_written(VXLAN(", 'reserved_bits': '255'"), "{\"id\":1,\"reserved_bits\":\"0xff\"}");
	assert_written(VXLAN(", 'reserved_bits': '0xffffffffffffffff'"), "{\"id\":1}");
	assert_written(VXLAN(", 'udpcsum': 'auto', 'dstport': 0, 'flowlabel': 'auto'"),
		       "{\"id\":1}");
	assert_written(VXLAN(", 'toobig': 'fragment', 'mss': 'off', 'mtu_expires': 600"),
		       "{\"id\":1}");
	assert_written(VXLAN(", 'toobig': 'drop', 'mss': 'auto', 'mtu_expires': 10"),
		       "{\"id\":1,\"toobig\":\"drop\",\"mss\":\"auto\",\"mtu_expires\":10}");
	assert_written(VXLAN(", 'udpcsum': false, 'dstport': 4789"),
		       "{\"id\":1,\"dstport\":4789,\"udpcsum\":false}");
	/* what is sent keeps its order and may repeat; what is known is a set */
	assert_written(GENEVE(", 'option': ['2:1:', '1:1:', '2:1:'], 'accept': ['2:1:0', '1:1:0',"
			      " '2:1:0'], 'match': ['9:FF:AABBCCDD', '0x9:0xfe:', '9:fe:0x']"),
		       "{\"type\":\"geneve\",\"id\":1,"
		       "\"option\":[\"0x0002:0x01:\",\"0x0001:0x01:\",\"0x0002:0x01:\"],"
		       "\"accept\":[\"0x0001:0x01:0\",\"0x0002:0x01:0\"],"
		       "\"match\":[\"0x0009:0xfe:\",\"0x0009:0xff:aabbccdd\"]}");
}

static void test_values_refused(void **state)
{
	(void)state;
	refused(GRE(", 'key': -1"), "key: -1 is below 0");
	refused(GRE(", 'ikey': 4294967296"), "ikey: 4294967296 is above 4294967295");
	refused(GRE(", 'okey': 'any'"), "okey: \"any\" is not a key: a number or as 10.0.0.1");
	refused(GRE(", 'key': '1.2.3'"), "key: \"1.2.3\" is not a key: a number or as 10.0.0.1");
	refused(GRE(", 'key': '5'"), "key: \"5\" is not a key: a number or as 10.0.0.1");
	refused(GRE(", 'key': true"), "key: true is not a key: a number or as 10.0.0.1");
	refused(VXLAN(", 'udpcsum': 'yes'"), "udpcsum: \"yes\" is neither true, false nor auto");
	refused(VXLAN(", 'udpcsum': 1"), "udpcsum: 1 is neither true, false nor auto");
	refused(VXLAN(", 'reserved_bits': -1"), "reserved_bits: -1 is not a mask of 64 bits");
	refused(VXLAN(", 'reserved_bits': '-1'"), "reserved_bits: \"-1\" is not a mask of 64 bits");
	refused(VXLAN(", 'reserved_bits': ' 1'"), "reserved_bits: \" 1\" is not a mask of 64 bits");
	refused(VXLAN(", 'reserved_bits': '0x'"), "reserved_bits: \"0x\" is not a mask of 64 bits");
	refused(VXLAN(", 'reserved_bits': ''"), "reserved_bits: \"\" is not a mask of 64 bits");
	refused(VXLAN(", 'reserved_bits': '0x10000000000000000'"),
		"reserved_bits: \"0x10000000000000000\" is not a mask of 64 bits");
	refused(VXLAN(", 'reserved_bits': 1.5"),
		"reserved_bits: a fraction is not a mask of 64 bits");
	refused(VXLAN(", 'flowlabel': 1048576"), "flowlabel: 1048576 is above 1048575");
	refused(VXLAN(", 'df': 'yes'"), "df: \"yes\" is none of: set unset inherit");
	refused(VXLAN(", 'ecn': 'copy'"), "ecn: \"copy\" is none of: normal compat rfc3168");
	refused(VXLAN(", 'dscp': 'outer'"), "dscp: \"outer\" is none of: inner inherit");
	refused(VXLAN(", 'fwmark': 4294967296"), "fwmark: 4294967296 is above 4294967295");
	refused(VXLAN(", 'toobig': 'cut'"), "toobig: \"cut\" is none of: fragment reject drop");
	refused(VXLAN(", 'mss': 63"), "mss: 63 is below 64");
	refused(VXLAN(", 'mss': 1"), "mss: 1 is below 64");
	refused(VXLAN(", 'mss': 65496"), "mss: 65496 is above 65495");
	refused(VXLAN(", 'mss': 'none'"), "mss: \"none\" is not a number");
	refused(VXLAN(", 'mtu_expires': 0"), "mtu_expires: 0 is below 1");
	refused(GENEVE(", 'optmax': 253"), "optmax: 253 is above 252");
	refused(GENEVE(", 'optmax': 6"), "optmax: 6 is not a multiple of 4");
}

static void test_options_refused(void **state)
{
	static const char *const bad[] = {
		"",	 "1",	     "1:2",	   ":2:",   "1::",	 "x:2:",
		"1:x:",	 "10000:2:", "1:100:",	   "1:2:3", "1:2:xx",	 "1:2:zz:",
		"0x:2:", "1:0x:",    "1:2:0x0xab", " 1:2:", "1:2:00 11", "0x0001:0x02:-1",
		"-1:2:", "1 :2:"};
	char text[512], line[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *what =
			!strcmp(bad[i], "1:2:3")
				? "an option with data that does not fill words of 4 bytes"
				: "not CLASS:TYPE:DATA in hexadecimal";

		snprintf(text, sizeof(text), GENEVE(", 'option': '%s'"), bad[i]);
		snprintf(line, sizeof(line), "option: \"%s\" is %s", bad[i], what);
		refused(text, line);
	}
	refused(GENEVE(", 'option': '1:2:0011'"),
		"option: \"1:2:0011\" is an option with data that does not fill words of 4 bytes");
	refused(GENEVE(", 'option': '1:2:001122'"), "option: \"1:2:001122\" is an option with data "
						    "that does not fill words of 4 bytes");
	snprintf(text, sizeof(text), GENEVE(", 'match': '1:2:%0256d'"), 0);
	snprintf(line, sizeof(line),
		 "match: \"1:2:%060d\" is an option with more than 124 bytes of data", 0);
	refused(text, line);
	refused(GENEVE(", 'option': 5"), "option: 5 is not CLASS:TYPE:DATA in hexadecimal");
	refused(GENEVE(", 'accept': '1:2:'"),
		"accept: \"1:2:\" is not CLASS:TYPE:LENGTH, the length in decimal");
	refused(GENEVE(", 'accept': '1:2:4x'"),
		"accept: \"1:2:4x\" is not CLASS:TYPE:LENGTH, the length in decimal");
	refused(GENEVE(", 'accept': '1:2:99999999999999'"),
		"accept: \"1:2:99999999999999\" is not CLASS:TYPE:LENGTH, the length in decimal");
	refused(GENEVE(", 'accept': '1:2:6'"),
		"accept: \"1:2:6\" is an option with a length that is not a multiple of 4");
	refused(GENEVE(", 'accept': '1:2:128'"),
		"accept: \"1:2:128\" is an option with more than 124 bytes of data");
}

/* A list of `count` items, each made of its number by `format`, as a field of a GENEVE tunnel. */
static char *many(const char *field, int count, const char *format)
{
	char *text = calloc(1, 65536);
	size_t at = (size_t)sprintf(text, "{'type': 'geneve', 'id': 1, '%s': [", field);

	for (int i = 0; i < count; i++) {
		at += (size_t)sprintf(text + at, "%s'", i ? ", " : "");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		at += (size_t)sprintf(text + at, format, i);
#pragma GCC diagnostic pop
		at += (size_t)sprintf(text + at, "'");
	}
	sprintf(text + at, "]}");
	return text;
}

static void many_refused(const char *field, int count, const char *format, const char *line)
{
	char *text = many(field, count, format);

	refused(text, line);
	free(text);
}

static void many_accepted(const char *field, int count, const char *format)
{
	char *text = many(field, count, format);

	accepted(text);
	free(text);
}

/* How many options, and how long they are together. */
static void test_options_bounds(void **state)
{
	(void)state;
	many_accepted("option", 63, "1:%x:");
	many_refused("option", 64, "1:%x:", "option: more than 63 options");
	many_accepted("option", 31, "1:%x:00000000");
	many_refused("option", 32, "1:%x:00000000", "option: 256 bytes are more than 252");
	many_accepted("match", 31, "1:%x:00000000");
	many_refused("match", 32, "1:%x:00000000", "match: 256 bytes are more than 252");
	many_accepted("match", 32, "1:%x:");
	many_refused("match", 33, "1:%x:", "match: more than 32 options");
	many_accepted("accept", 256, "1:%x:124");
	many_refused("accept", 257, "%x:1:4", "accept: more than 256 options");
	accepted(GENEVE(", 'optmax': 8, 'option': '1:2:00000000'"));
	accepted(GENEVE(", 'optmax': 0"));
	refused(GENEVE(", 'optmax': 4, 'option': '1:2:00000000'"),
		"option: 8 bytes are more than optmax 4");
	refused(GENEVE(", 'optmax': 4, 'match': '1:2:00000000'"),
		"match: 8 bytes are more than optmax 4");
}

/* What is received is known by class and type, and has one length. */
static void test_options_agree(void **state)
{
	(void)state;
	accepted(
		GENEVE(", 'option': ['1:2:00000000', '1:2:00000001'], 'accept': ['1:2:4', '1:3:0'],"
		       " 'match': '1:2:00000002'"));
	refused(GENEVE(", 'option': ['1:2:00000000', '1:2:']"),
		"option: 0x0001:0x02 has 4 bytes here and 0 in option");
	refused(GENEVE(", 'accept': ['1:2:8', '1:2:4']"),
		"accept: 0x0001:0x02 has 4 bytes here and 8 in accept");
	refused(GENEVE(", 'option': '1:2:00000000', 'accept': '1:2:8'"),
		"accept: 0x0001:0x02 has 8 bytes here and 4 in option");
	refused(GENEVE(", 'option': '1:2:00000000', 'match': '1:2:'"),
		"match: 0x0001:0x02 has 0 bytes here and 4 in option");
	refused(GENEVE(", 'accept': '1:2:4', 'match': '1:2:'"),
		"match: 0x0001:0x02 has 0 bytes here and 4 in accept");
	refused(GENEVE(", 'match': ['1:2:00000000', '1:2:00000001']"),
		"match: 0x0001:0x02 cannot be two things at once");
	accepted(GENEVE(", 'options': false, 'option': '1:2:00000000'"));
	refused(GENEVE(", 'options': false, 'accept': '1:2:4'"),
		"accept: needs options, which are not looked into");
	refused(GENEVE(", 'options': false, 'match': '1:2:'"),
		"match: needs options, which are not looked into");
}

/* Changes one after the other: the order of options counts. */
static void test_options_change(void **state)
{
	static const char *const steps[] = {
		"{\"option\": {\"add\": [\"1:2:\", \"3:4:00000005\"]}}",
		"{\"option\": {\"add\": \"1:2:\"}, \"accept\": {\"add\": [\"9:9:4\", \"8:8:0\"]}}",
		"{\"option\": {\"remove\": \"0x0001:0x02:\"}, \"accept\": {\"remove\": \"9:9:4\"}}",
		"{\"match\": [\"7:7:\"]}",
		NULL,
	};

	(void)state;
	assert_changes(NOUN_TUNNEL, tunnel_of(GENEVE()), steps,
		       "{\"type\":\"geneve\",\"id\":1,\"option\":[\"0x0003:0x04:00000005\","
		       "\"0x0001:0x02:\"],\"accept\":[\"0x0008:0x08:0\"],"
		       "\"match\":[\"0x0007:0x07:\"]}");
	refused(GENEVE(", 'option': {'remove': '1:2:'}"), "option: \"1:2:\" is not in the list");
	refused(GENEVE(", 'accept': {'remove': '1:2:4'}"), "accept: \"1:2:4\" is not in the list");
	refused(GENEVE(", 'match': {'x': '1:2:4'}"), "match: \"x\" is neither add nor remove");
}

static void test_difference(void **state)
{
	static const char *const pairs[][2] = {
		{GENEVE(", 'option': ['1:2:', '3:4:']"), GENEVE(", 'option': ['3:4:', '1:2:']")},
		{GENEVE(", 'option': '1:2:00000000'"), GENEVE(", 'option': '1:2:00000001'")},
		{GENEVE(", 'accept': '1:2:0'"), GENEVE(", 'accept': '1:2:4'")},
		{GRE(), GRE(", 'key': 0")},
		{GRE(", 'key': 0"), GRE(", 'key': 'any'")},
		{GRE(", 'ikey': 1"), GRE(", 'ikey': 2")},
		{VXLAN(", 'udpcsum': false"), VXLAN()},
		{VXLAN(", 'reserved_bits': 0"), VXLAN()},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct tunnel *a = tunnel_of(pairs[i][0]), *b = tunnel_of(pairs[i][1]);

		assert_int_equal(__builtin_popcountll(object_diff(NOUN_TUNNEL, a, b)), 1);
		object_free(NOUN_TUNNEL, a);
		object_free(NOUN_TUNNEL, b);
	}
}

/* A field that a type has not is refused, for each such type, and its default is not. */
static void test_fields_of_types(void **state)
{
	enum { V = 1, E = 2, T = 4, G = 8, N = 16 };
	static const struct {
		const char *field, *value;
		unsigned int types;
		const char *whose;
	} cases[] = {
		{"key", "1", T | G, "gretap and gre"},
		{"ikey", "'any'", T | G, "gretap and gre"},
		{"okey", "1", T | G, "gretap and gre"},
		{"csum", "true", T | G, "gretap and gre"},
		{"icsum", "true", T | G, "gretap and gre"},
		{"ocsum", "true", T | G, "gretap and gre"},
		{"seq", "true", T | G, "gretap and gre"},
		{"iseq", "true", T | G, "gretap and gre"},
		{"oseq", "true", T | G, "gretap and gre"},
		{"dstport", "4789", V | E, "vxlan and geneve"},
		{"srcport", "[1, 2]", V | E, "vxlan and geneve"},
		{"udpcsum", "false", V | E, "vxlan and geneve"},
		{"udpcsum", "true", V | E, "vxlan and geneve"},
		{"udp6zerocsumtx", "true", V | E, "vxlan and geneve"},
		{"udp6zerocsumrx", "true", V | E, "vxlan and geneve"},
		{"udpcsumrx", "false", V, "vxlan"},
		{"reserved_bits", "0", V, "vxlan"},
		{"innerprotoinherit", "true", E, "geneve"},
		{"option", "'1:2:'", E, "geneve"},
		{"accept", "'1:2:0'", E, "geneve"},
		{"match", "'1:2:'", E, "geneve"},
		{"options", "false", E, "geneve"},
		{"optmax", "0", E, "geneve"},
		{"ttl", "5", V | E | T | G | N, NULL},
		{"tos", "'inherit'", V | E | T | G | N, NULL},
		{"df", "'unset'", V | E | T | G | N, NULL},
		{"ecn", "'compat'", V | E | T | G | N, NULL},
		{"dscp", "'inherit'", V | E | T | G | N, NULL},
		{"toobig", "'drop'", V | E | T | G | N, NULL},
		{"mss", "1400", V | E | T | G | N, NULL},
		{"mtu_expires", "5", V | E | T | G | N, NULL},
		{"fwmark", "7", V | E | T | G | N, NULL},
		{"flowlabel", "7", V | E | T | G | N, NULL},
		{"log", "false", V | E | T | G | N, NULL},
		{"innervlan", "true", V | E | T, NULL},
	};
	static const char *const types[] = {"'type': 'vxlan', 'id': 1", "'type': 'geneve', 'id': 1",
					    "'type': 'gretap'", "'type': 'gre'",
					    "'type': 'nvgre', 'id': 4096"};
	char text[256], line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t type = 0; type < 5; type++) {
			snprintf(text, sizeof(text), "{%s, '%s': %s}", types[type], cases[i].field,
				 cases[i].value);
			if (cases[i].types >> type & 1) {
				accepted(text);
				continue;
			}
			snprintf(line, sizeof(line), "%s: is only for %s", cases[i].field,
				 cases[i].whose);
			if (!strcmp(cases[i].field, "innervlan"))
				strcpy(line, type == 4
						     ? "innervlan: nvgre carries no VLAN tags "
						       "(RFC 7637 3.3)"
						     : "innervlan: is only for tunnels that carry "
						       "Ethernet");
			refused(text, line);
			snprintf(text, sizeof(text), "{%s, '%s': null}", types[type],
				 cases[i].field);
			accepted(text);
		}
}

static void test_ids(void **state)
{
	(void)state;
	accepted("{'type': 'geneve', 'id': 0}");
	accepted("{'type': 'geneve', 'id': 16777215}");
	accepted("{'type': 'nvgre', 'id': 4096}");
	accepted("{'type': 'nvgre', 'id': 16777214}");
	refused("{'type': 'geneve'}", "id: is required");
	refused("{'type': 'nvgre'}", "id: is required");
	refused("{'type': 'nvgre', 'id': 4095}",
		"id: 4095 is reserved (RFC 7637 3.4: 4096 to 16777214)");
	refused("{'type': 'nvgre', 'id': 0}", "id: 0 is reserved (RFC 7637 3.4: 4096 to 16777214)");
	refused("{'type': 'nvgre', 'id': 16777215}",
		"id: 16777215 is the vendor's (RFC 7637 3.4: 4096 to 16777214)");
	refused(GRE(", 'id': 0"), "id: is only for vxlan, geneve and nvgre");
	refused(GRETAP(", 'id': 7"), "id: is only for vxlan, geneve and nvgre");
	refused(NVGRE(", 'bridge': 'b', 'trunk': '5'"),
		"trunk: nvgre carries no VLAN tags (RFC 7637 3.3)");
}

static void test_without_ethernet(void **state)
{
	static const char *const fields[] = {"'bridge': 'b'", "'group': '239.1.1.1', 'dev': 'e'",
					     "'innervlan': true", "'storm_unknown': 5",
					     "'trunk': '5'"};
	char text[256], line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		snprintf(line, sizeof(line), "%.*s: is only for tunnels that carry Ethernet",
			 (int)strcspn(fields[i] + 1, "'"), fields[i] + 1);
		snprintf(text, sizeof(text), GRE(", %s"), fields[i]);
		refused(text, line);
		snprintf(text, sizeof(text), GENEVE(", 'innerprotoinherit': true, %s"), fields[i]);
		refused(text, line);
	}
	accepted(GRE(", 'address': '10.0.0.1/24', 'mtu': 1400"));
}

static void test_families(void **state)
{
	(void)state;
	accepted(VXLAN(", 'local': '2001:db8::1', 'remote': ['2001:db8::2', '2001:db8::3']"));
	accepted(VXLAN(", 'remote': 'any'"));
	accepted(VXLAN(", 'remote': 'fe80::1', 'dev': 'e0'"));
	accepted(VXLAN(", 'group': 'ff02::1:5', 'dev': 'e0', 'local': 'fe80::1'"));
	refused(VXLAN(", 'local': '10.0.0.1', 'remote': '2001:db8::2'"),
		"remote: 2001:db8::2 is IPv6, and local 10.0.0.1 is not");
	refused(VXLAN(", 'local': '2001:db8::1', 'remote': '10.0.0.2'"),
		"remote: 10.0.0.2 is IPv4, and local 2001:db8::1 is not");
	refused(VXLAN(", 'remote': ['2001:db8::2', '10.0.0.2']"),
		"remote: 2001:db8::2 is IPv6, and remote 10.0.0.2 is not");
	refused(VXLAN(", 'group': 'ff05::1', 'dev': 'e0', 'local': '10.0.0.1'"),
		"group: ff05::1 is IPv6, and local 10.0.0.1 is not");
	refused(VXLAN(", 'remote': 'fe80::1'"), "remote: fe80::1 is link-local and needs dev");
	refused(VXLAN(", 'local': 'febf::1'"), "local: febf::1 is link-local and needs dev");
	accepted(VXLAN(", 'local': 'fec0::1'"));
	refused(VXLAN(", 'remote': '::1'"), "remote: ::1 is a loopback address");
	refused(VXLAN(", 'local': 'ff02::1'"), "local: ff02::1 is a multicast address");
	refused(VXLAN(", 'group': '2001:db8::1', 'dev': 'e0'"),
		"group: 2001:db8::1 is not a multicast address");
	refused(VXLAN(", 'group': 'ff01::1', 'dev': 'e0'"), "group: ff01::1 never leaves a host");
	refused(VXLAN(", 'group': 'ff10::1', 'dev': 'e0'"), "group: ff10::1 never leaves a host");
	refused(VXLAN(", 'group': 'ff02::1'"), "group: needs dev, the device to join it on");
	accepted(VXLAN(", 'remote': '2001:db8::2', 'flowlabel': 0"));
	refused(VXLAN(", 'remote': '10.0.0.2', 'flowlabel': 0"),
		"flowlabel: is only for IPv6, and 10.0.0.2 is IPv4");
	refused(VXLAN(", 'local': '10.0.0.1', 'flowlabel': 5"),
		"flowlabel: is only for IPv6, and 10.0.0.1 is IPv4");
	refused(VXLAN(", 'group': '239.1.1.1', 'dev': 'e0', 'flowlabel': 5"),
		"flowlabel: is only for IPv6, and 239.1.1.1 is IPv4");
}

/* What several fields come to. */
static void test_meaning(void **state)
{
	static const struct {
		const char *text;
		uint16_t port;
		bool udpcsum, gre, l3;
	} cases[] = {
		{VXLAN(), 4789, false, false, false},
		{VXLAN(", 'udpcsum': true, 'dstport': 1"), 1, true, false, false},
		{GENEVE(), 6081, true, false, false},
		{GENEVE(", 'udpcsum': false, 'dstport': 4789"), 4789, false, false, false},
		{GENEVE(", 'innerprotoinherit': true"), 6081, true, false, true},
		{GRETAP(), 0, false, true, false},
		{GRE(), 0, false, true, true},
		{NVGRE(), 0, false, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tunnel *tunnel = tunnel_of(cases[i].text);

		assert_int_equal(tunnel_dstport(tunnel), cases[i].port);
		assert_int_equal(tunnel_udpcsum(tunnel), cases[i].udpcsum);
		assert_int_equal(tunnel_is_gre(tunnel), cases[i].gre);
		assert_int_equal(tunnel_is_l3(tunnel), cases[i].l3);
		object_free(NOUN_TUNNEL, tunnel);
	}
}

static void assert_key(struct gre_key key, bool set, bool any, uint32_t value)
{
	assert_int_equal(key.set, set);
	assert_int_equal(key.any, any);
	assert_int_equal(key.value, value);
}

static void test_keys(void **state)
{
	static const struct {
		const char *text;
		struct gre_key in, out;
	} cases[] = {
		{GRE(), {}, {}},
		{GRE(", 'key': 0"), {true, false, 0}, {true, false, 0}},
		{GRE(", 'key': 5, 'ikey': 6"), {true, false, 6}, {true, false, 5}},
		{GRE(", 'key': 5, 'okey': 6"), {true, false, 5}, {true, false, 6}},
		{GRE(", 'okey': 6"), {}, {true, false, 6}},
		{GRE(", 'ikey': 6"), {true, false, 6}, {}},
		{GRE(", 'key': 'any'"), {true, true, 0}, {}},
		{GRE(", 'key': 'any', 'okey': 7"), {true, true, 0}, {true, false, 7}},
		{GRE(", 'key': 5, 'ikey': 'any'"), {true, true, 0}, {true, false, 5}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tunnel *tunnel = tunnel_of(cases[i].text);

		assert_key(tunnel_in_key(tunnel), cases[i].in.set, cases[i].in.any,
			   cases[i].in.value);
		assert_key(tunnel_out_key(tunnel), cases[i].out.set, cases[i].out.any,
			   cases[i].out.value);
		object_free(NOUN_TUNNEL, tunnel);
	}
}

static void test_room(void **state)
{
	static const struct {
		const char *text;
		size_t room;
	} cases[] = {
		{GENEVE(), 0},
		{GENEVE(", 'option': ['1:2:', '1:3:0011223344556677']"), 16},
		{GENEVE(", 'option': '1:2:', 'optmax': 64"), 64},
		{GENEVE(", 'optmax': 0"), 0},
		{VXLAN(), 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tunnel *tunnel = tunnel_of(cases[i].text);

		assert_int_equal(tunnel_options_room(tunnel), cases[i].room);
		object_free(NOUN_TUNNEL, tunnel);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_values_refused),
		cmocka_unit_test(test_options_refused),
		cmocka_unit_test(test_options_bounds),
		cmocka_unit_test(test_options_agree),
		cmocka_unit_test(test_options_change),
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_fields_of_types),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_without_ethernet),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_meaning),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
