/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers in network byte order, wherever they begin, and the Internet checksum. */
#ifndef WEFT_CLI_BYTES_H
#define WEFT_CLI_BYTES_H

#include <stddef.h>
#include <stdint.h>

static inline void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static inline uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* RFC 1071, not complemented: `sum` and that of the bytes, an odd last one with a zero behind it. */
static inline uint32_t sum_bytes(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		sum += get16(bytes + i);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (len % 2)
		sum += (uint32_t)bytes[len - 1] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

#endif
