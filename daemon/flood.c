/* SPDX-License-Identifier: GPL-2.0-only */
#include "daemon/flood.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 65536

void flood_free(struct flood_list *list)
{
	free(list->member);
	*list = (struct flood_list){};
}

static int flood_grow(struct flood_list *list, uint32_t slots)
{
	uint32_t size = list->size ? list->size : 4;
	uint32_t *member;

	while (size < slots)
		size *= 2;
	if (size == list->size)
		return 0;
	member = realloc(list->member, size * sizeof(*member));
	if (!member)
		return -ENOMEM;
	memset(member + list->size, 0, (size - list->size) * sizeof(*member));
	list->member = member;
	list->size = size;
	return 0;
}

/* Puts the id into a slot that has none. */
static void flood_set(struct flood_list *list, uint32_t slot, uint32_t id)
{
	if (slot < list->slots) {
		list->holes--;
	} else {
		list->holes += slot - list->slots;
		list->slots = slot + 1;
	}
	list->member[slot] = id;
}

int flood_load(struct flood_list *list, uint16_t slot, uint32_t id)
{
	int r = flood_grow(list, slot + 1u);

	if (r < 0)
		return r;
	if (!list->member[slot])
		flood_set(list, slot, id);
	return 0;
}

uint32_t flood_find(const struct flood_list *list, uint32_t id)
{
	for (uint32_t slot = 0; slot < list->slots; slot++)
		if (list->member[slot] == id)
			return slot;
	return FLOOD_NO_SLOT;
}

int flood_add(struct dp *dp, struct flood_list *list, uint32_t bridge, uint16_t class, uint32_t id,
	      uint32_t *ret_slot)
{
	uint32_t slot = list->holes ? flood_find(list, 0) : list->slots;
	struct weft_flood_key key = {.bridge = bridge, .class = class};
	int r;

	if (slot >= SLOTS_MAX - 1)
		return -ENOSPC;
	r = flood_grow(list, slot + 1);
	if (r < 0)
		return r;
	key.slot = (uint16_t)slot;
	r = dp_put_flood(dp, &key, &id);
	if (r < 0)
		return r;
	flood_set(list, slot, id);
	*ret_slot = slot;
	return 0;
}

void flood_remove(struct dp *dp, struct flood_list *list, uint32_t bridge, uint16_t class,
		  uint32_t slot)
{
	struct weft_flood_key key = {.bridge = bridge, .slot = (uint16_t)slot, .class = class};

	if (slot >= list->slots || !list->member[slot])
		return;
	dp_delete_flood(dp, &key);
	list->member[slot] = 0;
	list->holes++;
	while (list->slots && !list->member[list->slots - 1]) {
		list->slots--;
		list->holes--;
	}
}
