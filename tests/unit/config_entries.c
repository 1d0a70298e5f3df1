/* SPDX-License-Identifier: GPL-2.0-only */
/* A configuration in two parts is the same as in one, whatever stands among its simple entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config_entries.h"
#include "lib/config_file.h"
#include "lib/entry_words.h"
#include "lib/yaml.h"

#define PLAIN 1200 /* simple entries around what is tried */

/* What may stand in the place of an entry, or between two. */
static const char *const forms[] = {
	/* simple ones */
	"  - { mac: 02:00:00:00:ff:01, dev: vx0, dst: 172.31.0.2 }",
	"  - {mac: 02:00:00:00:ff:01, dev: vx0, dst: 172.31.0.2}",
	"  - {  mac:   02:00:00:00:ff:01  ,dev: vx0 ,  dst: 172.31.0.2  }   ",
	"  - { dst: 172.31.0.2, dev: p-1.x_y, mac: 02:00:00:00:FF:01 }",
	"  - { mac: \"02:00:00:00:00:01\", dev: vx0, dst: 'fd00::1' }",
	"  - { mac: '02:00:00:00:ff:01', dev: \"true\", bridge: \"br0\" }",
	"  - { mac: 02:00:00:00:ff:01, dev: vx0, dst: fd00::1, vni: 16777215, vlan: 4094 }",
	"  - { mac: 02:00:00:00:ff:01, dev: vx0, vni: 0, vlan: 1, bridge: br0 }",
	"  - { mac: 00:00:00:00:00:00, dev: vx0, dst: 172.31.0.3 }",
	"  - { mac: 01:00:00:00:00:00, dev: vx0, dst: 1.2 }",
	/* others on one line */
	"  - { mac: 02:00:00:00:ff:01, dev: vx0, option: [ 0x0102:0x80:0011aabb ] }",
	"  - { mac: 02:00:00:00:ff:01, dev: vx0, option: {a: [b, {c: d}]} }",
	"  - { mac: 02-00-00-00-ff-01, dev: vx0 }",
	"  - { mac: 02:00:00:00:ff:01, dev: vx0, dynamic: true }",
	"  - { mac: 02:00:00:00:ff:01, dev: true }",
	"  - { mac: 02:00:00:00:ff:01, dev: null }",
	"  - { mac: 02:00:00:00:ff:01, dev: 12 }",
	"  - { mac: 02:00:00:00:ff:01, dev: aaaaaaaaaaaaaaaa }",
	"  - { mac: 02:00:00:00:ff:01, dev: }",
	"  - { mac: 02:00:00:00:ff:01, dev: '' }",
	"  - { mac: 02:00:00:00:ff:01 }",
	"  - { mac: 02:00:00:00:ff, dev: a }",
	"  - { dev: vx0 }",
	"  - {}",
	"  - { mac: 02:00:00:00:ff:01, dev: a, vni: 0x10 }",
	"  - { mac: 02:00:00:00:ff:01, dev: a, vni: 010 }",
	"  - { mac: 02:00:00:00:ff:01, dev: a, vni: -1 }",
	"  - { mac: 02:00:00:00:ff:01, dev: a, vni: '1' }",
	"  - { mac: 02:00:00:00:ff:01, dev: a, vni: 123456789 }",
	"  - { mac: 02:00:00:00:ff:01, dev: a, dst: fd00:: }",
	"  - { mac: 02:00:00:00:ff:01, dev: a, dst: ::1 }",
	"  - { mac: 02:00:00:00:ff:01, dev: a, dst: 12 }",
	"  - { mac: 02:00:00:00:ff:01, dev: a, dst: 1.2.3.4 } # why",
	"  - { mac: 02:00:00:00:ff:01, dev: a, dst: 1.2.3.4, }",
	"  - { mac: 02:00:00:00:ff:01, dev: a, , dst: 1.2.3.4 }",
	"  - { mac: 02:00:00:00:ff:01, dev: a, mac: 02:00:00:00:ff:02 }",
	"  - { mac: 02:00:00:00:ff:01, dev:a }",
	"  - { mac:02:00:00:00:ff:01, dev: a }",
	"  - { mac: 02:00:00:00:ff:01, dev: a b }",
	"  - { mac: 02:00:00:00:ff:01, dev: a } }",
	"  - { mac: 02:00:00:00:ff:01, dev: a",
	"  - { mac: 02:00:00:00:ff:01, dev: \"a }",
	"  - { mac: 02:00:00:00:ff:01, dev: 'a\" }",
	"  - { mac: &x 02:00:00:00:ff:01, dev: a }",
	"  - { mac: !x 02:00:00:00:ff:01, dev: *a }",
	"  - {mac: 02:00:00:00:ff:01, dev: a}\r",
	"  -  { mac: 02:00:00:00:ff:01, dev: a }",
	"  - [ a, b ]",
	"  - a",
	"  -",
	/* another depth */
	"- { mac: 02:00:00:00:ff:01, dev: a }",
	" - { mac: 02:00:00:00:ff:01, dev: a }",
	"    - { mac: 02:00:00:00:ff:01, dev: a }",
	"   - { mac: 02:00:00:00:ff:01, dev: a, x: [] }",
	"\t- { mac: 02:00:00:00:ff:01, dev: a }",
	/* several lines */
	"  - { mac: 02:00:00:00:ff:01,\n      dev: a }",
	"  - mac: 02:00:00:00:ff:01\n    dev: a\n    dst: 172.31.0.2",
	"  - \"\n  - { mac: 02:00:00:00:ff:01, dev: a }\n  \"",
	"  - |\n    - { mac: 02:00:00:00:ff:01, dev: a }",
	"  - a\n    b",
	"    x: y",
	"  x: y",
	/* nothing */
	"",
	"    ",
	"# - { mac: 02:00:00:00:ff:01, dev: a }",
	"      # a word",
	"\t",
	/* the end of it */
	"bridges: { br0: }",
	"fdb:",
	"fdb: []",
	"fdb:\n  - { mac: 02:00:00:00:ff:01, dev: a }",
	"---",
	"...",
	"x",
	"]",
	"\x01",
	"\xff",
};

