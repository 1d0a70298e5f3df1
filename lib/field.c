/* SPDX-License-Identifier: GPL-2.0-only */
/* One field of an object: from JSON, to JSON, compared. */
#include "lib/field.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *member(const struct field *field, const void *object)
{
	return (char *)object + field->offset;
}

static size_t field_size(const struct field *field)
{
	switch (field->type) {
	case FIELD_NAME:
		return NAME_LEN;
	case FIELD_BOOL:
		return sizeof(bool);
	case FIELD_UINT:
		return sizeof(uint32_t);
	case FIELD_ENUM:
		return sizeof(int);
	case FIELD_ADDR:
		return sizeof(struct weft_addr);
	case FIELD_ADDRS:
		return sizeof(struct addr_list);
	case FIELD_PREFIXES:
		return sizeof(struct prefix_list);
	case FIELD_MAC:
		return 6;
	case FIELD_VLANS:
		return sizeof(struct vlan_set);
	case FIELD_RANGE:
		return 2 * sizeof(uint16_t);
	case FIELD_CHOICE:
		return sizeof(enum choice);
	case FIELD_MASK:
		return sizeof(uint64_t);
	case FIELD_KEY:
		return sizeof(struct gre_key);
	case FIELD_OPTIONS:
	case FIELD_LENGTHS:
		return sizeof(struct option_list);
	}
	return 0;
}

void field_reset(const struct field *field, void *object)
{
	void *value = member(field, object);

	if (field->type == FIELD_ADDRS)
		free(((struct addr_list *)value)->item);
	if (field->type == FIELD_PREFIXES)
		free(((struct prefix_list *)value)->item);
	if (field->type == FIELD_OPTIONS || field->type == FIELD_LENGTHS)
		free(((struct option_list *)value)->item);
	memset(value, 0, field_size(field));
	if (field->type == FIELD_MASK)
		*(uint64_t *)value = UINT64_MAX;
	if (field->type == FIELD_BOOL)
		*(bool *)value = field->initial;
	if (field->type == FIELD_UINT)
		*(uint32_t *)value = field->initial;
	if (field->type == FIELD_ENUM)
		*(int *)value = (int)field->initial;
	if (field->type == FIELD_RANGE) {
		((uint16_t *)value)[0] = field->initial;
		((uint16_t *)value)[1] = field->max;
	}
}

/* Gives a list that was copied items of its own; an empty one may own memory all the same, and gets none. */
static int items_copy(void **item, size_t *count, size_t size)
{
	const void *from = *item;

	*item = *count ? malloc(*count * size) : NULL;
	if (*item)
		memcpy(*item, from, *count * size);
	else if (*count)
		return *count = 0, -ENOMEM;
	return 0;
}

int field_copy(const struct field *field, void *object, const void *from)
{
	void *value = member(field, object);

	field_reset(field, object);
	memcpy(value, member(field, from), field_size(field));
	if (field->type == FIELD_ADDRS) {
		struct addr_list *list = value;

		return items_copy((void **)&list->item, &list->count, sizeof(*list->item));
	}
	if (field->type == FIELD_PREFIXES) {
		struct prefix_list *list = value;

		return items_copy((void **)&list->item, &list->count, sizeof(*list->item));
	}
	if (field->type == FIELD_OPTIONS || field->type == FIELD_LENGTHS) {
		struct option_list *list = value;

		return items_copy((void **)&list->item, &list->count, sizeof(*list->item));
	}
	return 0;
}

int field_refuse(const struct field *field, const json_t *json, const char *what, struct error *err)
{
	static const char *const kinds[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_REAL] = "a fraction",
		[JSON_TRUE] = "true",	     [JSON_FALSE] = "false",  [JSON_NULL] = "null",
	};

	if (json_is_string(json))
		return error_set(err, -EINVAL, "%s: \"%.64s\" is %s", field->name,
				 json_string_value(json), what);
	if (json_is_integer(json))
		return error_set(err, -EINVAL, "%s: %" JSON_INTEGER_FORMAT " is %s", field->name,
				 json_integer_value(json), what);
	return error_set(err, -EINVAL, "%s: %s is %s", field->name, kinds[json_typeof(json)], what);
}

