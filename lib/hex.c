/* SPDX-License-Identifier: GPL-2.0-only */
#include "lib/hex.h"

#include <errno.h>

int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

int hex_read(const char *text, uint8_t *to, size_t room)
{
	size_t count = 0;

	for (; text[0]; text += 2, count++) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0)
			return -EINVAL;
		if (count < room)
			to[count] = (uint8_t)(high << 4 | low);
	}
	return count > room ? -E2BIG : (int)count;
}

const char *hex_write(const uint8_t *bytes, size_t count, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * count] = '\0';
	return text;
}
