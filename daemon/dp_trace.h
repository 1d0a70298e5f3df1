/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracing instance of the datapath (bpf/trace.h): the programs that are attached, loaded once more upon the maps that
 * say what is to be done, with maps of their own for what they write.
 */
#ifndef WEFT_DAEMON_DP_TRACE_H
#define WEFT_DAEMON_DP_TRACE_H

#include "abi/trace.h"
#include "daemon/dp.h"

struct dp_tracer;

enum dp_hook { DP_HOOK_PORT, DP_HOOK_UNDERLAY, DP_HOOK_SPLIT, DP_HOOK_COLLECT, DP_HOOK_COUNT };

#define DP_TRACE_MIN 14	  /* bytes: an Ethernet header */
#define DP_TRACE_MAX 3520 /* bytes of a packet that every kernel takes for a test run */

/* A packet that is none, as it comes to a hook. */
struct dp_trace_input {
	const uint8_t *bytes; /* from the Ethernet header on, a VLAN tag in its place */
	uint32_t len;
	uint32_t ifindex; /* the device that it comes by */
	uint32_t segment; /* a super-packet: payload of each segment, bytes; else 0 */
	uint32_t mark, priority;
	uint32_t cb[5];
};

/* Is told of each step in turn; `packet` has the same step, with bytes, where it has some, and else is NULL. */
typedef void (*dp_trace_told)(void *arg, const struct weft_trace *step,
			      const struct weft_trace_packet *packet);

/* -EPROTO: what is attached are other programs. */
int dp_tracer_new(const struct dp *dp, struct dp_tracer **ret, struct error *err);
void dp_tracer_free(struct dp_tracer *tracer);
/* 0: the program with this id is the one that is traced, by its tag. -EPROTO: it is another. */
int dp_tracer_check(const struct dp_tracer *tracer, enum dp_hook hook, uint32_t prog_id,
		    struct error *err);
/* Steps that there was no room for, since it was loaded. */
uint64_t dp_tracer_lost(const struct dp_tracer *tracer, const struct dp *dp);
/* Runs the program of a hook. `ret_verdict`: TC_ACT_*. */
int dp_tracer_run(struct dp_tracer *tracer, enum dp_hook hook, const struct dp_trace_input *input,
		  dp_trace_told told, void *arg, uint32_t *ret_verdict, struct error *err);

#endif
