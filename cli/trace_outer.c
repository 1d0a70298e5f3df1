/* SPDX-License-Identifier: GPL-2.0-only */
/* Outer headers for `weft trace underlay from ...`: VXLAN (RFC 7348), GENEVE (RFC 8926), GRE (RFC 2784, 2890), NVGRE. */
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cli/trace.h"
#include "lib/addr.h"

#define PROTO_ETHERNET 0x6558
#define GRE_CSUM       0x80 /* of the first byte */
#define GRE_KEY	       0x20
#define GRE_SEQ	       0x10
#define OUTER_MOST     400 /* bytes of all outer headers */
#define OPTIONS_MOST   252

enum outer_type { OUTER_VXLAN, OUTER_GENEVE, OUTER_GRETAP, OUTER_GRE, OUTER_NVGRE };
static const char *const type_names[] = {"vxlan", "geneve", "gretap", "gre", "nvgre", NULL};

struct outer_want {
	struct packet_want ip;
	enum outer_type type;
	uint32_t vni, flags, sequence, protocol;
	bool has_vni, has_flags, has_sequence, has_protocol, csum;
	uint8_t options[OPTIONS_MOST];
	uint32_t options_len;
};

static int number_take(struct words *words, const char *of, uint32_t most, uint32_t *ret,
		       struct error *err)
{
	const char *text;
	char *end;
	unsigned long value;
	int r = words_value(words, of, &text, err);

	if (r < 0)
		return r;
	errno = 0;
	value = strtoul(text, &end, 0);
	if (*end || *text < '0' || *text > '9' || errno || value > most)
		return error_set(err, -EINVAL, "%s: \"%.64s\" is no number up to %u", of, text,
				 most);
	*ret = (uint32_t)value;
	return 0;
}

static int address_take(struct words *words, const char *of, struct weft_addr *ret,
			struct error *err)
{
	const char *text;
	int r = words_value(words, of, &text, err);

	if (r == 0 && addr_parse(text, ret) < 0)
		return error_set(err, -EINVAL, "%s: \"%.64s\" is no IPv4 or IPv6 address", of,
				 text);
	return r;
}

/* One field of the header. 1: it was none. */
static int field_take(struct words *words, struct outer_want *want, struct error *err)
{
	const struct {
		const char *name;
		uint32_t most, *to;
		bool *has;
	} fields[] = {
		{"vni", 0xffffff, &want->vni, &want->has_vni},
		{"vsid", 0xffffff, &want->vni, &want->has_vni},
		{"key", UINT32_MAX, &want->vni, &want->has_vni},
		{"flags", 0xffff, &want->flags, &want->has_flags},
		{"seq", UINT32_MAX, &want->sequence, &want->has_sequence},
		{"proto", 0xffff, &want->protocol, &want->has_protocol},
		{"ttl", 255, &want->ip.ttl, NULL},
		{"tos", 255, &want->ip.tos, NULL},
		{"sport", 65535, &want->ip.sport, NULL},
		{"dport", 65535, &want->ip.dport, NULL},
	};
	const char *text;
	int r;

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (!words_match(words, fields[i].name))
			continue;
		if (fields[i].has)
			*fields[i].has = true;
		return number_take(words, fields[i].name, fields[i].most, fields[i].to, err);
	}
	if (words_match(words, "csum")) {
		want->csum = true;
		return 0;
	}
	if (!words_match(words, "options"))
		return 1;
	r = words_value(words, "options", &text, err);
	if (r < 0)
		return r;
	r = packet_hex(text, want->options, sizeof(want->options));
	if (r < 0 || r % 4)
		return error_set(err, -EINVAL,
				 "options: \"%.64s\" is no hexadecimal of whole 4-byte words",
				 text);
	want->options_len = (uint32_t)r;
	return 0;
}

