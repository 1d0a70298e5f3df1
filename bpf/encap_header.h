/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The outer header in front of a grown frame: the remote's template, and what of it depends on the packet.
 *
 *     IPv4      length, checksum, TOS, TTL, DF, id
 *     IPv6      length, traffic class, hop limit, flow label
 *     UDP       source port, length, checksum
 *     GRE       protocol type of L3 tunnels, sequence number, FlowID, checksum
 *     GENEVE    options
 */
#ifndef WEFT_BPF_ENCAP_HEADER_H
#define WEFT_BPF_ENCAP_HEADER_H

#include "bpf/drop.h"
#include "bpf/ecn.h"

#define ENCAP_TAGS_MAX 2
#define IPV4_DF	       0x4000

/* What an outer header takes from the frame it carries. */
struct outer {
	__u32 hash;	 /* of the inner flow */
	__u32 inner_len; /* inner Ethernet frame with its tags, bytes */
	__u32 segment;	 /* largest inner frame on the wire: below inner_len for super-packets */
	__u32 beyond;	 /* sum of what is not in the frame any more but counts for the checksum */
	__be16 proto;	 /* Ethertype */
	__u8 tos, ttl;	 /* of the inner IP header */
	bool df;	 /* not to be fragmented */
	bool ip;
	__u8 tags;
	struct {
		__be16 proto, tci;
	} tag[ENCAP_TAGS_MAX];
};

/* Bytes of the outer header with its options, from the IP header on. */
static __always_inline __u32 encap_header_len(const struct weft_remote *remote)
{
	return remote->header_len + remote->options_len;
}

/* Bytes of the largest inner IP packet that fits the way to the remote with `tags` in front of it; 0: no way is known. */
static __always_inline __u32 encap_mtu(const struct weft_remote *remote, __u32 tags)
{
	__u32 taken = encap_header_len(remote);

	if (!(remote->flags & WEFT_REMOTE_L3))
		taken += ETH_HLEN + tags * VLAN_HLEN;
	return remote->mtu > taken ? remote->mtu - taken : 0;
}

static __always_inline __u32 encap_ip_len(const struct weft_remote *remote)
{
	return remote->flags & WEFT_REMOTE_IPV6 ? IPV6_HLEN : IPV4_HLEN;
}

/* Bytes behind the outer header: the inner frame, or what is left of it where Ethernet is not carried. */
static __always_inline __u32 encap_payload(const struct weft_remote *remote, __u32 inner_len)
{
	return remote->flags & WEFT_REMOTE_L3 ? inner_len - ETH_HLEN : inner_len;
}

/* IPv6 packets are never fragmented on the way. */
static __always_inline bool ip_df(struct __sk_buff *skb, __u32 offset, __be16 proto)
{
	struct iphdr *ip = (void *)(long)skb->data + header_offset(offset);

	if (proto != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > (void *)(long)skb->data_end)
		return true;
	return ip->frag_off & bpf_htons(IPV4_DF);
}

#include "bpf/encap_csum.h"

/*
 * Ethernet and the template's bytes; every length that there is, each as so many stores. A function of its own, as each of the
 * next ones: the verifier judges them once, and not what follows for each length again (encap.h).
 */
static __always_inline int encap_copy(struct __sk_buff *skb, const struct weft_remote *remote)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	void *to = data + ETH_HLEN;

	if (!remote || to > end)
		return WEFT_DROP_ENCAP;
	__builtin_memcpy(data, remote->ethernet, ETH_HLEN);

#define ENCAP_COPY(bytes)                                                                          \
	case bytes:                                                                                \
		if (to + (bytes) > end)                                                            \
			return WEFT_DROP_ENCAP;                                                    \
		__builtin_memcpy(to, remote->header, bytes);                                       \
		return 0

	switch (remote->header_len) {
		ENCAP_COPY(36);
		ENCAP_COPY(56);
		ENCAP_COPY(24);
		ENCAP_COPY(28);
		ENCAP_COPY(32);
		ENCAP_COPY(44);
		ENCAP_COPY(48);
		ENCAP_COPY(52);
	}
#undef ENCAP_COPY
	return WEFT_DROP_ENCAP;
}

