/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What captures need of the datapath: its maps for them, of which nothing is taken over by the next weftd, and the scratch
 * memory that is there while there are any.
 */
#ifndef WEFT_DAEMON_DP_CAPTURE_H
#define WEFT_DAEMON_DP_CAPTURE_H

#include "abi/capture.h"
#include "daemon/dp.h"

struct dp_capture;

/* Makes ready for captures in `dp`, which must outlive them. */
int dp_capture_load(struct dp *dp, struct dp_capture **ret, struct error *err);
void dp_capture_free(struct dp_capture *capture);

/* Begins at a slot that is free: counters at 0, an empty ring of `ring` bytes. Returns the ring's fd, the caller's. */
int dp_capture_begin(struct dp_capture *capture, uint32_t slot, const struct weft_capture *what,
		     const struct weft_capture_filter *filter, uint32_t ring, struct error *err);
void dp_capture_end(struct dp_capture *capture, uint32_t slot);
/* The sum over all CPUs. */
int dp_capture_count(const struct dp_capture *capture, uint32_t slot,
		     struct weft_capture_count *ret);

#endif
