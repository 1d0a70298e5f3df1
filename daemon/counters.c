/* SPDX-License-Identifier: GPL-2.0-only */
/* What the maps `drops` and `notes` have in common: counters by reason and place. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/live.h"

#define COUNTERS_BATCH 256

void counters_walk(struct kernel *kernel, enum dp_map map, counter_each each, void *arg)
{
	int cpus = dp_cpus(kernel->dp), r = 1;
	uint64_t *values = calloc((size_t)cpus * COUNTERS_BATCH, sizeof(*values));
	struct weft_drop_key keys[COUNTERS_BATCH];
	struct dp_cursor cursor = {};
	uint32_t count;

	while (values && r > 0) {
		r = dp_walk(kernel->dp, map, &cursor, keys, values, COUNTERS_BATCH, &count);
		for (uint32_t i = 0; r >= 0 && i < count; i++) {
			uint64_t sum = 0;

			for (int cpu = 0; cpu < cpus; cpu++)
				sum += values[(size_t)i * (size_t)cpus + (size_t)cpu];
			each(kernel, &keys[i], sum, arg);
		}
	}
	free(values);
}

struct live_tunnel *counter_tunnel(const struct kernel *kernel, const struct weft_drop_key *key)
{
	return key->tunnel && key->tunnel < WEFT_TUNNELS_MAX ? kernel->tunnel_by_id[key->tunnel]
							     : NULL;
}

struct live_port *counter_port(const struct kernel *kernel, const struct weft_drop_key *key)
{
	return key->port && key->port < WEFT_PORTS_MAX ? kernel->port_by_id[key->port] : NULL;
}

struct counter_walk {
	struct counter_list *list;
	uint32_t size; /* allocated */
	int result;
};

static void counter_keep(struct kernel *kernel, const struct weft_drop_key *key, uint64_t packets,
			 void *arg)
{
	const struct live_port *port = counter_port(kernel, key);
	struct counter_walk *walk = arg;
	struct counter_list *list = walk->list;
	struct counter *counter;

	if (list->count == walk->size) {
		uint32_t size = walk->size ? 2 * walk->size : 64;

		counter = reallocarray(list->counter, size, sizeof(*counter));
		if (!counter) {
			walk->result = -ENOMEM;
			return;
		}
		list->counter = counter;
		walk->size = size;
	}
	counter = &list->counter[list->count++];
	*counter = (struct counter){*key, packets};
	if (port && port->tunnel) {
		counter->key.port = 0;
		counter->key.tunnel = port->tunnel->id;
	}
}

static int counter_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct weft_drop_key));
}

int counters_read(struct kernel *kernel, enum dp_map map, struct counter_list *ret)
{
	struct counter_walk walk = {.list = ret};
	uint32_t kept = 0;

	*ret = (struct counter_list){};
	counters_walk(kernel, map, counter_keep, &walk);
	if (ret->count)
		qsort(ret->counter, ret->count, sizeof(*ret->counter), counter_compare);
	for (uint32_t i = 0; i < ret->count; i++) {
		if (kept && !counter_compare(&ret->counter[kept - 1], &ret->counter[i]))
			ret->counter[kept - 1].packets += ret->counter[i].packets;
		else
			ret->counter[kept++] = ret->counter[i];
	}
	ret->count = kept;
	return walk.result;
}