/* A field that the header does not have, or has no room for, would be lost without a word. */
static int field_check(const struct outer_want *want, struct error *err)
{
	bool gre = want->type > OUTER_GENEVE;
	uint32_t most =
		want->type == OUTER_GRE || want->type == OUTER_GRETAP ? UINT32_MAX : 0xffffff;
	const char *type = type_names[want->type];

	if (want->vni > most)
		return error_set(err, -EINVAL, "key: %s has no more than 24 bits for it", type);
	if (want->has_flags && !gre && want->flags > 0xff)
		return error_set(err, -EINVAL, "flags: %s has one byte of them", type);
	if (want->has_sequence && !gre)
		return error_set(err, -EINVAL, "seq: %s has no sequence number", type);
	if (want->has_protocol && want->type == OUTER_VXLAN)
		return error_set(err, -EINVAL, "proto: vxlan does not say what it carries");
	if (want->options_len && want->type != OUTER_GENEVE)
		return error_set(err, -EINVAL, "options: %s has none", type);
	return 0;
}

/* Where a remote sends to, as its tunnel has it. */
static int local_find(struct cli *cli, struct outer_want *want, struct error *err)
{
	char from[ADDR_STRLEN];
	json_auto_t *tunnels = NULL;
	json_t *tunnel, *remote;
	size_t i, j;
	int r = cli_call(cli, "tunnel.show", NULL, &tunnels, err);

	if (r < 0)
		return r;
	addr_format(&want->ip.src, from);
	json_array_foreach (tunnels, i, tunnel) {
		json_t *state = json_object_get(tunnel, "state");

		json_array_foreach (json_object_get(state, "remotes"), j, remote) {
			const char *addr = json_string_value(json_object_get(remote, "addr"));
			const char *source = json_string_value(json_object_get(remote, "source"));

			if (addr && source && !strcmp(addr, from))
				return addr_parse(source, &want->ip.dst);
		}
	}
	return error_set(err, -EINVAL, "to: must be given: no tunnel has a remote %s", from);
}

/* What stands between the outer IP header and the inner packet. */
static uint32_t gre_build(const struct outer_want *want, uint8_t *to, uint32_t protocol)
{
	uint32_t at = 4;

	memset(to, 0, 16);
	packet_put(to + 2, protocol, 2);
	if (want->csum) {
		to[0] |= GRE_CSUM;
		at += 4;
	}
	if (want->has_vni || want->type == OUTER_NVGRE) {
		to[0] |= GRE_KEY;
		packet_put(to + at, want->type == OUTER_NVGRE ? want->vni << 8 : want->vni, 4);
		at += 4;
	}
	if (want->has_sequence) {
		to[0] |= GRE_SEQ;
		packet_put(to + at, want->sequence, 4);
		at += 4;
	}
	if (want->has_flags)
		packet_put(to, want->flags, 2);
	return at;
}

static uint32_t udp_build(const struct outer_want *want, uint8_t *to, uint32_t protocol,
			  uint32_t inner)
{
	bool geneve = want->type == OUTER_GENEVE;
	uint32_t length = 16 + want->options_len;

	memset(to, 0, 16);
	packet_put(to, want->ip.sport, 2);
	packet_put(to + 2, want->ip.dport, 2);
	packet_put(to + 4, length + inner, 2);
	to[8] = geneve ? (uint8_t)(want->options_len / 4) : 0x08;
	if (geneve) {
		to[9] = (uint8_t)want->flags;
		packet_put(to + 10, protocol, 2);
		memcpy(to + 16, want->options, want->options_len);
	} else if (want->has_flags) {
		to[8] = (uint8_t)want->flags;
	}
	packet_put(to + 12, want->vni << 8, 4);
	return length;
}

/* Is there no Ethernet header in the tunnel? */
static bool outer_is_bare(const struct outer_want *want)
{
	return want->type == OUTER_GRE ||
	       (want->has_protocol &&
		(want->protocol == ETHERTYPE_IP || want->protocol == ETHERTYPE_IPV6));
}

