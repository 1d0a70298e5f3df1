/* SPDX-License-Identifier: GPL-2.0-only */
/* What dp.c and dp_map.c share. */
#ifndef WEFT_DAEMON_DP_PRIVATE_H
#define WEFT_DAEMON_DP_PRIVATE_H

#include "daemon/dp.h"

#define DP_STATS_MAPS 2

struct weft;

struct dp {
	struct weft *skeleton;
	int port, underlay, split, collect, inject; /* fds of the programs, the skeleton's */
	int fd[DP_MAP_COUNT];			    /* the skeleton's */
	uint32_t key_size[DP_MAP_COUNT], value_size[DP_MAP_COUNT];
	int cpus;
	int cpus_end; /* the numbers of CPUs are below: the length of what is indexed by them */
	struct weft_stats
		*stats[DP_STATS_MAPS]; /* of ports and remotes, each CPU's behind the one before */
	bool decap_l3;
};

/* Tells the programs which network namespace they serve: this process's. Before they are loaded; 0 or a negative errno. */
int dp_netns_prepare(struct weft *skeleton);

/* The maps of statistics: their size, before they are made or taken over; the mapping, after that. 0 or a negative errno. */
int dp_stats_prepare(struct dp *dp);
int dp_stats_open(struct dp *dp);
void dp_stats_close(struct dp *dp);

#endif
