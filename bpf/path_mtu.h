/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Path MTU: ICMP errors that say that a packet of ours was too big for the way (RFC 1191, RFC 8201). One is believed if it
 * quotes what can only have been sent by this host to that remote, and lowers the MTU of that remote alone, until
 * the tunnel's mtu_expires is over (encap_path_expire()). The error goes on to the host in any case.
 */
#ifndef WEFT_BPF_PATH_MTU_H
#define WEFT_BPF_PATH_MTU_H

#include "bpf/decap_geneve.h"
#include "bpf/peer.h"
#include "bpf/toobig.h"

/* RFC 1191 7.1: what a router that does not say may have meant. `length` is what was too big. */
static __always_inline __u32 path_mtu_plateau(__u32 length)
{
#define PATH_MTU_PLATEAU(bytes)                                                                    \
	if (length > (bytes))                                                                      \
	return bytes

	PATH_MTU_PLATEAU(32000);
	PATH_MTU_PLATEAU(17914);
	PATH_MTU_PLATEAU(8166);
	PATH_MTU_PLATEAU(4352);
	PATH_MTU_PLATEAU(2002);
	PATH_MTU_PLATEAU(1492);
	PATH_MTU_PLATEAU(1006);
	PATH_MTU_PLATEAU(508);
	PATH_MTU_PLATEAU(296);
#undef PATH_MTU_PLATEAU
	return IPV4_MTU_LEAST;
}

/* The packet that an error quotes. */
struct quote {
	struct weft_peer_key key; /* for map `paths` */
	__u32 offset;		  /* of its IP header, then of what is behind that */
	__u32 length;		  /* of the packet that it was */
	__u32 end;		  /* of the quote */
	__u16 source_port;
	__u8 protocol;
	bool df, named; /* the quote says which tunnel */
};

static __always_inline bool quote_ip_4(struct __sk_buff *skb, struct quote *q)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, q->offset, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return false;
	q->key.local = (struct weft_addr){{0, 0, bpf_htonl(0xffff), ip.saddr}};
	q->key.remote = (struct weft_addr){{0, 0, bpf_htonl(0xffff), ip.daddr}};
	q->offset += ip.ihl * 4;
	q->length = bpf_ntohs(ip.tot_len);
	q->protocol = ip.protocol;
	/* and it is no fragment */
	q->df = (ip.frag_off & bpf_htons(IPV4_DF | IP_FRAGMENT_MORE | IP_FRAGMENT_OFFSET)) ==
		bpf_htons(IPV4_DF);
	return true;
}

static __always_inline bool quote_ip_6(struct __sk_buff *skb, struct quote *q)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, q->offset, &ip, sizeof(ip)) || ip.version != 6)
		return false;
	__builtin_memcpy(&q->key.local, &ip.saddr, sizeof(q->key.local));
	__builtin_memcpy(&q->key.remote, &ip.daddr, sizeof(q->key.remote));
	q->offset += IPV6_HLEN;
	q->length = IPV6_HLEN + bpf_ntohs(ip.payload_len);
	q->protocol = ip.nexthdr;
	q->df = true;
	return true;
}

/* UDP, and VXLAN or GENEVE. False: none of ours. */
static __always_inline bool quote_udp(struct __sk_buff *skb, struct quote *q)
{
	__be16 pair[2];
	__be32 header[2];

	if (q->offset + UDP_HLEN > q->end || bpf_skb_load_bytes(skb, q->offset, pair, sizeof(pair)))
		return false;
	q->source_port = bpf_ntohs(pair[0]);
	q->key.port = bpf_ntohs(pair[1]);
	q->key.type = underlay_listen(q->key.port);
	if (!q->key.port || !q->key.type)
		return false;
	q->named = q->offset + UDP_HLEN + sizeof(header) <= q->end &&
		   !bpf_skb_load_bytes(skb, q->offset + UDP_HLEN, header, sizeof(header));
	if (q->named)
		q->key.vni = bpf_ntohl(header[1]) >> 8;
	return true;
}

/* GRE, by what its header has: with a key it may be NVGRE, too. */
static __always_inline bool quote_gre(struct __sk_buff *skb, struct quote *q)
{
	__u8 listened = underlay_listen(0);
	__be16 header[2];
	__be32 key = 0;
	__u16 flags;

	if (!listened || q->offset + 4 > q->end ||
	    bpf_skb_load_bytes(skb, q->offset, header, sizeof(header)))
		return false;
	flags = bpf_ntohs(header[0]);
	q->key.type = header[1] == bpf_htons(PROTO_ETHERNET) ? WEFT_TYPE_GRETAP : WEFT_TYPE_GRE;
	q->key.port = WEFT_GRE_NO_KEY;
	q->named = true;
	if (!(flags & GRE_KEY))
		return true;
	q->offset += flags & GRE_CSUM ? 8 : 4;
	q->named = q->offset + sizeof(key) <= q->end &&
		   !bpf_skb_load_bytes(skb, q->offset, &key, sizeof(key));
	q->key.port = WEFT_GRE_KEY;
	q->key.vni = bpf_ntohl(key);
	return true;
}

