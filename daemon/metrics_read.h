/* SPDX-License-Identifier: GPL-2.0-only */
/* What a metrics page is made of, read in one go: counters, summed over the CPUs, and weftd's own process. */
#ifndef WEFT_DAEMON_METRICS_READ_H
#define WEFT_DAEMON_METRICS_READ_H

#include "daemon/live.h"

enum process_value {
	PROCESS_CPU,	  /* seconds */
	PROCESS_START,	  /* seconds since the epoch */
	PROCESS_RESIDENT, /* bytes */
	PROCESS_VIRTUAL,
	PROCESS_FDS,
	PROCESS_FDS_MAX,
	PROCESS_COUNT,
};

struct metrics_read {
	struct weft_stats *port, *remote; /* by id */
	uint16_t *path_mtu;		  /* of remotes, by id; 0: none is known */
	uint32_t port_count, remote_count;
	struct counter_list drops, notes;
	double process[PROCESS_COUNT];
};

/* 0 or -ENOMEM; metrics_read_free() in either case. */
int metrics_read_all(struct kernel *kernel, struct metrics_read *ret);
void metrics_read_free(struct metrics_read *read);

#endif
