/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packet that `weft probe` has made enters at a port as if it had come from there. Run by weftd (BPF_PROG_TEST_RUN,
 * daemon/inject.c), never attached.
 */
#ifndef WEFT_BPF_INJECT_H
#define WEFT_BPF_INJECT_H

#include "bpf/frame.h"

/* cb[0]: ifindex; cb[1]: flags of bpf_clone_redirect(); cb[2]: bytes that the frame is to have, zero beyond what is given. */
SEC("tc")
int weft_inject(struct __sk_buff *skb)
{
	__u32 ifindex = skb->cb[0], flags = skb->cb[1], len = skb->cb[2];
	long error = 0;

	/* to weft_port it would mean a copy that the datapath has sent to itself */
	skb->cb[0] = skb->cb[1] = skb->cb[2] = 0;
	if (len > skb->len)
		error = bpf_skb_change_tail(skb, len, 0);
	if (!error)
		error = bpf_clone_redirect(skb, ifindex, flags & BPF_F_INGRESS);
	return error < 0 ? (int)-error : error ? 1 : 0;
}

#endif
