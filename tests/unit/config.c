/* SPDX-License-Identifier: GPL-2.0-only */
/* Configurations: the difference, all or nothing, and the state file. */
#include "tests/unit/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/state.h"
#include "tests/unit/fake_kernel.h"

#define LAB                                                                                        \
	"{'config': {'bridges': {'br0': {'ageing': 60}}, 'ports': {'p0': {'bridge': 'br0'}}, "     \
	"'tunnels': {'t0': {'bridge': 'br0', 'id': 1, 'remote': ['192.0.2.1', '192.0.2.2']}}, "    \
	"'fdb': [{'mac': '02:00:00:00:00:01', 'dev': 'p0'}, "                                      \
	"{'mac': '02:00:00:00:00:02', 'dev': 't0', 'dst': '192.0.2.1'}]}}"

static void path_of(const struct fixture *f, char path[128])
{
	snprintf(path, 128, "%s/" STATE_FILE, f->rundir);
}

static bool state_exists(const struct fixture *f)
{
	char path[128];

	path_of(f, path);
	return access(path, F_OK) == 0;
}

static void test_apply(void **state)
{
	struct fixture *f = *state;
	json_t *saved, *lab = json_of(LAB);

	call_is(f, "config.diff", LAB,
		"{'changes': [{'op': 'add', 'noun': 'bridge', 'name': 'br0'}, "
		"{'op': 'add', 'noun': 'port', 'name': 'p0'}, "
		"{'op': 'add', 'noun': 'tunnel', 'name': 't0'}, "
		"{'op': 'add', 'noun': 'fdb', 'name': '02:00:00:00:00:01', 'dev': 'p0'}, "
		"{'op': 'add', 'noun': 'fdb', 'name': '02:00:00:00:00:02', 'dev': 't0', "
		"'dst': '192.0.2.1'}]}");
	assert_int_equal(fake_stats.applies, 0);
	json_decref(call_ok(f, "config.apply", LAB));
	assert_int_equal(fake_stats.applies, 1);
	assert_int_equal(fake_stats.changes, 3);
	assert_int_equal(fake_stats.fdb_sets, 2);
	assert_true(state_exists(f));

	/* the same again changes nothing, and asks nothing of the kernel */
	call_is(f, "config.apply", LAB, "{'changes': []}");
	assert_int_equal(fake_stats.applies, 1);
	assert_int_equal(fake_stats.fdb_sets, 2);

	saved = call_ok(f, "config.save", "{}");
	assert_true(json_equal(saved, json_object_get(lab, "config")));
	json_decref(saved);
	json_decref(lab);

	json_decref(call_ok(f, "config.apply", "{'config': {}}"));
	assert_int_equal(fake_kernel_entries(f->weftd.kernel), 0);
	assert_false(state_exists(f));
	call_is(f, "config.save", "{}", "{}");
}

static void test_changes(void **state)
{
	struct fixture *f = *state;

	json_decref(call_ok(f, "config.apply", LAB));
	call_is(f, "config.apply",
		"{'config': {'bridges': {'br0': {}}, 'ports': {'p0': {'bridge': 'br0', "
		"'type': 'internal'}}, 'tunnels': {'t0': {'bridge': 'br0', 'id': 1, 'remote': "
		"['192.0.2.1', '192.0.2.2']}}, 'fdb': [{'mac': '02:00:00:00:00:01', 'dev': 'p0'}, "
		"{'mac': '02:00:00:00:00:02', 'dev': 't0', 'dst': '192.0.2.2', 'vni': 7}]}}",
		"{'changes': [{'op': 'change', 'noun': 'bridge', 'name': 'br0', 'fields': "
		"{'ageing': {'old': 60, 'new': 300}}}, "
		/* a type cannot be changed */
		"{'op': 'delete', 'noun': 'port', 'name': 'p0'}, "
		"{'op': 'add', 'noun': 'port', 'name': 'p0'}, "
		"{'op': 'change', 'noun': 'fdb', 'name': '02:00:00:00:00:02', 'dev': 't0', "
		"'dst': '192.0.2.2', 'vni': 7, 'fields': {'dst': {'old': '192.0.2.1', 'new': "
		"'192.0.2.2'}, 'vni': {'old': null, 'new': 7}}}]}");
	/* the entry at p0 went with the port, and is there again */
	assert_int_equal(fake_kernel_entries(f->weftd.kernel), 2);
	call_is(f, "fdb.get", "{'mac': '02:00:00:00:00:01', 'dev': 'p0'}",
		"{'mac': '02:00:00:00:00:01', 'bridge': 'br0', 'dev': 'p0', 'state': 'static'}");
}

