/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses as text and as the datapath keeps them. */
#include "lib/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"

struct weft_addr addr_from_v4(struct in_addr v4)
{
	return (struct weft_addr){.word = {0, 0, htonl(0xffff), v4.s_addr}};
}

struct in_addr addr_to_v4(const struct weft_addr *addr)
{
	return (struct in_addr){.s_addr = addr->word[3]};
}

bool addr_is_v4(const struct weft_addr *addr)
{
	return !addr->word[0] && !addr->word[1] && addr->word[2] == htonl(0xffff);
}

/* Also 0.0.0.0, so that an address that was written out is not taken for a peer. */
bool addr_is_any(const struct weft_addr *addr)
{
	return !addr->word[0] && !addr->word[1] && !addr->word[3] &&
	       (!addr->word[2] || addr_is_v4(addr));
}

bool addr_is_multicast(const struct weft_addr *addr)
{
	if (addr_is_v4(addr))
		return ntohl(addr->word[3]) >> 28 == 0xe;
	return ntohl(addr->word[0]) >> 24 == 0xff;
}

bool addr_is_loopback(const struct weft_addr *addr)
{
	if (addr_is_v4(addr))
		return ntohl(addr->word[3]) >> 24 == 127;
	return !addr->word[0] && !addr->word[1] && !addr->word[2] && addr->word[3] == htonl(1);
}

void addr_group_mac(const struct weft_addr *group, uint8_t ret[6])
{
	uint32_t low = ntohl(group->word[3]);

	ret[0] = 0x33;
	ret[1] = 0x33;
	ret[2] = (uint8_t)(low >> 24);
	if (addr_is_v4(group)) {
		ret[0] = 0x01;
		ret[1] = 0x00;
		ret[2] = 0x5e;
		low &= 0x7fffff;
	}
	ret[3] = (uint8_t)(low >> 16);
	ret[4] = (uint8_t)(low >> 8);
	ret[5] = (uint8_t)low;
}

bool addr_equal(const struct weft_addr *a, const struct weft_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

int addr_parse(const char *text, struct weft_addr *ret)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*ret = addr_from_v4(v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return -EINVAL;
	memcpy(ret, &v6, sizeof(*ret));
	return 0;
}

const char *addr_format(const struct weft_addr *addr, char text[ADDR_STRLEN])
{
	static const struct weft_addr any;

	if (addr_equal(addr, &any))
		snprintf(text, ADDR_STRLEN, "any");
	else if (addr_is_v4(addr))
		inet_ntop(AF_INET, &addr->word[3], text, ADDR_STRLEN);
	else
		inet_ntop(AF_INET6, addr, text, ADDR_STRLEN);
	return text;
}

int prefix_parse(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char addr[ADDR_STRLEN];
	unsigned long bits;
	char *end;

	if (len >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, len);
	addr[len] = 0;
	if (addr_parse(addr, &ret->addr) < 0)
		return -EINVAL;
	bits = addr_is_v4(&ret->addr) ? 32 : 128;
	if (slash) {
		unsigned long max = bits;

		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		bits = strtoul(slash + 1, &end, 10);
		if (*end || bits > max)
			return -EINVAL;
	}
	ret->len = bits;
	return 0;
}

int mac_parse(const char *text, uint8_t ret[6])
{
	uint8_t mac[6];
	char separator = 0;

	for (int i = 0; i < 6; i++) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0)
			return -EINVAL;
		mac[i] = high << 4 | low;
		text += 2;
		if (i == 5)
			break;
		if (i == 0 && (*text == ':' || *text == '-'))
			separator = *text;
		if (!separator || *text++ != separator)
			return -EINVAL;
	}
	if (*text)
		return -EINVAL;
	memcpy(ret, mac, sizeof(mac));
	return 0;
}

const char *mac_format(const uint8_t mac[6], char text[MAC_STRLEN])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 6; i++) {
		text[i * 3] = digits[mac[i] >> 4];
		text[i * 3 + 1] = digits[mac[i] & 15];
		text[i * 3 + 2] = i == 5 ? 0 : ':';
	}
	return text;
}

bool mac_is_zero(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return !memcmp(mac, zero, sizeof(zero));
}

bool mac_is_multicast(const uint8_t mac[6])
{
	return mac[0] & 1;
}
