/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who gets what a bridge floods: one list of ports, one of remotes. Members keep their slot;
 * one that leaves leaves a hole, which the next to come fills, so that a change of one member touches
 * nobody else.
 */
#ifndef WEFT_DAEMON_FLOOD_H
#define WEFT_DAEMON_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/dp.h"

#define FLOOD_NO_SLOT UINT32_MAX

struct flood_list {
	uint32_t *member; /* id by slot, 0: hole */
	uint32_t slots;	  /* up to the last member */
	uint32_t size;
	uint32_t holes; /* below slots */
};

struct dp;

void flood_free(struct flood_list *list);
/* Notes a member that the map has already. */
int flood_load(struct flood_list *list, uint16_t slot, uint32_t id);
/*
 * Gives `id` a slot and writes it to the map. The caller then writes list->slots to the bridge.
 * -ENOSPC beyond 65535 members or when the map is full.
 */
int flood_add(struct dp *dp, struct flood_list *list, uint32_t bridge, uint16_t class, uint32_t id,
	      uint32_t *ret_slot);
void flood_remove(struct dp *dp, struct flood_list *list, uint32_t bridge, uint16_t class,
		  uint32_t slot);
/* The slot that has `id`, or FLOOD_NO_SLOT. */
uint32_t flood_find(const struct flood_list *list, uint32_t id);

#endif
