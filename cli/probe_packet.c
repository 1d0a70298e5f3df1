/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes as bytes (RFC 792, RFC 4443, RFC 7348 5, RFC 8926 3.4, RFC 2890 2), and the ICMP about them. */
#include "cli/probe_packet.h"

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "cli/bytes.h"
#include "lib/tunnel.h"

#define IPV4_LEN 20
#define IPV6_LEN 40
#define UDP_LEN	 8
#define ICMP_LEN 8
#define MARK_LEN 6 /* "weft" and the sequence number, where a quote of IPv6 can show it */

static const uint8_t mark_text[] = {'w', 'e', 'f', 't'};

/* --- Bytes ------------------------------------------------------------------------------------------ */

/* The checksum of what follows the IP header; `covered` says whether the addresses count. */
static uint16_t sum_packet(const struct probe_way *way, uint8_t protocol, const uint8_t *bytes,
			   size_t len, bool covered)
{
	uint32_t sum = 0;

	if (covered) {
		sum = sum_bytes((const uint8_t *)&way->source, sizeof(way->source), 0);
		sum = sum_bytes((const uint8_t *)&way->remote, sizeof(way->remote), sum);
		/* an IPv4 address is kept as ::ffff:a.b.c.d, and both prefixes sum to 0xffff: nothing */
		sum += protocol + (uint32_t)len;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum_bytes(bytes, len, sum);
}

static void mark_put(uint8_t *at, uint16_t sequence)
{
	memcpy(at, mark_text, sizeof(mark_text));
	put16(at + sizeof(mark_text), sequence);
}

/* --- Sent ------------------------------------------------------------------------------------------- */

/*
 * A frame from a multicast MAC, which no bridge takes or learns (802.1D 7.8), to a group that none forwards, of the type for
 * local experiments: should it arrive, it ends there.
 */
static void frame_build(uint8_t *at, const struct probe *probe)
{
	static const uint8_t header[ETH_HLEN] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x01, 0x03,
						 0x00, 0x00, 0x00, 0x00, 0x00, 0x88, 0xb5};

	memcpy(at, header, sizeof(header));
	mark_put(at + sizeof(header), probe->sequence);
}

static size_t vxlan_build(const struct tunnel *tunnel, uint8_t *at)
{
	bool geneve = tunnel->type == TUNNEL_GENEVE;

	at[0] = geneve ? 0 : 0x08;
	if (geneve)
		put16(at + 2, tunnel_is_l3(tunnel) ? 0x88b5 : ETH_P_TEB);
	put32(at + 4, tunnel_vni(tunnel) << 8);
	return 8;
}

static size_t gre_build(const struct tunnel *tunnel, uint8_t *at)
{
	struct gre_key key = tunnel_out_key(tunnel);
	bool csum = tunnel_csum_out(tunnel);
	size_t size = 4;

	if (tunnel->type == TUNNEL_NVGRE)
		key = (struct gre_key){.set = true, .value = tunnel_vni(tunnel) << 8};
	put16(at, (csum ? 0x8000 : 0) | (key.set ? 0x2000 : 0));
	put16(at + 2, tunnel_is_l3(tunnel) ? 0x88b5 : ETH_P_TEB);
	size += csum ? 4 : 0;
	if (key.set) {
		put32(at + size, key.value);
		size += 4;
	}
	return size;
}

/* The payload of the IP packet. Returns its protocol. */
static uint8_t tunnel_build(const struct probe_way *way, const struct probe *probe, uint8_t *at,
			    size_t len)
{
	const struct tunnel *tunnel = way->tunnel;
	bool v4 = addr_is_v4(&way->remote);

	if (tunnel_is_gre(tunnel)) {
		frame_build(at + gre_build(tunnel, at), probe);
		if (at[0] & 0x80)
			put16(at + 4, sum_packet(way, IPPROTO_GRE, at, len, false));
		return IPPROTO_GRE;
	}
	put16(at, probe->source_port);
	put16(at + 2, tunnel_dstport(tunnel));
	put16(at + 4, (uint32_t)len);
	frame_build(at + UDP_LEN + vxlan_build(tunnel, at + UDP_LEN), probe);
	if (v4 ? tunnel_udpcsum(tunnel) : !tunnel->udp6zerocsumtx) {
		uint16_t sum = sum_packet(way, IPPROTO_UDP, at, len, true);

		put16(at + 6, sum ? sum : 0xffff);
	}
	return IPPROTO_UDP;
}

