/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets out of a description: words with commas between them, in any order.
 *
 *     arp | icmp | icmp6 | tcp | udp | ip proto N | ether TYPE | hex BYTES     what it is; hex is the whole frame
 *     src ADDR, dst ADDR                                   IPv4 or IPv6
 *     smac MAC, dmac MAC, vlan VID [pcp N]                 up to two tags, the outer one first
 *     sport N, dport N, syn, ack, fin, rst, mss N
 *     ttl N, tos N, dscp N, ecn N, df, len N               len: bytes of payload
 *     segment N                                            a super-packet: payload of each segment
 */
#ifndef WEFT_LIB_PACKET_MAKE_H
#define WEFT_LIB_PACKET_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/datapath.h"
#include "lib/error.h"

#define PACKET_MAX	4096 /* bytes */
#define PACKET_TAGS_MAX 2

enum packet_kind { PACKET_NONE, PACKET_ARP, PACKET_IP, PACKET_ETHER, PACKET_HEX };

/* What a description says; host byte order. What it does not say is 0, and `has_` false. */
struct packet_want {
	enum packet_kind kind;
	uint32_t type;	   /* Ethertype of PACKET_ETHER */
	uint32_t protocol; /* of IP */
	struct weft_addr src, dst;
	bool has_src, has_dst, has_smac, has_dmac, df;
	uint8_t smac[6], dmac[6];
	uint16_t tag[PACKET_TAGS_MAX]; /* TCI */
	uint32_t tags;
	uint32_t sport, dport, mss, ttl, tos, len, segment;
	uint8_t flags; /* TCP's */
	uint8_t bytes[PACKET_MAX];
	uint32_t count; /* of `bytes`, PACKET_HEX */
};

/* 0, or -EINVAL with a line that names the word. */
int packet_parse(const char *text, struct packet_want *ret, struct error *err);
/* Writes the frame, at most PACKET_MAX bytes. -EINVAL: something must be said that is not. */
int packet_build(const struct packet_want *want, uint8_t bytes[PACKET_MAX], uint32_t *ret_len,
		 struct error *err);
/*
 * Writes an IP header of `src`'s family, with addresses, ttl and tos as `want` says, for `len` bytes behind it. Gives its
 * length, 20 or 40.
 */
uint32_t packet_ip(const struct packet_want *want, uint8_t *to, uint32_t protocol, uint32_t len);
/* The checksum of TCP, UDP or ICMPv6 between src and dst, big-endian 16 bits put at `place` of it. */
void packet_sum(const struct packet_want *want, uint8_t *at, uint32_t len, uint32_t protocol,
		uint32_t place);
/* The checksum of `len` bytes by themselves, put at `place`. */
void packet_sum_plain(uint8_t *at, uint32_t len, uint32_t place);
void packet_put(uint8_t *at, uint32_t value, uint32_t size);
/* Hexadecimal, with blanks, colons and dots in it as one likes; gives the bytes read, or -EINVAL. */
int packet_hex(const char *text, uint8_t *to, uint32_t size);

#endif
