/* SPDX-License-Identifier: GPL-2.0-only */
/* Guard: addresses that no bridge forwards (IEEE 802.1Q 8.6.3). */
#ifndef WEFT_BPF_GUARD_H
#define WEFT_BPF_GUARD_H

#include "bpf/frame.h"

static __always_inline bool mac_is_zero(const __u8 *mac)
{
	return !(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]);
}

static __always_inline int guard(const struct frame *f, const struct weft_bridge *bridge)
{
	if (mac_is_group(f->src) || mac_is_zero(f->src))
		return WEFT_DROP_SRC_MAC;
	/* 01:80:c2:00:00:00 to 0f stay on their link unless the bridge is told to forward them */
	if (f->dst[0] == 0x01 && f->dst[1] == 0x80 && f->dst[2] == 0xc2 && !f->dst[3] &&
	    !f->dst[4] && f->dst[5] < 16 && !(bridge->group_fwd_mask >> f->dst[5] & 1))
		return WEFT_DROP_RESERVED_MAC;
	return 0;
}

#endif
