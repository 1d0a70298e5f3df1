/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fields that hold many values. Each takes one value, a list of them, or
 * {"add": ..., "remove": ...}, which changes what is there.
 */
#include "lib/field.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int field_no_memory(const struct field *field, struct error *err)
{
	return error_set(err, -ENOMEM, "%s: out of memory", field->name);
}

size_t field_values_count(const json_t *json)
{
	if (!json)
		return 0;
	return json_is_array(json) ? json_array_size(json) : 1;
}

const json_t *field_values_get(const json_t *json, size_t i)
{
	return json_is_array(json) ? json_array_get(json, i) : json;
}

int field_values_split(const struct field *field, const json_t *json, const json_t **ret_add,
		       const json_t **ret_remove, bool *ret_clear, struct error *err)
{
	const char *key;
	json_t *value;

	*ret_add = *ret_remove = NULL;
	*ret_clear = !json_is_object(json);
	if (*ret_clear) {
		*ret_add = json;
		return 0;
	}
	json_object_foreach ((json_t *)json, key, value) {
		if (!strcmp(key, "add"))
			*ret_add = value;
		else if (!strcmp(key, "remove"))
			*ret_remove = value;
		else
			return error_set(err, -EINVAL, "%s: \"%.64s\" is neither add nor remove",
					 field->name, key);
	}
	return 0;
}

static int addr_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct weft_addr));
}

/* Sorts and takes duplicates out. */
static void addrs_settle(struct addr_list *list)
{
	size_t kept = 0;

	if (!list->count)
		return;
	qsort(list->item, list->count, sizeof(*list->item), addr_compare);
	for (size_t i = 1; i < list->count; i++)
		if (!addr_equal(&list->item[kept], &list->item[i]))
			list->item[++kept] = list->item[i];
	list->count = kept + 1;
}

/* Reads addresses to the end of `list`, which has room for them. */
static int addrs_read(const struct field *field, struct addr_list *list, const json_t *json,
		      struct error *err)
{
	for (size_t i = 0; i < field_values_count(json); i++) {
		const json_t *value = field_values_get(json, i);
		const char *text = json_string_value(value);

		if (text && !strcmp(text, "any"))
			list->any = true;
		else if (text && strlen(text) == json_string_length(value) &&
			 addr_parse(text, &list->item[list->count]) == 0)
			list->count++;
		else
			return field_refuse(field, value, "not an IP address", err);
	}
	return 0;
}

static int addrs_remove(const struct field *field, struct addr_list *list,
			const struct addr_list *gone, struct error *err)
{
	char text[ADDR_STRLEN];
	size_t kept = 0, next = 0;

	if (gone->any && !list->any)
		return error_set(err, -ENOENT, "%s: any is not in the list", field->name);
	if (gone->any)
		list->any = false;
	for (size_t i = 0; i < list->count; i++) {
		if (next < gone->count && addr_equal(&list->item[i], &gone->item[next]))
			next++;
		else if (next < gone->count && addr_compare(&gone->item[next], &list->item[i]) < 0)
			break;
		else
			list->item[kept++] = list->item[i];
	}
	if (next < gone->count)
		return error_set(err, -ENOENT, "%s: %s is not in the list", field->name,
				 addr_format(&gone->item[next], text));
	list->count = kept;
	return 0;
}

int field_parse_addrs(const struct field *field, struct addr_list *list, const json_t *json,
		      struct error *err)
{
	const json_t *add, *remove;
	struct addr_list gone = {};
	struct weft_addr *grown;
	bool clear;
	int ret = field_values_split(field, json, &add, &remove, &clear, err);

