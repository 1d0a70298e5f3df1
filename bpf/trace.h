/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace: the same programs a second time, to be run on packets that are none (abi/trace.h).
 *
 * weftd loads them with `tracing` 1 upon the maps that say what is to be done, and with maps of its own in place of those
 * that are only written to: counters, events, what is remembered of packets. What is left to guard is every write to a map
 * of the first kind, and every copy that is sent at once. In the live instance `tracing` is 0 and the verifier takes the
 * hooks out.
 */
#ifndef WEFT_BPF_TRACE_H
#define WEFT_BPF_TRACE_H

#include "abi/trace.h"
#include "bpf/frame.h"

const volatile __u32 tracing;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, WEFT_TRACE_RING_SIZE);
} traces SEC(".maps");

/* The events of this instance are nobody's: its counter of lost ones is free for this. */
static __always_inline int trace_lost(void)
{
	__u32 zero = 0;
	__u64 *lost = bpf_map_lookup_elem(&events_lost, &zero);

	if (lost)
		*lost += 1;
	return 0;
}

/* `f` may be all zeros where nothing of the frame is known. */
__noinline int trace_record(const struct frame *f, __u32 what, __u32 one, __u32 two, __u32 three)
{
	struct weft_trace *record;

	if (!tracing || !f)
		return 0;
	record = bpf_ringbuf_reserve(&traces, sizeof(*record), 0);
	if (!record)
		return trace_lost();
	*record = (struct weft_trace){.what = what,
				      .bridge = f->bridge,
				      .port = f->port,
				      .tunnel = f->tunnel,
				      .remote = f->remote,
				      .value = {one, two, three},
				      .vlan = f->vlan};
	__builtin_memcpy(record->src, f->src, ETH_ALEN);
	__builtin_memcpy(record->dst, f->dst, ETH_ALEN);
	bpf_ringbuf_submit(record, 0);
	return 0;
}

/* Where there is no frame at hand. */
__noinline int trace_value(__u32 what, __u32 remote, __u32 one, __u32 two, __u32 three)
{
	struct weft_trace *record;

	if (!tracing)
		return 0;
	record = bpf_ringbuf_reserve(&traces, sizeof(*record), 0);
	if (!record)
		return trace_lost();
	*record = (struct weft_trace){.what = what, .remote = remote, .value = {one, two, three}};
	bpf_ringbuf_submit(record, 0);
	return 0;
}

/* `what` has value[0] in its upper three bytes. */
__noinline int trace_bytes(struct __sk_buff *skb, __u32 what, __u32 port, __u32 tunnel,
			   __u32 remote)
{
	struct weft_trace_packet *record;
	__u32 bytes;

	if (!tracing)
		return 0;
	record = bpf_ringbuf_reserve(&traces, sizeof(*record), 0);
	if (!record)
		return trace_lost();
	record->step = (struct weft_trace){.what = what & 0xff,
					   .port = port,
					   .tunnel = tunnel,
					   .remote = remote,
					   .value = {what >> 8}};
	record->mark = skb->mark;
	record->priority = skb->priority;
	record->cb[0] = skb->cb[0];
	record->cb[1] = skb->cb[1];
	record->cb[2] = skb->cb[2];
	record->cb[3] = skb->cb[3];
	record->cb[4] = skb->cb[4];
	record->len = skb->len;
	record->segment = skb->gso_size;
	record->vlan_tci = skb->vlan_present ? skb->vlan_tci : 0;
	record->vlan_proto = skb->vlan_present ? skb->vlan_proto : 0;
	record->captured = 0;
	record->pad = 0;
	bytes = bounded(skb->len < sizeof(record->bytes) ? skb->len : sizeof(record->bytes),
			sizeof(record->bytes));
	if (bytes && !bpf_skb_load_bytes(skb, 0, record->bytes, bytes))
		record->captured = bytes;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

/* The hooks: a constant and a branch that is never taken, which the verifier takes out. */
#define trace_frame(f, what, ...)                                                                  \
	do {                                                                                       \
		if (tracing)                                                                       \
			trace_record(f, WEFT_TRACE_##what, __VA_ARGS__);                           \
	} while (0)

#define trace_packet(skb, what, port, tunnel, remote)                                              \
	do {                                                                                       \
		if (tracing)                                                                       \
			trace_bytes(skb, what, port, tunnel, remote);                              \
	} while (0)

/* A copy of the packet, which the trace has a record of already. */
static __always_inline void send_clone(struct __sk_buff *skb, __u32 ifindex, __u64 flags)
{
	if (!tracing)
		bpf_clone_redirect(skb, ifindex, flags);
}

#endif
