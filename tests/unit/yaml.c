/* SPDX-License-Identifier: GPL-2.0-only */
/* YAML: what it means as JSON, what is refused, and that what is written reads back the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/config_file.h"
#include "lib/yaml.h"

static void assert_json(const char *yaml, const char *json)
{
	struct error err = {};
	json_t *read;
	char *text;

	assert_int_equal(yaml_to_json(yaml, strlen(yaml), &read, &err), 0);
	text = json_dumps(read, JSON_COMPACT | JSON_ENCODE_ANY);
	assert_string_equal(text, json);
	free(text);
	json_decref(read);
}

static void assert_refused_bytes(const char *yaml, size_t len, const char *line)
{
	struct error err = {};
	json_t *read;

	assert_true(yaml_to_json(yaml, len, &read, &err) < 0);
	assert_null(read);
	assert_string_equal(err.line, line);
}

static void assert_refused(const char *yaml, const char *line)
{
	assert_refused_bytes(yaml, strlen(yaml), line);
}

static void test_scalars(void **state)
{
	(void)state;
	assert_json("[true, false, null, ~, '', 0, 7, -7, 0x10, 0X10]",
		    "[true,false,null,null,\"\",0,7,-7,16,\"0X10\"]");
	assert_json("[True, yes, off, 010, 1.5, 1e3, 0o7, 0x, 0xg, +1, -, 1_000]",
		    "[\"True\",\"yes\",\"off\",\"010\",\"1.5\",\"1e3\",\"0o7\",\"0x\",\"0xg\","
		    "\"+1\",\"-\",\"1_000\"]");
	assert_json("['10', \"true\", '~']", "[\"10\",\"true\",\"~\"]");
	assert_json(
		"[00:11:22:33:44:55, 10.0.0.1, 10-20, 9223372036854775807, 9223372036854775808]",
		"[\"00:11:22:33:44:55\",\"10.0.0.1\",\"10-20\",9223372036854775807,"
		"\"9223372036854775808\"]");
}

static void test_documents(void **state)
{
	(void)state;
	assert_json("", "null");
	assert_json("# nothing\n", "null");
	assert_json("---\nbridges:\n  br0: {ageing: 300}\n  br1:\n",
		    "{\"bridges\":{\"br0\":{\"ageing\":300},\"br1\":null}}");
	assert_json("fdb:\n- {mac: a}\n- mac: b\n  dev: c\n",
		    "{\"fdb\":[{\"mac\":\"a\"},{\"mac\":\"b\",\"dev\":\"c\"}]}");
	assert_json("{\"a\": [1, {\"b\": true}]}", "{\"a\":[1,{\"b\":true}]}");
	assert_json("1: 2", "{\"1\":2}");
}

static void test_refused(void **state)
{
	(void)state;
	assert_refused("a: 1\nb: 2\na: 3\n", "line 3: \"a\" stands there twice");
	assert_refused("a: &x 1\n", "line 1: anchors (&name) are not taken");
	assert_refused("a: &x [1]\n", "line 1: anchors (&name) are not taken");
	assert_refused("\na: *x\n", "line 2: aliases (*name) are not taken");
	assert_refused("a: !!str 1\n", "line 1: tags (!name) are not taken");
	assert_refused("? [a]\n: b\n", "line 1: a key that is no string");
	assert_refused("a: 1\n---\nb: 1\n", "line 2: a second document");
	assert_refused("a: \"\\0\"\n", "line 1: a NUL in a string");
	assert_refused("\"\\0\": 1\n", "line 1: a NUL in a key");
	assert_refused("a: {b", "line 2: did not find expected ',' or '}'");
	assert_refused("a: 'b", "line 1: found unexpected end of stream");
	assert_refused("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "line 1: nested too deeply");
	assert_refused("a: \xff", "line 1: invalid leading UTF-8 octet");
	assert_refused_bytes("a\0b", 3, "line 1: control characters are not allowed");
}

static void test_size_is_bounded(void **state)
{
	struct error err = {};
	json_t *read;

	(void)state;
	assert_true(yaml_to_json("", (size_t)YAML_SIZE_MAX + 1, &read, &err) < 0);
	assert_string_equal(err.line, "longer than 268435456 bytes");
}

/* Many values cost time by their number, not by its square. */
static void test_many(void **state)
{
	static const char line[] = "- {mac: 02:00:00:00:00:01, dev: vxlan0, dst: 10.0.0.1}\n";
	const size_t count = 100000, len = sizeof(line) - 1;
	char *text = malloc(count * len);
	struct error err = {};
	json_t *read;

	(void)state;
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * len, line, len);
	assert_int_equal(yaml_to_json(text, count * len, &read, &err), 0);
	assert_int_equal(json_array_size(read), count);
	json_decref(read);
	free(text);
}

