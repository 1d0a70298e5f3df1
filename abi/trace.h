/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traces: what the tracing instance of the datapath (bpf/trace.h) says of each stage, through the ring `traces`.
 *
 * WEFT_TRACE(NAME, "name", "what value[0], value[1] and value[2] are")
 *
 * Records are read by the weftd that loaded the programs, so this is no ABI between versions.
 */
#ifndef WEFT_ABI_TRACE_H
#define WEFT_ABI_TRACE_H

#include <linux/types.h>

#define WEFT_TRACES(WEFT_TRACE)                                                                    \
	/* of a frame */                                                                           \
	WEFT_TRACE(PORT, "port", "from the device of a port")                                      \
	WEFT_TRACE(VLAN, "vlan", "the VLAN it is in; 1: it came tagged")                           \
	WEFT_TRACE(LEARN, "learn", "enum weft_trace_learn; port, remote that the FDB has")         \
	WEFT_TRACE(LOOKUP, "lookup", "enum weft_trace_lookup; port, remote that were found")       \
	WEFT_TRACE(FLOOD, "flood", "slots of ports, of remotes")                                   \
	WEFT_TRACE(                                                                                \
		UNDERLAY, "underlay",                                                              \
		"enum weft_type, 0: none of weft's; UDP port, or enum weft_gre_key; VNI or key")   \
	WEFT_TRACE(PEER, "peer", "whose packet it is: tunnel and remote are filled")               \
	WEFT_TRACE(PEER_NEW, "peer_new", "a remote would be made for the source")                  \
	WEFT_TRACE(ENCAP, "encap", "remote; largest inner frame, most that fits: bytes")           \
	WEFT_TRACE(EXPIRED, "expired", "path MTU that is too old to count")                        \
	WEFT_TRACE(MSS, "mss", "what a SYN announced; what it announces now")                      \
	WEFT_TRACE(TOOBIG, "toobig", "largest IP packet that fits, bytes")                         \
	WEFT_TRACE(PATH_MTU, "path_mtu", "remote; what its path MTU would be lowered to")          \
	WEFT_TRACE(NOTE, "note", "enum weft_note")                                                 \
	/* of a packet, with its bytes; value[0] of a drop is its reason */                        \
	WEFT_TRACE(DROP, "drop", "enum weft_drop")                                                 \
	WEFT_TRACE(DELIVER, "deliver", "to a port")                                                \
	WEFT_TRACE(ANSWER, "answer", "an ICMP error, back to the port that it came from")          \
	WEFT_TRACE(SEND, "send", "to the next hop of a remote")                                    \
	WEFT_TRACE(RESOLVE, "resolve", "to a remote, whose next hop the kernel finds")             \
	WEFT_TRACE(DEFER, "defer", "a copy, to the hook again, to be encapsulated by itself")      \
	WEFT_TRACE(SPLIT, "split", "to the splitter")                                              \
	WEFT_TRACE(COLLECT, "collect", "to the host; offset of the inner frame")

enum weft_trace_what {
	WEFT_TRACE_NONE,
#define WEFT_TRACE(name, string, values) WEFT_TRACE_##name,
	WEFT_TRACES(WEFT_TRACE)
#undef WEFT_TRACE
		WEFT_TRACE_MAX,
};

enum weft_trace_learn {
	WEFT_LEARN_KNOWN, /* it is where the FDB says */
	WEFT_LEARN_NEW,
	WEFT_LEARN_MOVE, /* from what the values say */
	WEFT_LEARN_OFF,	 /* not learned: it is off, or no remote is known */
	WEFT_LEARN_FULL,
};

enum weft_trace_lookup {
	WEFT_LOOKUP_GROUP,
	WEFT_LOOKUP_UNKNOWN,
	WEFT_LOOKUP_FOUND,
	WEFT_LOOKUP_STALE, /* found, but aged, or of something that is gone */
};

#define WEFT_TRACE_VALUES     3
#define WEFT_TRACE_BYTES      4096 /* more than BPF_PROG_TEST_RUN takes */
#define WEFT_TRACE_RING_SIZE  4096 /* of the instance that does not trace */
#define WEFT_TRACE_RING_LARGE (8u << 20)

/* One step; ids that are not known are 0. */
struct weft_trace {
	__u32 what; /* enum weft_trace_what */
	__u32 bridge, port, tunnel, remote;
	__u32 value[WEFT_TRACE_VALUES];
	__u16 vlan;
	__u8 src[6], dst[6]; /* of a frame */
	__u16 pad;
};

/* One with a packet, as it is at this moment. */
struct weft_trace_packet {
	struct weft_trace step;
	__u32 mark, priority;
	__u32 cb[5];
	__u32 len;     /* bytes */
	__u32 segment; /* a super-packet: payload of each segment, bytes; else 0 */
	__u16 captured;
	__u16 vlan_tci;	   /* the tag that the kernel keeps beside the packet, */
	__be16 vlan_proto; /* 0: there is none */
	__u16 pad;
	__u8 bytes[WEFT_TRACE_BYTES];
};

_Static_assert(sizeof(struct weft_trace) == 48, "trace");
_Static_assert(sizeof(struct weft_trace_packet) == 92 + WEFT_TRACE_BYTES, "trace_packet");

#endif
