/* SPDX-License-Identifier: GPL-2.0-only */
/* The frames of `weft probe from`, and what is said of them when they are met again. */
#include "cli/probe_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/bytes.h"

#define VXLAN_AT 50 /* where the frame begins in a packet over IPv4 */
#define ROOM	 2048

static struct probe_course course = {
	.source = {2, 0, 0, 0, 0, 1}, .destination = {2, 0, 0, 0, 0, 2}, .token = 0xfeedbeef};

static void is_met_again(void **state)
{
	static const size_t sizes[] = {86, 87, 100, 1500};
	uint8_t bytes[ROOM] = {};
	struct probe_sight sight;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memset(bytes, 0, sizeof(bytes));
		probe_frame_build(&course, 7, sizes[i], bytes);
		assert_true(probe_sight_read(&course, bytes, sizes[i], sizes[i], 0, &sight));
		assert_int_equal(sight.kind, SIGHT_FRAME);
		assert_int_equal(sight.number, 7);
		assert_int_equal(sight.ecn, 2);
		assert_int_equal(sight.outer, PROBE_ECN_NONE);
		assert_true(sight.whole && sight.right);
	}
}

/* Whatever byte is changed on the way is noticed. */
static void changes_are_noticed(void **state)
{
	uint8_t bytes[ROOM] = {};
	struct probe_sight sight;

	(void)state;
	probe_frame_build(&course, 7, 100, bytes);
	for (size_t at = 14; at < 100; at++) {
		bytes[at] ^= 0x10;
		if (probe_sight_read(&course, bytes, 100, 100, 0, &sight))
			assert_false(sight.whole && sight.right);
		bytes[at] ^= 0x10;
	}
	/* cut by whoever kept it: nothing is said */
	assert_true(probe_sight_read(&course, bytes, 80, 100, 0, &sight));
	assert_false(sight.whole);
}

static void outer_marks(void **state)
{
	uint8_t bytes[ROOM] = {};
	struct probe_sight sight;

	(void)state;
	probe_frame_build(&course, 9, 100, bytes + VXLAN_AT);
	put16(bytes + 12, 0x0800);
	bytes[15] = 0xb9; /* a DSCP and ECT(1) */
	assert_true(probe_sight_read(&course, bytes, 150, 150, VXLAN_AT, &sight));
	assert_int_equal(sight.outer, 1);
	assert_int_equal(sight.ecn, 2);
	assert_true(sight.whole && sight.right);
	put16(bytes + 12, 0x86dd);
	bytes[14] = 0x60;
	bytes[15] = 0x30;
	assert_true(probe_sight_read(&course, bytes, 150, 150, VXLAN_AT, &sight));
	assert_int_equal(sight.outer, 3);
}

/* A tag stands before the Ethertype and changes nothing behind it; one that another host has put there is told of. */
static void tags(void **state)
{
	struct probe_course tagged = course;
	uint8_t bytes[ROOM] = {};
	struct probe_sight sight;

	(void)state;
	tagged.vlan = 10;
	probe_frame_build(&tagged, 7, 100, bytes);
	assert_int_equal(get32(bytes + 12), 0x8100000a);
	assert_true(probe_sight_read(&tagged, bytes, 104, 104, 0, &sight));
	assert_int_equal(sight.vlan, 10);
	assert_int_equal(sight.number, 7);
	assert_true(sight.whole && sight.right);
	put16(bytes + 14, 0xa014); /* VLAN 20, priority 5 */
	assert_true(probe_sight_read(&tagged, bytes, 104, 104, 0, &sight));
	assert_int_equal(sight.vlan, 20);
	memmove(bytes + 12, bytes + 16, 100);
	assert_true(probe_sight_read(&tagged, bytes, 100, 100, 0, &sight));
	assert_int_equal(sight.vlan, 0);
	assert_true(sight.whole && sight.right);
}

/* Makes a solicitation, `behind` bytes further behind than without a tag, what answers it. */
static void advertisement_make(uint8_t *bytes, size_t behind)
{
	uint8_t *to = bytes + behind + 38;

	memset(to, 0, 16);
	to[0] = 0xff;
	to[1] = 2;
	to[15] = 1;
	to[16] = 136;
	memcpy(bytes + 6, course.destination, 6);
}

static void tagged_answers(void **state)
{
	struct probe_course tagged = course;
	uint8_t bytes[ROOM] = {};
	struct probe_sight sight;

	(void)state;
	tagged.vlan = 10;
	addr_parse("fd00::1234:5678", &tagged.target);
	probe_question_build(&tagged, 3, bytes);
	assert_true(probe_sight_read(&tagged, bytes, 90, 90, 0, &sight));
	assert_int_equal(sight.kind, SIGHT_QUESTION);
	assert_int_equal(sight.number, 3);
	advertisement_make(bytes, PROBE_TAG);
	assert_true(probe_sight_read(&tagged, bytes, 82, 82, 0, &sight));
	assert_int_equal(sight.kind, SIGHT_ANSWER);
	assert_memory_equal(sight.answering, course.destination, 6);
	put16(bytes + 14, 20); /* somebody of that address in another VLAN */
	assert_false(probe_sight_read(&tagged, bytes, 82, 82, 0, &sight));
}

