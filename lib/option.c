/* SPDX-License-Identifier: GPL-2.0-only */
/* GENEVE options (RFC 8926 3.5): text, wire form, order. */
#include "lib/option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hex.h"

#define CRITICAL 0x80 /* in the type */

static const char *hex_skip(const char *text)
{
	return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
}

/* 1 to `digits` hexadecimal digits and a colon. Returns what follows, or NULL. */
static const char *number_read(const char *text, int digits, unsigned int *ret)
{
	int count = 0;

	text = hex_skip(text);
	for (*ret = 0; hex_digit(*text) >= 0 && count < digits; text++, count++)
		*ret = *ret << 4 | (unsigned int)hex_digit(*text);
	return count && *text == ':' ? text + 1 : NULL;
}

/* "CLASS:TYPE:". Returns what follows, or NULL. */
static const char *head_read(const char *text, struct geneve_option *ret)
{
	unsigned int class, type;

	memset(ret, 0, sizeof(*ret));
	text = number_read(text, 4, &class);
	if (text)
		text = number_read(text, 2, &type);
	if (!text)
		return NULL;
	ret->class = (uint16_t) class;
	ret->type = (uint8_t)type;
	return text;
}

int option_parse(const char *text, struct geneve_option *ret, const char **ret_what)
{
	size_t count;

	*ret_what = "not CLASS:TYPE:DATA in hexadecimal";
	text = head_read(text, ret);
	if (!text)
		return -EINVAL;
	text = hex_skip(text);
	for (count = 0; text[count]; count++)
		if (hex_digit(text[count]) < 0)
			return -EINVAL;
	*ret_what = "an option with data that does not fill words of 4 bytes";
	if (count % 8)
		return -EINVAL;
	*ret_what = "an option with more than 124 bytes of data";
	if (hex_read(text, ret->data, OPTION_DATA_MAX) < 0)
		return -EINVAL;
	ret->len = (uint8_t)(count / 2);
	return 0;
}

int option_parse_length(const char *text, struct geneve_option *ret, const char **ret_what)
{
	unsigned int len = 0;
	int digits;

	*ret_what = "not CLASS:TYPE:LENGTH, the length in decimal";
	text = head_read(text, ret);
	if (!text)
		return -EINVAL;
	for (digits = 0; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
		len = 10 * len + (unsigned int)(*text - '0');
	if (!digits || *text)
		return -EINVAL;
	*ret_what = "an option with a length that is not a multiple of 4";
	if (len % 4)
		return -EINVAL;
	*ret_what = "an option with more than 124 bytes of data";
	if (len > OPTION_DATA_MAX)
		return -EINVAL;
	ret->len = (uint8_t)len;
	return 0;
}

const char *option_format(const struct geneve_option *option, char text[OPTION_STRLEN])
{
	int at = sprintf(text, "0x%04x:0x%02x:", option->class, option->type);

	hex_write(option->data, option->len, text + at);
	return text;
}

const char *option_format_length(const struct geneve_option *option, char text[OPTION_STRLEN])
{
	sprintf(text, "0x%04x:0x%02x:%u", option->class, option->type, option->len);
	return text;
}

int option_compare(const struct geneve_option *a, const struct geneve_option *b)
{
	if (a->class != b->class)
		return a->class < b->class ? -1 : 1;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return memcmp(a->data, b->data, a->len);
}

size_t options_size(const struct option_list *list)
{
	size_t size = 0;

	for (size_t i = 0; i < list->count; i++)
		size += OPTION_HEADER + list->item[i].len;
	return size;
}

bool options_critical(const struct option_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->item[i].type & CRITICAL)
			return true;
	return false;
}

int options_write(const struct option_list *list, uint8_t bytes[OPTIONS_MAX])
{
	uint8_t *at = bytes;

	if (options_size(list) > OPTIONS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < list->count; i++) {
		const struct geneve_option *option = &list->item[i];

		*at++ = (uint8_t)(option->class >> 8);
		*at++ = (uint8_t)option->class;
		*at++ = option->type;
		*at++ = option->len / 4;
		memcpy(at, option->data, option->len);
		at += option->len;
	}
	return (int)(at - bytes);
}

/* How many options there are, or -EINVAL. */
static int options_count(const uint8_t *bytes, size_t len)
{
	int count = 0;

	for (size_t at = 0; at < len; count++) {
		if (len - at < OPTION_HEADER)
			return -EINVAL;
		at += OPTION_HEADER + 4 * (bytes[at + 3] & 0x1fu);
		if (at > len)
			return -EINVAL;
	}
	return count;
}

int options_read(const uint8_t *bytes, size_t len, struct option_list *ret)
{
	int count = options_count(bytes, len);

	*ret = (struct option_list){};
	if (count <= 0)
		return count;
	ret->item = calloc((size_t)count, sizeof(*ret->item));
	if (!ret->item)
		return -ENOMEM;
	for (; ret->count < (size_t)count; ret->count++) {
		struct geneve_option *option = &ret->item[ret->count];

		option->class = (uint16_t)(bytes[0] << 8 | bytes[1]);
		option->type = bytes[2];
		option->len = (uint8_t)(4 * (bytes[3] & 0x1f));
		memcpy(option->data, bytes + OPTION_HEADER, option->len);
		bytes += OPTION_HEADER + option->len;
	}
	return 0;
}