static void test_refused(void **state)
{
	struct fixture *f = *state;

	json_decref(call_ok(f, "config.apply", LAB));
	call_fails(f, "config.apply", "{}", "config: is missing");
	call_fails(f, "config.apply", "{'config': []}", "config: is no object with sections");
	call_fails(f, "config.apply", "{'config': {'x': {}}}",
		   "x: is no section of a configuration");
	call_fails(f, "config.apply", "{'config': {'ports': []}}",
		   "ports: is no map of names to ports");
	call_fails(f, "config.apply", "{'config': {'ports': {'p1': {'bridge': 'br0'}}}}",
		   "port p1: bridge: there is no bridge br0");
	call_fails(f, "config.apply", "{'config': {'bridges': {'br0': {'x': 1}}}}",
		   "bridge br0: x: is not a field of a bridge");
	call_fails(f, "config.apply", "{'config': {'fdb': {}}}", "fdb: is no list of entries");
	call_fails(f, "config.apply",
		   "{'config': {'bridges': {'b': {}}, 'ports': {'p': {'bridge': 'b'}, "
		   "'q': {'bridge': 'b'}}, 'fdb': [{'mac': '02:00:00:00:00:01', 'dev': 'p'}, "
		   "{'mac': '02:00:00:00:00:01', 'dev': 'q'}]}}",
		   "fdb 02:00:00:00:00:01: stands twice, at dev p and dev q");
	call_fails(f, "config.apply",
		   "{'config': {'bridges': {'b': {}}, 'ports': {'refused': {'bridge': 'b'}}}}",
		   "port refused: there is no such device");
	call_is(f, "config.diff", LAB, "{'changes': []}");
	assert_int_equal(fake_stats.applies, 1);
}

/* The objects are in place when the FDB part fails: they go back, and their entries come back. */
static void test_fdb_refused(void **state)
{
	struct fixture *f = *state;
	const uint8_t full[6] = {2, 0, 0, 0, 0, 0x0f};

	json_decref(call_ok(f, "config.apply", LAB));
	memcpy(fake_refused_mac, full, 6);
	call_fails(f, "config.apply",
		   "{'config': {'bridges': {'br1': {}}, 'ports': {'p1': {'bridge': 'br1'}}, "
		   "'fdb': [{'mac': '02:00:00:00:00:0f', 'dev': 'p1'}]}}",
		   "fdb 02:00:00:00:00:0f: the map is full");
	memset(fake_refused_mac, 0, 6);
	call_is(f, "config.diff", LAB, "{'changes': []}");
	assert_int_equal(fake_kernel_objects(f->weftd.kernel, NOUN_BRIDGE), 1);
	assert_int_equal(fake_kernel_entries(f->weftd.kernel), 2);
}

/* Where a tunnel floods anyway is no entry, however it is written; another place is one. */
static void test_flood_entries(void **state)
{
	static const char config[] =
		"{'config': {'bridges': {'br0': {}}, 'tunnels': {'t0': {'bridge': 'br0', 'id': 1, "
		"'remote': '192.0.2.1'}}, 'fdb': [{'mac': '00:00:00:00:00:00', 'dev': 't0'}, "
		"{'mac': '00:00:00:00:00:00', 'dev': 't0', 'dst': '192.0.2.2'}, "
		"{'mac': '00:00:00:00:00:00', 'dev': 't0', 'dst': '192.0.2.3'}]}}";
	struct fixture *f = *state;
	json_t *saved;

	json_decref(call_ok(f, "config.apply", config));
	assert_int_equal(fake_kernel_entries(f->weftd.kernel), 2);
	call_is(f, "config.apply", config, "{'changes': []}");
	saved = call_ok(f, "config.save", "{}");
	assert_int_equal(json_array_size(json_object_get(saved, "fdb")), 2);
	json_decref(saved);
}