static uint8_t closed_build(const struct probe_way *way, const struct probe *probe, uint8_t *at,
			    size_t len)
{
	uint16_t sum;

	put16(at, way->ident | 0x8000);
	put16(at + 2, PROBE_CLOSED_PORT);
	put16(at + 4, (uint32_t)len);
	mark_put(at + UDP_LEN, probe->sequence);
	sum = sum_packet(way, IPPROTO_UDP, at, len, true);
	put16(at + 6, sum ? sum : 0xffff);
	return IPPROTO_UDP;
}

static uint8_t echo_build(const struct probe_way *way, const struct probe *probe, uint8_t *at,
			  size_t len)
{
	bool v4 = addr_is_v4(&way->remote);
	uint8_t protocol = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	at[0] = v4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST;
	put16(at + 4, way->ident);
	put16(at + 6, probe->sequence);
	mark_put(at + ICMP_LEN, probe->sequence);
	put16(at + 2, sum_packet(way, protocol, at, len, !v4));
	return protocol;
}

void probe_build(const struct probe_way *way, const struct probe *probe, uint8_t *bytes)
{
	bool v4 = addr_is_v4(&way->remote);
	size_t header = v4 ? IPV4_LEN : IPV6_LEN, len = probe->size - header;
	uint8_t tos = 0, protocol;
	struct in_addr from = addr_to_v4(&way->source), to = addr_to_v4(&way->remote);

	memset(bytes, 0, probe->size);
	if (probe->kind == PROBE_TUNNEL)
		protocol = tunnel_build(way, probe, bytes + header, len);
	else if (probe->kind == PROBE_CLOSED)
		protocol = closed_build(way, probe, bytes + header, len);
	else
		protocol = echo_build(way, probe, bytes + header, len);
	if (way->tunnel && way->tunnel->tos != TOS_INHERIT)
		tos = (uint8_t)way->tunnel->tos;
	if (v4) {
		bytes[0] = 0x45;
		bytes[1] = tos;
		put16(bytes + 2, probe->size);
		put16(bytes + 4, probe->sequence);
		put16(bytes + 6, 0x4000);
		bytes[8] = probe->ttl;
		bytes[9] = protocol;
		memcpy(bytes + 12, &from, sizeof(from));
		memcpy(bytes + 16, &to, sizeof(to));
		put16(bytes + 10, (uint16_t)~sum_bytes(bytes, IPV4_LEN, 0));
	} else {
		put32(bytes, 6u << 28 | (uint32_t)tos << 20);
		put16(bytes + 4, (uint32_t)len);
		bytes[6] = protocol;
		bytes[7] = probe->ttl;
		memcpy(bytes + 8, &way->source, sizeof(way->source));
		memcpy(bytes + 24, &way->remote, sizeof(way->remote));
	}
}

/* --- Received ----------------------------------------------------------------------------------------- */

/* Whose number is behind `at`? An IPv4 packet has it as its id, too, which the shortest quote shows. */
static bool mark_get(const uint8_t *at, size_t left, uint16_t *sequence)
{
	if (left < MARK_LEN || memcmp(at, mark_text, sizeof(mark_text)) != 0)
		return false;
	*sequence = get16(at + sizeof(mark_text));
	return true;
}

static bool quote_tunnel(const struct probe_way *way, uint8_t protocol, const uint8_t *at,
			 size_t left, struct probe_reply *ret)
{
	const struct tunnel *tunnel = way->tunnel;
	size_t header;

	if (!tunnel || (protocol == IPPROTO_GRE) != tunnel_is_gre(tunnel))
		return false;
	ret->kind = PROBE_TUNNEL;
	if (protocol == IPPROTO_GRE) {
		header = 4 + (at[0] & 0x80 ? 4u : 0) + (at[0] & 0x20 ? 4u : 0);
	} else {
		if (get16(at + 2) != tunnel_dstport(tunnel))
			return false;
		header = UDP_LEN + 8;
	}
	header += ETH_HLEN;
	return addr_is_v4(&way->remote) ||
	       (left > header && mark_get(at + header, left - header, &ret->sequence));
}

