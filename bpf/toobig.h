/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Too big: what a frame comes to that does not fit the way to its remote, or whose segments do not.
 *
 *     answer    IPv6, IPv4 with DF, or with `toobig reject`: the frame becomes an ICMP error and goes back to its
 *               sender by the port that it came from (RFC 1191 4, RFC 8201 4, RFC 4459 3.2)
 *     fragment  IPv4 without DF: each fragment is a clone, sent to the splitter with its number, where its own part is
 *               cut out and encapsulated (RFC 791 3.2, RFC 4459 3.4)
 *     drop      what is left
 *
 * The error's source is the address that the packet was sent to: an address that its sender knows, that passes
 * checks of the reverse path and that a bridge needs none of its own for.
 */
#ifndef WEFT_BPF_TOOBIG_H
#define WEFT_BPF_TOOBIG_H

#include "bpf/deliver.h"
#include "bpf/encap_fragment.h"

#define TOOBIG_RATE	 64 /* errors in a tick and CPU */
#define TOOBIG_QUOTE_4	 548
#define TOOBIG_QUOTE_6	 1232
#define TOOBIG_REST	 IPV6_HLEN /* bytes that are left of a packet while its head is exchanged */
#define IPV4_MTU_LEAST	 68
#define IPV6_MTU_LEAST	 1280
#define TOOBIG_TRIM	 1024 /* bytes: all headers are within them */
#define ICMP_HLEN	 8
#define ICMP_TTL	 64
#define IPV4_OPTIONS_MAX 40 /* bytes */
#define IPV4_OPTION_END	 0
#define IPV4_OPTION_NOP	 1
#define IPV4_OPTION_COPY 0x80

/* `aligns` is not sent: the IP header then is where words are. */
struct icmp_packet_4 {
	__u16 aligns;
	struct ethhdr eth;
	struct iphdr ip;
	__u8 type, code;
	__u16 check;
	__be16 unused, mtu;
};

struct icmp_packet_6 {
	__u16 aligns;
	struct ethhdr eth;
	struct ipv6hdr ip;
	__u8 type, code;
	__u16 check;
	__be32 mtu;
};

#define ICMP_PACKET_4 (ETH_HLEN + IPV4_HLEN + ICMP_HLEN)
#define ICMP_PACKET_6 (ETH_HLEN + IPV6_HLEN + ICMP_HLEN)

/* Is there room for one more error in this tick? RFC 4443 2.4 (f), RFC 1812 4.3.2.8. */
static __always_inline bool toobig_allowed(struct scratch *scratch, __u32 now)
{
	if (scratch->icmp_tick != now) {
		scratch->icmp_tick = now;
		scratch->icmp_count = 0;
	}
	return scratch->icmp_count++ < TOOBIG_RATE;
}

/* RFC 1122 3.2.2: no error about an error, a later fragment, or what is not from and to one host. */
static __always_inline bool toobig_answerable_4(struct __sk_buff *skb)
{
	struct iphdr ip;
	__u8 type, from, to;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.ihl < 5)
		return false;
	from = *(__u8 *)&ip.saddr;
	to = *(__u8 *)&ip.daddr;
	if (!from || from == 127 || from >= 224 || !to || to == 127 || to >= 224)
		return false;
	if (ip.frag_off & bpf_htons(IP_FRAGMENT_OFFSET))
		return false;
	if (ip.protocol != IPPROTO_NUMBER_ICMP)
		return true;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + ip.ihl * 4, &type, 1))
		return false;
	return type != 3 && type != 4 && type != 5 && type != 11 && type != 12;
}

/* RFC 4443 2.4 (e), but for its exception for groups, which would need an address to send from. */
static __always_inline bool toobig_answerable_6(struct __sk_buff *skb)
{
	struct ipv6hdr ip;
	__u8 rest[4];

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + IPV6_HLEN, rest, sizeof(rest)))
		return false;
	if (ip.saddr.in6_u.u6_addr8[0] == 0xff || ip.daddr.in6_u.u6_addr8[0] == 0xff)
		return false;
	/* no address, or the loopback's */
	if (!ip.saddr.in6_u.u6_addr32[0] && !ip.saddr.in6_u.u6_addr32[1] &&
	    !ip.saddr.in6_u.u6_addr32[2])
		return false;
	if (ip.nexthdr == IPV6_FRAGMENT)
		return !(((rest[2] << 8) | rest[3]) & IPV6_FRAGMENT_OFFSET);
	/* errors, and redirects */
	return ip.nexthdr != IPPROTO_NUMBER_ICMPV6 || (rest[0] >= 128 && rest[0] != 137);
}

