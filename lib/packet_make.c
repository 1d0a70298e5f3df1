/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets out of a description: the words, then the headers from the inside out. */
#include "lib/packet_make.h"

#include <ctype.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/hex.h"
#include "lib/internet_sum.h"
#include "lib/word.h"

#define TEXT_MAX      16384
#define TOKENS_MAX    4
#define ITEMS_MAX     32
#define TAG_OFFSET    12
#define TCP_FIN	      0x01
#define TCP_SYN	      0x02
#define TCP_RST	      0x04
#define TCP_ACK	      0x10
#define PAYLOAD_MOST  (PACKET_MAX - 120) /* headers are below that */
#define PORT_FROM     49152
#define PAYLOAD_USUAL 32

/* --- Words ------------------------------------------------------------------------------------- */

static int number_read(const char *word, const char *text, uint32_t least, uint32_t most,
		       uint32_t *ret, struct error *err)
{
	char *end = NULL;
	unsigned long value;

	if (!text)
		return error_set(err, -EINVAL, "%s: a number must follow", word);
	errno = 0;
	value = strtoul(text, &end, 0);
	if (!isdigit((unsigned char)*text) || *end || errno || value < least || value > most)
		return error_set(err, -EINVAL, "%s: \"%.64s\" is no number from %u to %u", word,
				 text, least, most);
	*ret = (uint32_t)value;
	return 0;
}

int packet_hex(const char *text, uint8_t *to, uint32_t size)
{
	uint32_t digits = 0;

	for (; *text; text++) {
		int digit = hex_digit(*text);

		if (strchr(" :.-", *text))
			continue;
		if (digit < 0 || digits / 2 >= size)
			return -EINVAL;
		if (digits++ % 2)
			to[digits / 2 - 1] |= (uint8_t)digit;
		else
			to[digits / 2] = (uint8_t)(digit << 4);
	}
	return digits % 2 ? -EINVAL : (int)(digits / 2);
}

static int kind_set(struct packet_want *want, const char *word, enum packet_kind kind,
		    uint32_t protocol, struct error *err)
{
	if (want->kind)
		return error_set(err, -EINVAL, "%s: what it is was said already", word);
	want->kind = kind;
	want->protocol = protocol;
	return 0;
}

static int address_read(const char *word, const char *text, struct weft_addr *ret, bool *has,
			struct error *err)
{
	if (!text || addr_parse(text, ret) < 0)
		return error_set(err, -EINVAL, "%s: \"%.64s\" is no IPv4 or IPv6 address", word,
				 text ? text : "");
	*has = true;
	return 0;
}

static int mac_read(const char *word, const char *text, uint8_t *ret, bool *has, struct error *err)
{
	if (!text || mac_parse(text, ret) < 0)
		return error_set(err, -EINVAL, "%s: \"%.64s\" is no MAC address", word,
				 text ? text : "");
	*has = true;
	return 0;
}

static int tag_read(struct packet_want *want, char *const *token, struct error *err)
{
	uint32_t vid, pcp = 0;
	int r = number_read("vlan", token[1], 0, 4095, &vid, err);

	if (r == 0 && want->tags == PACKET_TAGS_MAX)
		return error_set(err, -EINVAL, "vlan: more than %d tags", PACKET_TAGS_MAX);
	if (r == 0 && token[2] && strcmp(token[2], "pcp"))
		return error_set(err, -EINVAL, "vlan: \"%.64s\" is not pcp", token[2]);
	if (r == 0 && token[2])
		r = number_read("pcp", token[3], 0, 7, &pcp, err);
	if (r == 0)
		want->tag[want->tags++] = (uint16_t)(pcp << 13 | vid);
	return r;
}