/* Options of entries: compared, saved, taken back. */
static void test_entry_options(void **state)
{
#define GENEVE(entry)                                                                              \
	"{'config': {'bridges': {'br0': {}}, 'tunnels': {'g0': {'bridge': 'br0', 'type': "         \
	"'geneve', 'id': 1, 'optmax': 64, 'remote': ['192.0.2.1']}}, 'fdb': [" entry "]}}"
#define ENTRY(rest) "{'mac': '02:00:00:00:00:01', 'dev': 'g0', 'dst': '192.0.2.1'" rest "}"
	struct fixture *f = *state;
	const uint8_t full[6] = {2, 0, 0, 0, 0, 0x0f};
	json_t *saved, *wanted;

	json_decref(call_ok(f, "config.apply", GENEVE(ENTRY(", 'option': '1:2:'"))));
	call_is(f, "config.apply", GENEVE(ENTRY(", 'option': ['0x0001:0x02:']")),
		"{'changes': []}");
	call_is(f, "config.diff", GENEVE(ENTRY(", 'option': ['1:2:', '1:2:']")),
		"{'changes': [{'op': 'change', 'noun': 'fdb', 'name': '02:00:00:00:00:01', "
		"'dev': 'g0', 'dst': '192.0.2.1', 'option': ['0x0001:0x02:', '0x0001:0x02:'], "
		"'fields': {'option': {'old': ['0x0001:0x02:'], 'new': ['0x0001:0x02:', "
		"'0x0001:0x02:']}}}]}");
	call_fails(f, "config.apply", GENEVE(ENTRY(", 'option': '1:2:3'")),
		   "fdb 02:00:00:00:00:01: option: \"1:2:3\" is an option with data that does not "
		   "fill words of 4 bytes");
	/* an entry fails, and those before it are as they were */
	memcpy(fake_refused_mac, full, 6);
	call_fails(f, "config.apply",
		   GENEVE(ENTRY(", 'option': '5:5:'") ", {'mac': '02:00:00:00:00:0f', 'dev': "
						      "'g0', 'option': '6:6:'}"),
		   "fdb 02:00:00:00:00:0f: the map is full");
	memset(fake_refused_mac, 0, 6);
	wanted = json_of(GENEVE(ENTRY(", 'option': ['0x0001:0x02:']")));
	saved = call_ok(f, "config.save", "{}");
	assert_true(json_equal(saved, json_object_get(wanted, "config")));
	json_decref(saved);
	json_decref(wanted);
	assert_int_equal(options_count(), 1);
	/* where it floods anyway is an entry if it is sent other options there */
	json_decref(call_ok(f, "config.apply",
			    GENEVE("{'mac': '00:00:00:00:00:00', 'dev': 'g0', 'option': '1:2:'}")));
	assert_int_equal(fake_kernel_entries(f->weftd.kernel), 1);
	saved = call_ok(f, "config.save", "{}");
	assert_int_equal(json_array_size(json_object_get(saved, "fdb")), 1);
	json_decref(saved);
	json_decref(call_ok(f, "config.apply", "{'config': {}}"));
	assert_int_equal(options_count(), 0);
#undef ENTRY
#undef GENEVE
}

/* What the state file is of such tunnels. */
static void test_load_types(void **state)
{
	struct fixture *f = *state;
	struct plan plan = {0};
	struct error err = {0};
	json_t *kernel = NULL;

	json_decref(call_ok(
		f, "config.apply",
		"{'config': {'tunnels': {'g': {'type': 'geneve', 'id': 1, 'option': ['2:1:', "
		"'1:1:'], "
		"'accept': '3:3:8', 'match': '4:4:00000000', 'innerprotoinherit': true}, 'r': "
		"{'type': 'gre', 'key': 0, 'ikey': 'any', 'remote': '2001:db8::1', 'flowlabel': "
		"5}, "
		"'v': {'id': 2, 'reserved_bits': '0xfff0000000000000', 'udpcsum': true}}}}"));
	assert_int_equal(state_load(f->rundir, &plan, &kernel, &err), 0);
	assert_int_equal(plan.count, 3);
	for (size_t i = 0; i < plan.count; i++)
		assert_int_equal(object_diff(NOUN_TUNNEL, plan.change[i].new,
					     model_find(f->weftd.model, NOUN_TUNNEL,
							object_name(plan.change[i].new))),
				 0);
	json_decref(kernel);
	plan_free(&plan);
}

/* What cannot be written down does not stay. */
static void test_state_unwritable(void **state)
{
	struct fixture *f = *state;
	char path[128], line[256];

	json_decref(call_ok(f, "config.apply", LAB));
	path_of(f, path);
	snprintf(line, sizeof(line), "%s.new", path);
	assert_int_equal(mkdir(line, 0700), 0);
	snprintf(line, sizeof(line), "%s: Is a directory", path);
	call_fails(f, "bridge.add", "{'name': 'br1'}", line);
	call_fails(f, "config.apply", "{'config': {'bridges': {'b': {}}}}", line);
	call_is(f, "config.diff", LAB, "{'changes': []}");
	assert_int_equal(fake_kernel_objects(f->weftd.kernel, NOUN_BRIDGE), 1);
	assert_int_equal(fake_kernel_entries(f->weftd.kernel), 2);
	snprintf(line, sizeof(line), "%s.new", path);
	assert_int_equal(rmdir(line), 0);
}

