/* SPDX-License-Identifier: GPL-2.0-only */
/* A hash of keys, with a list of those who have each. */
#include "daemon/index.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

struct index_group {
	UT_hash_handle hh;
	struct index_item *items; /* never empty */
	size_t count;
	unsigned char key[INDEX_KEY_MAX];
};

static struct index_group *group_find(const struct index *index, const void *key, size_t length)
{
	struct index_group *group;

	HASH_FIND(hh, index->groups, key, length, group);
	return group;
}

void index_join(struct index *index, struct index_item *item, void *owner, const void *key,
		size_t length)
{
	struct index_group *group = group_find(index, key, length);

	if (!group) {
		group = calloc(1, sizeof(*group));
		if (!group)
			abort();
		memcpy(group->key, key, length);
		HASH_ADD(hh, index->groups, key, (unsigned int)length, group);
	}
	item->owner = owner;
	item->group = group;
	DL_APPEND(group->items, item);
	group->count++;
}

void index_leave(struct index *index, struct index_item *item)
{
	struct index_group *group = item->group;

	if (!group)
		return;
	DL_DELETE(group->items, item);
	if (--group->count == 0) {
		HASH_DEL(index->groups, group);
		free(group);
	}
	*item = (struct index_item){0};
}

struct index_item *index_first(const struct index *index, const void *key, size_t length)
{
	struct index_group *group = group_find(index, key, length);

	return group ? group->items : NULL;
}

size_t index_count(const struct index *index, const void *key, size_t length)
{
	struct index_group *group = group_find(index, key, length);

	return group ? group->count : 0;
}

struct index_item *index_other(const struct index_item *item)
{
	if (!item->group || item->group->count < 2)
		return NULL;
	return item->group->items == item ? item->next : item->group->items;
}
