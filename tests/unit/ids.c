/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers, and the places in lists of flood members: who has which, and when somebody else may. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/flood.h"
#include "daemon/ids.h"

static void test_each_once(void **state)
{
	struct ids ids;
	uint32_t id;

	(void)state;
	assert_int_equal(ids_init(&ids, 100), 0);
	for (uint32_t i = 1; i < 100; i++) {
		assert_int_equal(ids_take(&ids, &id), 0);
		assert_int_equal(id, i);
	}
	assert_int_equal(ids_take(&ids, &id), -ENOSPC);
	ids_free(&ids);
}

static void test_rest(void **state)
{
	struct ids ids;
	uint32_t id, other;

	(void)state;
	assert_int_equal(ids_init(&ids, 3), 0);
	assert_int_equal(ids_take(&ids, &id), 0);
	assert_int_equal(ids_take(&ids, &other), 0);
	ids_give(&ids, id);
	assert_true(ids_taken(&ids, id));
	assert_int_equal(ids_take(&ids, &other), -ENOSPC);
	usleep((IDS_REST_MS + 20) * 1000);
	assert_int_equal(ids_take(&ids, &other), 0);
	assert_int_equal(other, id);
	ids_return(&ids, id);
	assert_int_equal(ids_take(&ids, &other), 0);
	ids_free(&ids);
}

static void test_claim(void **state)
{
	struct ids ids;
	uint32_t id;

	(void)state;
	assert_int_equal(ids_init(&ids, 10), 0);
	assert_int_equal(ids_claim(&ids, 0), -ERANGE);
	assert_int_equal(ids_claim(&ids, 10), -ERANGE);
	assert_int_equal(ids_claim(&ids, 1), 0);
	assert_int_equal(ids_claim(&ids, 1), -EEXIST);
	assert_int_equal(ids_take(&ids, &id), 0);
	assert_int_equal(id, 2);
	ids_free(&ids);
}

/* The ring of resting ones grows while it is turned. */
static void test_many_rest(void **state)
{
	uint32_t id, taken[400];
	struct ids ids;

	(void)state;
	assert_int_equal(ids_init(&ids, 1000), 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 400; i++)
			assert_int_equal(ids_take(&ids, &taken[i]), 0);
		for (int i = 0; i < 400; i++)
			ids_give(&ids, taken[i]);
	}
	usleep((IDS_REST_MS + 20) * 1000);
	for (int i = 1; i < 1000; i++)
		assert_int_equal(ids_take(&ids, &id), 0);
	ids_free(&ids);
}

/* --- flood lists, over a map that is an array here ------------------------------------------ */

static uint32_t map[16];

int dp_put(const struct dp *dp, enum dp_map which, const void *key, const void *value)
{
	const struct weft_flood_key *flood = key;

	(void)dp;
	assert_int_equal(which, DP_FLOOD);
	assert_int_equal(flood->bridge, 5);
	if (flood->slot >= 16)
		return -E2BIG;
	memcpy(&map[flood->slot], value, sizeof(map[0]));
	return 0;
}

int dp_delete(const struct dp *dp, enum dp_map which, const void *key)
{
	(void)dp;
	(void)which;
	map[((const struct weft_flood_key *)key)->slot] = 0;
	return 0;
}

static void test_holes(void **state)
{
	struct flood_list list = {};
	uint32_t slot;

	(void)state;
	memset(map, 0, sizeof(map));
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(flood_add(NULL, &list, 5, WEFT_FLOOD_PORTS, 100 + i, &slot), 0);
		assert_int_equal(slot, i);
	}
	flood_remove(NULL, &list, 5, WEFT_FLOOD_PORTS, 1);
	flood_remove(NULL, &list, 5, WEFT_FLOOD_PORTS, 3);
	flood_remove(NULL, &list, 5, WEFT_FLOOD_PORTS, 3);
	assert_int_equal(list.slots, 6);
	assert_int_equal(list.holes, 2);
	assert_int_equal(map[3], 0);
	assert_int_equal(map[4], 104); /* the others keep their places */
	assert_int_equal(flood_add(NULL, &list, 5, WEFT_FLOOD_PORTS, 200, &slot), 0);
	assert_int_equal(slot, 1);
	flood_remove(NULL, &list, 5, WEFT_FLOOD_PORTS, 5);
	flood_remove(NULL, &list, 5, WEFT_FLOOD_PORTS, 4);
	assert_int_equal(list.slots, 3); /* and the hole before them */
	assert_int_equal(list.holes, 0);
	assert_int_equal(flood_find(&list, 200), 1);
	assert_int_equal(flood_find(&list, 104), FLOOD_NO_SLOT);
	flood_free(&list);
}

static void test_full(void **state)
{
	struct flood_list list = {};
	uint32_t slot;

	(void)state;
	for (uint32_t i = 0; i < 16; i++)
		assert_int_equal(flood_add(NULL, &list, 5, WEFT_FLOOD_PORTS, 1 + i, &slot), 0);
	assert_int_equal(flood_add(NULL, &list, 5, WEFT_FLOOD_PORTS, 99, &slot), -E2BIG);
	assert_int_equal(list.slots, 16);
	assert_int_equal(flood_find(&list, 99), FLOOD_NO_SLOT);
	flood_free(&list);
}

/* As a restart finds them: in any order, with holes. */
static void test_load(void **state)
{
	struct flood_list list = {};
	uint32_t slot;

	(void)state;
	assert_int_equal(flood_load(&list, 7, 70), 0);
	assert_int_equal(flood_load(&list, 2, 20), 0);
	assert_int_equal(flood_load(&list, 2, 21), 0);
	assert_int_equal(list.slots, 8);
	assert_int_equal(list.holes, 6);
	assert_int_equal(flood_find(&list, 20), 2);
	assert_int_equal(flood_add(NULL, &list, 5, WEFT_FLOOD_PORTS, 30, &slot), 0);
	assert_int_equal(slot, 0);
	flood_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once), cmocka_unit_test(test_rest),
		cmocka_unit_test(test_claim),	  cmocka_unit_test(test_many_rest),
		cmocka_unit_test(test_holes),	  cmocka_unit_test(test_full),
		cmocka_unit_test(test_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
