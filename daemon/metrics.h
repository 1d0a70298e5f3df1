/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The metrics page: every counter of the datapath in Prometheus' text format (0.0.4), made piece by piece, so that a host
 * with ten thousand tunnels does not hold up the loop. What is counted is read when the page is begun; objects that come
 * or go until it is written are on it in part.
 */
#ifndef WEFT_DAEMON_METRICS_H
#define WEFT_DAEMON_METRICS_H

#include <event2/buffer.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/kernel.h"

struct metrics;

/* Begins a page; NULL: out of memory. */
struct metrics *metrics_new(struct kernel *kernel);
/* Appends about `bytes` of it to `out`, more by one sample at most. False: that was the end. */
bool metrics_write(struct metrics *metrics, struct evbuffer *out, size_t bytes);
void metrics_free(struct metrics *metrics);

#endif
