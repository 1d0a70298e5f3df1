/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/template.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

#include "lib/tunnel.h"

#define VXLAN_FLAG_VNI	   0x08000000 /* the I flag: the VNI is valid */
#define GENEVE_CRITICAL	   0x40	      /* of the second byte */
#define PROTO_ETHERNET	   0x6558     /* transparent Ethernet bridging */
#define GRE_CSUM	   0x8000u
#define GRE_KEY		   0x2000u
#define GRE_SEQ		   0x1000u
#define IPPROTO_GRE_NUMBER 47
#define ETHERNET	   14

uint16_t template_sum(const void *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		uint16_t word;

		memcpy(&word, (const char *)bytes + i, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint8_t template_ttl(const struct tunnel *tunnel, const struct weft_addr *destination)
{
	if (tunnel->ttl != TTL_AUTO && tunnel->ttl != TTL_INHERIT)
		return (uint8_t)tunnel->ttl;
	return addr_is_multicast(destination) ? TEMPLATE_TTL_MULTICAST : TEMPLATE_TTL;
}

static uint8_t template_tos(const struct tunnel *tunnel)
{
	return tunnel->tos == TOS_INHERIT ? 0 : (uint8_t)tunnel->tos;
}

/* Appends to the header. */
static void put(struct weft_remote *ret, const void *bytes, size_t len)
{
	memcpy(ret->header + ret->header_len, bytes, len);
	ret->header_len += (uint8_t)len;
}

static void put_word(struct weft_remote *ret, uint32_t word)
{
	word = htonl(word);
	put(ret, &word, sizeof(word));
}

/* May what is sent be fragmented where it does not fit? Only GRE has receivers that put it together. */
static bool template_fragments(const struct tunnel *tunnel)
{
	return (tunnel->type == TUNNEL_GRETAP || tunnel->type == TUNNEL_GRE) &&
	       tunnel->df != DF_SET;
}

static void put_ipv4(const struct tunnel *tunnel, const struct template_spec *spec,
		     struct weft_remote *ret)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(struct iphdr) / 4,
		.tos = template_tos(tunnel),
		.frag_off = tunnel->df == DF_SET ? htons(IP_DF) : 0,
		.ttl = template_ttl(tunnel, &spec->destination),
		.protocol = tunnel_is_gre(tunnel) ? IPPROTO_GRE_NUMBER : IPPROTO_UDP,
		.saddr = addr_is_any(&spec->source) ? 0 : spec->source.word[3],
		.daddr = spec->destination.word[3],
	};

	ip.check = template_sum(&ip, sizeof(ip));
	put(ret, &ip, sizeof(ip));
	ret->room |= BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
	if (tunnel->df != DF_SET)
		ret->flags |= WEFT_REMOTE_ID;
	if (tunnel->df == DF_INHERIT)
		ret->flags |= WEFT_REMOTE_DF_INHERIT;
}

static void put_ipv6(const struct tunnel *tunnel, const struct template_spec *spec,
		     struct weft_remote *ret)
{
	uint32_t label = tunnel->flowlabel == FLOWLABEL_AUTO ? 0 : tunnel->flowlabel;
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6u << 28 | (uint32_t)template_tos(tunnel) << 20 | label),
		.ip6_nxt = tunnel_is_gre(tunnel) ? IPPROTO_GRE_NUMBER : IPPROTO_UDP,
		.ip6_hlim = template_ttl(tunnel, &spec->destination),
	};

	if (!addr_is_any(&spec->source))
		memcpy(&ip.ip6_src, &spec->source, sizeof(ip.ip6_src));
	if (!addr_is_any(&spec->destination))
		memcpy(&ip.ip6_dst, &spec->destination, sizeof(ip.ip6_dst));
	put(ret, &ip, sizeof(ip));
	ret->room |= BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
	ret->flags |= WEFT_REMOTE_IPV6;
	if (tunnel->flowlabel == FLOWLABEL_AUTO)
		ret->flags |= WEFT_REMOTE_FLOWLABEL;
}