/* RFC 6040 4.1 for ECN, RFC 2983 3.1 for DSCP: pipe by default, uniform with `tos inherit`. */
static __always_inline __u8 encap_tos(const struct weft_tunnel *tunnel, const struct outer *o,
				      __u8 template)
{
	__u8 dscp = tunnel->flags & WEFT_TUNNEL_TOS_INHERIT ? o->tos & ~ECN_MASK : template;

	return dscp | ecn_encap(o->tos, tunnel->flags);
}

/* `length` is that of the whole outer packet. The template's checksum field holds the sum of the header without it. */
static __always_inline void encap_ipv4(struct iphdr *ip, const struct weft_tunnel *tunnel,
				       const struct weft_remote *remote, const struct outer *o,
				       __u32 length)
{
	__u8 tos = encap_tos(tunnel, o, ip->tos);
	__u32 sum = ip->check + bpf_htons(length);

	ip->tot_len = bpf_htons(length);
	if (tos != ip->tos) {
		sum += bpf_htons(tos) + (__u16)~bpf_htons(ip->tos);
		ip->tos = tos;
	}
	if ((tunnel->flags & WEFT_TUNNEL_TTL_INHERIT) && o->ttl) {
		sum += bpf_htons(o->ttl << 8) + (__u16)~bpf_htons(ip->ttl << 8);
		ip->ttl = o->ttl;
	}
	if ((remote->flags & WEFT_REMOTE_DF_INHERIT) && o->df) {
		sum += bpf_htons(IPV4_DF);
		ip->frag_off = bpf_htons(IPV4_DF);
	} else if (remote->flags & WEFT_REMOTE_ID) {
		/* RFC 6864: what may be fragmented is told apart by its id */
		ip->id = (__u16)bpf_get_prandom_u32();
		sum += ip->id;
	}
	ip->check = ~csum_fold(sum);
}

static __always_inline void encap_ipv6(struct ipv6hdr *ip, const struct weft_tunnel *tunnel,
				       const struct weft_remote *remote, const struct outer *o,
				       __u32 length)
{
	__be32 *first = (__be32 *)ip;
	__u32 word = bpf_ntohl(*first);
	__u8 tos = encap_tos(tunnel, o, (__u8)(word >> 20));

	word = (word & 0xf00fffff) | (__u32)tos << 20;
	if (remote->flags &
	    WEFT_REMOTE_FLOWLABEL) /* RFC 6438 3: the same for all of a flow, and not 0 */
		word = (word & 0xfff00000) | (o->hash >> 12 ? o->hash >> 12 : 1);
	*first = bpf_htonl(word);
	ip->payload_len = bpf_htons(length - IPV6_HLEN);
	if ((tunnel->flags & WEFT_TUNNEL_TTL_INHERIT) && o->ttl)
		ip->hop_limit = o->ttl;
}

static __always_inline int encap_udp(void *l4, const void *end, const struct weft_tunnel *tunnel,
				     const struct weft_remote *remote, const struct outer *o,
				     __u32 length)
{
	struct udphdr *udp = l4;

	if ((void *)(udp + 1) > end)
		return WEFT_DROP_ENCAP;
	udp->source = bpf_htons(tunnel->srcport_min +
				(__u16)((__u64)o->hash * tunnel->srcport_range >> 32));
	udp->len = bpf_htons(length);
	if (remote->flags & WEFT_REMOTE_L3) {
		if (l4 + UDP_HLEN + 4 > end)
			return WEFT_DROP_ENCAP;
		*(__be16 *)(l4 + UDP_HLEN + 2) = o->proto;
	}
	return 0;
}

/* RFC 2890 2.2: from 0, one for each packet, whoever sends it. */
static __noinline int encap_sequence(struct __sk_buff *skb, __u32 id, __u32 offset)
{
	struct weft_sequence first = {.last = WEFT_SEQUENCE_LAST}, *sequence;
	__be32 number;

	sequence = bpf_map_lookup_elem(&sequences, &id);
	if (tracing) {
		number = sequence ? bpf_htonl(sequence->next) : 0;
		goto store;
	}
	if (!sequence) {
		bpf_map_update_elem(&sequences, &id, &first, BPF_NOEXIST);
		sequence = bpf_map_lookup_elem(&sequences, &id);
		if (!sequence)
			return WEFT_DROP_ENCAP;
	}
	number = bpf_htonl(__sync_fetch_and_add(&sequence->next, 1));
store:
	return bpf_skb_store_bytes(skb, offset, &number, sizeof(number), 0) ? WEFT_DROP_ENCAP : 0;
}