static void plain_line(FILE *file, const char *indent, size_t number)
{
	fprintf(file, "%s- { mac: 02:00:00:00:%02zx:%02zx, dev: vx%zu, dst: 172.31.0.%zu }\n",
		indent, number >> 8, number & 255, number % 3, number % 250);
}

/* The text, to be freed: `head`, the section, and `form` before its entry `at`. */
static char *text_make(const char *head, const char *indent, const char *form, size_t at,
		       size_t *ret_len)
{
	char *text = NULL;
	FILE *file = open_memstream(&text, ret_len);

	assert_non_null(file);
	fputs(head, file);
	for (size_t i = 0; i <= PLAIN; i++) {
		if (i == at)
			fprintf(file, "%s%s", form, i < PLAIN ? "\n" : "");
		if (i < PLAIN)
			plain_line(file, indent, i);
	}
	fclose(file);
	return text;
}

/* The next simple entry as JSON, NULL at the end. */
static json_t *next_json(struct config_entries *entries)
{
	char text[ENTRY_LINE_TEXT];
	struct error err = {};
	size_t len;
	json_t *json;

	if (!config_entries_next(entries, text, &len))
		return NULL;
	assert_int_equal(strlen(text), len);
	json = entry_words_json(text, &err);
	assert_non_null(json);
	return json;
}

/* Each entry of the whole is the next one of one of the two parts. */
static void assert_same(json_t *whole, json_t *part, struct config_entries *entries,
			const char *form)
{
	json_t *rest = json_object_get(part, "fdb"), *item, *simple = next_json(entries);
	size_t i, used = 0, count = 0;

	json_array_foreach (json_object_get(whole, "fdb"), i, item) {
		if (simple && json_equal(item, simple)) {
			json_decref(simple);
			simple = next_json(entries);
			count++;
		} else if (!json_equal(item, json_array_get(rest, used++))) {
			fail_msg("%s: entry %zu is another one", form, i);
		}
	}
	assert_null(simple);
	assert_int_equal(used, json_array_size(rest));
	assert_int_equal(count, entries->count);
	/* and all else is the same */
	json_object_del(whole, "fdb");
	json_object_del(part, "fdb");
	assert_true(json_equal(whole, part));
}

/* Returns how many entries were simple. */
static size_t compare(const char *head, const char *indent, const char *form, size_t at)
{
	struct error whole_err = {}, part_err = {};
	struct config_entries entries = {};
	json_t *whole, *part;
	size_t len, count;
	char *text = text_make(head, indent, form, at, &len);
	int whole_code = config_file_parse(text, len, &whole, &whole_err);
	int part_code = config_entries_split(text, len, &part, &entries, &part_err);

	count = entries.count;
	if (whole_code != part_code || strcmp(whole_err.line, part_err.line))
		fail_msg("%s at %zu: \"%s\" and \"%s\"", form, at, whole_err.line, part_err.line);
	if (whole_code == 0)
		assert_same(whole, part, &entries, form);
	json_decref(whole);
	json_decref(part);
	free(text);
	return whole_code == 0 ? count : 0;
}

