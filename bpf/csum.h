/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Internet checksums (RFC 1071) over whole packets: for tunnels that send one, and for packets
 * received with one that nobody verified yet.
 */
#ifndef WEFT_BPF_CSUM_H
#define WEFT_BPF_CSUM_H

#include <bpf/bpf_core_read.h>

#include "bpf/frame.h"

/* The fields of the kernel's own structure that its context for programs does not show. */
struct sk_buff___weft {
	unsigned char *head;
	unsigned char *data;
	__u16 csum_start;
	__u16 csum_offset;
	__u8 ip_summed : 2;
} __attribute__((preserve_access_index));

enum { SUM_NONE, SUM_UNNECESSARY, SUM_COMPLETE, SUM_PARTIAL };

static __always_inline __u32 csum_state(struct __sk_buff *skb)
{
	struct sk_buff___weft *real = (void *)skb;

	return BPF_CORE_READ_BITFIELD_PROBED(real, ip_summed);
}

/* Where the checksum still to be filled in starts, from skb->data; and where it goes from there. */
static __always_inline void csum_partial_place(struct __sk_buff *skb, __u32 *ret_start,
					       __u32 *ret_offset)
{
	struct sk_buff___weft *real = (void *)skb;

	*ret_start = BPF_CORE_READ(real, csum_start) -
		     (__u32)(BPF_CORE_READ(real, data) - BPF_CORE_READ(real, head));
	*ret_offset = BPF_CORE_READ(real, csum_offset);
}

static __always_inline __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* What one call of bpf_csum_diff() takes at most. */
#define CSUM_CHUNK SCRATCH_CHUNK

struct csum_walk {
	struct __sk_buff *skb;
	__u32 offset;
	__u32 left;
	__u32 sum;
};

static long csum_step(__u32 index, void *data)
{
	struct csum_walk *walk = data;
	__u32 bytes = CSUM_CHUNK, zero = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);

	(void)index;
	if (!walk->left || !scratch)
		return 1;
	if (walk->left < CSUM_CHUNK) {
		bytes = walk->left - 1;
		/* 1 to CSUM_CHUNK, in a form that the verifier of 6.1 follows */
		asm volatile("%0 &= 511\n\t%0 += 1" : "+r"(bytes));
		/* the words that are summed may reach behind the last byte */
		*(__u32 *)(scratch->chunk + ((bytes - 1) & (CSUM_CHUNK - 4))) = 0;
	}
	if (bpf_skb_load_bytes(walk->skb, walk->offset, scratch->chunk, bytes))
		return 1;
	walk->sum = bpf_csum_diff(NULL, 0, (__be32 *)scratch->chunk, (bytes + 3) & ~3u, walk->sum);
	walk->offset += bytes;
	walk->left -= bytes;
	return 0;
}

/* Sum over `bytes` from `offset`, which starts on an even place of what is summed: 32 bits, whatever its type says. */
__noinline int csum_bytes(struct __sk_buff *skb, __u32 offset, __u32 bytes)
{
	struct csum_walk walk = {.skb = skb, .offset = offset, .left = bytes};

	bpf_loop(65536 / CSUM_CHUNK, csum_step, &walk, 0);
	return walk.sum;
}

/* Sum of a pseudo-header (RFC 768, RFC 8200 8.1), which for v4-mapped addresses is IPv4's but for a constant that
 * is taken off; addresses network order, the rest host order. */
static __always_inline __u64 csum_pseudo(const struct weft_addr *source,
					 const struct weft_addr *destination, __u32 protocol,
					 __u32 length)
{
	__u64 sum = bpf_htons(protocol);

	sum += bpf_htonl(length);
	for (int i = 0; i < 4; i++)
		sum += (__u64)source->word[i] + destination->word[i];
	/* the 0xffff of a mapped address is the zero of ones' complement: it may stay */
	return sum;
}

#endif
