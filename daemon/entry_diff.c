/* SPDX-License-Identifier: GPL-2.0-only */
/* The difference of two lists of FDB entries, by a hash of what an entry is found by. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/entry.h"

/*
 * An open-addressed table of places by what there is one entry of: a MAC in a VLAN of a bridge or of a device that
 * has none; for the all-zero MAC, each destination of a tunnel's floods. Eight bytes an entry and no copy of it.
 */
struct slot {
	uint32_t is, wanted; /* index in the list plus 1, 0: not there */
};

struct table {
	const struct entry_list *is, *wanted;
	struct slot *slots;
	size_t mask;
	uint32_t *becomes; /* of each in `is`, the index in `wanted` plus 1; 0: it goes */
	bool *is_there;	   /* is one of `wanted` there already, as it is or otherwise? */
};

/* The bridge, or the device that has none. */
static const char *spec_where(const struct fdb_spec *spec, bool *ret_device)
{
	*ret_device = mac_is_zero(spec->mac) || !spec->bridge[0];
	return *ret_device ? spec->dev : spec->bridge;
}

static bool same_place(const struct fdb_spec *a, const struct fdb_spec *b)
{
	bool device_a, device_b;
	const char *where_a = spec_where(a, &device_a), *where_b = spec_where(b, &device_b);

	return !memcmp(a->mac, b->mac, sizeof(a->mac)) && a->vlan == b->vlan &&
	       device_a == device_b && !strcmp(where_a, where_b) &&
	       (!mac_is_zero(a->mac) || addr_equal(&a->dst, &b->dst));
}

static uint64_t hash_mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t place_hash(const struct fdb_spec *spec)
{
	uint64_t mac = 0, hash;
	bool device;
	const char *where = spec_where(spec, &device);

	memcpy(&mac, spec->mac, sizeof(spec->mac));
	hash = hash_mix(spec->vlan, mac);
	if (!mac)
		for (size_t i = 0; i < 4; i++)
			hash = hash_mix(hash, spec->dst.word[i]);
	for (; *where; where++)
		hash = hash * 31 + (unsigned char)*where;
	return hash_mix(hash, device);
}

static const struct fdb_spec *slot_spec(const struct table *table, const struct slot *slot)
{
	return slot->is ? &table->is->item[slot->is - 1] : &table->wanted->item[slot->wanted - 1];
}

/* The slot of that place, or the free one that it would take. */
static struct slot *table_slot(const struct table *table, const struct fdb_spec *spec)
{
	for (size_t i = place_hash(spec) & table->mask;; i = (i + 1) & table->mask) {
		struct slot *slot = &table->slots[i];

		if ((!slot->is && !slot->wanted) || same_place(slot_spec(table, slot), spec))
			return slot;
	}
}

static int table_fill(struct table *table, const struct entry_list *is,
		      const struct entry_list *wanted, struct error *err)
{
	char mac[MAC_STRLEN];
	size_t size = 16;

	while (size < 2 * (is->count + wanted->count))
		size *= 2;
	*table = (struct table){.is = is, .wanted = wanted, .mask = size - 1};
	table->slots = calloc(size, sizeof(*table->slots));
	table->becomes = calloc(is->count + 1, sizeof(*table->becomes));
	table->is_there = calloc(wanted->count + 1, sizeof(*table->is_there));
	if (!table->slots || !table->becomes || !table->is_there)
		abort();
	for (size_t i = 0; i < is->count; i++)
		table_slot(table, &is->item[i])->is = (uint32_t)i + 1;
	for (size_t i = 0; i < wanted->count; i++) {
		const struct fdb_spec *spec = &wanted->item[i];
		struct slot *slot = table_slot(table, spec);

		if (slot->wanted)
			return error_set(err, -EINVAL, "fdb %s: stands twice, at dev %s and dev %s",
					 mac_format(spec->mac, mac),
					 wanted->item[slot->wanted - 1].dev, spec->dev);
		slot->wanted = (uint32_t)i + 1;
		table->is_there[i] = slot->is;
		if (slot->is)
			table->becomes[slot->is - 1] = slot->wanted;
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

static void change_push(struct changes *changes, const struct fdb_spec *is,
			const struct fdb_spec *wanted)
{
	const char *op = is ? wanted ? "change" : "delete" : "add";
	size_t *count = is ? wanted ? &changes->changed : &changes->deleted : &changes->added;
	json_t *change;

	++*count;
	if (changes->added + changes->changed + changes->deleted > changes->limit)
		return;
	change = entry_json(wanted ? wanted : is);

	json_object_set_new_nocheck(change, "op", json_string_nocheck(op));
	json_object_set_new_nocheck(change, "noun", json_string_nocheck("fdb"));
	json_object_set_nocheck(change, "name", json_object_get(change, "mac"));
	json_object_del(change, "mac");
	if (is && wanted)
		json_object_set_new(change, "fields", change_fields(is, change));
	json_array_append_new(changes->list, change);
}

static void diff_one(const struct fdb_spec *is, const struct fdb_spec *wanted,
		     struct entry_list *set, struct entry_list *del, struct changes *changes)
{
	if (is && wanted && spec_equal(is, wanted))
		return;
	if (wanted)
		entry_list_push(set, wanted);
	else
		entry_list_push(del, is);
	if (changes)
		change_push(changes, is, wanted);
}

int entry_diff(const struct entry_list *is, const struct entry_list *wanted, struct entry_list *set,
	       struct entry_list *del, struct changes *changes, struct error *err)
{
	struct table table;
	int result = table_fill(&table, is, wanted, err);

	/* in the order of the lists: what is there, then what only comes */
	for (size_t i = 0; i < is->count && result == 0; i++)
		diff_one(&is->item[i],
			 table.becomes[i] ? &wanted->item[table.becomes[i] - 1] : NULL, set, del,
			 changes);
	for (size_t i = 0; i < wanted->count && result == 0; i++)
		if (!table.is_there[i])
			diff_one(NULL, &wanted->item[i], set, del, changes);
	free(table.slots);
	free(table.becomes);
	free(table.is_there);
	return result;
}
