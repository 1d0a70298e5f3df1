/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Validate: GENEVE (RFC 8926). Version and lengths are judged before the tunnel is known, options
 * and the O bit after it, since the tunnel says which options are known.
 */
#ifndef WEFT_BPF_DECAP_GENEVE_H
#define WEFT_BPF_DECAP_GENEVE_H

#include "bpf/decap_gre.h"
#include "bpf/drop.h"
#include "bpf/learn.h"

#define GENEVE_HLEN	 8
#define GENEVE_OPT_LEN	 0x3f /* of the first byte: 4-byte words */
#define GENEVE_CONTROL	 0x80 /* O, of the second byte */
#define GENEVE_CRITICAL	 0x40 /* C */
#define OPTION_HLEN	 4
#define OPTION_CRITICAL	 0x80 /* of the type */
#define OPTION_LEN	 0x1f /* of the fourth byte: 4-byte words; R bits are ignored */
#define OPTION_SLOTS	 32
#define OPTION_WORDS_MAX 31

/* 0, or the reason to drop. Fills vni, payload, options_len, geneve and inner_offset. */
static __always_inline int validate_geneve(struct __sk_buff *skb, struct underlay *u)
{
	__u8 header[GENEVE_HLEN];

	if (u->l4_offset + UDP_HLEN + GENEVE_HLEN > u->end ||
	    bpf_skb_load_bytes(skb, u->l4_offset + UDP_HLEN, header, sizeof(header)))
		return WEFT_DROP_MALFORMED;
	if (header[0] >> 6)
		return WEFT_DROP_BAD_VER;
	u->options_len = (header[0] & GENEVE_OPT_LEN) * 4;
	u->geneve = header[1];
	__builtin_memcpy(&u->payload, &header[2], sizeof(u->payload));
	u->vni = header[4] << 16 | header[5] << 8 | header[6];
	u->inner_offset = u->l4_offset + UDP_HLEN + GENEVE_HLEN + u->options_len;
	return u->inner_offset + payload_least(u->payload) > u->end ? WEFT_DROP_MALFORMED : 0;
}

/* --- options (RFC 8926 3.5) ---------------------------------------------------------------------- */

struct option_walk {
	struct __sk_buff *skb;
	__u32 tunnel;
	__u32 offset;	/* of the next option */
	__u32 left;	/* bytes from there to the end of the options */
	__u32 matched;	/* a bit for the slot of each option whose value was demanded and found */
	__u32 critical; /* there was a critical one */
	__u32 reason;
};

/* Is the data of the option at `offset` what the tunnel demands? */
static __noinline bool option_matches(struct __sk_buff *skb, __u32 offset,
				      const struct weft_option *option)
{
	__u32 word;

	if (!option)
		return false;
	for (int i = 0; i < OPTION_WORDS_MAX && i * 4 < option->len; i++)
		if (bpf_skb_load_bytes(skb, offset + i * 4, &word, sizeof(word)) ||
		    word != ((const __u32 *)option->data)[i])
			return false;
	return true;
}

static long option_step(__u32 index, void *data)
{
	struct option_walk *walk = data;
	struct weft_option_key key = {.tunnel = walk->tunnel};
	struct weft_option *known;
	__u8 header[OPTION_HLEN];
	__u32 len;

	(void)index;
	if (!walk->left)
		return 1;
	if (walk->left < OPTION_HLEN ||
	    bpf_skb_load_bytes(walk->skb, walk->offset, header, sizeof(header))) {
		walk->reason = WEFT_DROP_OPT_LEN;
		return 1;
	}
	len = (header[3] & OPTION_LEN) * 4;
	if (OPTION_HLEN + len > walk->left) {
		walk->reason = WEFT_DROP_OPT_LEN;
		return 1;
	}
	key.class = header[0] << 8 | header[1];
	key.type = header[2];
	known = bpf_map_lookup_elem(&known_options, &key);
	if (known && known->len != len) {
		walk->reason = WEFT_DROP_OPT_LEN;
		return 1;
	}
	if (header[2] & OPTION_CRITICAL) {
		walk->critical = 1;
		if (!known) {
			walk->reason = WEFT_DROP_OPT_CRIT;
			return 1;
		}
	}
	if (known && known->match && known->slot < OPTION_SLOTS &&
	    option_matches(walk->skb, walk->offset + OPTION_HLEN, known))
		walk->matched |= 1u << known->slot;
	walk->offset += OPTION_HLEN + len;
	walk->left -= OPTION_HLEN + len;
	return 0;
}

