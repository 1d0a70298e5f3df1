/* SPDX-License-Identifier: GPL-2.0-only */
/* Simple entries of a configuration, a line each. */
#include "lib/entry_line.h"

#include <string.h>

#include "lib/addr.h"
#include "lib/objects.h"

static const char *const keys[ENTRY_MEMBERS] = {"mac", "dev", "bridge", "dst", "vni", "vlan"};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool mac_ok(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (i % 3 == 2 ? text[i] != ':' : !is_hex(text[i]))
			return false;
	return len == MAC_STRLEN - 1;
}

/* Unquoted, these words are no strings. */
static bool is_word(const char *text, size_t len)
{
	return (len == 4 && (!memcmp(text, "true", 4) || !memcmp(text, "null", 4))) ||
	       (len == 5 && !memcmp(text, "false", 5));
}

static bool name_ok(const char *text, size_t len, bool quoted)
{
	for (size_t i = 0; i < len; i++)
		if (!is_letter(text[i]) && (!i || (!is_digit(text[i]) && text[i] != '.' &&
						   text[i] != '_' && text[i] != '-')))
			return false;
	return len && len < NAME_LEN && (quoted || !is_word(text, len));
}

static bool addr_ok(const char *text, size_t len)
{
	bool separator = false;

	if (!len || len >= ADDR_STRLEN || !is_hex(text[0]) || text[len - 1] == ':')
		return false;
	for (size_t i = 0; i < len; i++) {
		separator = separator || text[i] == '.' || text[i] == ':';
		if (!is_hex(text[i]) && text[i] != '.' && text[i] != ':')
			return false;
	}
	/* without one it would be a number */
	return separator;
}

static bool number_ok(const char *text, size_t len, bool quoted)
{
	for (size_t i = 0; i < len; i++)
		if (!is_digit(text[i]))
			return false;
	return !quoted && len && len <= 8 && (text[0] != '0' || len == 1);
}

static bool value_ok(enum entry_member member, const char *text, size_t len, bool quoted)
{
	switch (member) {
	case ENTRY_MAC:
		return mac_ok(text, len);
	case ENTRY_DEV:
	case ENTRY_BRIDGE:
		return name_ok(text, len, quoted);
	case ENTRY_DST:
		return addr_ok(text, len);
	default:
		return number_ok(text, len, quoted);
	}
}

/* What is left of the line. */
struct rest {
	const char *at, *end;
};

static bool take(struct rest *rest, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(rest->end - rest->at) < len || memcmp(rest->at, text, len))
		return false;
	rest->at += len;
	return true;
}

static void take_blanks(struct rest *rest)
{
	while (rest->at < rest->end && *rest->at == ' ')
		rest->at++;
}

static bool take_key(struct rest *rest, enum entry_member *ret)
{
	for (*ret = 0; *ret < ENTRY_MEMBERS; ++*ret) {
		struct rest before = *rest;

		if (take(rest, keys[*ret]) && take(rest, ": "))
			return true;
		*rest = before;
	}
	return false;
}

static bool take_value(struct rest *rest, enum entry_member member, struct entry_line *entry)
{
	char quote = 0;
	const char *from;
	size_t len;

	take_blanks(rest);
	if (rest->at < rest->end && (*rest->at == '"' || *rest->at == '\''))
		quote = *rest->at++;
	from = rest->at;
	while (rest->at < rest->end && *rest->at != ' ' && *rest->at != ',' && *rest->at != '}' &&
	       *rest->at != quote)
		rest->at++;
	len = (size_t)(rest->at - from);
	if (entry->member[member].len || !value_ok(member, from, len, quote))
		return false;
	entry->member[member].text = from;
	entry->member[member].len = len;
	if (quote && (rest->at == rest->end || *rest->at++ != quote))
		return false;
	take_blanks(rest);
	return true;
}

bool entry_line_parse(const char *line, size_t len, struct entry_line *ret)
{
	struct rest rest = {line, line + len};

	memset(ret, 0, sizeof(*ret));
	take_blanks(&rest);
	ret->indent = (size_t)(rest.at - line);
	if (!take(&rest, "- {"))
		return false;
	do {
		enum entry_member member;

		take_blanks(&rest);
		if (!take_key(&rest, &member) || !take_value(&rest, member, ret))
			return false;
	} while (take(&rest, ","));
	if (!take(&rest, "}"))
		return false;
	take_blanks(&rest);
	return rest.at == rest.end && ret->member[ENTRY_MAC].len && ret->member[ENTRY_DEV].len;
}

size_t entry_line_text(const struct entry_line *entry, char text[ENTRY_LINE_TEXT])
{
	char *at = text;

	for (enum entry_member i = 0; i < ENTRY_MEMBERS; i++) {
		size_t len = entry->member[i].len;

		if (!len)
			continue;
		if (i != ENTRY_MAC) {
			*at++ = ' ';
			at = stpcpy(at, keys[i]);
			*at++ = ' ';
		}
		memcpy(at, entry->member[i].text, len);
		at += len;
	}
	*at = '\0';
	return (size_t)(at - text);
}

bool entry_line_closed(const char *line, size_t len, size_t indent)
{
	size_t depth = 0;

	while (len && line[len - 1] == ' ')
		len--;
	if (len < indent + 4 || strspn(line, " ") != indent || memcmp(line + indent, "- {", 3))
		return false;
	for (size_t i = indent + 2; i < len; i++) {
		char c = line[i];

		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		else if (!is_letter(c) && !is_digit(c) && (!c || !strchr(" :.,_/-", c)))
			return false;
		/* the brackets that opened it end it, and are the last of the line */
		if (!depth != (i == len - 1))
			return false;
	}
	return true;
}
