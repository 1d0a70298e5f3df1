/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MACs that flap: two machines with the same one, or a loop. A short table of those that moved last; a MAC that
 * moves once, as a virtual machine's does, is soon forgotten.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/live.h"

#define MOVES_KEPT   64
#define MOVES_MANY   5	/* within MOVES_PERIOD are no migration */
#define MOVES_PERIOD 60 /* seconds */

struct move {
	struct weft_fdb_key key;
	struct weft_dest dest, old; /* of the last one */
	uint32_t count;		    /* since `first` */
	uint32_t first, last;	    /* tick */
};

struct moves {
	struct move move[MOVES_KEPT];
};

static bool move_is_over(const struct move *move, uint32_t now)
{
	return now - move->last > WEFT_TICKS(MOVES_PERIOD);
}

/* That of the key, or the one that is longest ago. */
static struct move *move_place(struct moves *moves, const struct weft_fdb_key *key, uint32_t now)
{
	struct move *oldest = moves->move;

	for (size_t i = 0; i < MOVES_KEPT; i++) {
		struct move *move = &moves->move[i];

		if (move->count && !memcmp(&move->key, key, sizeof(*key)))
			return move;
		if (!move->count || (oldest->count && now - move->last > now - oldest->last))
			oldest = move;
	}
	*oldest = (struct move){.key = *key, .first = now, .last = now};
	return oldest;
}

void moves_note(struct kernel *kernel, const struct weft_event *event)
{
	struct move *move;

	if (!kernel->moves)
		kernel->moves = calloc(1, sizeof(*kernel->moves));
	if (!kernel->moves)
		return;
	move = move_place(kernel->moves, &event->key, event->tick);
	if (event->tick - move->first > WEFT_TICKS(MOVES_PERIOD)) {
		move->count = 0;
		move->first = event->tick;
	}
	move->count++;
	move->last = event->tick;
	move->dest = event->dest;
	move->old = event->old;
}

static void place_set(struct kernel *kernel, const struct move *move, const struct weft_dest *dest,
		      json_t *json, const char *member)
{
	const struct weft_fdb_entry entry = {.dest = *dest};
	json_t *place = fdb_entry_json(kernel, &move->key, &entry, false);
	const char *dst = json_string_value(json_object_get(place, "dst"));
	const char *dev = json_string_value(json_object_get(place, "dev"));

	if (dev)
		json_object_set_new(json, member, json_pack("{s:s, s:s*}", "dev", dev, "dst", dst));
	json_decref(place);
}

json_t *moves_json(struct kernel *kernel)
{
	json_t *list = json_array(), *json;
	uint32_t now = dp_tick();
	char mac[MAC_STRLEN];

	for (size_t i = 0; kernel->moves && i < MOVES_KEPT; i++) {
		const struct move *move = &kernel->moves->move[i];
		const struct live_bridge *bridge = move->key.bridge < WEFT_BRIDGES_MAX
							   ? kernel->bridge_by_id[move->key.bridge]
							   : NULL;

		if (move->count < MOVES_MANY || move_is_over(move, now) || !bridge)
			continue;
		json = json_pack("{s:s, s:s, s:i}", "mac", mac_format(move->key.mac, mac), "bridge",
				 bridge->name, "moves", (int)move->count);
		if (move->key.vlan)
			json_object_set_new(json, "vlan", json_integer(move->key.vlan));
		place_set(kernel, move, &move->old, json, "from");
		place_set(kernel, move, &move->dest, json, "to");
		json_array_append_new(list, json);
	}
	return list;
}