static void test_write(void **state)
{
	static const char json[] =
		"{\"bridges\":{\"br0\":{},\"yes\":{\"ageing\":10}},"
		"\"ports\":{\"7\":{\"bridge\":\"br0\",\"trunk\":\"10-20\",\"learning\":false}},"
		"\"tunnels\":{\"v\":{\"remote\":[\"10.0.0.1\",\"any\"],\"x\":null,\"y\":[],\"z\":"
		"\"\"}},"
		"\"fdb\":[{\"mac\":\"12:34:56:01:02:03\",\"dev\":\"v\"},{\"mac\":\"aa:00:00:00:00:"
		"01\"}],"
		"\"odd\":[\"a: b\",\"# c\",\"- "
		"d\",\"{\",\"e\\nf\",\"0x10\",\"1e5\",\"*g\",\"\\u00e4\",\" h\"]}";
	static const char yaml[] = "bridges:\n"
				   "  br0: {}\n"
				   "  \"yes\":\n"
				   "    ageing: 10\n"
				   "ports:\n"
				   "  \"7\":\n"
				   "    bridge: br0\n"
				   "    trunk: \"10-20\"\n"
				   "    learning: false\n"
				   "tunnels:\n"
				   "  v:\n"
				   "    remote: [10.0.0.1, any]\n"
				   "    x: null\n"
				   "    \"y\": []\n"
				   "    z: \"\"\n"
				   "fdb:\n"
				   "- {mac: \"12:34:56:01:02:03\", dev: v}\n"
				   "- {mac: 'aa:00:00:00:00:01'}\n";
	struct error err = {};
	json_t *value = json_loads(json, 0, NULL), *again;
	char *text;
	size_t len;

	(void)state;
	assert_non_null(value);
	assert_int_equal(yaml_from_json(value, &text, &len, &err), 0);
	assert_int_equal(strlen(text), len);
	assert_memory_equal(text, yaml, sizeof(yaml) - 1);
	assert_int_equal(yaml_to_json(text, len, &again, &err), 0);
	assert_true(json_equal(value, again));
	free(text);
	json_decref(value);
	json_decref(again);
}

static void test_config_file(void **state)
{
	static const char text[] = "bridges:\n  br0:\nports:\nfdb:\n";
	static const char list[] = "- 1\n";
	struct error err = {};
	json_t *config;
	char *json;

	(void)state;
	assert_int_equal(config_file_parse(text, sizeof(text) - 1, &config, &err), 0);
	json = json_dumps(config, JSON_COMPACT);
	assert_string_equal(json, "{\"bridges\":{\"br0\":{}},\"ports\":{},\"fdb\":[]}");
	free(json);
	json_decref(config);
	assert_int_equal(config_file_parse("", 0, &config, &err), 0);
	assert_true(json_is_object(config));
	json_decref(config);
	assert_true(config_file_parse(list, sizeof(list) - 1, &config, &err) < 0);
	assert_null(config);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalars),	    cmocka_unit_test(test_documents),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_size_is_bounded),
		cmocka_unit_test(test_many),	    cmocka_unit_test(test_write),
		cmocka_unit_test(test_config_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