int field_name_check(const char *field, const char *name, struct error *err)
{
	if (!*name)
		return error_set(err, -EINVAL, "%s: is empty", field);
	if (strlen(name) >= NAME_LEN)
		return error_set(err, -EINVAL, "%s: \"%.64s\" is longer than 15 letters", field,
				 name);
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return error_set(err, -EINVAL, "%s: \"%s\" is not a device's name", field, name);
	for (const char *c = name; *c; c++)
		/* the kernel puts a number in the place of %d */
		if (*c == '/' || *c == ':' || *c == '%' || !isascii(*c) || !isgraph(*c))
			return error_set(err, -EINVAL,
					 "%s: \"%s\" has a letter that a device's name cannot have",
					 field, name);
	return 0;
}

/* The string of a FIELD whose strings may not hold a NUL (json_string_value would end there). */
static const char *plain_string(const json_t *json)
{
	const char *text = json_string_value(json);

	return text && strlen(text) == json_string_length(json) ? text : NULL;
}

static int parse_name(const struct field *field, char *name, const json_t *json, struct error *err)
{
	const char *text = plain_string(json);
	int ret;

	if (!text)
		return field_refuse(field, json, "not a name", err);
	ret = field_name_check(field->name, text, err);
	if (!ret)
		strcpy(name, text);
	return ret;
}

static const struct field_word *word_by_name(const struct field *field, const char *name)
{
	for (const struct field_word *word = field->words; word && word->word; word++)
		if (!strcmp(word->word, name))
			return word;
	return NULL;
}

static const struct field_word *word_by_value(const struct field *field, uint32_t value)
{
	for (const struct field_word *word = field->words; word && word->word; word++)
		if (word->value == value)
			return word;
	return NULL;
}

static int parse_uint(const struct field *field, uint32_t *value, const json_t *json,
		      struct error *err)
{
	const char *text = plain_string(json);
	const struct field_word *word = text ? word_by_name(field, text) : NULL;
	json_int_t number = json_integer_value(json);

	if (word) {
		*value = word->value;
		return 0;
	}
	if (!json_is_integer(json))
		return field_refuse(field, json, "not a number", err);
	/* 0 as a number also where it only has a meaning as a word, as `mtu 0` */
	if (number < (json_int_t)field->min && (number || !word_by_value(field, 0)))
		return error_set(err, -EINVAL, "%s: %" JSON_INTEGER_FORMAT " is below %u",
				 field->name, number, field->min);
	if (number > (json_int_t)field->max)
		return error_set(err, -EINVAL, "%s: %" JSON_INTEGER_FORMAT " is above %u",
				 field->name, number, field->max);
	*value = (uint32_t)number;
	return 0;
}

static int parse_enum(const struct field *field, int *value, const json_t *json, struct error *err)
{
	const char *text = plain_string(json);
	const struct field_word *word = text ? word_by_name(field, text) : NULL;
	char what[64] = "none of:";

	if (word) {
		*value = (int)word->value;
		return 0;
	}
	for (word = field->words; word->word; word++) {
		strncat(what, " ", sizeof(what) - strlen(what) - 1);
		strncat(what, word->word, sizeof(what) - strlen(what) - 1);
	}
	return field_refuse(field, json, what, err);
}

static int parse_addr(const struct field *field, struct weft_addr *addr, const json_t *json,
		      struct error *err)
{
	const char *text = plain_string(json);

	if (text && !strcmp(text, "any")) {
		memset(addr, 0, sizeof(*addr));
		return 0;
	}
	if (!text || addr_parse(text, addr) < 0)
		return field_refuse(field, json, "not an IP address", err);
	return 0;
}

static int parse_mac(const struct field *field, uint8_t *ret, const json_t *json, struct error *err)
{
	const char *text = plain_string(json);
	uint8_t mac[6];

	if (!text || mac_parse(text, mac) < 0)
		return field_refuse(field, json, "not a MAC address", err);
	if (mac_is_zero(mac))
		return field_refuse(field, json, "zero", err);
	if (mac_is_multicast(mac))
		return field_refuse(field, json, "a group address", err);
	memcpy(ret, mac, sizeof(mac));
	return 0;
}