static __always_inline int encap_gre(void *l4, const void *end, const struct weft_remote *remote,
				     const struct outer *o)
{
	if (l4 + 4 > end)
		return WEFT_DROP_ENCAP;
	if (remote->flags & WEFT_REMOTE_L3)
		*(__be16 *)(l4 + 2) = o->proto;
	if (remote->flags & WEFT_REMOTE_FLOWID) {
		if (l4 + 8 > end)
			return WEFT_DROP_ENCAP;
		*(__u8 *)(l4 + 7) = o->hash >> 24;
	}
	return 0;
}

/* Options by which nobody's packets are delayed but those that have some. */
static __noinline int encap_options(struct __sk_buff *skb, __u32 id, __u32 offset)
{
	struct weft_options *sent = bpf_map_lookup_elem(&options, &id);
	__u32 len;

	if (!sent)
		return WEFT_DROP_ENCAP;
	len = bounded(sent->len, WEFT_OPTIONS_MAX);
	if (!len)
		return WEFT_DROP_ENCAP;
	return bpf_skb_store_bytes(skb, offset, sent->bytes, len, 0) ? WEFT_DROP_ENCAP : 0;
}

__noinline int encap_ip(struct __sk_buff *skb, const struct weft_tunnel *tunnel,
			const struct weft_remote *remote, const struct outer *o, __u32 length)
{
	void *ip = (void *)(long)skb->data + ETH_HLEN, *end = (void *)(long)skb->data_end;

	if (!tunnel || !remote || !o || ip + IPV4_HLEN > end)
		return WEFT_DROP_ENCAP;
	if (!(remote->flags & WEFT_REMOTE_IPV6)) {
		encap_ipv4(ip, tunnel, remote, o, length);
		return 0;
	}
	if (ip + IPV6_HLEN > end)
		return WEFT_DROP_ENCAP;
	encap_ipv6(ip, tunnel, remote, o, length);
	return 0;
}

/* `length`: from the UDP or GRE header to the end of the packet. */
static __always_inline int encap_l4(struct __sk_buff *skb, const struct weft_tunnel *tunnel,
				    const struct weft_remote *remote, const struct outer *o,
				    __u32 length)
{
	void *l4 = (void *)(long)skb->data + ETH_HLEN, *end = (void *)(long)skb->data_end;

	if (!tunnel || !remote || !o)
		return WEFT_DROP_ENCAP;
	l4 += remote->flags & WEFT_REMOTE_IPV6 ? IPV6_HLEN : IPV4_HLEN;
	return remote->flags & WEFT_REMOTE_GRE ? encap_gre(l4, end, remote, o)
					       : encap_udp(l4, end, tunnel, remote, o, length);
}

__noinline int encap_write(struct __sk_buff *skb, const struct weft_tunnel *tunnel, __u32 id,
			   const struct weft_remote *remote, const struct outer *o)
{
	__u32 length;
	int reason;

	if (!tunnel || !remote || !o)
		return WEFT_DROP_ENCAP;
	length = encap_header_len(remote) + encap_payload(remote, o->inner_len);
	reason = encap_copy(skb, remote);
	if (!reason)
		reason = encap_ip(skb, tunnel, remote, o, length);
	length -= encap_ip_len(remote);
	if (!reason)
		reason = encap_l4(skb, tunnel, remote, o, length);
	if (reason)
		return reason;
	if (tunnel->mark)
		skb->mark = tunnel->mark;
	if (remote->options_len)
		reason = encap_options(skb, id, ETH_HLEN + remote->header_len);
	if (!reason && (remote->flags & WEFT_REMOTE_SEQ))
		reason = encap_sequence(skb, id, ETH_HLEN + remote->sequence);
	if (!reason && (remote->flags & WEFT_REMOTE_CSUM))
		reason = encap_csum(skb, remote, o, length);
	return reason;
}

#endif
