/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes as hexadecimal digits, two each and nothing between them. */
#ifndef WEFT_LIB_HEX_H
#define WEFT_LIB_HEX_H

#include <stddef.h>
#include <stdint.h>

/* What a digit, small or capital, stands for; -1: it is none. */
int hex_digit(char digit);
/*
 * Reads the whole text into at most `room` bytes, and gives how many. -EINVAL: there is half a byte, or what is no digit; -E2BIG:
 * there are more, and the first `room` are read.
 */
int hex_read(const char *text, uint8_t *to, size_t room);
/* Writes small digits and a final 0, so 2 * count + 1 bytes. Gives `text`. */
const char *hex_write(const uint8_t *bytes, size_t count, char *text);

#endif