static int number_word(struct packet_want *want, char *const *token, struct error *err)
{
	const struct {
		const char *name;
		uint32_t least, most, shift, *to;
	} words[] = {
		{"sport", 0, 65535, 0, &want->sport},
		{"dport", 0, 65535, 0, &want->dport},
		{"mss", 1, 65535, 0, &want->mss},
		{"ttl", 0, 255, 0, &want->ttl},
		{"tos", 0, 255, 0, &want->tos},
		{"dscp", 0, 63, 2, &want->tos},
		{"ecn", 0, 3, 0, &want->tos},
		{"len", 0, PAYLOAD_MOST, 0, &want->len},
		{"segment", 1, 65535, 0, &want->segment},
	};
	uint32_t value;
	int r;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(token[0], words[i].name))
			continue;
		r = number_read(token[0], token[1], words[i].least, words[i].most, &value, err);
		if (r == 0 && words[i].to == &want->tos)
			want->tos |= value << words[i].shift;
		else if (r == 0)
			*words[i].to = value;
		return r;
	}
	return error_set(err, -EINVAL, "\"%.64s\" is no word of a packet; weft-trace(8) lists them",
			 token[0]);
}

static int flag_word(struct packet_want *want, const char *word)
{
	static const struct {
		const char *name;
		uint8_t flag;
	} flags[] = {{"fin", TCP_FIN}, {"syn", TCP_SYN}, {"rst", TCP_RST}, {"ack", TCP_ACK}};

	if (!strcmp(word, "df")) {
		want->df = true;
		return 1;
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (!strcmp(word, flags[i].name)) {
			want->flags |= flags[i].flag;
			return 1;
		}
	return 0;
}

static int kind_word(struct packet_want *want, char *const *token, struct error *err)
{
	static const struct {
		const char *name;
		enum packet_kind kind;
		uint32_t protocol;
	} kinds[] = {
		{"arp", PACKET_ARP, 0},
		{"icmp", PACKET_IP, IPPROTO_ICMP},
		{"icmp6", PACKET_IP, IPPROTO_ICMPV6},
		{"tcp", PACKET_IP, IPPROTO_TCP},
		{"udp", PACKET_IP, IPPROTO_UDP},
		{"sctp", PACKET_IP, IPPROTO_SCTP},
	};
	uint32_t number;
	int r;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(token[0], kinds[i].name)) {
			r = kind_set(want, token[0], kinds[i].kind, kinds[i].protocol, err);
			return r < 0 ? r : 1;
		}
	if (!strcmp(token[0], "ip")) {
		if (!token[1] || strcmp(token[1], "proto"))
			return error_set(err, -EINVAL, "ip: \"proto N\" must follow");
		r = number_read("proto", token[2], 0, 255, &number, err);
	} else if (!strcmp(token[0], "ether")) {
		r = number_read("ether", token[1], 1536, 65535, &want->type, err);
		number = 0;
	} else {
		return 0;
	}
	if (r == 0)
		r = kind_set(want, token[0], *token[0] == 'i' ? PACKET_IP : PACKET_ETHER, number,
			     err);
	return r < 0 ? r : 1;
}

/* How many of the words an item may have. */
static int tokens_most(const char *name)
{
	static const struct {
		const char *name;
		int most;
	} words[] = {{"arp", 1},  {"icmp", 1}, {"icmp6", 1}, {"tcp", 1}, {"udp", 1},
		     {"sctp", 1}, {"ip", 3},   {"fin", 1},   {"syn", 1}, {"rst", 1},
		     {"ack", 1},  {"df", 1},   {"vlan", 4}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(name, words[i].name))
			return words[i].most;
	return 2;
}