/* Makes room for the headers of an error in front of `quote` bytes, of which what was there is not kept. */
static __always_inline int toobig_resize(struct __sk_buff *skb, __u32 length)
{
	__u32 least = ETH_HLEN + TOOBIG_REST;

	/* what the super-packet was to become is not so any more; the kernel trims to no more than some 16 KiB */
	if (skb->gso_size &&
	    bpf_skb_change_tail(skb, skb->len > TOOBIG_TRIM ? TOOBIG_TRIM : skb->len - 1, 0))
		return -1;
	/* all of the headers go, and with them what the kernel noted of checksums that are still to be filled in */
	if (skb->len < least || fragment_room(skb, (__s32)(least - skb->len)) ||
	    csum_state(skb) == SUM_PARTIAL)
		return -1;
	return fragment_room(skb, (__s32)(length - least));
}

static __always_inline void toobig_sum_4(struct __sk_buff *skb, struct icmp_packet_4 *head,
					 __u32 quote)
{
	__u64 sum;

	head->ip.check =
		~csum_fold((__u32)bpf_csum_diff(NULL, 0, (__be32 *)&head->ip, sizeof(head->ip), 0));
	sum = (__u32)csum_bytes(skb, ICMP_PACKET_4, quote);
	sum += bpf_htons(head->type << 8 | head->code);
	sum += head->mtu;
	head->check = ~csum_fold(sum);
}

/* Turns the packet into the error. `quote`: bytes of it in scratch->quote, a multiple of 4. */
static __noinline int toobig_icmp_4(struct __sk_buff *skb, const struct frame *f, __u32 mtu,
				    __u32 quote)
{
	struct icmp_packet_4 head = {.type = 3, .code = 4, .mtu = bpf_htons(mtu)};
	__u32 zero = 0, pair[2], length = ICMP_PACKET_4 + quote;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	__u8 tos;

	if (!f || !scratch || bpf_skb_load_bytes(skb, ETH_HLEN + 12, pair, sizeof(pair)) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + 1, &tos, 1))
		return -1;
	quote = bounded(quote, TOOBIG_QUOTE_4);
	if (!quote || bpf_skb_load_bytes(skb, ETH_HLEN, scratch->quote, quote) ||
	    toobig_resize(skb, length) ||
	    bpf_skb_store_bytes(skb, ICMP_PACKET_4, scratch->quote, quote, 0))
		return -1;
	__builtin_memcpy(head.eth.h_dest, f->src, ETH_ALEN);
	__builtin_memcpy(head.eth.h_source, f->dst, ETH_ALEN);
	head.eth.h_proto = bpf_htons(ETH_P_IP);
	head.ip.version = 4;
	head.ip.ihl = 5;
	head.ip.tos = (tos & 0x1e) | 0xc0; /* internetwork control (RFC 1812 4.3.2.5) */
	head.ip.tot_len = bpf_htons(length - ETH_HLEN);
	head.ip.ttl = ICMP_TTL;
	head.ip.protocol = IPPROTO_NUMBER_ICMP;
	head.ip.saddr = pair[1];
	head.ip.daddr = pair[0];
	toobig_sum_4(skb, &head, quote);
	return bpf_skb_store_bytes(skb, 0, &head.eth, ICMP_PACKET_4, 0);
}

static __noinline int toobig_icmp_6(struct __sk_buff *skb, const struct frame *f, __u32 mtu,
				    __u32 quote)
{
	struct icmp_packet_6 head = {.type = 2, .mtu = bpf_htonl(mtu)};
	__u32 zero = 0, length = ICMP_PACKET_6 + quote;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	__u64 sum;

	if (!f || !scratch)
		return -1;
	quote = bounded(quote, TOOBIG_QUOTE_6);
	if (!quote || bpf_skb_load_bytes(skb, ETH_HLEN, scratch->quote, quote) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + 8, &head.ip.daddr, sizeof(head.ip.daddr)) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + 24, &head.ip.saddr, sizeof(head.ip.saddr)) ||
	    toobig_resize(skb, length) ||
	    bpf_skb_store_bytes(skb, ICMP_PACKET_6, scratch->quote, quote, 0))
		return -1;
	__builtin_memcpy(head.eth.h_dest, f->src, ETH_ALEN);
	__builtin_memcpy(head.eth.h_source, f->dst, ETH_ALEN);
	head.eth.h_proto = bpf_htons(ETH_P_IPV6);
	head.ip.version = 6;
	head.ip.payload_len = bpf_htons(ICMP_HLEN + quote);
	head.ip.nexthdr = IPPROTO_NUMBER_ICMPV6;
	head.ip.hop_limit = ICMP_TTL;
	sum = (__u32)csum_bytes(skb, ICMP_PACKET_6, quote);
	sum += bpf_htons(head.type << 8) + (__u64)head.mtu;
	sum += bpf_htons(IPPROTO_NUMBER_ICMPV6) + (__u64)head.ip.payload_len;
	sum += (__u32)bpf_csum_diff(NULL, 0, (__be32 *)&head.ip.saddr, 2 * sizeof(head.ip.saddr),
				    0);
	head.check = ~csum_fold(sum);
	return bpf_skb_store_bytes(skb, 0, &head.eth, ICMP_PACKET_6, 0);
}

