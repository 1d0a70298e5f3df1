/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A capture, as its reader sees it: asked for over the API, read from a ring that the datapath fills (abi/capture.h).
 * weftd takes no part in reading. A reader that is slow loses packets and holds up nobody.
 */
#ifndef WEFT_LIB_CAPTURE_CLIENT_H
#define WEFT_LIB_CAPTURE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/capture.h"
#include "lib/error.h"

struct capture_client;

/* What is wanted; all zero: every packet, whole, at every point. */
struct capture_want {
	uint32_t points;    /* bits 1 << enum weft_point; 0: all */
	const char *port;   /* packets at that port, NULL: at any */
	const char *tunnel; /* or of that tunnel */
	uint32_t snap;	    /* most bytes of a packet; 0: all of it */
	uint32_t buffer;    /* bytes of the ring, a power of two; 0: weftd's default */
	bool outer; /* the filter is for the packet as it is, else for what is in the tunnel */
	const struct weft_capture_insn *filter; /* classic BPF for Ethernet */
	size_t filter_length;			/* instructions; 0: every packet */
};

struct capture_count {
	uint64_t matched,
		lost; /* packets that passed the filter; of these: that the ring had no room for */
};

/* The name of enum weft_point, and what it is. */
const char *capture_point_name(uint32_t point);
const char *capture_point_what(uint32_t point);

/* Asks the weftd of `rundir`. It is at work when this returns; refusals are weftd's own words. */
int capture_open(const char *rundir, const struct capture_want *want, struct capture_client **ret,
		 struct error *err);
void capture_close(struct capture_client *capture);

/*
 * The next packet: 1, and *ret its record with *ret_bytes the bytes, good until the next call. 0: there was none for
 * `timeout` ms, or a signal came. -ECONNRESET: weftd has gone and the ring is empty.
 */
int capture_next(struct capture_client *capture, int timeout, const struct weft_captured **ret,
		 const uint8_t **ret_bytes, struct error *err);

/* Asks weftd for the counts up to now, WEFT_POINT_COUNT of them, and for names that are new. */
int capture_counts(struct capture_client *capture, struct capture_count *ret, struct error *err);

/* Names of ids in records, as far as weftd had told them by the last capture_counts(), else a number; NULL: id is 0. */
const char *capture_port(const struct capture_client *capture, uint32_t id);
const char *capture_tunnel(const struct capture_client *capture, uint32_t id);

/* A record's time as ns since 1970. */
uint64_t capture_time(const struct capture_client *capture, uint64_t time);

#endif