static void questions_and_answers(void **state)
{
	uint8_t bytes[ROOM] = {};
	struct probe_sight sight;

	(void)state;
	addr_parse("10.0.0.2", &course.target);
	probe_question_build(&course, 3, bytes);
	assert_true(probe_sight_read(&course, bytes, 86, 86, 0, &sight));
	assert_int_equal(sight.kind, SIGHT_QUESTION);
	assert_int_equal(sight.number, 3);
	for (size_t i = 28; i < 32; i++)
		assert_int_equal(bytes[i], 0); /* the sender says no address */
	/* the answer: roles changed, no mark */
	put16(bytes + 20, 2);
	memset(bytes + PROBE_MARK, 0, 6);
	memcpy(bytes + 22, course.destination, 6);
	memcpy(bytes + 28, (uint8_t *)&course.target + 12, 4);
	memcpy(bytes + 32, course.source, 6);
	assert_true(probe_sight_read(&course, bytes, 42, 42, 0, &sight));
	assert_int_equal(sight.kind, SIGHT_ANSWER);
	assert_memory_equal(sight.answering, course.destination, 6);
	bytes[37] ^= 1; /* to somebody else */
	assert_false(probe_sight_read(&course, bytes, 42, 42, 0, &sight));
}

static void solicitations_and_advertisements(void **state)
{
	uint8_t bytes[ROOM] = {};
	struct probe_sight sight;

	(void)state;
	addr_parse("fd00::1234:5678", &course.target);
	probe_question_build(&course, 3, bytes);
	/* RFC 4861 7.1.1: from nobody, to the solicited-node group, hop limit 255, the checksum right */
	for (size_t i = 22; i < 38; i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(get32(bytes + 50), 0xff345678);
	assert_int_equal(bytes[21], 255);
	assert_int_equal(sum_bytes(bytes + 54, 24, sum_bytes(bytes + 22, 32, 58 + 24)), 0xffff);
	assert_true(probe_sight_read(&course, bytes, 86, 86, 0, &sight));
	assert_int_equal(sight.kind, SIGHT_QUESTION);
	assert_int_equal(sight.number, 3);
	advertisement_make(bytes, 0);
	assert_true(probe_sight_read(&course, bytes, 78, 78, 0, &sight));
	assert_int_equal(sight.kind, SIGHT_ANSWER);
	assert_memory_equal(sight.answering, course.destination, 6);
	bytes[53] = 2; /* not to all */
	assert_false(probe_sight_read(&course, bytes, 78, 78, 0, &sight));
	bytes[53] = 1;
	bytes[77] ^= 1; /* about another address */
	assert_false(probe_sight_read(&course, bytes, 78, 78, 0, &sight));
}

static void others_are_passed_over(void **state)
{
	struct probe_course other = course;
	uint8_t bytes[ROOM] = {};
	struct probe_sight sight;

	(void)state;
	other.token++;
	probe_frame_build(&other, 7, 100, bytes);
	assert_false(probe_sight_read(&course, bytes, 100, 100, 0, &sight));
	assert_false(probe_sight_read(&course, bytes, 100, 99, 0, &sight));
	assert_false(probe_sight_read(&course, bytes, 100, 100, 101, &sight));
}

/* Nothing is read beyond the end: each packet is in memory of just its size. */
static void garbage(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		size_t len = (size_t)rand() % 160, inner = rand() % 2 ? (size_t)rand() % 170 : 0;
		uint8_t *bytes = malloc(len + 1);
		struct probe_sight sight;

		assert_non_null(bytes);
		for (size_t at = 0; at < len; at++)
			bytes[at] = (uint8_t)rand();
		if (inner + 50 <= len) {
			put16(bytes + inner + 12,
			      (const uint32_t[]){0x0800, 0x0806, 0x86dd, 0x8100}[rand() % 4]);
			put32(bytes + inner + PROBE_MARK, course.token);
		}
		bytes = realloc(bytes, len ? len : 1);
		probe_sight_read(&course, bytes, len, len, inner, &sight);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_met_again),
		cmocka_unit_test(changes_are_noticed),
		cmocka_unit_test(outer_marks),
		cmocka_unit_test(tags),
		cmocka_unit_test(tagged_answers),
		cmocka_unit_test(questions_and_answers),
		cmocka_unit_test(solicitations_and_advertisements),
		cmocka_unit_test(others_are_passed_over),
		cmocka_unit_test(garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