static int parse_range(const struct field *field, uint16_t *range, const json_t *json,
		       struct error *err)
{
	if (!json_is_array(json) || json_array_size(json) != 2)
		return field_refuse(field, json, "not a list of two numbers", err);
	for (size_t i = 0; i < 2; i++) {
		uint32_t value;
		int ret = parse_uint(field, &value, json_array_get(json, i), err);

		if (ret < 0)
			return ret;
		range[i] = (uint16_t)value;
	}
	return 0;
}

static int parse_choice(const struct field *field, enum choice *choice, const json_t *json,
			struct error *err)
{
	const char *text = plain_string(json);

	if (text && !strcmp(text, "auto"))
		*choice = CHOICE_AUTO;
	else if (json_is_boolean(json))
		*choice = json_is_true(json) ? CHOICE_YES : CHOICE_NO;
	else
		return field_refuse(field, json, "neither true, false nor auto", err);
	return 0;
}

static int parse_mask(const struct field *field, uint64_t *mask, const json_t *json,
		      struct error *err)
{
	const char *text = plain_string(json);
	char *end;

	if (json_is_integer(json) && json_integer_value(json) >= 0) {
		*mask = (uint64_t)json_integer_value(json);
		return 0;
	}
	/* strtoull() takes spaces and signs too, and ends behind the 0 of "0x" */
	errno = 0;
	if (text && isdigit((unsigned char)*text))
		*mask = strtoull(text, &end, !strncmp(text, "0x", 2) ? 16 : 10);
	if (!text || !isdigit((unsigned char)*text) || errno || *end)
		return field_refuse(field, json, "not a mask of 64 bits", err);
	return 0;
}

static int parse_key(const struct field *field, struct gre_key *key, const json_t *json,
		     struct error *err)
{
	const char *text = plain_string(json);
	json_int_t number = json_integer_value(json);
	struct in_addr quad;

	memset(key, 0, sizeof(*key));
	if (json_is_integer(json)) {
		if (number < 0 || number > UINT32_MAX)
			return error_set(err, -EINVAL, "%s: %" JSON_INTEGER_FORMAT " is %s %u",
					 field->name, number, number < 0 ? "below" : "above",
					 number < 0 ? 0 : UINT32_MAX);
		key->value = (uint32_t)number;
	} else if (text && word_by_name(field, text)) {
		key->any = true;
	} else if (text && inet_pton(AF_INET, text, &quad) == 1) {
		key->value = ntohl(quad.s_addr);
	} else {
		return field_refuse(field, json, "not a key: a number or as 10.0.0.1", err);
	}
	key->set = true;
	return 0;
}

int field_parse(const struct field *field, void *object, const json_t *json, struct error *err)
{
	void *value = member(field, object);

	if (json_is_null(json)) {
		field_reset(field, object);
		return 0;
	}
	switch (field->type) {
	case FIELD_NAME:
		return parse_name(field, value, json, err);
	case FIELD_BOOL:
		if (!json_is_boolean(json))
			return field_refuse(field, json, "neither true nor false", err);
		*(bool *)value = json_is_true(json);
		return 0;
	case FIELD_UINT:
		return parse_uint(field, value, json, err);
	case FIELD_ENUM:
		return parse_enum(field, value, json, err);
	case FIELD_ADDR:
		return parse_addr(field, value, json, err);
	case FIELD_ADDRS:
		return field_parse_addrs(field, value, json, err);
	case FIELD_PREFIXES:
		return field_parse_prefixes(field, value, json, err);
	case FIELD_MAC:
		return parse_mac(field, value, json, err);
	case FIELD_VLANS:
		return field_parse_vlans(field, value, json, err);
	case FIELD_RANGE:
		return parse_range(field, value, json, err);
	case FIELD_CHOICE:
		return parse_choice(field, value, json, err);
	case FIELD_MASK:
		return parse_mask(field, value, json, err);
	case FIELD_KEY:
		return parse_key(field, value, json, err);
	case FIELD_OPTIONS:
	case FIELD_LENGTHS:
		return field_parse_options(field, value, json, err);
	}
	return error_set(err, -EINVAL, "%s: unknown field type", field->name);
}

