/* SPDX-License-Identifier: GPL-2.0-only */
/* The whole configuration, to a plan and from the model. */
#include "daemon/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/entry.h"

static bool differs_for_good(enum noun noun, uint64_t fields)
{
	for (size_t i = 0; i < schemas[noun].count; i++)
		if (fields & 1ULL << i && schemas[noun].field[i].flags & FIELD_IMMUTABLE)
			return true;
	return false;
}

/* `plan` holds one "add" at its end: makes it what it is beside the object that is there. */
static int add_to_change(struct plan *plan, const void *old, struct error *err)
{
	struct change *change = &plan->change[plan->count - 1];
	enum noun noun = change->noun;
	void *new = (void *)change->new;
	uint64_t fields = object_diff(noun, old, new);
	int result;

	if (!fields) {
		plan->count--;
		object_free(noun, new);
		return 0;
	}
	if (!differs_for_good(noun, fields)) {
		change->old = old;
		return 0;
	}
	plan->count--;
	result = plan_push(plan, noun, old, NULL, err);
	if (result < 0) {
		object_free(noun, new);
		return result;
	}
	return plan_push(plan, noun, NULL, new, err);
}

static int plan_section(const struct model *model, const struct model *none, enum noun noun,
			const json_t *section, struct plan *plan, struct error *err)
{
	json_t *empty = json_object();
	const char *name;
	json_t *json;
	int result = 0;

	json_object_foreach ((json_t *)section, name, json) {
		const void *old = model_find(model, noun, name);

		/* `br0:` with nothing after it is null in YAML, and an object with its defaults */
		result = plan_add(plan, none, noun, name, json_is_null(json) ? empty : json, err);
		if (result == 0 && old)
			result = add_to_change(plan, old, err);
		if (result < 0)
			break;
	}
	json_decref(empty);
	return result;
}

static int plan_deletes(const struct model *model, enum noun noun, const json_t *section,
			struct plan *plan, struct error *err)
{
	const void **list = model_list(model, noun);
	int result = 0;

	for (size_t i = 0; list[i] && result == 0; i++)
		if (!json_object_get(section, object_name(list[i])))
			result = plan_push(plan, noun, list[i], NULL, err);
	free(list);
	return result;
}

static int check_sections(const json_t *config, struct error *err)
{
	const char *key;
	json_t *value;

	if (!json_is_object(config))
		return error_set(err, -EINVAL, "config: is no object with sections");
	json_object_foreach ((json_t *)config, key, value) {
		bool known = !strcmp(key, "fdb");

		for (enum noun noun = 0; noun < NOUN_COUNT; noun++) {
			if (strcmp(key, schemas[noun].plural))
				continue;
			if (!json_is_object(value) && !json_is_null(value))
				return error_set(err, -EINVAL, "%s: is no map of names to %s", key,
						 key);
			known = true;
		}
		if (!known)
			return error_set(err, -EINVAL, "%.64s: is no section of a configuration",
					 key);
	}
	return 0;
}

int config_plan(const struct model *model, const json_t *config, struct plan *plan,
		struct error *err)
{
	struct model *none;
	int result = check_sections(config, err);

	/* Members go before their bridges and come after them, for those who read the list of changes. */
	for (int noun = NOUN_COUNT - 1; noun >= 0 && result == 0; noun--)
		result = plan_deletes(model, (enum noun)noun,
				      json_object_get(config, schemas[noun].plural), plan, err);
	none = model_new();
	for (enum noun noun = 0; noun < NOUN_COUNT && result == 0; noun++)
		result = plan_section(model, none, noun,
				      json_object_get(config, schemas[noun].plural), plan, err);
	model_free(none);
	return result;
}

/* The FDB is walked in no order; a file that is saved twice should be the same. */
static int entry_compare(const void *left, const void *right)
{
	const struct fdb_spec *a = left, *b = right;
	int order = strcmp(a->dev, b->dev);

	if (!order)
		order = (int)a->vlan - (int)b->vlan;
	if (!order)
		order = memcmp(a->mac, b->mac, sizeof(a->mac));
	return order ? order : memcmp(&a->dst, &b->dst, sizeof(a->dst));
}

static int entries_save(const struct entry_list *entries, struct stage *stage, json_t *config,
			struct error *err)
{
	char text[ENTRY_WORDS_MAX];
	json_t *section = NULL;
	int result = 0;

	if (!stage && entries->count)
		section = json_array();
	for (size_t i = 0; i < entries->count && result == 0; i++) {
		if (section)
			json_array_append_new(section, entry_json(&entries->item[i]));
		else if (entry_text_write(&entries->item[i], text))
			result = stage_add(stage, text, err);
	}
	if (section)
		json_object_set_new(config, "fdb", section);
	return result;
}

int config_save(const struct weftd *weftd, struct stage *stage, json_t **ret, struct error *err)
{
	struct entry_list entries = {0};
	json_t *config = json_object();
	json_t *section;
	int result;

	for (enum noun noun = 0; noun < NOUN_COUNT; noun++) {
		const void **list = model_list(weftd->model, noun);

		section = json_object();
		for (size_t i = 0; list[i]; i++)
			json_object_set_new(section, object_name(list[i]),
					    object_json(noun, list[i], false));
		if (list[0])
			json_object_set(config, schemas[noun].plural, section);
		json_decref(section);
		free(list);
	}
	result = entry_list_walk(weftd->kernel, weftd->model, &entries, err);
	if (result < 0) {
		json_decref(config);
		return result;
	}
	if (entries.count)
		qsort(entries.item, entries.count, sizeof(*entries.item), entry_compare);
	result = entries_save(&entries, stage, config, err);
	entry_list_free(&entries);
	if (result < 0)
		json_decref(config);
	else
		*ret = config;
	return result;
}