/* Back to where the frame came from. The port took it, so it takes this. */
static __always_inline int toobig_return(struct __sk_buff *skb, struct frame *f, struct outer *o)
{
	struct weft_port *port = port_get(f->port);

	if (!port || !(port->flags & WEFT_PORT_UP) || encap_unform(skb, f, o) ||
	    vlan_leave(skb, f, deliver_form(f, f->port, port)))
		return TC_ACT_SHOT;
	stats_tx(stats_port(f->port), skb->len);
	capture(skb, WEFT_POINT_PORT_OUT, 0, f->port, 0, 0);
	trace_packet(skb, WEFT_TRACE_ANSWER, f->port, 0, 0);
	return bpf_redirect(port->ifindex,
			    port->flags & (WEFT_PORT_INTERNAL | WEFT_PORT_L3) ? BPF_F_INGRESS : 0);
}

/* Tells the sender, where that may be done. What is dropped is counted in any case. */
static __noinline int toobig_answer(struct __sk_buff *skb, struct frame *f, struct outer *o,
				    __u32 mtu, __u32 tunnel)
{
	struct weft_drop_key told = {.reason = WEFT_DROP_MTU, .tunnel = tunnel};
	__u32 zero = 0, quote, least, reason = WEFT_DROP_MTU_SILENT;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	bool v6;

	if (!f || !o || !scratch)
		return TC_ACT_SHOT;
	v6 = o->proto == bpf_htons(ETH_P_IPV6);
	/* a link carries as much (RFC 791 3.2, RFC 8200 5), and nobody is to be told that it does not */
	least = v6 ? IPV6_MTU_LEAST : IPV4_MTU_LEAST;
	if (mtu < least)
		mtu = o->segment - ETH_HLEN - o->tags * VLAN_HLEN > least ? least : 0;
	if (!f->port || !mtu || mac_is_group(f->dst) ||
	    !(v6 ? toobig_answerable_6(skb) : toobig_answerable_4(skb)))
		return drop_count(skb, reason, 0, tunnel);
	if (!toobig_allowed(scratch, f->now))
		return drop_count(skb, WEFT_DROP_MTU_LIMIT, 0, tunnel);
	if (!skb->gso_size && fragment_csum(skb))
		return drop_count(skb, reason, 0, tunnel);
	/* while it is what was dropped */
	drop_observe(skb, WEFT_DROP_MTU, 0, tunnel);
	quote = (skb->len - ETH_HLEN) & ~3u;
	if (quote > (v6 ? TOOBIG_QUOTE_6 : TOOBIG_QUOTE_4))
		quote = v6 ? TOOBIG_QUOTE_6 : TOOBIG_QUOTE_4;
	if (v6 ? toobig_icmp_6(skb, f, mtu, quote) : toobig_icmp_4(skb, f, mtu, quote))
		return drop_count(skb, reason, 0, tunnel);
	reason_count(&drops, &told);
	return toobig_return(skb, f, o);
}

/* --- inner fragments ------------------------------------------------------------------------- */

/* Sends one clone for each fragment, and the frame itself for the last. Nothing of it is in a tunnel. */
static __noinline int toobig_fragment(struct __sk_buff *skb, struct frame *f, __u32 id,
				      struct outer *o, __u32 mtu)
{
	struct weft_remote *remote = remote_get(id);
	__u32 header, size, total, count;
	struct iphdr ip;
	int verdict;

	if (!f || !remote || !o)
		return TC_ACT_SHOT;
	if (skb->gso_size)
		return encap_unform(skb, f, o) ? drop_count(skb, WEFT_DROP_ENCAP, 0, remote->tunnel)
					       : encap_split(skb, f, id, remote->tunnel);
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) || ip.ihl < 5)
		return drop_count(skb, WEFT_DROP_MTU_SILENT, 0, remote->tunnel);
	header = ip.ihl * 4;
	total = bpf_ntohs(ip.tot_len);
	if (total <= header || total + ETH_HLEN > skb->len || mtu < IPV4_MTU_LEAST)
		return drop_count(skb, WEFT_DROP_MTU_SILENT, 0, remote->tunnel);
	size = (mtu - header) & ~7u;
	count = (total - header + size - 1) / size;
	if (fragment_csum(skb) || encap_unform(skb, f, o))
		return drop_count(skb, WEFT_DROP_ENCAP, 0, remote->tunnel);
	note_count(WEFT_NOTE_FRAGMENTED, remote->tunnel);
	skb->cb[4] = size;
	verdict = fragments_send(skb, f, id, count);
	return verdict < 0 ? drop_count(skb, WEFT_DROP_MTU_SILENT, 0, remote->tunnel) : verdict;
}

