/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A line of a configuration's section `fdb` that is one simple entry and nothing else:
 *
 *       - { mac: 02:00:00:00:00:01, dev: vx0, dst: 192.0.2.1 }
 *
 * A million of them are read here, without YAML's reader and JSON. What is not of this form (other members, other
 * letters, an entry on several lines) is nothing that this file knows, and is YAML's to read or to refuse.
 */
#ifndef WEFT_LIB_ENTRY_LINE_H
#define WEFT_LIB_ENTRY_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum entry_member {
	ENTRY_MAC,
	ENTRY_DEV,
	ENTRY_BRIDGE,
	ENTRY_DST,
	ENTRY_VNI,
	ENTRY_VLAN,
	ENTRY_MEMBERS
};

/* Members as they stand there, without quotes; of length 0: not there. */
struct entry_line {
	size_t indent; /* blanks before the dash */
	struct {
		const char *text;
		size_t len;
	} member[ENTRY_MEMBERS];
};

#define ENTRY_LINE_TEXT 160 /* bytes of the longest entry_line_text(), its final 0 counted */

/* Is `line`, without its newline, a simple entry? Its MAC and device are there, and nothing is there twice. */
bool entry_line_parse(const char *line, size_t len, struct entry_line *ret);
/* The entry as the words of lib/entry_words.h; returns the length. They need no quoting in JSON. */
size_t entry_line_text(const struct entry_line *entry, char text[ENTRY_LINE_TEXT]);
/* Is the line an item of a list that is so far indented, and ends on it, whatever the item means? */
bool entry_line_closed(const char *line, size_t len, size_t indent);

#endif