static void test_load(void **state)
{
	struct fixture *f = *state;
	struct plan plan = {0};
	struct error err = {0};
	json_t *kernel = NULL, *wanted;

	assert_int_equal(state_load(f->rundir, &plan, &kernel, &err), 0);
	assert_int_equal(plan.count, 0);
	assert_null(kernel);

	json_decref(call_ok(f, "config.apply", LAB));
	assert_int_equal(state_load(f->rundir, &plan, &kernel, &err), 0);
	assert_int_equal(plan.count, 3);
	for (size_t i = 0; i < plan.count; i++)
		assert_int_equal(object_diff(plan.change[i].noun, plan.change[i].new,
					     model_find(f->weftd.model, plan.change[i].noun,
							object_name(plan.change[i].new))),
				 0);
	wanted = json_of("{'ids': {'br0': 1, 'p0': 2, 't0': 3}}");
	assert_true(json_equal(kernel, wanted));
	json_decref(wanted);
	json_decref(kernel);
	plan_free(&plan);
}

static void test_load_broken(void **state)
{
	static const char *const broken[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{'version': 2}",
		"{'version': 1, 'bridges': {}}",
		"{'version': 1, 'bridges': {'br0': {'x': 1}}, 'ports': {}, 'tunnels': {}}",
		"{'version': 1, 'bridges': {'br/0': {}}, 'ports': {}, 'tunnels': {}}",
		"{'version': 1, 'bridges': {'br0': 7}, 'ports': {}, 'tunnels': {}}",
		"{'version': 1, 'bridges': {}, 'bridges': {}, 'ports': {}, 'tunnels': {}}",
	};
	struct fixture *f = *state;
	char path[128], wanted[256];

	path_of(f, path);
	snprintf(wanted, sizeof(wanted), "%s: not a state file of this weftd", path);
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		struct plan plan = {0};
		struct error err = {0};
		json_t *kernel = NULL;
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		for (const char *c = broken[i]; *c; c++)
			fputc(*c == '\'' ? '"' : *c, file);
		fclose(file);
		assert_true(state_load(f->rundir, &plan, &kernel, &err) < 0);
		assert_memory_equal(err.line, wanted, strlen(wanted));
		assert_null(kernel);
		plan_free(&plan);
	}
}

/* A thousand bridges, a tunnel and a hundred entries each: seconds would mean that something is not linear. */
static void test_many(void **state)
{
	struct fixture *f = *state;
	json_t *config = json_pack("{s:{}, s:{}, s:[]}", "bridges", "tunnels", "fdb");
	json_t *params = json_pack("{s:O}", "config", config);
	char name[16], bridge[16], mac[32], *text;

	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		snprintf(bridge, sizeof(bridge), "br%u", i);
		json_object_set_new(json_object_get(config, "bridges"), bridge, json_object());
		json_object_set_new(json_object_get(config, "tunnels"), name,
				    json_pack("{s:s, s:i, s:s}", "bridge", bridge, "id", (int)i,
					      "remote", "192.0.2.1"));
		for (unsigned int j = 0; j < 100; j++) {
			snprintf(mac, sizeof(mac), "02:00:00:00:00:%02x", j);
			json_array_append_new(json_object_get(config, "fdb"),
					      json_pack("{s:s, s:s}", "mac", mac, "dev", name));
		}
	}
	text = json_dumps(params, JSON_COMPACT);
	json_decref(call_ok(f, "config.apply", text));
	assert_int_equal(fake_kernel_objects(f->weftd.kernel, NOUN_TUNNEL), 1000);
	assert_int_equal(fake_kernel_entries(f->weftd.kernel), 100000);
	call_is(f, "config.apply", text, "{'changes': []}");
	assert_int_equal(fake_stats.applies, 1);
	free(text);
	json_decref(params);
	json_decref(config);
	json_decref(call_ok(f, "fdb.flush", "{'static': true}"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_apply),	  TEST(test_changes),
		TEST(test_refused),	  TEST(test_fdb_refused),
		TEST(test_flood_entries), TEST(test_entry_options),
		TEST(test_load_types),	  TEST(test_state_unwritable),
		TEST(test_load),	  TEST(test_load_broken),
		TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
