/* SPDX-License-Identifier: GPL-2.0-only */
/* Hexadecimal there and back, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "lib/hex.h"

static void there_and_back(void **state)
{
	uint8_t bytes[256], read[256];
	char text[2 * sizeof(bytes) + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_ptr_equal(hex_write(bytes, sizeof(bytes), text), text);
	assert_int_equal(strlen(text), 2 * sizeof(bytes));
	assert_memory_equal(text, "000102", 6);
	assert_string_equal(text + 2 * 0xfe, "feff");
	assert_int_equal(hex_read(text, read, sizeof(read)), sizeof(read));
	assert_memory_equal(read, bytes, sizeof(read));
	assert_string_equal(hex_write(bytes, 0, text), "");
}

static void what_is_read(void **state)
{
	static const struct {
		const char *text;
		int count;
	} texts[] = {
		{"", 0},
		{"aB", 1},
		{"aBc", -EINVAL},
		{"0", -EINVAL},
		{"0g", -EINVAL},
		{"/0", -EINVAL},
		{":0", -EINVAL},
		{"@0", -EINVAL},
		{"G0", -EINVAL},
		{"`0", -EINVAL},
		{"0 0", -EINVAL},
		{"0001", 2},
		{"000102", -E2BIG},
		{"00010", -EINVAL},
		{"00010x", -EINVAL},
	};
	uint8_t bytes[3];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		memset(bytes, 0x5a, sizeof(bytes));
		assert_int_equal(hex_read(texts[i].text, bytes, 2), texts[i].count);
		assert_int_equal(bytes[2], 0x5a);
	}
	assert_int_equal(hex_read("aBcD", bytes, 2), 2);
	assert_int_equal(bytes[0], 0xab);
	assert_int_equal(bytes[1], 0xcd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(what_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
