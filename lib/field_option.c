/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fields that hold GENEVE options. With FIELD_ORDERED they stand in the order given and may repeat; without, the
 * list is a set, kept sorted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/field.h"
#include "lib/option.h"

static int item_read(const struct field *field, struct geneve_option *item, const json_t *json,
		     struct error *err)
{
	const char *text = json_string_value(json), *what;
	int ret;

	if (text && strlen(text) != json_string_length(json))
		text = NULL;
	if (field->type == FIELD_OPTIONS)
		ret = option_parse(text ? text : "", item, &what);
	else
		ret = option_parse_length(text ? text : "", item, &what);
	return ret < 0 ? field_refuse(field, json, what, err) : 0;
}

static size_t list_find(const struct option_list *list, const struct geneve_option *option)
{
	size_t i = 0;

	while (i < list->count && option_compare(&list->item[i], option))
		i++;
	return i;
}

static int items_add(const struct field *field, struct option_list *list, const json_t *json,
		     struct error *err)
{
	for (size_t i = 0; i < field_values_count(json); i++) {
		struct geneve_option *item = &list->item[list->count];
		int ret = item_read(field, item, field_values_get(json, i), err);

		if (ret < 0)
			return ret;
		if ((field->flags & FIELD_ORDERED) || list_find(list, item) == list->count)
			list->count++;
	}
	return 0;
}

static int items_remove(const struct field *field, struct option_list *list, const json_t *json,
			struct error *err)
{
	for (size_t i = 0; i < field_values_count(json); i++) {
		struct geneve_option item;
		int ret = item_read(field, &item, field_values_get(json, i), err);
		size_t at;

		if (ret < 0)
			return ret;
		at = list_find(list, &item);
		if (at == list->count)
			return field_refuse(field, field_values_get(json, i), "not in the list",
					    err);
		memmove(&list->item[at], &list->item[at + 1],
			(--list->count - at) * sizeof(*list->item));
	}
	return 0;
}

static int item_compare(const void *a, const void *b)
{
	return option_compare(a, b);
}

int field_parse_options(const struct field *field, struct option_list *list, const json_t *json,
			struct error *err)
{
	const json_t *add, *remove;
	struct geneve_option *grown;
	bool clear;
	int ret = field_values_split(field, json, &add, &remove, &clear, err);

	if (ret < 0)
		return ret;
	if (clear)
		list->count = 0;
	/* the number is bounded first, so that looking for them one by one is cheap */
	if (list->count + field_values_count(add) > field->max ||
	    field_values_count(remove) > field->max)
		return error_set(err, -EINVAL, "%s: more than %u options", field->name, field->max);
	grown = realloc(list->item, (list->count + field_values_count(add) + 1) * sizeof(*grown));
	if (!grown)
		return field_no_memory(field, err);
	list->item = grown;
	ret = items_add(field, list, add, err);
	if (ret == 0)
		ret = items_remove(field, list, remove, err);
	if (ret == 0 && !(field->flags & FIELD_ORDERED) && list->count)
		qsort(list->item, list->count, sizeof(*list->item), item_compare);
	return ret;
}

json_t *field_json_options(const struct field *field, const struct option_list *list)
{
	json_t *json = json_array();
	char text[OPTION_STRLEN];

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(
			json, json_string(field->type == FIELD_OPTIONS
						  ? option_format(&list->item[i], text)
						  : option_format_length(&list->item[i], text)));
	return json;
}

bool field_equal_options(const struct option_list *a, const struct option_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (option_compare(&a->item[i], &b->item[i]))
			return false;
	return true;
}
