/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fragments of GRE packets are for the host's stack to put together; weft-holder gives the whole one back
 * (daemon/holder_reassembly.c), by `lo` and with a mark.
 *
 * The stack joins their ECN marks as RFC 9601 5 has it, but for one case: of ECT(0) and ECT(1) it keeps that of the first
 * fragment, and ECT(1) is right. So it is noted here which packets have a fragment with ECT(1). A packet is known by
 * its IPv4 identification. What IPv6 has in place of that goes when the fragments are joined; the flow label of
 * the first one stays, and carries it.
 */
#ifndef WEFT_BPF_UNDERLAY_FRAGMENT_H
#define WEFT_BPF_UNDERLAY_FRAGMENT_H

#include "bpf/ecn.h"

#define FLOW_LABEL_MASK 0x000fffff

static __noinline void fragment_note(const struct underlay *u, __u32 id)
{
	struct fragment_key key = {.id = id};
	__u8 noted = 1;

	if (!u)
		return;
	key.source = u->source;
	key.destination = u->destination;
	bpf_map_update_elem(&fragments_ect1, &key, &noted, BPF_ANY);
}

/* A fragment, which is to be put together here if it is to this host. `id` is the packet's. */
static __always_inline enum underlay_verdict underlay_gre_fragment(struct __sk_buff *skb,
								   const struct underlay *u,
								   __u32 id, bool first)
{
	__be32 word;

	if (!underlay_listen(0) || !bpf_map_lookup_elem(&addresses, &u->destination))
		return UNDERLAY_PASS;
	/* tells weft-holder's socket from what has never been in pieces */
	skb->mark = WEFT_FRAGMENT_MARK;
	id &= FLOW_LABEL_MASK;
	if ((u->tos & ECN_CE) == ECN_ECT1)
		fragment_note(u, id);
	if (u->v6 && first) {
		word = bpf_htonl(6u << 28 | (__u32)u->tos << 20 | id);
		bpf_skb_store_bytes(skb, ETH_HLEN, &word, sizeof(word), BPF_F_RECOMPUTE_CSUM);
	}
	return UNDERLAY_PASS;
}

/* The outer mark of a packet that weft-holder gives back. */
static __noinline void underlay_joined(struct __sk_buff *skb, struct underlay *u)
{
	struct fragment_key key = {};
	__be32 word;

	if (!u || (u->tos & ECN_CE) != ECN_ECT0 ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + (u->v6 ? 0 : 4), &word, sizeof(word)))
		return;
	key.source = u->source;
	key.destination = u->destination;
	key.id = u->v6 ? bpf_ntohl(word) & FLOW_LABEL_MASK : bpf_ntohl(word) >> 16;
	if (bpf_map_delete_elem(&fragments_ect1, &key) == 0)
		u->tos = (u->tos & ~ECN_CE) | ECN_ECT1;
}

#endif
