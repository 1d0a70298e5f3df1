/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of GENEVE options, each kept once. */
#include "daemon/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/field.h"
#include "lib/option.h"

static struct options_set *sets_by_id, *sets_by_bytes;
static uint32_t last_id;

struct options_set *options_find(uint32_t id)
{
	struct options_set *set;

	HASH_FIND(by_id, sets_by_id, &id, sizeof(id), set);
	return set;
}

size_t options_count(void)
{
	return HASH_CNT(by_id, sets_by_id);
}

struct options_set *options_hold(struct options_set *set)
{
	if (set)
		set->holders++;
	return set;
}

void options_release(struct options_set *set)
{
	if (!set || --set->holders)
		return;
	HASH_DELETE(by_id, sets_by_id, set);
	HASH_DELETE(by_bytes, sets_by_bytes, set);
	free(set);
}

uint32_t options_id(const struct options_set *set)
{
	return set ? set->id : 0;
}

bool options_has_critical(const struct options_set *set)
{
	struct option_list list;
	bool critical = false;

	if (set && options_read(set->bytes, set->len, &list) >= 0) {
		critical = options_critical(&list);
		free(list.item);
	}
	return critical;
}

static struct options_set *set_new(const uint8_t *bytes, size_t len)
{
	struct options_set *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	do {
		last_id++;
	} while (!last_id || options_find(last_id));
	set->id = last_id;
	set->len = (uint32_t)len;
	memcpy(set->bytes, bytes, len);
	HASH_ADD(by_id, sets_by_id, id, sizeof(set->id), set);
	HASH_ADD(by_bytes, sets_by_bytes, bytes, len, set);
	return set;
}

static int list_intern(const struct option_list *list, struct options_set **ret)
{
	uint8_t bytes[OPTIONS_MAX];
	int len = options_write(list, bytes);

	*ret = NULL;
	if (len <= 0)
		return len;
	HASH_FIND(by_bytes, sets_by_bytes, bytes, (size_t)len, *ret);
	if (!*ret)
		*ret = set_new(bytes, (size_t)len);
	options_hold(*ret);
	return *ret ? 0 : -ENOMEM;
}

int options_intern(const uint8_t *bytes, size_t len, struct options_set **ret)
{
	struct option_list list;
	int result;

	*ret = NULL;
	if (len > OPTIONS_MAX)
		return -E2BIG;
	result = options_read(bytes, len, &list);
	if (result == 0)
		result = list_intern(&list, ret);
	free(list.item);
	return result;
}

int options_from_json(const json_t *json, struct options_set **ret, struct error *err)
{
	static const struct field field = {"option", FIELD_OPTIONS, .max = OPTIONS_COUNT_MAX,
					   .flags = FIELD_ORDERED};
	struct option_list list = {};
	int result;

	*ret = NULL;
	/* there is nothing to add to */
	if (json_is_object(json))
		return field_refuse(&field, json, "not CLASS:TYPE:DATA in hexadecimal", err);
	result = field_parse_options(&field, &list, json, err);
	if (result == 0)
		result = list_intern(&list, ret);
	if (result == -E2BIG)
		result = error_set(err, -EINVAL, "option: %zu bytes are more than %u",
				   options_size(&list), OPTIONS_MAX);
	else if (result == -ENOMEM)
		error_set(err, -ENOMEM, "option: out of memory");
	free(list.item);
	return result;
}

json_t *options_json(const struct options_set *set)
{
	struct option_list list = {};
	char text[OPTION_STRLEN];
	json_t *json = json_array();

	if (set && options_read(set->bytes, set->len, &list) < 0)
		return json;
	for (size_t i = 0; i < list.count; i++)
		json_array_append_new(json, json_string(option_format(&list.item[i], text)));
	free(list.item);
	return json;
}