static void put_udp(const struct tunnel *tunnel, const struct template_spec *spec,
		    struct weft_remote *ret)
{
	struct udphdr udp = {.uh_dport = htons(tunnel_dstport(tunnel))};

	put(ret, &udp, sizeof(udp));
	ret->room |= BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
	if (spec->v6 ? !tunnel->udp6zerocsumtx : tunnel_udpcsum(tunnel))
		ret->flags |= WEFT_REMOTE_CSUM;
}

static void put_vxlan(const struct template_spec *spec, struct weft_remote *ret)
{
	put_word(ret, VXLAN_FLAG_VNI);
	put_word(ret, spec->vni << 8);
}

/* The protocol type of an L3 tunnel's packets is patched. */
static void put_geneve(const struct tunnel *tunnel, const struct template_spec *spec,
		       struct weft_remote *ret)
{
	uint32_t first =
		(uint32_t)spec->options_len / 4 << 24 | (tunnel_is_l3(tunnel) ? 0 : PROTO_ETHERNET);

	if (spec->critical)
		first |= GENEVE_CRITICAL << 16;
	put_word(ret, first);
	put_word(ret, spec->vni << 8);
	ret->options_len = spec->options_len;
}

static void put_gre(const struct tunnel *tunnel, const struct template_spec *spec,
		    struct weft_remote *ret)
{
	bool nvgre = tunnel->type == TUNNEL_NVGRE;
	struct gre_key key = tunnel_out_key(tunnel);
	bool keyed = nvgre || (key.set && !key.any);
	bool csum = !nvgre && tunnel_csum_out(tunnel), seq = !nvgre && tunnel_seq_out(tunnel);
	uint32_t first = tunnel_is_l3(tunnel) ? 0 : PROTO_ETHERNET;

	first |= ((csum ? GRE_CSUM : 0) | (keyed ? GRE_KEY : 0) | (seq ? GRE_SEQ : 0)) << 16;
	put_word(ret, first);
	if (csum)
		put_word(ret, 0);
	if (keyed)
		put_word(ret, nvgre ? spec->vni << 8 : key.value);
	if (seq) {
		ret->sequence = ret->header_len;
		put_word(ret, 0);
	}
	ret->room |= BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	ret->flags |= WEFT_REMOTE_GRE | (csum ? WEFT_REMOTE_CSUM : 0) |
		      (seq ? WEFT_REMOTE_SEQ : 0) | (nvgre ? WEFT_REMOTE_FLOWID : 0);
	if (template_fragments(tunnel))
		ret->flags |= WEFT_REMOTE_FRAGMENT;
}

void template_write(const struct tunnel *tunnel, const struct template_spec *spec,
		    struct weft_remote *ret)
{
	memset(ret->header, 0, sizeof(ret->header));
	ret->header_len = ret->options_len = ret->sequence = 0;
	ret->room = BPF_F_ADJ_ROOM_FIXED_GSO;
	if (spec->v6)
		put_ipv6(tunnel, spec, ret);
	else
		put_ipv4(tunnel, spec, ret);
	if (tunnel_is_gre(tunnel)) {
		put_gre(tunnel, spec, ret);
	} else {
		put_udp(tunnel, spec, ret);
		if (tunnel->type == TUNNEL_GENEVE)
			put_geneve(tunnel, spec, ret);
		else
			put_vxlan(spec, ret);
	}
	if (tunnel_is_l3(tunnel))
		ret->flags |= WEFT_REMOTE_L3;
	else
		ret->room |= BPF_F_ADJ_ROOM_ENCAP_L2_ETH;
	ret->addr = spec->destination;
	ret->vni = spec->vni;
}

uint32_t template_overhead(const struct tunnel *tunnel, bool v6)
{
	const struct template_spec spec = {.v6 = v6};
	struct weft_remote slot = {};

	template_write(tunnel, &spec, &slot);
	return slot.header_len + (uint32_t)tunnel_options_room(tunnel) +
	       (tunnel_is_l3(tunnel) ? 0 : ETHERNET);
}