/* Options that are not to be in every fragment (RFC 791 3.1) become nothing in the later ones. */
static __always_inline void toobig_options(__u8 *option)
{
	__u32 left = 0;
	bool keep = true;

	for (int i = 0; i < IPV4_OPTIONS_MAX; i++) {
		if (!left) {
			if (option[i] == IPV4_OPTION_END)
				break;
			if (option[i] == IPV4_OPTION_NOP)
				continue;
			keep = option[i] & IPV4_OPTION_COPY;
			left = i + 1 < IPV4_OPTIONS_MAX ? option[i + 1] : 0;
		}
		if (left)
			left--;
		if (!keep)
			option[i] = IPV4_OPTION_NOP;
	}
}

/* Makes fragment f->fragment of the frame, of which `o` then is told. 0, or the reason to drop. */
__noinline int toobig_cut(struct __sk_buff *skb, const struct frame *f, struct outer *o)
{
	struct {
		struct iphdr ip;
		__u8 options[IPV4_OPTIONS_MAX];
	} head = {};
	__u32 size = skb->cb[4], header, total, offset, len, place;

	if (!f || !o || !f->fragment || size < 8 ||
	    bpf_skb_load_bytes(skb, ETH_HLEN, &head.ip, sizeof(head.ip)))
		return WEFT_DROP_ENCAP;
	header = bounded(head.ip.ihl * 4, sizeof(head));
	if (header < sizeof(head.ip) || bpf_skb_load_bytes(skb, ETH_HLEN, &head, header))
		return WEFT_DROP_ENCAP;
	total = bpf_ntohs(head.ip.tot_len);
	offset = (f->fragment - 1) * size;
	if (total <= header || offset >= total - header)
		return WEFT_DROP_ENCAP;
	len = total - header - offset;
	place = bpf_ntohs(head.ip.frag_off);
	if (len > size) {
		len = size;
		place |= IP_FRAGMENT_MORE;
	}
	/* the flags stay: those of what was a fragment already */
	place += offset / 8;
	head.ip.frag_off = bpf_htons(place);
	head.ip.tot_len = bpf_htons(header + len);
	if (offset)
		toobig_options(head.options);
	head.ip.check = 0;
	head.ip.check = ~csum_fold((__u32)bpf_csum_diff(NULL, 0, (__be32 *)&head, sizeof(head), 0));
	/* in this order: the kernel trims to no more than some 16 KiB */
	if ((offset && fragment_room(skb, -(__s32)offset)) ||
	    bpf_skb_change_tail(skb, ETH_HLEN + header + len, 0) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, &head, header, 0) ||
	    bpf_skb_pull_data(skb, ETH_HLEN + header))
		return WEFT_DROP_ENCAP;
	o->inner_len = skb->len + o->tags * VLAN_HLEN;
	o->segment = o->inner_len;
	return 0;
}

/* --- decision -------------------------------------------------------------------------------- */

/* A frame for remote `id` after encap_begin(), that is one too big. Outer fragments are for the tunnels that have them. */
__noinline int toobig(struct __sk_buff *skb, struct frame *f, __u32 id,
		      const struct weft_remote *remote, struct outer *o)
{
	struct weft_tunnel *tunnel = remote ? tunnel_get(remote->tunnel) : NULL;
	bool v4;

	if (!f || !remote || !o || !tunnel)
		return TC_ACT_SHOT;
	if (remote->flags & WEFT_REMOTE_FRAGMENT)
		return encap_unform(skb, f, o) ? drop_count(skb, WEFT_DROP_ENCAP, 0, remote->tunnel)
					       : encap_fragments(skb, f, id, remote, o);
	if (!o->ip)
		return drop_count(skb, WEFT_DROP_MTU_SILENT, 0, remote->tunnel);
	trace_frame(f, ENCAP, id, o->segment, encap_room(remote));
	trace_frame(f, TOOBIG, encap_mtu(remote, o->tags), 0, 0);
	v4 = o->proto == bpf_htons(ETH_P_IP);
	if (!v4 || o->df || (tunnel->flags & WEFT_TUNNEL_TOOBIG_REJECT))
		return toobig_answer(skb, f, o, encap_mtu(remote, o->tags), remote->tunnel);
	if (tunnel->flags & WEFT_TUNNEL_TOOBIG_DROP)
		return drop_count(skb, WEFT_DROP_MTU_NO_DF, 0, remote->tunnel);
	return toobig_fragment(skb, f, id, o, encap_mtu(remote, o->tags));
}

#endif