/* The whole packet; `inner` is a frame, whose Ethernet header is left out where it is not carried. */
static int outer_build(struct outer_want *want, const uint8_t *inner, uint32_t inner_len,
		       uint8_t bytes[PACKET_MAX], uint32_t *ret_len, struct error *err)
{
	bool v4 = addr_is_v4(&want->ip.src), gre = want->type > OUTER_GENEVE;
	uint32_t protocol = want->has_protocol ? want->protocol : PROTO_ETHERNET, at, length;
	uint8_t *l4 = bytes + 14 + (v4 ? 20 : 40);

	if (outer_is_bare(want)) {
		if (inner_len < 14)
			return error_set(err, -EINVAL, "the inner frame has no Ethernet header");
		if (!want->has_protocol)
			protocol = (uint32_t)inner[12] << 8 | inner[13];
		inner += 14;
		inner_len -= 14;
	}
	if (inner_len > PACKET_MAX - OUTER_MOST)
		return error_set(err, -EINVAL, "the inner frame has %u bytes; at most %u fit",
				 inner_len, PACKET_MAX - OUTER_MOST);
	at = gre ? gre_build(want, l4, protocol) : udp_build(want, l4, protocol, inner_len);
	memcpy(l4 + at, inner, inner_len);
	length = at + inner_len;
	if (gre && want->csum)
		packet_sum_plain(l4, length, 4);
	else if (!gre && (want->csum || !v4))
		packet_sum(&want->ip, l4, length, IPPROTO_UDP, 6);
	memset(bytes, 0, 6); /* weftd fills it in */
	packet_put(bytes + 6, 0x0200, 2);
	packet_put(bytes + 8, 1, 4);
	packet_put(bytes + 12, v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6, 2);
	packet_ip(&want->ip, bytes + 14, gre ? IPPROTO_GRE : IPPROTO_UDP, length);
	*ret_len = (uint32_t)(l4 - bytes) + length;
	return 0;
}

static int header_take(struct words *words, struct outer_want *want, struct error *err)
{
	const char *type;
	int r;

	if (words_match(words, "to")) {
		r = address_take(words, "to", &want->ip.dst, err);
		if (r < 0)
			return r;
		want->ip.has_dst = true;
	}
	type = words_take(words);
	if (!type || !word_in(type, type_names))
		return error_set(err, WORDS_USAGE,
				 "\"%.64s\" is no tunnel; vxlan, geneve, gretap, gre or nvgre must "
				 "follow the addresses",
				 type ? type : "");
	while (strcmp(type_names[want->type], type))
		want->type++;
	want->ip.dport = want->type == OUTER_GENEVE ? 6081 : 4789;
	do
		r = field_take(words, want, err);
	while (r == 0);
	if (r < 0)
		return r;
	if (!want->has_vni && want->type != OUTER_GRE && want->type != OUTER_GRETAP)
		return error_set(err, WORDS_USAGE, "%s: vni must be given", type_names[want->type]);
	return field_check(want, err);
}

int trace_outer(struct cli *cli, struct words *words, uint8_t bytes[PACKET_MAX], uint32_t *ret_len,
		uint32_t *ret_segment, struct error *err)
{
	struct outer_want want = {.ip = {.ttl = 64, .sport = 49152, .df = true}};
	uint8_t inner[PACKET_MAX];
	uint32_t inner_len = 0;
	char *text = NULL;
	int r = address_take(words, "from", &want.ip.src, err);

	if (r == 0)
		r = header_take(words, &want, err);
	if (r == 0 && !want.ip.has_dst)
		r = local_find(cli, &want, err);
	if (r == 0 && addr_is_v4(&want.ip.src) != addr_is_v4(&want.ip.dst))
		r = error_set(err, -EINVAL, "from and to are of different versions of IP");
	if (r == 0)
		r = trace_description(words, type_names[want.type], &text, err);
	if (r == 0)
		r = trace_frame(cli, NULL, outer_is_bare(&want), text, inner, &inner_len,
				ret_segment, err);
	free(text);
	return r < 0 ? r : outer_build(&want, inner, inner_len, bytes, ret_len, err);
}
