/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses as text and as the datapath keeps them (abi/datapath.h: struct weft_addr, MACs). */
#ifndef WEFT_LIB_ADDR_H
#define WEFT_LIB_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/datapath.h"

#define ADDR_STRLEN 46
#define MAC_STRLEN  18

/* An address with its prefix length, as 10.0.0.1/24. */
struct prefix {
	struct weft_addr addr;
	uint8_t len; /* as written: 0..32 for IPv4, 0..128 for IPv6 */
};

/* Text to address; 0, or -EINVAL for what is no IPv4 or IPv6 address in its usual form. */
int addr_parse(const char *text, struct weft_addr *ret);
int prefix_parse(const char *text, struct prefix *ret);
/* Address to text, in the buffer given, which is also returned. Any is "any". */
const char *addr_format(const struct weft_addr *addr, char text[ADDR_STRLEN]);

struct weft_addr addr_from_v4(struct in_addr v4);
struct in_addr addr_to_v4(const struct weft_addr *addr);
bool addr_is_any(const struct weft_addr *addr);
bool addr_is_v4(const struct weft_addr *addr);
bool addr_is_multicast(const struct weft_addr *addr);
bool addr_is_loopback(const struct weft_addr *addr);
bool addr_equal(const struct weft_addr *a, const struct weft_addr *b);

/* The MAC of a multicast address (RFC 1112 6.4, RFC 2464 7). */
void addr_group_mac(const struct weft_addr *group, uint8_t ret[6]);

/* aa:bb:cc:dd:ee:ff, also with '-', any case; 0 or -EINVAL. */
int mac_parse(const char *text, uint8_t ret[6]);
const char *mac_format(const uint8_t mac[6], char text[MAC_STRLEN]);
bool mac_is_zero(const uint8_t mac[6]);
bool mac_is_multicast(const uint8_t mac[6]);

#endif
