/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the objects are: a hash by name for each noun, and indexes by what must be unique. */
#include "daemon/model.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/model_private.h"
#include "lib/tunnel.h"

const char *object_name(const void *object)
{
	/* Every object begins with its name (lib/objects.h). */
	return object;
}

const char *object_bridge(enum noun noun, const void *object)
{
	switch (noun) {
	case NOUN_PORT:
		return ((const struct port *)object)->bridge;
	case NOUN_TUNNEL:
		return ((const struct tunnel *)object)->bridge;
	default:
		return "";
	}
}

struct model *model_new(void)
{
	struct model *model = calloc(1, sizeof(*model));

	if (!model)
		abort();
	return model;
}

struct entry *model_entry(const struct model *model, enum noun noun, const char *name)
{
	struct entry *entry;

	HASH_FIND_STR(model->entries[noun], name, entry);
	return entry;
}

const void *model_find(const struct model *model, enum noun noun, const char *name)
{
	struct entry *entry = model_entry(model, noun, name);

	return entry ? entry->object : NULL;
}

const void *model_device(const struct model *model, const char *name, enum noun *ret_noun)
{
	const void *object = model_find(model, NOUN_PORT, name);

	*ret_noun = object ? NOUN_PORT : NOUN_TUNNEL;
	return object ? object : model_find(model, NOUN_TUNNEL, name);
}

size_t model_count(const struct model *model, enum noun noun)
{
	return HASH_COUNT(model->entries[noun]);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(object_name(*(const void *const *)a), object_name(*(const void *const *)b));
}

const void **model_list(const struct model *model, enum noun noun)
{
	const void **list = calloc(model_count(model, noun) + 1, sizeof(*list));
	size_t count = 0;

	if (!list)
		abort();
	for (struct entry *entry = model->entries[noun]; entry; entry = entry->hh.next)
		list[count++] = entry->object;
	if (count)
		qsort(list, count, sizeof(*list), compare_names);
	return list;
}

static const char *entry_text(struct entry *entry)
{
	json_t *json;
	size_t length;

	if (entry->text)
		return entry->text;
	json = json_pack("{s:o}", entry->name, object_json(entry->noun, entry->object, false));
	entry->text = json_dumps(json, JSON_COMPACT);
	if (!entry->text)
		abort();
	json_decref(json);
	/* without the braces around it */
	length = strlen(entry->text) - 2;
	memmove(entry->text, entry->text + 1, length);
	entry->text[length] = '\0';
	return entry->text;
}

int model_write(struct model *model, enum noun noun,
		int (*write)(const char *text, size_t length, void *arg), void *arg)
{
	int result = 0;

	for (struct entry *entry = model->entries[noun]; entry && result == 0;
	     entry = entry->hh.next) {
		const char *text = entry_text(entry);

		result = write(text, strlen(text), arg);
		if (result == 0 && entry->hh.next)
			result = write(",", 1, arg);
	}
	return result;
}

struct identity tunnel_identity(const struct tunnel *tunnel)
{
	struct gre_key key = tunnel_in_key(tunnel);

	if (tunnel->type != TUNNEL_GRETAP && tunnel->type != TUNNEL_GRE)
		return (struct identity){tunnel->type, tunnel->id, tunnel_dstport(tunnel)};
	return (struct identity){tunnel->type, key.value,
				 key.any   ? IDENTITY_ANY_KEY
				 : key.set ? IDENTITY_KEY
					   : IDENTITY_NO_KEY};
}

/*
 * Tunnels over GRE are point to point more often than not, with the same key or none between many
 * pairs of hosts: their remotes tell them apart, and one that takes packets from everybody may stand beside those
 * that do not. One without remotes is told from the others by nothing. A VNI is in one tunnel.
 */
static size_t identity_count(const struct tunnel *tunnel)
{
	bool open = tunnel->remote.any || !tunnel->remote.count;

	if (tunnel->type != TUNNEL_GRETAP && tunnel->type != TUNNEL_GRE)
		return 1;
	return tunnel->remote.count + (open ? 1 : 0);
}

struct weft_addr identity_remote(const struct tunnel *tunnel, size_t number)
{
	static const struct weft_addr any;