static int item_read(struct packet_want *want, char *item, const char **ret_name, struct error *err)
{
	char *token[TOKENS_MAX + 1] = {}, *save = NULL, *rest = item + strspn(item, " \t\n");
	const char *more;
	int r;

	if (!strncmp(rest, "hex ", 4)) {
		*ret_name = "hex";
		r = packet_hex(rest + 4, want->bytes, sizeof(want->bytes));
		if (r <= 0)
			return error_set(err, -EINVAL, "hex: is no hexadecimal of 1 to %d bytes",
					 PACKET_MAX);
		want->count = (uint32_t)r;
		return kind_set(want, "hex", PACKET_HEX, 0, err);
	}
	for (int i = 0; i <= TOKENS_MAX; i++)
		token[i] = strtok_r(i ? NULL : rest, " \t\n", &save);
	*ret_name = token[0];
	if (!token[0])
		return error_set(err, -EINVAL, "there is nothing between two commas");
	r = kind_word(want, token, err);
	if (r == 0)
		r = flag_word(want, token[0]);
	if (r < 0)
		return r;
	more = token[tokens_most(token[0])];
	if (more)
		return error_set(err, -EINVAL,
				 "%.64s: \"%.64s\" must stand behind a comma of its own", token[0],
				 more);
	if (r)
		return 0;
	if (!strcmp(token[0], "vlan"))
		return tag_read(want, token, err);
	if (!strcmp(token[0], "src"))
		return address_read("src", token[1], &want->src, &want->has_src, err);
	if (!strcmp(token[0], "dst"))
		return address_read("dst", token[1], &want->dst, &want->has_dst, err);
	if (!strcmp(token[0], "smac"))
		return mac_read("smac", token[1], want->smac, &want->has_smac, err);
	if (!strcmp(token[0], "dmac"))
		return mac_read("dmac", token[1], want->dmac, &want->has_dmac, err);
	return number_word(want, token, err);
}

/* Whether packets of that kind have what the word sets. */
static bool word_fits(const struct packet_want *want, const char *name)
{
	static const char *const ports[] = {"sport", "dport", NULL};
	static const char *const tcp[] = {"syn", "ack", "fin", "rst", "mss", NULL};
	static const char *const ip[] = {"ttl", "tos", "dscp", "ecn", "df", NULL};
	static const char *const addresses[] = {"src", "dst", NULL};
	bool is_ip = want->kind == PACKET_IP, is_tcp = is_ip && want->protocol == IPPROTO_TCP;
	bool is_udp = is_ip && want->protocol == IPPROTO_UDP;

	if (want->kind == PACKET_HEX)
		return !strcmp(name, "hex") || !strcmp(name, "segment");
	if (!strcmp(name, "segment"))
		return is_tcp || is_udp;
	if (word_in(name, ports))
		return is_tcp || is_udp || (is_ip && want->protocol == IPPROTO_SCTP);
	if (!strcmp(name, "df") && want->has_src && !addr_is_v4(&want->src))
		return false;
	if (!strcmp(name, "len"))
		return want->kind != PACKET_ARP;
	return (is_tcp || !word_in(name, tcp)) && (is_ip || !word_in(name, ip)) &&
	       (want->kind != PACKET_ETHER || !word_in(name, addresses));
}

/* What would be lost without a word is refused: said twice, or nothing that such a packet has. */
static int names_check(const struct packet_want *want, const char *const *names, size_t count,
		       struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++)
			if (!strcmp(names[i], names[j]) && strcmp(names[i], "vlan") != 0)
				return error_set(err, -EINVAL, "%s: is given twice", names[i]);
		if (!word_fits(want, names[i]))
			return error_set(err, -EINVAL,
					 want->kind == PACKET_HEX
						 ? "%s: hex is the whole packet already"
						 : "%s: a packet of that kind has none",
					 names[i]);
	}
	return 0;
}