/* Notes what the remote sent, if that is not what it sent before; at most about once a second. */
__noinline int options_report(struct __sk_buff *skb, struct underlay *u, __u32 remote)
{
	struct weft_seen_options *seen, *before;
	struct weft_dest dest = {.remote = remote};
	__u32 zero = 0, hash = 0x811c9dc5, now = tick_now();
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	__u32 len;

	if (!scratch || !u)
		return 0;
	seen = &scratch->options;
	len = bounded(u->options_len, WEFT_OPTIONS_MAX);
	if (!len)
		return 0;
	__builtin_memset(seen->bytes, 0, sizeof(seen->bytes));
	if (bpf_skb_load_bytes(skb, u->l4_offset + UDP_HLEN + GENEVE_HLEN, seen->bytes, len))
		return 0;
	for (int i = 0; i < WEFT_OPTIONS_MAX / 4; i++)
		hash = (hash ^ ((__u32 *)seen->bytes)[i]) * 0x01000193;
	before = bpf_map_lookup_elem(&seen_options, &remote);
	if (before && before->len == len &&
	    (before->hash == hash || now - before->tick < WEFT_SEEN_SLACK))
		return 0;
	seen->tick = now;
	seen->hash = hash;
	seen->len = len;
	if (!bpf_map_update_elem(&seen_options, &remote, seen, BPF_ANY))
		event_send(WEFT_EVENT_OPTIONS, NULL, &dest, NULL);
	return 0;
}

/* 0, or the reason to drop. */
__noinline int options_check(struct __sk_buff *skb, struct underlay *u,
			     const struct weft_tunnel *tunnel, __u32 id)
{
	struct option_walk walk = {.skb = skb, .tunnel = id};
	__u32 zero = skb->len;

	if (!u || !tunnel)
		return WEFT_DROP_OPT_LEN;
	/* see flood_zero() */
	asm volatile("%0 -= %0" : "+r"(zero));
	walk.matched = walk.critical = walk.reason = zero;
	walk.offset = u->l4_offset + UDP_HLEN + GENEVE_HLEN;
	walk.left = u->options_len;
	bpf_loop(GENEVE_OPT_LEN + 1, option_step, &walk, 0);
	if (walk.reason)
		return walk.reason;
	if ((walk.matched & tunnel->required) != tunnel->required)
		return WEFT_DROP_OPT_MATCH;
	if (!(u->geneve & GENEVE_CRITICAL) != !walk.critical)
		note_count(WEFT_NOTE_NOT_CRITICAL, id);
	return 0;
}

/* --- control packets (RFC 8926 3.4, O bit) ---------------------------------------------------------- */

/* Is there room to tell of one more in this tick? */
static __always_inline bool control_allowed(void)
{
	__u32 zero = 0, now = tick_now();
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);

	if (!scratch)
		return false;
	if (scratch->control_tick != now) {
		scratch->control_tick = now;
		scratch->control_count = 0;
	}
	return scratch->control_count++ < WEFT_CONTROL_RATE;
}

__noinline int control_report(struct __sk_buff *skb, struct underlay *u, __u32 tunnel, __u32 remote)
{
	struct weft_control_event *event;
	__u32 offset, captured;

	if (!u || !control_allowed())
		return 0;
	offset = u->l4_offset + UDP_HLEN;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->type = WEFT_EVENT_CONTROL;
	event->tick = tick_now();
	event->tunnel = tunnel;
	event->remote = remote;
	event->len = u->end - offset;
	captured = event->len - 1;
	if (captured > WEFT_CONTROL_BYTES - 1)
		captured = WEFT_CONTROL_BYTES - 1;
	/* 1 to WEFT_CONTROL_BYTES, in a form that the verifier of 6.1 follows */
	asm volatile("%0 &= 511\n\t%0 += 1" : "+r"(captured));
	event->captured = captured;
	if (bpf_skb_load_bytes(skb, offset, event->bytes, captured))
		event->captured = 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* --- what only the tunnel can say ------------------------------------------------------------------- */

/* `remote` is where seen options are kept. */
static __always_inline int accept_geneve(struct __sk_buff *skb, struct underlay *u,
					 const struct weft_tunnel *tunnel, __u32 id, __u32 remote)
{
	bool ip = u->payload == bpf_htons(ETH_P_IP) || u->payload == bpf_htons(ETH_P_IPV6);
	int reason = 0;

	if (u->options_len > tunnel->options_max)
		return WEFT_DROP_OPT_TOOLONG;
	if (!(tunnel->flags & WEFT_TUNNEL_OPTIONS))
		reason = u->geneve & GENEVE_CRITICAL ? WEFT_DROP_OPT_CRIT : 0;
	else if (u->options_len || tunnel->required || (u->geneve & GENEVE_CRITICAL))
		reason = options_check(skb, u, tunnel, id);
	if (reason)
		return reason;
	if (u->geneve & GENEVE_CONTROL) {
		control_report(skb, u, id, remote);
		return WEFT_DROP_CTRL_RX;
	}
	if (tunnel->flags & WEFT_TUNNEL_L3 ? !ip : u->payload != bpf_htons(PROTO_ETHERNET))
		return WEFT_DROP_INNER_PROTO;
	if (u->options_len)
		options_report(skb, u, remote);
	return 0;
}

#endif
