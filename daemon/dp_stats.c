/* SPDX-License-Identifier: GPL-2.0-only */
/* The datapath's statistics, read and reset where they lie: no system call for each port and remote. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/weft.skel.h"
#include "daemon/dp_private.h"

static const enum dp_map maps[DP_STATS_MAPS] = {DP_PORT_STATS, DP_REMOTE_STATS};

static uint32_t ids_max(enum dp_map map)
{
	return map == DP_PORT_STATS ? WEFT_PORTS_MAX : WEFT_REMOTES_MAX;
}

/* The numbers of CPUs end before this. The kernel leaves some out on some machines, so that it is not how many there are. */
static int cpus_possible_end(void)
{
	char text[256] = "", *last = text;
	FILE *file = fopen("/sys/devices/system/cpu/possible", "re");

	/* as "0-3" or "0-3,8-11" */
	if (file && fgets(text, sizeof(text), file))
		last = text + strlen(text);
	if (file)
		fclose(file);
	while (last > text && !strchr("-,", last[-1]))
		last--;
	return *last ? atoi(last) + 1 : -ENODATA;
}

static size_t map_size(const struct dp *dp, enum dp_map map)
{
	return sizeof(struct weft_stats) * ids_max(map) * (size_t)dp->cpus_end;
}

int dp_stats_prepare(struct dp *dp)
{
	int r = 0;

	dp->cpus_end = cpus_possible_end();
	if (dp->cpus_end < 0)
		return dp->cpus_end;
	for (int i = 0; r >= 0 && i < DP_STATS_MAPS; i++) {
		struct bpf_map *map =
			bpf_object__find_map_by_name(dp->skeleton->obj, dp_map_name(maps[i]));

		r = bpf_map__set_max_entries(map, ids_max(maps[i]) * (uint32_t)dp->cpus_end);
	}
	return r;
}

int dp_stats_open(struct dp *dp)
{
	for (int i = 0; i < DP_STATS_MAPS; i++) {
		void *at = mmap(NULL, map_size(dp, maps[i]), PROT_READ | PROT_WRITE, MAP_SHARED,
				dp->fd[maps[i]], 0);

		if (at == MAP_FAILED)
			return -errno;
		dp->stats[i] = at;
	}
	return 0;
}

void dp_stats_close(struct dp *dp)
{
	for (int i = 0; i < DP_STATS_MAPS; i++)
		if (dp->stats[i])
			munmap(dp->stats[i], map_size(dp, maps[i]));
}

/* One CPU's. */
static struct weft_stats *stats_of(const struct dp *dp, enum dp_map map, uint32_t id, int cpu)
{
	struct weft_stats *all = dp->stats[map == DP_PORT_STATS ? 0 : 1];

	return all + (size_t)cpu * ids_max(map) + id;
}

static __u64 load(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

int dp_stats_get(const struct dp *dp, enum dp_map map, uint32_t id, struct weft_stats *ret)
{
	*ret = (struct weft_stats){};
	if (id >= ids_max(map))
		return -ENOENT;
	for (int cpu = 0; cpu < dp->cpus_end; cpu++) {
		const struct weft_stats *stats = stats_of(dp, map, id, cpu);

		ret->rx_packets += load(&stats->rx_packets);
		ret->rx_bytes += load(&stats->rx_bytes);
		ret->tx_packets += load(&stats->tx_packets);
		ret->tx_bytes += load(&stats->tx_bytes);
	}
	return 0;
}

int dp_stats_set(const struct dp *dp, enum dp_map map, uint32_t id, const struct weft_stats *stats)
{
	if (id >= ids_max(map))
		return -ENOENT;
	for (int cpu = 1; cpu < dp->cpus_end; cpu++)
		*stats_of(dp, map, id, cpu) = (struct weft_stats){};
	*stats_of(dp, map, id, 0) = *stats;
	return 0;
}