	if (ret < 0)
		return ret;
	if (clear) {
		list->count = 0;
		list->any = false;
	}
	if (list->count + field_values_count(add) > field->max)
		return error_set(err, -EINVAL, "%s: more than %u addresses", field->name,
				 field->max);
	grown = realloc(list->item, (list->count + field_values_count(add) + 1) * sizeof(*grown));
	if (!grown)
		return field_no_memory(field, err);
	list->item = grown;
	ret = addrs_read(field, list, add, err);
	if (ret < 0)
		return ret;
	addrs_settle(list);
	if (!remove)
		return 0;
	gone.item = calloc(field_values_count(remove) + 1, sizeof(*gone.item));
	if (!gone.item)
		return field_no_memory(field, err);
	ret = addrs_read(field, &gone, remove, err);
	addrs_settle(&gone);
	if (ret == 0)
		ret = addrs_remove(field, list, &gone, err);
	free(gone.item);
	return ret;
}

json_t *field_json_addrs(const struct addr_list *list)
{
	json_t *json = json_array();
	char text[ADDR_STRLEN];

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(json, json_string(addr_format(&list->item[i], text)));
	if (list->any)
		json_array_append_new(json, json_string("any"));
	return json;
}

static bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

static size_t prefix_find(const struct prefix_list *list, const struct prefix *prefix)
{
	size_t i = 0;

	while (i < list->count && !prefix_equal(&list->item[i], prefix))
		i++;
	return i;
}

static int prefix_read(const struct field *field, struct prefix *prefix, const json_t *json,
		       struct error *err)
{
	const char *text = json_string_value(json);

	memset(prefix, 0, sizeof(*prefix));
	if (!text || strlen(text) != json_string_length(json) || prefix_parse(text, prefix) < 0)
		return field_refuse(field, json, "not an address with its prefix length", err);
	if (addr_is_any(&prefix->addr) || addr_is_multicast(&prefix->addr))
		return field_refuse(field, json, "no address for a host", err);
	return 0;
}

int field_parse_prefixes(const struct field *field, struct prefix_list *list, const json_t *json,
			 struct error *err)
{
	const json_t *add, *remove;
	struct prefix *grown, prefix;
	bool clear;
	int ret = field_values_split(field, json, &add, &remove, &clear, err);

	if (ret < 0)
		return ret;
	if (clear)
		list->count = 0;
	/* the number is bounded first, so that looking for duplicates one by one is cheap */
	if (list->count + field_values_count(add) > field->max ||
	    field_values_count(remove) > field->max)
		return error_set(err, -EINVAL, "%s: more than %u addresses", field->name,
				 field->max);
	grown = realloc(list->item, (list->count + field_values_count(add) + 1) * sizeof(*grown));
	if (!grown)
		return field_no_memory(field, err);
	list->item = grown;
	for (size_t i = 0; i < field_values_count(add); i++) {
		ret = prefix_read(field, &prefix, field_values_get(add, i), err);
		if (ret < 0)
			return ret;
		if (prefix_find(list, &prefix) == list->count)
			list->item[list->count++] = prefix;
	}
	for (size_t i = 0; i < field_values_count(remove); i++) {
		size_t at;

		ret = prefix_read(field, &prefix, field_values_get(remove, i), err);
		if (ret < 0)
			return ret;
		at = prefix_find(list, &prefix);
		if (at == list->count)
			return field_refuse(field, field_values_get(remove, i), "not in the list",
					    err);
		memmove(&list->item[at], &list->item[at + 1],
			(--list->count - at) * sizeof(*list->item));
	}
	return 0;
}

json_t *field_json_prefixes(const struct prefix_list *list)
{
	json_t *json = json_array();
	char addr[ADDR_STRLEN], text[ADDR_STRLEN + 4];

	for (size_t i = 0; i < list->count; i++) {
		snprintf(text, sizeof(text), "%s/%u", addr_format(&list->item[i].addr, addr),
			 list->item[i].len);
		json_array_append_new(json, json_string(text));
	}
	return json;
}

/* The order is kept (the first address is the device's primary one) but makes no difference. */
bool field_equal_prefixes(const struct prefix_list *a, const struct prefix_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (prefix_find(b, &a->item[i]) == b->count)
			return false;
	return true;
}

bool vlan_set_has(const struct vlan_set *set, unsigned int vid)
{
	return vid < 4096 && (set->word[vid / 32] >> (vid % 32) & 1);
}

