/* SPDX-License-Identifier: GPL-2.0-only */
/* Access to the datapath's maps. */
#include "daemon/dp_private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VALUE_MAX 1024

_Static_assert(sizeof(struct weft_trunk) <= VALUE_MAX, "trunk");

int dp_fd(const struct dp *dp, enum dp_map map)
{
	return dp->fd[map];
}

uint32_t dp_tick(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)(((uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec) >>
			  WEFT_TICK_SHIFT);
}

uint64_t dp_map_memory(const struct dp *dp, enum dp_map map)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dp->fd[map]);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	fclose(file);
	return bytes;
}

int dp_get(const struct dp *dp, enum dp_map map, const void *key, void *value)
{
	return bpf_map_lookup_elem(dp->fd[map], key, value);
}

int dp_put(const struct dp *dp, enum dp_map map, const void *key, const void *value)
{
	_Alignas(8) char now[VALUE_MAX];

	if (!bpf_map_lookup_elem(dp->fd[map], key, now) && !memcmp(now, value, dp->value_size[map]))
		return 0;
	return bpf_map_update_elem(dp->fd[map], key, value, BPF_ANY);
}

int dp_add(const struct dp *dp, enum dp_map map, const void *key, const void *value)
{
	return bpf_map_update_elem(dp->fd[map], key, value, BPF_NOEXIST);
}

int dp_delete(const struct dp *dp, enum dp_map map, const void *key)
{
	int r = bpf_map_delete_elem(dp->fd[map], key);

	return r == -ENOENT ? 0 : r;
}

int dp_spare_push(const struct dp *dp, uint32_t id)
{
	return bpf_map_update_elem(dp->fd[DP_SPARES], NULL, &id, BPF_ANY);
}

int dp_spare_pop(const struct dp *dp, uint32_t *ret)
{
	return bpf_map_lookup_and_delete_elem(dp->fd[DP_SPARES], NULL, ret);
}

uint64_t dp_count(const struct dp *dp, int fd)
{
	uint64_t *values = calloc((size_t)dp->cpus, sizeof(*values)), sum = 0;
	uint32_t zero = 0;

	if (values && !bpf_map_lookup_elem(fd, &zero, values))
		for (int cpu = 0; cpu < dp->cpus; cpu++)
			sum += values[cpu];
	free(values);
	return sum;
}

int dp_put_cpus(const struct dp *dp, enum dp_map map, const void *key, const void *values)
{
	return bpf_map_update_elem(dp->fd[map], key, values, BPF_ANY);
}

int dp_walk(const struct dp *dp, enum dp_map map, struct dp_cursor *cursor, void *keys,
	    void *values, uint32_t count, uint32_t *ret)
{
	uint32_t next = 0;
	int r;

	*ret = count;
	r = bpf_map_lookup_batch(dp->fd[map], cursor->started ? &cursor->position : NULL, &next,
				 keys, values, ret, NULL);
	if (r < 0 && r != -ENOENT) {
		*ret = 0;
		return r;
	}
	cursor->started = true;
	cursor->position = next;
	return r == -ENOENT ? 0 : 1;
}

int dp_put_batch(const struct dp *dp, enum dp_map map, const void *keys, const void *values,
		 uint32_t count, uint32_t *ret_done)
{
	*ret_done = count;
	return count ? bpf_map_update_batch(dp->fd[map], keys, values, ret_done, NULL) : 0;
}

int dp_delete_batch(const struct dp *dp, enum dp_map map, const void *keys, uint32_t count)
{
	uint32_t from = 0;

	while (from < count) {
		uint32_t done = count - from;
		const char *key = (const char *)keys + (size_t)from * dp->key_size[map];
		int r = bpf_map_delete_batch(dp->fd[map], key, &done, NULL);

		if (r < 0 && r != -ENOENT)
			return r;
		/* stopped at one that is gone already: go on behind it */
		from += done + (r == -ENOENT);
	}
	return 0;
}
