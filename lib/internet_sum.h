/* SPDX-License-Identifier: GPL-2.0-only */
/* The Internet checksum (RFC 1071) of bytes in memory, for packets that are made or cut outside of the datapath. */
#ifndef WEFT_LIB_INTERNET_SUM_H
#define WEFT_LIB_INTERNET_SUM_H

#include <stdint.h>

/* Adds `len` bytes, as big-endian 16-bit words, to `start`; not folded. At most 64 KiB in all. */
static inline uint32_t internet_sum(const uint8_t *at, uint32_t len, uint32_t start)
{
	for (uint32_t i = 0; i < len; i++)
		start += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	return start;
}

/* What goes into the checksum field, host byte order. */
static inline uint32_t internet_sum_end(uint32_t value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return ~value & 0xffff;
}

#endif