static json_t *json_uint(const struct field *field, uint32_t value)
{
	const struct field_word *word = word_by_value(field, value);

	if (word)
		return json_string(word->word);
	if ((field->flags & FIELD_UNSET) && value == field->initial)
		return json_null();
	return json_integer(value);
}

static json_t *json_mask(uint64_t mask)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, mask);
	return json_string(text);
}

static json_t *json_key(const struct gre_key *key)
{
	if (!key->set)
		return json_null();
	return key->any ? json_string("any") : json_integer(key->value);
}

static json_t *json_choice(enum choice choice)
{
	return choice == CHOICE_AUTO ? json_null() : json_boolean(choice == CHOICE_YES);
}

json_t *field_json(const struct field *field, const void *object)
{
	const void *value = member(field, object);
	char text[ADDR_STRLEN];

	switch (field->type) {
	case FIELD_NAME:
		return *(const char *)value ? json_string(value) : json_null();
	case FIELD_BOOL:
		return json_boolean(*(const bool *)value);
	case FIELD_UINT:
		return json_uint(field, *(const uint32_t *)value);
	case FIELD_ENUM:
		return json_string(word_by_value(field, (uint32_t) * (const int *)value)->word);
	case FIELD_ADDR:
		addr_format(value, text);
		return strcmp(text, "any") ? json_string(text) : json_null();
	case FIELD_ADDRS:
		return field_json_addrs(value);
	case FIELD_PREFIXES:
		return field_json_prefixes(value);
	case FIELD_MAC:
		return mac_is_zero(value) ? json_null() : json_string(mac_format(value, text));
	case FIELD_VLANS:
		return field_json_vlans(value);
	case FIELD_RANGE:
		return json_pack("[i, i]", ((const uint16_t *)value)[0],
				 ((const uint16_t *)value)[1]);
	case FIELD_CHOICE:
		return json_choice(*(const enum choice *)value);
	case FIELD_MASK:
		return json_mask(*(const uint64_t *)value);
	case FIELD_KEY:
		return json_key(value);
	case FIELD_OPTIONS:
	case FIELD_LENGTHS:
		return field_json_options(field, value);
	}
	return NULL;
}

bool field_equal(const struct field *field, const void *a, const void *b)
{
	const void *x = member(field, a), *y = member(field, b);

	if (field->type == FIELD_NAME)
		return !strcmp(x, y);
	if (field->type == FIELD_ADDRS) {
		const struct addr_list *v = x, *w = y;

		return v->any == w->any && v->count == w->count &&
		       (!v->count || !memcmp(v->item, w->item, v->count * sizeof(*v->item)));
	}
	if (field->type == FIELD_PREFIXES)
		return field_equal_prefixes(x, y);
	if (field->type == FIELD_VLANS)
		return !memcmp(((const struct vlan_set *)x)->word,
			       ((const struct vlan_set *)y)->word,
			       sizeof(((const struct vlan_set *)x)->word));
	if (field->type == FIELD_OPTIONS || field->type == FIELD_LENGTHS)
		return field_equal_options(x, y);
	if (field->type == FIELD_KEY) {
		const struct gre_key *v = x, *w = y;

		return v->set == w->set && v->any == w->any && v->value == w->value;
	}
	return !memcmp(x, y, field_size(field));
}

bool field_is_default(const struct field *field, const void *object)
{
	/* large enough and aligned for every type */
	union {
		struct vlan_set vlans;
		struct addr_list addrs;
		uint64_t mask;
	} initial;
	struct field at_start = *field;
	const char *value = member(field, object);

	/* as if the struct were that one member */
	at_start.offset = 0;
	memset(&initial, 0, sizeof(initial));
	field_reset(&at_start, &initial);
	return field_equal(&at_start, value, &initial);
}
