/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VLANs (IEEE 802.1Q) on a VLAN-aware bridge: which VLAN a frame is in when it enters, and
 * the form in which it leaves. Inside the bridge a frame carries no tag of its own VLAN.
 * On a bridge that is not VLAN-aware nothing here is called, and tags are payload.
 */
#ifndef WEFT_BPF_VLAN_H
#define WEFT_BPF_VLAN_H

#include "bpf/parse.h"

static __noinline bool trunk_has(__u32 member, __u16 vid)
{
	struct weft_trunk *trunk = bpf_map_lookup_elem(&trunks, &member);

	vid &= VLAN_VID_MASK;
	return trunk && (trunk->vlan[vid / 32] >> (vid % 32) & 1);
}

/*
 * The VLAN of a frame from a member whose untagged VLAN is `untagged` (0: none) and which
 * carries the VLANs of trunks[member] tagged (`trunk`: it has some). Takes the tag off.
 */
static __always_inline int vlan_enter(struct __sk_buff *skb, struct frame *f, __u16 untagged,
				      bool trunk, __u32 member)
{
	__u16 vid = 0;

	if (skb->vlan_present) {
		f->tci = skb->vlan_tci;
		f->tag_proto = skb->vlan_proto;
		vid = f->tci & VLAN_VID_MASK;
		/* with two tags the second one takes the place of the first */
		if (bpf_skb_vlan_pop(skb) || parse_proto(skb, f))
			return WEFT_DROP_VLAN_TAGS;
	}
	f->vlan = vid ? vid : untagged;
	if (!f->vlan)
		return WEFT_DROP_VLAN;
	if (f->vlan != untagged && !(trunk && trunk_has(member, f->vlan)))
		return WEFT_DROP_VLAN;
	return 0;
}

enum vlan_form { VLAN_NOT_MEMBER, VLAN_UNTAGGED, VLAN_TAGGED };

static __always_inline enum vlan_form vlan_form(const struct frame *f, __u16 untagged, bool trunk,
						__u32 member)
{
	if (f->vlan == untagged)
		return VLAN_UNTAGGED;
	if (trunk && trunk_has(member, f->vlan))
		return VLAN_TAGGED;
	return VLAN_NOT_MEMBER;
}

/* Puts the frame into the form in which a member wants it; priority bits stay. */
static __always_inline int vlan_leave(struct __sk_buff *skb, struct frame *f, enum vlan_form form)
{
	bool tagged = form == VLAN_TAGGED;

	if (tagged == f->retagged)
		return 0;
	if (tagged ? bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q),
				       (f->tci & ~VLAN_VID_MASK) | f->vlan)
		   : bpf_skb_vlan_pop(skb))
		return WEFT_DROP_VLAN_TAGS;
	f->retagged = tagged;
	return parse_proto(skb, f) ? WEFT_DROP_TRUNCATED : 0;
}

/*
 * Some helpers leave the protocol that the kernel noted for a frame when they change what it is. Pushing two
 * tags and popping them makes it read the Ethertype again.
 */
static __always_inline int vlan_note_protocol(struct __sk_buff *skb)
{
	return bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 1) ||
	       bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 1) || bpf_skb_vlan_pop(skb) ||
	       bpf_skb_vlan_pop(skb);
}

#endif
