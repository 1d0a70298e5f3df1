/* SPDX-License-Identifier: GPL-2.0-only */
/* What one weftd consists of, for those parts that need more than one of them. */
#ifndef WEFT_DAEMON_WEFTD_H
#define WEFT_DAEMON_WEFTD_H

#include <event2/event.h>
#include <stdbool.h>
#include <time.h>

#include "daemon/kernel.h"
#include "daemon/model.h"

struct monitor;
struct state;

struct weftd {
	struct event_base *base;
	const char *rundir;
	struct model *model;
	struct kernel *kernel;
	struct state *state;
	struct monitor *monitor;
	const char *metrics; /* where they are served, NULL: nowhere */
	time_t started;
	bool serving; /* the start is over */
};

#endif
