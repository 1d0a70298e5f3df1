/* SPDX-License-Identifier: GPL-2.0-only */
/* GENEVE options on the wire, and the sets that entries share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/options.h"
#include "lib/option.h"

static struct geneve_option option_of(const char *text)
{
	struct geneve_option option;
	const char *what;

	assert_int_equal(option_parse(text, &option, &what), 0);
	return option;
}

static void test_text(void **state)
{
	char text[OPTION_STRLEN], longest[OPTION_STRLEN];
	struct geneve_option option = option_of("0xABC:f:00112233FFeeDDcc");
	const char *what;

	(void)state;
	assert_int_equal(option.class, 0xabc);
	assert_int_equal(option.type, 0xf);
	assert_int_equal(option.len, 8);
	assert_memory_equal(option.data, "\x00\x11\x22\x33\xff\xee\xdd\xcc\x00\x00", 10);
	assert_string_equal(option_format(&option, text), "0x0abc:0x0f:00112233ffeeddcc");
	assert_string_equal(option_format_length(&option, text), "0x0abc:0x0f:8");
	memset(longest, '5', sizeof(longest));
	memcpy(longest, "0xffff:0xff:", 12);
	longest[sizeof(longest) - 1] = '\0';
	option = option_of(longest);
	assert_int_equal(option.len, OPTION_DATA_MAX);
	assert_string_equal(option_format(&option, text), longest);
	assert_int_equal(option_parse_length("0xffff:0xff:124", &option, &what), 0);
	assert_int_equal(option.len, OPTION_DATA_MAX);
	assert_int_equal(option.data[0], 0);
}

static void test_order(void **state)
{
	/* each below the next */
	static const char *const texts[] = {
		"1:ff:",	"2:1:ffffffff",		"2:2:", "2:2:00000001",
		"2:2:00000002", "2:2:0000000000000000", "3:0:"};
	enum { COUNT = sizeof(texts) / sizeof(*texts) };

	(void)state;
	for (int i = 0; i < COUNT; i++)
		for (int j = 0; j < COUNT; j++) {
			struct geneve_option a = option_of(texts[i]), b = option_of(texts[j]);
			int order = option_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

/* RFC 8926 3.5: class, type, 3 reserved bits and the words of data. */
static void test_wire(void **state)
{
	static const uint8_t wire[] = {0x01, 0x02, 0x80, 1,    0x00, 0x11,
				       0xaa, 0xbb, 0xff, 0xff, 0x01, 0};
	struct geneve_option items[] = {option_of("0102:80:0011aabb"), option_of("ffff:1:")};
	const struct option_list list = {items, 2}, tame = {items + 1, 1};
	uint8_t bytes[OPTIONS_MAX];
	struct option_list read;

	(void)state;
	assert_int_equal(options_size(&list), sizeof(wire));
	assert_int_equal(options_write(&list, bytes), sizeof(wire));
	assert_memory_equal(bytes, wire, sizeof(wire));
	assert_true(options_critical(&list));
	assert_false(options_critical(&tame));
	assert_false(options_critical(&(struct option_list){}));
	assert_int_equal(options_write(&(struct option_list){}, bytes), 0);

	/* reserved bits are ignored on receipt */
	bytes[3] |= 0xe0;
	assert_int_equal(options_read(bytes, sizeof(wire), &read), 0);
	assert_int_equal(read.count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(option_compare(&read.item[i], &items[i]), 0);
	free(read.item);
}

static void test_wire_bounds(void **state)
{
	struct geneve_option items[3];
	uint8_t bytes[OPTIONS_MAX + 4] = {};
	struct option_list list = {items, 2}, read;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		items[i] = (struct geneve_option){.class = 1, .len = 120};
	items[2].len = 0;
	assert_int_equal(options_write(&list, bytes), 248);
	list.count = 3;
	assert_int_equal(options_write(&list, bytes), 252);
	items[2].len = 4;
	assert_int_equal(options_write(&list, bytes), -E2BIG);

	/* one option that claims each number of words, in each number of bytes */
	for (unsigned int words = 0; words < 32; words++)
		for (size_t len = 0; len <= OPTIONS_MAX; len++) {
			bool fits = len == 0;
			size_t rest = len, step = 4 + 4 * words;

			memset(bytes, 0, sizeof(bytes));
			for (size_t at = 0; at < len; at += step)
				bytes[at + 3] = (uint8_t)words;
			while (rest >= step)
				rest -= step;
			fits = rest == 0;
			assert_int_equal(options_read(bytes, len, &read), fits ? 0 : -EINVAL);
			assert_int_equal(read.count, fits ? len / step : 0);
			free(read.item);
		}
}

static const uint8_t one[] = {1, 2, 3, 1, 9, 9, 9, 9}, two[] = {1, 2, 3, 0};

static void test_sets(void **state)
{
	struct options_set *a, *b, *c;
	uint32_t id;

	(void)state;
	assert_int_equal(options_intern(one, sizeof(one), &a), 0);
	assert_int_equal(options_intern(two, sizeof(two), &b), 0);
	assert_int_equal(options_intern(one, sizeof(one), &c), 0);
	assert_ptr_equal(a, c);
	assert_ptr_not_equal(a, b);
	assert_int_not_equal(a->id, 0);
	assert_int_not_equal(options_id(a), options_id(b));
	assert_int_equal(a->len, sizeof(one));
	assert_memory_equal(a->bytes, one, sizeof(one));
	assert_int_equal(options_count(), 2);
	assert_ptr_equal(options_find(b->id), b);

	/* it lives as long as somebody holds it */
	id = a->id;
	options_release(a);
	assert_ptr_equal(options_find(id), c);
	assert_ptr_equal(options_hold(c), c);
	options_release(c);
	assert_ptr_equal(options_find(id), c);
	options_release(c);
	assert_null(options_find(id));
	options_release(b);
	assert_int_equal(options_count(), 0);
}

static void test_no_set(void **state)
{
	uint8_t bytes[OPTIONS_MAX + 4] = {};
	struct options_set *set;

	(void)state;
	assert_int_equal(options_intern(NULL, 0, &set), 0);
	assert_null(set);
	assert_int_equal(options_id(NULL), 0);
	assert_null(options_hold(NULL));
	options_release(NULL);
	assert_null(options_find(0));
	assert_int_equal(options_intern(bytes, sizeof(bytes), &set), -E2BIG);
	assert_null(set);
	assert_int_equal(options_intern(one, sizeof(one) - 1, &set), -EINVAL);
	assert_null(set);
	assert_int_equal(options_count(), 0);
}

/* Reserved bits make no other set. */
static void test_reserved_bits(void **state)
{
	uint8_t bytes[sizeof(one)];
	struct options_set *a, *b;

	(void)state;
	memcpy(bytes, one, sizeof(one));
	bytes[3] |= 0xe0;
	assert_int_equal(options_intern(one, sizeof(one), &a), 0);
	assert_int_equal(options_intern(bytes, sizeof(bytes), &b), 0);
	assert_ptr_equal(a, b);
	options_release(a);
	options_release(b);
}

static void test_json(void **state)
{
	json_t *json = json_pack("[s, s]", "1:2:", "0x3:0x84:01020304"), *written;
	struct error err = {};
	struct options_set *a, *b;
	char *text;

	(void)state;
	assert_int_equal(options_from_json(json, &a, &err), 0);
	written = options_json(a);
	text = json_dumps(written, JSON_COMPACT);
	assert_string_equal(text, "[\"0x0001:0x02:\",\"0x0003:0x84:01020304\"]");
	assert_int_equal(options_from_json(written, &b, &err), 0);
	assert_ptr_equal(a, b);
	free(text);
	json_decref(written);
	json_decref(json);
	options_release(a);
	options_release(b);
	json = json_array();
	assert_int_equal(options_from_json(json, &a, &err), 0);
	assert_null(a);
	for (int i = 0; i < 32; i++)
		json_array_append_new(json, json_string("1:2:00000000"));
	assert_int_equal(options_from_json(json, &a, &err), -EINVAL);
	assert_null(a);
	assert_string_equal(err.line, "option: 256 bytes are more than 252");
	json_decref(json);
	/* a string goes on behind a NUL */
	json = json_stringn("1:2:\0", 5);
	err = (struct error){};
	assert_int_equal(options_from_json(json, &a, &err), -EINVAL);
	assert_string_equal(err.line, "option: \"1:2:\" is not CLASS:TYPE:DATA in hexadecimal");
	json_decref(json);
	written = options_json(NULL);
	assert_int_equal(json_array_size(written), 0);
	json_decref(written);
	assert_int_equal(options_count(), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),	      cmocka_unit_test(test_order),
		cmocka_unit_test(test_wire),	      cmocka_unit_test(test_wire_bounds),
		cmocka_unit_test(test_sets),	      cmocka_unit_test(test_no_set),
		cmocka_unit_test(test_reserved_bits), cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