static void test_forms(void **state)
{
	static const size_t places[] = {0, 1, PLAIN / 2, PLAIN - 1, PLAIN};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		for (size_t place = 0; place < sizeof(places) / sizeof(*places); place++) {
			compare("tunnels: {}\nfdb:\n", "  ", forms[i], places[place]);
			compare("fdb:   \n", "", forms[i], places[place]);
		}
}

static void test_simple_is_taken(void **state)
{
	static const char head[] = "fdb:\n";

	(void)state;
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(compare(head, "  ", forms[i], 7), PLAIN + 1);
	/* an entry that is another one, a comment, an empty line: those around it are taken still */
	assert_int_equal(compare(head, "  ", forms[10], 7), PLAIN);
	assert_int_equal(compare(head, "  ", "# comment", 7), PLAIN);
	assert_int_equal(compare(head, "", "", 7), PLAIN);
	assert_int_equal(compare(head, "  ", "bridges:", PLAIN), PLAIN);
}

/* Where the lines are not what they look like. */
static void test_context(void **state)
{
	static const char *const heads[] = {
		"a: \"\nfdb:\n",
		"a: |\nfdb:\n",
		"a: '\nfdb:\n",
		"a: {\nfdb:\n",
		"- a\nfdb:\n",
		"fdb: [\n",
		"# \nfdb:\n",
		"fdb: \n",
		"fdb:x\n",
		"fdbs:\n",
		"  fdb:\n",
		"\"\nfdb:\n",
		"%YAML 1.1\n---\nfdb:\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		compare(heads[i], "  ", "\"", PLAIN);
		compare(heads[i], "  ", "'", PLAIN);
		compare(heads[i], "", "}", PLAIN);
		compare(heads[i], "  ", "", PLAIN);
		compare(heads[i], "  ", "\":\nfdb: [{}]", PLAIN);
		/* the string ends among its entries */
		compare(heads[i], "  ", "  - { mac: 02:00:00:00:ff:01, dev: 'a' }", PLAIN / 2);
		compare(heads[i], "  ", "  - { mac: 02:00:00:00:ff:01, dev: \"a\" }", PLAIN / 2);
	}
}

static void test_few_stay(void **state)
{
	static const char text[] = "fdb:\n- { mac: 02:00:00:00:00:01, dev: a }\n";
	struct config_entries entries;
	struct error err = {};
	json_t *config;

	(void)state;
	assert_int_equal(config_entries_split(text, strlen(text), &config, &entries, &err), 0);
	assert_int_equal(entries.count, 0);
	assert_int_equal(json_array_size(json_object_get(config, "fdb")), 1);
	json_decref(config);
}

static void test_yaml_of_words(void **state)
{
	static const char *const words[] = {
		"02:00:00:00:00:01 dev vx0",
		"02:00:00:00:00:0a dev on dst 10.0.0.1 vni 7 vlan 9",
		"0a:bb:cc:dd:ee:ff dev a-b_c.d@e dst fd00::1",
		"0a:bb:cc:dd:ee:ff dev 1.5 option 0x0102:0x80:0011aabb,0x0102:0x80:00112233",
		"0a:bb:cc:dd:ee:ff dev 0x1 dst fd00::",
		"0a:bb:cc:dd:ee:ff dev {a dst ::1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		struct error err = {};
		json_t *json = entry_words_json(words[i], &err), *list;
		char *text = NULL, *wanted = NULL;
		size_t len = 0;
		FILE *file = open_memstream(&text, &len);

		assert_non_null(json);
		assert_int_equal(entry_words_yaml(words[i], file, &err), 0);
		fclose(file);
		list = json_pack("[o]", json);
		assert_int_equal(yaml_from_json(list, &wanted, &len, &err), 0);
		assert_string_equal(text, wanted);
		json_decref(list);
		free(text);
		free(wanted);
	}
}

static void test_words_refused(void **state)
{
	static const struct {
		const char *words, *line;
	} rows[] = {
		{"02:00:00:00:00:01 dev", "fdb 02:00:00:00:00:01: dev: nothing follows"},
		{"02:00:00:00:00:01 dev a dev b", "fdb 02:00:00:00:00:01: dev: is given twice"},
		{"02:00:00:00:00:01 vni x", "fdb 02:00:00:00:00:01: vni: \"x\" is no number"},
		{"02:00:00:00:00:01 vlan 99999999999",
		 "fdb 02:00:00:00:00:01: vlan: \"99999999999\" is no number"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct error err = {};

		assert_null(entry_words_json(rows[i].words, &err));
		assert_string_equal(err.line, rows[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	      cmocka_unit_test(test_simple_is_taken),
		cmocka_unit_test(test_context),	      cmocka_unit_test(test_few_stay),
		cmocka_unit_test(test_yaml_of_words), cmocka_unit_test(test_words_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
