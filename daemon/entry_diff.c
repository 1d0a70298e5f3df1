/* SPDX-License-Identifier: GPL-2.0-only */
/* The difference of two lists of FDB entries, by a hash of what an entry is found by. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "daemon/entry.h"

/* What there is one entry of: a MAC in a VLAN of a bridge; for the all-zero MAC, each
 * destination of a tunnel's floods. */
struct entry_key {
	char where[NAME_LEN]; /* the bridge, or the device that has none */
	struct weft_addr dst; /* of the all-zero MAC */
	uint16_t vlan;
	uint8_t mac[6];
	uint8_t is_device;
	uint8_t pad[7];
};

struct slot {
	UT_hash_handle hh;
	struct entry_key key;
	const struct fdb_spec *is;
	const struct fdb_spec *wanted;
};

struct table {
	struct slot *hash; /* in the order of the lists */
	struct slot *slots;
};

static struct entry_key key_of(const struct fdb_spec *spec)
{
	struct entry_key key;
	bool flood = mac_is_zero(spec->mac);
	bool device = flood || !spec->bridge[0];

	memset(&key, 0, sizeof(key));
	memcpy(key.where, device ? spec->dev : spec->bridge, NAME_LEN);
	for (size_t i = strnlen(key.where, NAME_LEN); i < NAME_LEN; i++)
		key.where[i] = '\0';
	if (flood)
		key.dst = spec->dst;
	key.is_device = device;
	key.vlan = (uint16_t)spec->vlan;
	memcpy(key.mac, spec->mac, sizeof(key.mac));
	return key;
}

static struct slot *table_slot(struct table *table, const struct fdb_spec *spec, size_t *used)
{
	struct entry_key key = key_of(spec);
	struct slot *slot;

	HASH_FIND(hh, table->hash, &key, sizeof(key), slot);
	if (slot)
		return slot;
	slot = &table->slots[(*used)++];
	slot->key = key;
	HASH_ADD(hh, table->hash, key, sizeof(slot->key), slot);
	return slot;
}

static int table_fill(struct table *table, const struct entry_list *is,
		      const struct entry_list *wanted, struct error *err)
{
	char mac[MAC_STRLEN];
	size_t used = 0;

	table->hash = NULL;
	table->slots = calloc(is->count + wanted->count + 1, sizeof(*table->slots));
	if (!table->slots)
		abort();
	for (size_t i = 0; i < is->count; i++)
		table_slot(table, &is->item[i], &used)->is = &is->item[i];
	for (size_t i = 0; i < wanted->count; i++) {
		const struct fdb_spec *spec = &wanted->item[i];
		struct slot *slot = table_slot(table, spec, &used);

		if (slot->wanted)
			return error_set(err, -EINVAL, "fdb %s: stands twice, at dev %s and dev %s",
					 mac_format(spec->mac, mac), slot->wanted->dev, spec->dev);
		slot->wanted = spec;
	}
	return 0;
}

static bool spec_equal(const struct fdb_spec *a, const struct fdb_spec *b)
{
	return !strcmp(a->dev, b->dev) && addr_equal(&a->dst, &b->dst) && a->vni == b->vni &&
	       a->options == b->options;
}

static json_t *change_fields(const struct fdb_spec *is, const json_t *new)
{
	static const char *const keys[] = {"dev", "dst", "vni", "option"};
	json_t *old = entry_json(is);
	json_t *fields = json_object();

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		json_t *a = json_object_get(old, keys[i]), *b = json_object_get(new, keys[i]);

		if ((a || b) && !json_equal(a, b))
			json_object_set_new(fields, keys[i],
					    json_pack("{s:O?, s:O?}", "old", a, "new", b));
	}
	json_decref(old);
	return fields;
}

static void change_push(json_t *changes, const struct fdb_spec *is, const struct fdb_spec *wanted)
{
	const char *op = is ? wanted ? "change" : "delete" : "add";
	json_t *change = entry_json(wanted ? wanted : is);

	json_object_set_new_nocheck(change, "op", json_string_nocheck(op));
	json_object_set_new_nocheck(change, "noun", json_string_nocheck("fdb"));
	json_object_set_nocheck(change, "name", json_object_get(change, "mac"));
	json_object_del(change, "mac");
	if (is && wanted)
		json_object_set_new(change, "fields", change_fields(is, change));
	json_array_append_new(changes, change);
}

int entry_diff(const struct entry_list *is, const struct entry_list *wanted, struct entry_list *set,
	       struct entry_list *del, json_t *changes, struct error *err)
{
	struct table table;
	int result = table_fill(&table, is, wanted, err);

	for (struct slot *slot = result < 0 ? NULL : table.hash; slot; slot = slot->hh.next) {
		if (slot->is && slot->wanted && spec_equal(slot->is, slot->wanted))
			continue;
		if (slot->wanted)
			entry_list_push(set, slot->wanted);
		else
			entry_list_push(del, slot->is);
		if (changes)
			change_push(changes, slot->is, slot->wanted);
	}
	HASH_CLEAR(hh, table.hash);
	free(table.slots);
	return result;
}
