/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int ids_init(struct ids *ids, uint32_t max)
{
	*ids = (struct ids){.max = max, .next = 1};
	ids->taken = calloc((max + 63) / 64, sizeof(*ids->taken));
	return ids->taken ? 0 : -ENOMEM;
}

void ids_free(struct ids *ids)
{
	free(ids->taken);
	free(ids->rest);
	*ids = (struct ids){};
}

bool ids_taken(const struct ids *ids, uint32_t id)
{
	return id < ids->max && (ids->taken[id / 64] >> (id % 64) & 1);
}

static void ids_mark(struct ids *ids, uint32_t id)
{
	ids->taken[id / 64] |= 1ULL << (id % 64);
	ids->used++;
}

static void ids_clear(struct ids *ids, uint32_t id)
{
	ids->taken[id / 64] &= ~(1ULL << (id % 64));
	ids->used--;
}

static void ids_wake(struct ids *ids)
{
	uint64_t now = now_ms();

	while (ids->rest_count && ids->rest[ids->rest_first].until <= now) {
		ids_clear(ids, ids->rest[ids->rest_first].id);
		ids->rest_first = (ids->rest_first + 1) % ids->rest_size;
		ids->rest_count--;
	}
}

int ids_take(struct ids *ids, uint32_t *ret)
{
	ids_wake(ids);
	if (ids->used >= ids->max - 1)
		return -ENOSPC;
	for (;;) {
		uint32_t id = ids->next;

		ids->next = id + 1 < ids->max ? id + 1 : 1;
		if (ids_taken(ids, id))
			continue;
		ids_mark(ids, id);
		*ret = id;
		return 0;
	}
}

int ids_claim(struct ids *ids, uint32_t id)
{
	if (!id || id >= ids->max)
		return -ERANGE;
	if (ids_taken(ids, id))
		return -EEXIST;
	ids_mark(ids, id);
	return 0;
}

static int rest_grow(struct ids *ids)
{
	size_t size = ids->rest_size ? ids->rest_size * 2 : 64;
	struct ids_rest *rest = calloc(size, sizeof(*rest));

	if (!rest)
		return -ENOMEM;
	for (size_t i = 0; i < ids->rest_count; i++)
		rest[i] = ids->rest[(ids->rest_first + i) % ids->rest_size];
	free(ids->rest);
	ids->rest = rest;
	ids->rest_first = 0;
	ids->rest_size = size;
	return 0;
}

void ids_give(struct ids *ids, uint32_t id)
{
	if (!ids_taken(ids, id))
		return;
	/* without memory to let it rest it is better lost than used too early */
	if (ids->rest_count == ids->rest_size && rest_grow(ids) < 0)
		return;
	ids->rest[(ids->rest_first + ids->rest_count) % ids->rest_size] =
		(struct ids_rest){.id = id, .until = now_ms() + IDS_REST_MS};
	ids->rest_count++;
}

void ids_return(struct ids *ids, uint32_t id)
{
	if (ids_taken(ids, id))
		ids_clear(ids, id);
}
