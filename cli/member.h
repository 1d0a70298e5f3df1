/* SPDX-License-Identifier: GPL-2.0-only */
/* Members of JSON objects that weftd, another command or another host wrote. */
#ifndef WEFT_CLI_MEMBER_H
#define WEFT_CLI_MEMBER_H

#include <jansson.h>

/* The string that a member is, "" if it is none. */
static inline const char *member_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* The integer that a member is, 0 if it is none. */
static inline json_int_t member_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

#endif
