// SPDX-License-Identifier: GPL-2.0-only
/* The datapath: its hooks and the two lists of stages (docs/architecture.md). Nothing else. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "bpf/maps.h"

/* What this kernel has beyond 6.1: KERNEL_* bits, set by weftd before loading. */
#define KERNEL_DECAP_L3 (1u << 0) /* BPF_F_ADJ_ROOM_DECAP_L3_*: 6.3 */
const volatile __u32 kernel_features;

SEC("tc")
int weft_port(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int weft_underlay(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
