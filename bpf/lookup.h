/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lookup: where the frame's destination is. An entry that has not been seen for
 * the ageing time counts as not there, whether or not weftd has removed it yet:
 * a host that fell silent or moved is found again by flooding.
 */
#ifndef WEFT_BPF_LOOKUP_H
#define WEFT_BPF_LOOKUP_H

#include "bpf/frame.h"

/* The FDB entry of the destination; NULL: flood. */
static __always_inline const struct weft_fdb_entry *lookup(const struct frame *f)
{
	struct weft_fdb_key key = {.bridge = f->bridge, .vlan = f->vlan};

	if (mac_is_group(f->dst))
		return NULL;
	__builtin_memcpy(key.mac, f->dst, ETH_ALEN);
	return bpf_map_lookup_elem(&fdb, &key);
}

/* `ageing` is that of the port or tunnel the entry points to, in ticks. */
static __always_inline bool lookup_aged(const struct frame *f, const struct weft_fdb_entry *entry,
					__u32 ageing)
{
	return ageing && !(entry->flags & (WEFT_FDB_STATIC | WEFT_FDB_LOCAL)) &&
	       (__s32)(f->now - entry->seen) > (__s32)ageing;
}

#endif