int packet_parse(const char *text, struct packet_want *ret, struct error *err)
{
	char copy[TEXT_MAX], *next = copy, *item;
	const char *names[ITEMS_MAX];
	size_t count = 0;
	int r = 0;

	*ret = (struct packet_want){
		.ttl = 64, .sport = PORT_FROM, .dport = 7, .len = PAYLOAD_USUAL};
	if (strlen(text) >= sizeof(copy))
		return error_set(err, -EINVAL, "a description has at most %d characters",
				 TEXT_MAX - 1);
	strcpy(copy, text);
	while (r == 0 && (item = strsep(&next, ","))) {
		if (count == ITEMS_MAX)
			return error_set(err, -EINVAL, "a description has at most %d words",
					 ITEMS_MAX);
		r = item_read(ret, item, &names[count++], err);
	}
	if (r < 0)
		return r;
	if (!ret->kind)
		return error_set(err, -EINVAL,
				 "what it is must be said: arp, icmp, icmp6, tcp, udp, ip proto N, "
				 "ether TYPE or hex BYTES");
	if (ret->has_src && ret->has_dst && addr_is_v4(&ret->src) != addr_is_v4(&ret->dst))
		return error_set(err, -EINVAL, "src and dst are of different versions of IP");
	return names_check(ret, names, count, err);
}

/* --- Bytes ------------------------------------------------------------------------------------- */

void packet_put(uint8_t *at, uint32_t value, uint32_t size)
{
	while (size--) {
		at[size] = (uint8_t)value;
		value >>= 8;
	}
}

void packet_sum_plain(uint8_t *at, uint32_t len, uint32_t place)
{
	packet_put(at + place, 0, 2);
	packet_put(at + place, internet_sum_end(internet_sum(at, len, 0)), 2);
}

void packet_sum(const struct packet_want *want, uint8_t *at, uint32_t len, uint32_t protocol,
		uint32_t place)
{
	uint32_t skip = addr_is_v4(&want->src) ? 12 : 0, value = protocol + len;

	value = internet_sum((const uint8_t *)&want->src + skip, 16 - skip, value);
	value = internet_sum((const uint8_t *)&want->dst + skip, 16 - skip, value);
	packet_put(at + place, 0, 2);
	value = internet_sum_end(internet_sum(at, len, value));
	packet_put(at + place, protocol == IPPROTO_UDP && !value ? 0xffff : value, 2);
}

uint32_t packet_ip(const struct packet_want *want, uint8_t *to, uint32_t protocol, uint32_t len)
{
	memset(to, 0, addr_is_v4(&want->src) ? 20 : 40);
	if (!addr_is_v4(&want->src)) {
		packet_put(to, 6u << 28 | want->tos << 20, 4);
		packet_put(to + 4, len, 2);
		to[6] = (uint8_t)protocol;
		to[7] = (uint8_t)want->ttl;
		memcpy(to + 8, &want->src, 16);
		memcpy(to + 24, &want->dst, 16);
		return 40;
	}
	to[0] = 0x45;
	to[1] = (uint8_t)want->tos;
	packet_put(to + 2, 20 + len, 2);
	packet_put(to + 6, want->df ? 0x4000 : 0, 2);
	to[8] = (uint8_t)want->ttl;
	to[9] = (uint8_t)protocol;
	memcpy(to + 12, (const uint8_t *)&want->src + 12, 4);
	memcpy(to + 16, (const uint8_t *)&want->dst + 12, 4);
	packet_sum_plain(to, 20, 10);
	return 20;
}

