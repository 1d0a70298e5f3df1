/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What weftd and weft-holder say to each other, over a SOCK_SEQPACKET socket: one request a packet, and one
 * answer to each; to HOLDER_LIST, an answer for each thing held, with `more` set, before the last one.
 * A holder outlives the weftd that started it: the layout stays as it is, and what is new gets a new operation. One
 * that a holder does not know is answered with -EOPNOTSUPP: then another holder takes its place.
 */
#ifndef WEFT_DAEMON_HOLDER_PROTOCOL_H
#define WEFT_DAEMON_HOLDER_PROTOCOL_H

#include <stdint.h>

#include "abi/datapath.h"
#include "daemon/holder.h"

#define HOLDER_MAGIC  0x77686f31 /* "who1" */
#define HOLDER_FD     3		 /* the listening socket, in the holder */
#define HOLDER_SOCKET "holder.sock"

enum holder_operation {
	HOLDER_HELLO = 1, /* answer: pid, namespace */
	HOLDER_PORT_HOLD,
	HOLDER_PORT_RELEASE,
	HOLDER_JOIN,
	HOLDER_LEAVE,
	HOLDER_LIST,
	HOLDER_PROTOCOL_HOLD, /* GRE is the only one */
	HOLDER_PROTOCOL_RELEASE,
};

struct holder_request {
	uint32_t magic;
	uint32_t operation;
	struct holder_item item;
};

struct holder_answer {
	uint32_t magic;
	int32_t result; /* 0 or negative errno; holding what is held and releasing what is not succeed */
	uint32_t more;
	int32_t pid;
	uint64_t netns; /* inode of the holder's network namespace */
	struct holder_item item;
};

_Static_assert(sizeof(struct holder_item) == 24, "holder_item");
_Static_assert(offsetof(struct holder_item, ifindex) == 4, "holder_item.ifindex");
_Static_assert(sizeof(struct holder_request) == 32, "holder_request");
_Static_assert(sizeof(struct holder_answer) == 48, "holder_answer");

/* Inode of the caller's network namespace, 0 if it cannot be told. */
uint64_t holder_netns(void);

#endif
