/* SPDX-License-Identifier: GPL-2.0-only */
/* Sends probes at a pace and waits for what ICMP says of them. */
#ifndef WEFT_CLI_PROBE_SOCKET_H
#define WEFT_CLI_PROBE_SOCKET_H

#include "cli/probe_packet.h"
#include "lib/error.h"

struct prober {
	const struct probe_way *way;
	int send_fd, receive_fd; /* raw sockets */
	uint16_t sequence;	 /* of the last probe */
	unsigned long sent;	 /* probes */
	uint8_t *bytes;		 /* PROBE_SIZE_MAX */
};

struct probe_result {
	struct probe probe; /* all but its sequence is the caller's */
	struct probe_reply reply;
	double sent;   /* watch_clock() */
	double took;   /* seconds until the reply */
	bool given_up; /* it could not be sent */
};

/* `dev` (NULL: any) and `mark` (0: none) are those of the tunnel. Needs root; prober_close() also after an error. */
int prober_open(struct prober *prober, const struct probe_way *way, const char *dev, uint32_t mark,
		struct error *err);
void prober_close(struct prober *prober);

/*
 * Sends `count` probes (at most 65535), one each `interval` seconds, and returns when each has its reply or `patience` seconds after the last.
 * What this host itself does not send for its size is PROBE_TOO_BIG, from the source, with no MTU.
 */
void prober_run(struct prober *prober, struct probe_result *results, size_t count, double interval,
		double patience);

#endif