static __always_inline __u32 quote_remote(struct quote *q)
{
	__u32 *id = bpf_map_lookup_elem(&paths, &q->key);

	if (!id && q->key.type == WEFT_TYPE_GRETAP && q->key.port == WEFT_GRE_KEY) {
		q->key.type = WEFT_TYPE_NVGRE;
		q->key.vni >>= 8;
		id = bpf_map_lookup_elem(&paths, &q->key);
	}
	return id ? *id : 0;
}

/* Tells weftd; `remote` 0: it is to find out which. */
static __noinline void path_mtu_report(const struct quote *q, __u32 remote, __u32 mtu)
{
	struct weft_path_mtu_event *event;

	if (!q || !control_allowed())
		return;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return;
	event->type = WEFT_EVENT_PATH_MTU;
	event->tick = tick_now();
	event->remote = remote;
	event->mtu = mtu;
	event->port = q->protocol == IPPROTO_NUMBER_UDP ? q->key.port : 0;
	event->source = q->key.local;
	event->destination = q->key.remote;
	bpf_ringbuf_submit(event, 0);
}

/* Is the packet one that this host sends to this remote, and could it be too big for a way of that MTU? */
static __always_inline bool path_mtu_valid(const struct quote *q, const struct weft_tunnel *tunnel,
					   __u32 mtu)
{
	if (q->length <= mtu || !q->df)
		return false;
	return q->protocol != IPPROTO_NUMBER_UDP ||
	       (__u32)q->source_port - tunnel->srcport_min < tunnel->srcport_range;
}

static __always_inline void path_mtu_lower(const struct quote *q, __u32 id,
					   struct weft_remote *remote, __u32 mtu)
{
	if (mtu >= (__u32)remote->mtu + remote->mtu_kept)
		return; /* it knows */
	if (tracing) {
		trace_value(WEFT_TRACE_PATH_MTU, id, id, mtu, 0);
		return;
	}
	remote->path_tick = tick_now();
	remote->path_mtu = mtu;
	remote->mtu = mtu > remote->mtu_kept ? mtu - remote->mtu_kept : 0;
	note_count(WEFT_NOTE_PATH_MTU, remote->tunnel);
	path_mtu_report(q, id, mtu);
}

/* `u->l4_offset` is that of an ICMP or ICMPv6 header. */
__noinline int path_mtu_error(struct __sk_buff *skb, struct underlay *u)
{
	struct {
		__u8 type, code;
		__u16 check;
		__be32 mtu;
	} icmp;
	struct weft_tunnel *tunnel;
	struct weft_remote *remote;
	struct quote q = {};
	__u32 mtu, id, least;
	__u64 sum;

	if (!u || bpf_skb_load_bytes(skb, u->l4_offset, &icmp, sizeof(icmp)) ||
	    icmp.code != (u->v6 ? 0 : 4) || icmp.type != (u->v6 ? 2 : 3) ||
	    address_kind(&u->destination) != WEFT_ADDRESS_UNICAST || u->end < u->l4_offset ||
	    u->end > skb->len)
		return 0;
	mtu = bpf_ntohl(icmp.mtu);
	q.offset = u->l4_offset + ICMP_HLEN;
	q.end = u->end;
	if (!u->v6)
		mtu &= 0xffff;
	if (!(u->v6 ? quote_ip_6(skb, &q) : quote_ip_4(skb, &q)))
		return 0;
	if (q.protocol == IPPROTO_NUMBER_UDP   ? !quote_udp(skb, &q)
	    : q.protocol == IPPROTO_NUMBER_GRE ? !quote_gre(skb, &q)
					       : true)
		return 0;
	/* it quotes what might be ours: from here on it is right or forged */
	id = q.named ? quote_remote(&q) : 0;
	remote = remote_get(id);
	tunnel = id && remote ? tunnel_get(remote->tunnel) : NULL;
	sum = (__u32)csum_bytes(skb, u->l4_offset, u->end - u->l4_offset);
	if (u->v6)
		sum += csum_pseudo(&u->source, &u->destination, IPPROTO_NUMBER_ICMPV6,
				   u->end - u->l4_offset);
	least = u->v6 ? IPV6_MTU_LEAST : IPV4_MTU_LEAST;
	if (csum_state(skb) != SUM_PARTIAL && csum_fold(sum) != 0xffff)
		goto forged;
	if (!mtu && !u->v6) {
		mtu = q.length;
		if (tunnel && mtu > remote->mtu)
			mtu = remote->mtu;
		mtu = path_mtu_plateau(mtu);
	}
	if (mtu < least || mtu > 65535)
		goto forged;
	if (!q.named && q.df && q.length > mtu &&
	    address_kind(&q.key.local) == WEFT_ADDRESS_UNICAST) {
		path_mtu_report(&q, 0, mtu);
		return 0;
	}
	if (!tunnel || !remote || !path_mtu_valid(&q, tunnel, mtu))
		goto forged;
	path_mtu_lower(&q, id, remote, mtu);
	return 0;
forged:
	note_count(WEFT_NOTE_ICMP_FORGED, tunnel ? remote->tunnel : 0);
	return 0;
}

#endif
