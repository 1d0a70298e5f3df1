/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The packets that `weft probe` sends to a remote VTEP, and what it reads from the ICMP that comes back. Nothing here makes
 * a system call, and nothing that came from the wire is believed before it fits a packet of ours.
 */
#ifndef WEFT_CLI_PROBE_PACKET_H
#define WEFT_CLI_PROBE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/objects.h"

#define PROBE_SIZE_MAX 65535
#define PROBE_SIZE_LEAST                                                                           \
	84 /* bytes of an IP packet that hold each kind of probe: what is not asked to be larger */
#define PROBE_CLOSED_PORT 33434 /* nobody listens there: traceroute's */

enum probe_kind {
	PROBE_ECHO,   /* ICMP echo request */
	PROBE_CLOSED, /* UDP to a port that nobody has: ICMP says so */
	PROBE_TUNNEL, /* the tunnel's own headers around a frame that every bridge drops */
};

/* What all probes to one remote have in common. */
struct probe_way {
	struct weft_addr source, remote;
	const struct tunnel *tunnel; /* NULL: none, and no PROBE_TUNNEL */
	uint16_t ident;		     /* of echo requests */
};

struct probe {
	enum probe_kind kind;
	uint16_t sequence; /* never 0, and told from others' by it */
	uint8_t ttl;
	uint16_t source_port; /* PROBE_TUNNEL over UDP, host byte order */
	uint32_t size;	      /* of the whole IP packet, bytes */
};

/* Writes the whole IP packet, DF set, to `bytes`, which have room for probe->size. */
void probe_build(const struct probe_way *way, const struct probe *probe, uint8_t *bytes);

enum probe_event {
	PROBE_SILENCE,
	PROBE_ANSWERED, /* it has arrived at the remote */
	PROBE_EXPIRED,	/* a router says that its TTL has run out */
	PROBE_TOO_BIG,	/* a router, or this host, says that it takes no more than `mtu` */
	PROBE_UNREACHABLE, /* somebody on the way says that there is no way on, or that it may not pass */
};

struct probe_reply {
	enum probe_event event;
	enum probe_kind kind;
	uint16_t sequence;
	struct weft_addr from;
	uint32_t mtu; /* 0: it says none (RFC 792) */
	uint8_t code; /* of ICMP's "unreachable" */
	uint8_t ttl;  /* that the reply had left; 0: not known */
};

/*
 * What a received ICMP message says of a probe: false if it is about none. IPv4: from the IP header on. IPv6: the ICMPv6
 * message, its checksum verified by the kernel, and where it is from.
 */
bool probe_read(const struct probe_way *way, const uint8_t *bytes, size_t len,
		const struct weft_addr *from, struct probe_reply *ret);

#endif