	if (tunnel->type != TUNNEL_GRETAP && tunnel->type != TUNNEL_GRE)
		return any;
	return number < tunnel->remote.count ? tunnel->remote.item[number] : any;
}

static void tunnel_link(struct model *model, struct entry *entry)
{
	const struct tunnel *tunnel = entry->object;
	const struct identity identity = tunnel_identity(tunnel);

	entry->identities = identity_count(tunnel);
	entry->identity = calloc(entry->identities, sizeof(*entry->identity));
	if (!entry->identity)
		abort();
	for (size_t i = 0; i < entry->identities; i++)
		index_join(
			&model->identity, &entry->identity[i], entry,
			&(struct identity_key){tunnel->local, identity_remote(tunnel, i), identity},
			sizeof(struct identity_key));
	if (!tunnel_is_gre(tunnel))
		index_join(&model->listen, &entry->listen, entry,
			   &(struct listen_key){tunnel->type, tunnel_dstport(tunnel)},
			   sizeof(struct listen_key));
	if (!addr_is_any(&tunnel->group))
		index_join(&model->group, &entry->group, entry,
			   &(struct group_key){tunnel->group, identity}, sizeof(struct group_key));
}

static void entry_link(struct model *model, struct entry *entry)
{
	const char *bridge = object_bridge(entry->noun, entry->object);
	char key[NAME_LEN] = "";

	if (bridge[0]) {
		memcpy(key, bridge, strnlen(bridge, NAME_LEN - 1));
		index_join(&model->on_bridge, &entry->on_bridge, entry, key, sizeof(key));
	}
	if (entry->noun == NOUN_TUNNEL)
		tunnel_link(model, entry);
}

static void entry_unlink(struct model *model, struct entry *entry)
{
	free(entry->text);
	entry->text = NULL;
	index_leave(&model->on_bridge, &entry->on_bridge);
	for (size_t i = 0; i < entry->identities; i++)
		index_leave(&model->identity, &entry->identity[i]);
	free(entry->identity);
	entry->identity = NULL;
	entry->identities = 0;
	index_leave(&model->listen, &entry->listen);
	index_leave(&model->group, &entry->group);
}

static void entry_remove(struct model *model, struct entry *entry)
{
	entry_unlink(model, entry);
	HASH_DEL(model->entries[entry->noun], entry);
	free(entry);
}

static void entry_insert(struct model *model, enum noun noun, const void *object)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		abort();
	entry->noun = noun;
	entry->object = object;
	memcpy(entry->name, object_name(object), NAME_LEN);
	HASH_ADD_STR(model->entries[noun], name, entry);
	entry_link(model, entry);
}

/* Puts `new` where `old` was; either may be NULL. */
static void model_replace(struct model *model, enum noun noun, const void *old, const void *new)
{
	struct entry *entry = old ? model_entry(model, noun, object_name(old)) : NULL;

	if (entry && new) {
		entry_unlink(model, entry);
		entry->object = new;
		entry_link(model, entry);
	} else if (entry) {
		entry_remove(model, entry);
	} else if (new) {
		entry_insert(model, noun, new);
	}
}

int model_stage(struct model *model, const struct plan *plan, struct error *err)
{
	int result;

	for (size_t i = 0; i < plan->count; i++) {
		const struct change *change = &plan->change[i];

		model_replace(model, change->noun, change->old, change->new);
	}
	result = model_check(model, plan, err);
	if (result < 0)
		model_unstage(model, plan);
	return result;
}

void model_unstage(struct model *model, const struct plan *plan)
{
	for (size_t i = plan->count; i > 0; i--) {
		const struct change *change = &plan->change[i - 1];

		model_replace(model, change->noun, change->new, change->old);
	}
}

void model_commit(struct model *model, struct plan *plan)
{
	(void)model;
	for (size_t i = 0; i < plan->count; i++)
		object_free(plan->change[i].noun, (void *)plan->change[i].old);
	plan->count = 0;
}

void model_free(struct model *model)
{
	struct entry *entry, *next;

	if (!model)
		return;
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++) {
		HASH_ITER (hh, model->entries[noun], entry, next) {
			object_free(noun, (void *)entry->object);
			entry_remove(model, entry);
		}
	}
	free(model);
}
