/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traffic for measurements, small enough not to be what is measured: for `weft bench` and for tests/bench. Each call
 * returns 0 or a negative errno, and ends early when *stop is set (by a signal without SA_RESTART).
 */
#ifndef WEFT_CLI_TRAFFIC_H
#define WEFT_CLI_TRAFFIC_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

#define TRAFFIC_LARGEST 9000 /* bytes of a datagram */
#define TRAFFIC_LEAST	8    /* which hold a number */

struct traffic_count {
	uint64_t packets; /* or connections */
	double seconds;	  /* from the first to the last */
	double cpu; /* seconds of this process; those of the way too, as far as the kernel goes it on our time */
};

/* What one question and its answer took, ns. */
struct traffic_times {
	uint64_t count, lost;
	uint32_t least, p50, p99;
};

/* A UDP or TCP socket (SOCK_DGRAM, SOCK_STREAM) bound to `here` (NULL: left to the kernel) and, with `there`, connected. */
int traffic_open(int kind, const struct weft_addr *here, uint16_t here_port,
		 const struct weft_addr *there, uint16_t there_port);

/* Counts datagrams until *stop. */
int traffic_sink(int fd, const volatile sig_atomic_t *stop, struct traffic_count *ret);
/* Sends `size` bytes, `rate` times a second (0: as often as it can). */
int traffic_blast(int fd, const volatile sig_atomic_t *stop, double seconds, uint64_t rate,
		  size_t size, struct traffic_count *ret);
/* Sends back what comes from `only` (NULL: from anybody), until *stop. */
int traffic_echo(int fd, const volatile sig_atomic_t *stop, const struct weft_addr *only);
/* Questions to an echo, one at a time. */
int traffic_ping(int fd, const volatile sig_atomic_t *stop, double seconds, size_t size,
		 struct traffic_times *ret);
/* Takes connections at a listening socket and waits for their end, until *stop. */
int traffic_accept(int fd, const volatile sig_atomic_t *stop);
/* Connects and resets, one at a time, so that nothing is left in TIME_WAIT. */
int traffic_connect(const struct weft_addr *here, const struct weft_addr *there, uint16_t port,
		    const volatile sig_atomic_t *stop, double seconds, struct traffic_count *ret);

#endif