static int vlans_add(const struct field *field, struct vlan_set *set, json_int_t first,
		     json_int_t last, struct error *err)
{
	if (first < field->min || last < field->min)
		return error_set(err, -EINVAL, "%s: %" JSON_INTEGER_FORMAT " is below %u",
				 field->name, first < field->min ? first : last, field->min);
	if (first > field->max || last > field->max)
		return error_set(err, -EINVAL, "%s: %" JSON_INTEGER_FORMAT " is above %u",
				 field->name, first > field->max ? first : last, field->max);
	if (last < first)
		return error_set(err, -EINVAL,
				 "%s: %" JSON_INTEGER_FORMAT "-%" JSON_INTEGER_FORMAT
				 " ends before it begins",
				 field->name, first, last);
	for (json_int_t vid = first; vid <= last; vid++)
		set->word[vid / 32] |= 1u << (vid % 32);
	return 0;
}

/* A number of up to 9 digits; moves *text past it. -1: there is none. */
static json_int_t vid_read(const char **text)
{
	json_int_t value = 0;
	int digits = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++, digits++)
		value = digits < 9 ? value * 10 + (**text - '0') : 999999999;
	return digits ? value : -1;
}

/* "1,10-20" */
static int vlans_read_text(const struct field *field, struct vlan_set *set, const json_t *json,
			   struct error *err)
{
	const char *text = json_string_value(json);

	for (;;) {
		json_int_t first = vid_read(&text), last = first;
		int ret;

		if (first >= 0 && *text == '-') {
			text++;
			last = vid_read(&text);
		}
		if (first < 0 || last < 0 || (*text && *text != ','))
			return field_refuse(field, json, "not a list of VLANs as 1,10-20", err);
		ret = vlans_add(field, set, first, last, err);
		if (ret < 0)
			return ret;
		if (!*text)
			return 0;
		text++;
	}
}

static int vlans_read(const struct field *field, struct vlan_set *set, const json_t *json,
		      struct error *err)
{
	int ret = 0;

	if (field_values_count(json) > 4096)
		return error_set(err, -EINVAL, "%s: more than 4096 values", field->name);
	for (size_t i = 0; i < field_values_count(json) && ret == 0; i++) {
		const json_t *value = field_values_get(json, i);

		if (json_is_integer(value))
			ret = vlans_add(field, set, json_integer_value(value),
					json_integer_value(value), err);
		else if (json_is_string(value))
			ret = vlans_read_text(field, set, value, err);
		else
			ret = field_refuse(field, value, "not a list of VLANs as 1,10-20", err);
	}
	return ret;
}

int field_parse_vlans(const struct field *field, struct vlan_set *set, const json_t *json,
		      struct error *err)
{
	const json_t *add, *remove;
	struct vlan_set gone = {};
	bool clear;
	int ret = field_values_split(field, json, &add, &remove, &clear, err);

	if (ret < 0)
		return ret;
	if (clear)
		memset(set, 0, sizeof(*set));
	ret = vlans_read(field, set, add, err);
	if (ret == 0)
		ret = vlans_read(field, &gone, remove, err);
	set->any = false;
	for (size_t i = 0; i < 128; i++) {
		set->word[i] &= ~gone.word[i];
		set->any |= set->word[i] != 0;
	}
	return ret;
}

json_t *field_json_vlans(const struct vlan_set *set)
{
	/* the longest is 1-2,4-5,7-8,...: 1365 ranges of at most 10 letters */
	char text[16384];
	size_t len = 0;

	if (!set->any)
		return json_null();
	text[0] = 0;
	for (unsigned int vid = 1; vid < 4095; vid++) {
		unsigned int last = vid;

		if (!vlan_set_has(set, vid))
			continue;
		while (vlan_set_has(set, last + 1))
			last++;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", len ? "," : "",
					vid);
		if (last > vid)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "-%u", last);
		vid = last;
	}
	return json_string(text);
}
