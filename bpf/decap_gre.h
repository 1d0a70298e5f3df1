/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Validate: GRE (RFC 2784) with key and sequence number (RFC 2890), over IPv4 and IPv6 (RFC 7676), and NVGRE
 * (RFC 7637), which is GRE with a key that is a VSID and a FlowID.
 */
#ifndef WEFT_BPF_DECAP_GRE_H
#define WEFT_BPF_DECAP_GRE_H

#include "bpf/trace.h"
#include "bpf/underlay.h"

#define GRE_CSUM      0x8000
#define GRE_KEY	      0x2000
#define GRE_SEQ	      0x1000
#define GRE_FORBIDDEN 0x4c00 /* routing, strict source route, and bit 5 (RFC 2784 2.3) */
#define GRE_VERSION   0x0007
#define GRE_HLEN      4

#define SEQUENCE_ATTEMPTS 8

/* Bytes that a payload of this type has at least; 0: nobody carries it. */
static __always_inline __u32 payload_least(__be16 type)
{
	if (type == bpf_htons(PROTO_ETHERNET))
		return ETH_HLEN;
	if (type == bpf_htons(ETH_P_IP))
		return IPV4_HLEN;
	return type == bpf_htons(ETH_P_IPV6) ? IPV6_HLEN : 0;
}

/* 0, or the reason to drop. Fills type, port, vni (the key), sequence, payload, summed and inner_offset. */
static __always_inline int validate_gre(struct __sk_buff *skb, struct underlay *u)
{
	__u32 offset = u->l4_offset + GRE_HLEN, least;
	__be32 word;
	__be16 base[2];

	if (offset > u->end || bpf_skb_load_bytes(skb, u->l4_offset, base, sizeof(base)))
		return WEFT_DROP_MALFORMED;
	u->gre = bpf_ntohs(base[0]);
	u->payload = base[1];
	if (u->gre & GRE_VERSION)
		return WEFT_DROP_GRE_VER;
	if (u->gre & GRE_FORBIDDEN)
		return WEFT_DROP_GRE_FLAGS;
	u->port = WEFT_GRE_NO_KEY;
	if (u->gre & GRE_CSUM) {
		u->summed = true;
		offset += 4;
	}
	if (u->gre & GRE_KEY) {
		if (bpf_skb_load_bytes(skb, offset, &word, sizeof(word)))
			return WEFT_DROP_MALFORMED;
		u->vni = bpf_ntohl(word);
		u->port = WEFT_GRE_KEY;
		offset += 4;
	}
	if (u->gre & GRE_SEQ) {
		if (bpf_skb_load_bytes(skb, offset, &word, sizeof(word)))
			return WEFT_DROP_MALFORMED;
		u->sequence = bpf_ntohl(word);
		offset += 4;
	}
	if (offset > u->end)
		return WEFT_DROP_MALFORMED;
	u->inner_offset = offset;
	u->type = u->payload == bpf_htons(PROTO_ETHERNET) ? WEFT_TYPE_GRETAP : WEFT_TYPE_GRE;
	least = payload_least(u->payload);
	if (!least)
		return WEFT_DROP_GRE_PROTO;
	return offset + least > u->end ? WEFT_DROP_MALFORMED : 0;
}

/* RFC 2890 2.2: a number in (last - 2^31, last] is out of sequence. */
static __always_inline bool gre_is_old(__u32 last, __u32 number)
{
	return last == number || number - last > 1u << 31;
}

__noinline int gre_sequence(__u32 id, __u32 number)
{
	struct weft_sequence first = {.last = WEFT_SEQUENCE_LAST}, *sequence;
	__u32 last;

	sequence = bpf_map_lookup_elem(&sequences, &id);
	if (tracing)
		return gre_is_old(sequence ? sequence->last : first.last, number)
			       ? WEFT_DROP_GRE_SEQ
			       : 0;
	if (!sequence) {
		bpf_map_update_elem(&sequences, &id, &first, BPF_NOEXIST);
		sequence = bpf_map_lookup_elem(&sequences, &id);
		if (!sequence)
			return WEFT_DROP_GRE_SEQ;
	}
	for (int i = 0; i < SEQUENCE_ATTEMPTS; i++) {
		last = *(volatile __u32 *)&sequence->last;
		if (gre_is_old(last, number))
			return WEFT_DROP_GRE_SEQ;
		if (__sync_val_compare_and_swap(&sequence->last, last, number) == last)
			return 0;
	}
	return WEFT_DROP_GRE_SEQ;
}

/* What only the tunnel can say; `remote` is where its numbers are kept. */
static __always_inline int accept_gre(const struct underlay *u, const struct weft_tunnel *tunnel,
				      __u32 remote)
{
	if (tunnel->type == WEFT_TYPE_NVGRE)
		return u->gre & (GRE_CSUM | GRE_SEQ) ? WEFT_DROP_GRE_FLAGS : 0;
	if ((tunnel->flags & WEFT_TUNNEL_CSUM_NEEDED) && !u->summed)
		return WEFT_DROP_CSUM_MISSING;
	if ((tunnel->flags & WEFT_TUNNEL_SEQ_NEEDED) && (u->gre & GRE_SEQ))
		return gre_sequence(remote, u->sequence);
	return 0;
}

#endif
