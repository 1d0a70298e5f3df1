/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GENEVE options (RFC 8926 3.5) as text and as bytes. As text: CLASS:TYPE:DATA, all of it
 * hexadecimal, or CLASS:TYPE:LENGTH for an option of which only the size is known, LENGTH being decimal bytes.
 */
#ifndef WEFT_LIB_OPTION_H
#define WEFT_LIB_OPTION_H

#include "lib/objects.h"

/* "0x0102:0x80:" and two digits a byte */
#define OPTION_STRLEN (13 + 2 * OPTION_DATA_MAX)
#define OPTION_HEADER 4 /* bytes of class, type and length on the wire */

/*
 * Text to option; each of the parts may begin with 0x, and DATA may be empty. -EINVAL with what the text is
 * instead in *ret_what, as "not CLASS:TYPE:DATA in hexadecimal". What `data` has beyond `len` is zero.
 */
int option_parse(const char *text, struct geneve_option *ret, const char **ret_what);
int option_parse_length(const char *text, struct geneve_option *ret, const char **ret_what);
/* Option to text, in the buffer given, which is also returned. */
const char *option_format(const struct geneve_option *option, char text[OPTION_STRLEN]);
const char *option_format_length(const struct geneve_option *option, char text[OPTION_STRLEN]);

/* Below, above or 0, by class, type, length and data. */
int option_compare(const struct geneve_option *a, const struct geneve_option *b);

/* Bytes of a list on the wire, headers counted. */
size_t options_size(const struct option_list *list);
/* Is any of them critical (RFC 8926 3.5: the high bit of the type)? Then the C bit must be sent. */
bool options_critical(const struct option_list *list);
/* The list as it stands in a packet, the reserved bits 0. Returns the bytes written, or -E2BIG. */
int options_write(const struct option_list *list, uint8_t bytes[OPTIONS_MAX]);
/*
 * The options of a packet, whatever their reserved bits. -EINVAL if the lengths do not add up to `len`; -ENOMEM.
 * The items of a list that is returned are the caller's to free.
 */
int options_read(const uint8_t *bytes, size_t len, struct option_list *ret);

#endif
