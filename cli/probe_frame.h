/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frames that `weft probe from` lets enter at a port, and what is seen of them on their way. Each has 8 bytes at PROBE_MARK
 * that say whose and which it is. Nothing here makes a system call, and what was seen is not believed before it fits.
 */
#ifndef WEFT_CLI_PROBE_FRAME_H
#define WEFT_CLI_PROBE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/addr.h"

#define PROBE_MARK	  42 /* offset in the frame, behind Ethernet, IPv4 and UDP, or ARP */
#define PROBE_MARK_6	  78 /* behind IPv6 and a neighbour solicitation */
#define PROBE_FRAME_LEAST 86 /* bytes that each frame has at least, without a tag */
#define PROBE_TAG	  4  /* bytes */
#define PROBE_VLAN_MAX	  4094
#define PROBE_FRAME_GIVEN                                                                          \
	(PROBE_FRAME_LEAST + PROBE_TAG) /* bytes of a frame that may be other than zero */
#define PROBE_ECN_NONE 4		/* there is no such header */

/* What all frames of one run have in common. */
struct probe_course {
	uint8_t source[6], destination[6];
	uint32_t token;		 /* random */
	struct weft_addr target; /* of questions; any: there are none */
	uint16_t vlan;		 /* of the tag that they have (IEEE 802.1Q); 0: no tag */
};

/*
 * A datagram that nobody takes: IPv4 from 0.0.0.0, which hosts drop without a word (RFC 1122 3.2.1.3), DF, ECT(0), with all
 * checksums. `size` is that of the frame without its tag, PROBE_FRAME_LEAST or more, which is zero beyond the bytes written.
 */
void probe_frame_build(const struct probe_course *course, uint16_t number, size_t size,
		       uint8_t bytes[PROBE_FRAME_GIVEN]);
/* Sets the destination to everybody whom a question about the target is for. */
void probe_question_all(struct probe_course *course);
/*
 * Who has the target? By ARP, or as a neighbour solicitation, with no sender's address, so that nobody's tables change (RFC 5227
 * 2.1.1, RFC 4862 5.4.2). ARP's answer goes to the source, the other one to all.
 */
void probe_question_build(const struct probe_course *course, uint16_t number,
			  uint8_t bytes[PROBE_FRAME_GIVEN]);

struct probe_sight {
	enum { SIGHT_FRAME, SIGHT_QUESTION, SIGHT_ANSWER } kind;
	uint16_t number;      /* not of an answer */
	uint16_t vlan;	      /* of its tag; 0: it has none, or one of priority only */
	uint8_t ecn, outer;   /* of the frame; of the packet around it; 0 to 3, or PROBE_ECN_NONE */
	bool whole;	      /* all of it was there to be checked: */
	bool right;	      /* its checksums are, and everything beyond the mark is zero */
	uint8_t answering[6]; /* who answers */
};

/*
 * A packet as it was captured, from its outermost Ethernet header on; `inner` is where the frame in a tunnel's packet begins, 0: it is
 * none. False: it has nothing to do with this course. An answer whose tag has another VLAN than the course's is none; a frame is
 * known by its mark, whatever its tag.
 */
bool probe_sight_read(const struct probe_course *course, const uint8_t *bytes, size_t captured,
		      size_t len, size_t inner, struct probe_sight *ret);

#endif