/* The first bytes behind the IP header of a packet that came back in an error: is it a probe? */
static bool quote_payload(const struct probe_way *way, uint8_t protocol, const uint8_t *at,
			  size_t left, struct probe_reply *ret)
{
	bool v4 = addr_is_v4(&way->remote);

	if (left < ICMP_LEN)
		return false;
	if (protocol == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		ret->kind = PROBE_ECHO;
		ret->sequence = get16(at + 6);
		return at[0] == (v4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST) &&
		       get16(at + 4) == way->ident;
	}
	if (protocol == IPPROTO_UDP && get16(at) == (way->ident | 0x8000) &&
	    get16(at + 2) == PROBE_CLOSED_PORT) {
		ret->kind = PROBE_CLOSED;
		return v4 || mark_get(at + UDP_LEN, left - UDP_LEN, &ret->sequence);
	}
	return (protocol == IPPROTO_UDP || protocol == IPPROTO_GRE) &&
	       quote_tunnel(way, protocol, at, left, ret);
}

static bool quote_read(const struct probe_way *way, const uint8_t *at, size_t left,
		       struct probe_reply *ret)
{
	struct in_addr from = addr_to_v4(&way->source), to = addr_to_v4(&way->remote);

	if (addr_is_v4(&way->remote)) {
		size_t header = left ? (at[0] & 15u) * 4 : 0;

		if (left < IPV4_LEN || at[0] >> 4 != 4 || header < IPV4_LEN || left < header ||
		    memcmp(at + 12, &from, sizeof(from)) != 0 ||
		    memcmp(at + 16, &to, sizeof(to)) != 0)
			return false;
		ret->sequence = get16(at + 4);
		return quote_payload(way, at[9], at + header, left - header, ret);
	}
	return left >= IPV6_LEN && at[0] >> 4 == 6 &&
	       !memcmp(at + 8, &way->source, sizeof(way->source)) &&
	       !memcmp(at + 24, &way->remote, sizeof(way->remote)) &&
	       quote_payload(way, at[6], at + IPV6_LEN, left - IPV6_LEN, ret);
}

/* Type and code as an event; false: no error that a probe can meet. */
static bool error_event(bool v4, const uint8_t *icmp, struct probe_reply *ret)
{
	ret->code = icmp[1];
	if (v4 ? icmp[0] == ICMP_TIME_EXCEEDED : icmp[0] == ICMPV6_TIME_EXCEED) {
		ret->event = PROBE_EXPIRED;
	} else if (v4 ? icmp[0] == ICMP_DEST_UNREACH && icmp[1] == ICMP_FRAG_NEEDED
		      : icmp[0] == ICMPV6_PKT_TOOBIG) {
		ret->event = PROBE_TOO_BIG;
		ret->mtu = get16(icmp + 6);
		if (!v4 && get16(icmp + 4))
			ret->mtu = UINT16_MAX;
	} else if (icmp[0] == (v4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH)) {
		ret->event = PROBE_UNREACHABLE;
	} else {
		return false;
	}
	return true;
}

static bool icmp_read(const struct probe_way *way, const uint8_t *icmp, size_t len,
		      struct probe_reply *ret)
{
	bool v4 = addr_is_v4(&way->remote);

	if (len < ICMP_LEN)
		return false;
	if (icmp[0] == (v4 ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY)) {
		ret->event = PROBE_ANSWERED;
		ret->kind = PROBE_ECHO;
		ret->sequence = get16(icmp + 6);
		return icmp[1] == 0 && get16(icmp + 4) == way->ident &&
		       addr_equal(&ret->from, &way->remote);
	}
	if (!error_event(v4, icmp, ret) || !quote_read(way, icmp + ICMP_LEN, len - ICMP_LEN, ret))
		return false;
	/* whoever refuses it there has got it */
	if (ret->event == PROBE_UNREACHABLE && addr_equal(&ret->from, &way->remote))
		ret->event = PROBE_ANSWERED;
	return true;
}

bool probe_read(const struct probe_way *way, const uint8_t *bytes, size_t len,
		const struct weft_addr *from, struct probe_reply *ret)
{
	size_t header;

	*ret = (struct probe_reply){.from = *from};
	if (!addr_is_v4(&way->remote))
		return icmp_read(way, bytes, len, ret);
	header = len ? (bytes[0] & 15u) * 4 : 0;
	if (len < IPV4_LEN || header < IPV4_LEN || len < header + ICMP_LEN ||
	    sum_bytes(bytes + header, len - header, 0) != 0xffff)
		return false;
	ret->ttl = bytes[8];
	return icmp_read(way, bytes + header, len - header, ret);
}