/* What is behind the IP header, with `len` bytes of payload. Gives its length. */
static uint32_t transport_build(const struct packet_want *want, uint8_t *to)
{
	uint32_t header = 0, place = 0;

	switch (want->protocol) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		header = 8;
		place = 2;
		break;
	case IPPROTO_UDP:
		header = 8;
		place = 6;
		break;
	case IPPROTO_TCP:
		header = want->mss ? 24 : 20;
		place = 16;
		break;
	case IPPROTO_SCTP:
		header = 12;
		break;
	default:
		break;
	}
	memset(to, 0, header);
	for (uint32_t i = 0; i < want->len; i++)
		to[header + i] = (uint8_t)('a' + i % 26);
	if (want->protocol == IPPROTO_ICMP || want->protocol == IPPROTO_ICMPV6) {
		to[0] = want->protocol == IPPROTO_ICMP ? 8 : 128; /* echo request */
		packet_put(to + 4, 1, 2);
		packet_put(to + 6, 1, 2);
	} else if (header) {
		packet_put(to, want->sport, 2);
		packet_put(to + 2, want->dport, 2);
	}
	if (want->protocol == IPPROTO_UDP)
		packet_put(to + 4, header + want->len, 2);
	if (want->protocol == IPPROTO_TCP) {
		to[12] = (uint8_t)(header / 4 << 4);
		to[13] = want->flags ? want->flags : TCP_ACK;
		packet_put(to + 14, 65535, 2);
		if (want->mss)
			packet_put(to + 20, 2u << 24 | 4u << 16 | want->mss, 4);
	}
	if (want->protocol == IPPROTO_ICMP)
		packet_sum_plain(to, header + want->len, place);
	else if (place)
		packet_sum(want, to, header + want->len, want->protocol, place);
	return header + want->len;
}

/* A request for the MAC of `dst`. */
static uint32_t arp_build(const struct packet_want *want, uint8_t *to)
{
	packet_put(to, 1, 2);
	packet_put(to + 2, ETHERTYPE_IP, 2);
	packet_put(to + 4, 6u << 8 | 4, 2);
	packet_put(to + 6, 1, 2);
	memcpy(to + 8, want->smac, 6);
	memcpy(to + 14, (const uint8_t *)&want->src + 12, 4);
	memset(to + 18, 0, 6);
	memcpy(to + 24, (const uint8_t *)&want->dst + 12, 4);
	return 28;
}

static int addresses_check(const struct packet_want *want, struct error *err)
{
	bool v4 = addr_is_v4(&want->src);

	if (want->kind == PACKET_ETHER)
		return 0;
	if (!want->has_src || !want->has_dst)
		return error_set(err, -EINVAL, "%s: must be given", want->has_src ? "dst" : "src");
	if ((want->kind == PACKET_ARP || want->protocol == IPPROTO_ICMP) && !v4)
		return error_set(err, -EINVAL, "%s: is of IPv4, and src is not",
				 want->kind == PACKET_ARP ? "arp" : "icmp");
	if (want->protocol == IPPROTO_ICMPV6 && v4)
		return error_set(err, -EINVAL, "icmp6: is of IPv6, and src is not");
	return 0;
}

int packet_build(const struct packet_want *want, uint8_t bytes[PACKET_MAX], uint32_t *ret_len,
		 struct error *err)
{
	uint32_t at = TAG_OFFSET, type = want->type, len, ip_len;
	int r;

	if (want->kind == PACKET_HEX) {
		memcpy(bytes, want->bytes, want->count);
		*ret_len = want->count;
		return 0;
	}
	r = addresses_check(want, err);
	if (r < 0)
		return r;
	memcpy(bytes, want->dmac, 6);
	memcpy(bytes + 6, want->smac, 6);
	for (uint32_t i = 0; i < want->tags; i++, at += 4)
		packet_put(bytes + at, (uint32_t)ETHERTYPE_VLAN << 16 | want->tag[i], 4);
	if (want->kind == PACKET_ARP)
		type = ETHERTYPE_ARP;
	else if (want->kind == PACKET_IP)
		type = addr_is_v4(&want->src) ? ETHERTYPE_IP : ETHERTYPE_IPV6;
	packet_put(bytes + at, type, 2);
	at += 2;
	if (want->kind == PACKET_ARP) {
		at += arp_build(want, bytes + at);
	} else if (want->kind == PACKET_IP) {
		ip_len = addr_is_v4(&want->src) ? 20 : 40;
		len = transport_build(want, bytes + at + ip_len);
		packet_ip(want, bytes + at, want->protocol, len);
		at += ip_len + len;
	} else {
		for (uint32_t i = 0; i < want->len; i++)
			bytes[at++] = (uint8_t)('a' + i % 26);
	}
	*ret_len = at;
	return 0;
}
