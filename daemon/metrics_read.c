/* SPDX-License-Identifier: GPL-2.0-only */
/* Reads what a metrics page is made of: some system calls for all, where `show` makes one for each. */
#include "daemon/metrics_read.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define BATCH 256

/* --- Counters -------------------------------------------------------------------------------------- */

/* Ids are given out from 1 on: one past the highest in use. */
static uint32_t ids_end(void *const *by_id, uint32_t max)
{
	while (max && !by_id[max - 1])
		max--;
	return max;
}

/* Those of the first `count` ids; a new array, NULL: out of memory. */
static struct weft_stats *stats_read(struct kernel *kernel, enum dp_map map, uint32_t count)
{
	struct weft_stats *sums = calloc((size_t)count + 1, sizeof(*sums));

	for (uint32_t id = 0; sums && id < count; id++)
		dp_stats_get(kernel->dp, map, id, &sums[id]);
	return sums;
}

static uint16_t *path_mtus_read(struct kernel *kernel, uint32_t count)
{
	struct weft_remote *values = calloc(BATCH, sizeof(*values));
	uint16_t *mtus = calloc((size_t)count + BATCH, sizeof(*mtus));
	struct dp_cursor cursor = {};
	uint32_t keys[BATCH], found;
	int r = mtus && values;

	for (uint32_t at = 0; r > 0 && at < count; at += found) {
		r = dp_walk(kernel->dp, DP_REMOTES, &cursor, keys, values, BATCH, &found);
		for (uint32_t i = 0; i < found; i++)
			mtus[at + i] = values[i].path_mtu;
	}
	free(values);
	return mtus;
}

/* --- The process ------------------------------------------------------------------------------------ */

static double seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

/* By the ticks since boot of the 22nd field of stat, which is behind the name and its parenthesis. */
static double start_time(void)
{
	unsigned long long ticks = 0;
	struct timespec now, boot;
	FILE *file = fopen("/proc/self/stat", "re");

	if (!file)
		return 0;
	if (fscanf(file,
		   "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
		   "%*d %*d %*d %llu",
		   &ticks) != 1)
		ticks = 0;
	fclose(file);
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (double)(now.tv_sec - boot.tv_sec) + (double)(now.tv_nsec - boot.tv_nsec) / 1e9 +
	       (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void process_read(double process[PROCESS_COUNT])
{
	static double started; /* the clock may be set, weftd has started once */
	double page = (double)sysconf(_SC_PAGESIZE);
	unsigned long virtual = 0, resident = 0;
	struct rusage usage = {};
	struct rlimit limit = {};
	FILE *file = fopen("/proc/self/statm", "re");
	DIR *fds = opendir("/proc/self/fd");

	if (!started)
		started = start_time();
	getrusage(RUSAGE_SELF, &usage);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (file && fscanf(file, "%lu %lu", &virtual, &resident) != 2)
		virtual = resident = 0;
	if (file)
		fclose(file);
	process[PROCESS_CPU] = seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
	process[PROCESS_START] = started;
	process[PROCESS_VIRTUAL] = (double)virtual * page;
	process[PROCESS_RESIDENT] = (double)resident * page;
	process[PROCESS_FDS_MAX] = (double)limit.rlim_cur;
	/* less ".", ".." and the one that reads them */
	process[PROCESS_FDS] = -3;
	while (fds && readdir(fds))
		process[PROCESS_FDS]++;
	if (fds)
		closedir(fds);
}

/* --- All of it ---------------------------------------------------------------------------------------- */

int metrics_read_all(struct kernel *kernel, struct metrics_read *ret)
{
	*ret = (struct metrics_read){};
	process_read(ret->process);
	if (!kernel->dp)
		return 0;
	ret->port_count = ids_end((void *const *)kernel->port_by_id, WEFT_PORTS_MAX);
	ret->remote_count = ids_end((void *const *)kernel->remote_by_id, WEFT_REMOTES_MAX);
	ret->port = stats_read(kernel, DP_PORT_STATS, ret->port_count);
	ret->remote = stats_read(kernel, DP_REMOTE_STATS, ret->remote_count);
	ret->path_mtu = path_mtus_read(kernel, ret->remote_count);
	if (!ret->port || !ret->remote || !ret->path_mtu)
		return -ENOMEM;
	if (counters_read(kernel, DP_DROPS, &ret->drops) < 0)
		return -ENOMEM;
	return counters_read(kernel, DP_NOTES, &ret->notes);
}

void metrics_read_free(struct metrics_read *read)
{
	free(read->port);
	free(read->remote);
	free(read->path_mtu);
	free(read->drops.counter);
	free(read->notes.counter);
	*read = (struct metrics_read){};
}
