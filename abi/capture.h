/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capture: what datapath, weftd and whoever reads a capture share.
 *
 * Each capture has a slot in map `capture_slots`, its filter in `capture_filters`, counters in `capture_counts` and a ring in
 * `capture_rings`. weftd makes them and hands the ring to the reader, who maps it: the kernel's BPF_MAP_TYPE_RINGBUF, a
 * page with the reader's position, a page with the writer's, the data twice in a row. Each entry in it is a struct
 * weft_captured and the bytes of the packet.
 *
 * All integers are in host byte order. None of these maps outlives the programs: a new weftd has no captures. Without a weftd
 * they end with its lease (struct weft_control).
 */
#ifndef WEFT_ABI_CAPTURE_H
#define WEFT_ABI_CAPTURE_H

#include "abi/datapath.h"

#define WEFT_CAPTURES_MAX    4
#define WEFT_CAPTURE_BYTES   65535 /* most of a packet that is kept */
#define WEFT_CAPTURE_FILTER  512   /* most instructions of a filter */
#define WEFT_CAPTURE_MEMORY  16	   /* words that a filter may keep (classic BPF) */
#define WEFT_CAPTURE_SCRATCH 65752 /* bytes that the datapath works with, for each CPU */
#define WEFT_CAPTURE_HEADERS                                                                       \
	512 /* bytes that any tunnel's headers fit in, with the tags and the IP header inside */
#define WEFT_CAPTURE_WAKE_NS                                                                       \
	1000000 /* how long a CPU does not wake a reader again; who has just read looks again by then */
#define WEFT_CAPTURE_RING_MIN (64u << 10) /* bytes of a ring, a power of two */
#define WEFT_CAPTURE_RING_MAX (64u << 20)

/*
 * Where packets are taken: WEFT_POINT(NAME, "name", "what it is"). The order is that of the bits in `points` and of the
 * interfaces in a capture file.
 */
#define WEFT_POINTS(WEFT_POINT)                                                                    \
	WEFT_POINT(PORT_IN, "port-in", "as it comes from a port's device")                         \
	WEFT_POINT(PORT_OUT, "port-out", "as it goes to a port's device")                          \
	WEFT_POINT(UNDERLAY_IN, "underlay-in", "as it comes from the underlay, encapsulated")      \
	WEFT_POINT(UNDERLAY_OUT, "underlay-out", "as it goes to the underlay, encapsulated")       \
	WEFT_POINT(DROP, "drop", "as it is dropped")

enum weft_point {
#define WEFT_POINT(name, string, what) WEFT_POINT_##name,
	WEFT_POINTS(WEFT_POINT)
#undef WEFT_POINT
		WEFT_POINT_COUNT,
};

/* map `capture_slots` */
struct weft_capture {
	__u32 points; /* bit 1 << enum weft_point; 0: the slot is free */
	__u32 port;   /* ids: packets at that port */
	__u32 tunnel; /* or of that tunnel; both 0: at all */
	__u32 snap;   /* most bytes of a packet, 1 to WEFT_CAPTURE_BYTES */
	__u32 outer; /* the filter is for the packet as it is; else for what is inside of a tunnel's */
	__u32 filter; /* instructions; 0: every packet */
	__u32 reach; /* bytes that the filter looks at from where the packet that it is for begins; they are copied for it */
};

/* map `capture_filters`: classic BPF as libpcap compiles it for Ethernet; weftd has checked it */
struct weft_capture_insn {
	__u16 code;
	__u8 jt, jf;
	__u32 k;
};
struct weft_capture_filter {
	struct weft_capture_insn insn[WEFT_CAPTURE_FILTER];
};

/* map `capture_counts`, per CPU; by enum weft_point */
#define WEFT_POINT_COUNTERS 8 /* a power of two */
struct weft_capture_count {
	__u64 matched[WEFT_POINT_COUNTERS]; /* passed the filter */
	__u64 lost[WEFT_POINT_COUNTERS];    /* of these: the ring was full */
};

/* An entry of a ring; the packet follows. */
struct weft_captured {
	__u64 time; /* ns of CLOCK_MONOTONIC */
	__u32 len; /* bytes of the packet from its Ethernet header on, with the tag that the kernel keeps beside it */
	__u32 captured; /* how many of them follow */
	__u32 port;	/* id; 0: none */
	__u32 tunnel;	/* id; 0: none */
	__u32 ifindex;	/* of the device that the program runs at */
	__u32 segment;	/* a super-packet: payload of each segment, bytes; else 0 */
	__u16 inner; /* offset of the frame or IP packet in the tunnel; 0: no tunnel header was found */
	__u16 inner_proto; /* network: Ethertype of an IP packet in the tunnel; 0: it is an Ethernet frame */
	__u8 point;  /* enum weft_point */
	__u8 reason; /* at WEFT_POINT_DROP: enum weft_drop */
	__u16 pad;
	struct weft_addr
		remote; /* the other end of the tunnel, as far as it is in the table; any: none */
};

_Static_assert(sizeof(struct weft_capture) == 28, "capture");
_Static_assert(sizeof(struct weft_capture_insn) == 8, "capture_insn");
_Static_assert(sizeof(struct weft_captured) == 56, "captured");

#endif
