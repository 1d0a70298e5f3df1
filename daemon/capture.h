/* SPDX-License-Identifier: GPL-2.0-only */
/* Captures: who looks at which packets (abi/capture.h). Packets do not pass weftd: the reader has the ring. */
#ifndef WEFT_DAEMON_CAPTURE_H
#define WEFT_DAEMON_CAPTURE_H

#include <jansson.h>
#include <sys/types.h>

#include "abi/capture.h"
#include "daemon/kernel.h"

struct capture_spec {
	uint32_t points;	/* bits, at least one */
	const char *port;	/* a port's name, also that of an L3 tunnel's device; NULL: all */
	const char *tunnel;	/* NULL: all */
	uint32_t snap;		/* bytes, 1 to WEFT_CAPTURE_BYTES */
	uint32_t ring;		/* bytes, a power of two within WEFT_CAPTURE_RING_* */
	pid_t reader;		/* who asks, for people to be told; 0: not known */
	bool outer;		/* `filter` is for the packet as it is */
	uint32_t filter_length; /* instructions, 0: every packet */
	struct weft_capture_filter filter;
};

/* What classic BPF must be (bpf(4)): known instructions, jumps forwards within it, a return at its end. */
int capture_filter_check(const struct weft_capture_filter *filter, uint32_t length,
			 struct error *err);
/* The bytes from the start of a packet that a filter which was checked may look at, WEFT_CAPTURE_BYTES at most. */
uint32_t capture_filter_reach(const struct weft_capture_filter *filter, uint32_t length);

/* Begins one. Returns its number, with *ret_fd its ring, the caller's. -EBUSY: there are WEFT_CAPTURES_MAX already. */
int kernel_capture_open(struct kernel *kernel, const struct capture_spec *spec, int *ret_fd,
			struct error *err);
void kernel_capture_close(struct kernel *kernel, int number);
/*
 * {"points":{NAME:{"matched":N,"lost":N}},"ports":{ID:NAME},"tunnels":{ID:NAME}}; NULL: the capture has ended,
 * because the datapath did.
 */
json_t *kernel_capture_state(struct kernel *kernel, int number);
/* The processes that have them, a new list. */
json_t *kernel_capture_readers(const struct kernel *kernel);
/* All of them, with the datapath. */
void captures_stop(struct kernel *kernel);

#endif
