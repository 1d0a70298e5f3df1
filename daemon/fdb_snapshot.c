/* SPDX-License-Identifier: GPL-2.0-only */
/* The FDB as an open-addressed table. */
#include "daemon/fdb_snapshot.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORTH 4096 /* look-ups */
#define BATCH 4096
#define SLOTS (2 * BATCH)

struct slot {
	struct weft_fdb_key key; /* bridge 0: free */
	struct weft_fdb_entry entry;
};

struct fdb_snapshot {
	struct slot *slot;
	size_t count, mask;
	struct weft_fdb_key key[BATCH];
	struct weft_fdb_entry entry[BATCH];
};

static struct slot *slot_find(const struct fdb_snapshot *snapshot, const struct weft_fdb_key *key)
{
	uint64_t low, hash;
	uint32_t high;

	memcpy(&low, key, sizeof(low));
	memcpy(&high, (const char *)key + sizeof(low), sizeof(high));
	hash = (low ^ (uint64_t)high << 17) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 32;
	for (size_t i = hash & snapshot->mask;; i = (i + 1) & snapshot->mask) {
		struct slot *slot = &snapshot->slot[i];

		if (!slot->key.bridge || !memcmp(&slot->key, key, sizeof(*key)))
			return slot;
	}
}

static int table_grow(struct fdb_snapshot *snapshot)
{
	struct slot *old = snapshot->slot;
	size_t size = old ? snapshot->mask + 1 : 0;

	if (size && 2 * (snapshot->count + BATCH) <= size)
		return 0;
	snapshot->slot = calloc(size ? 2 * size : SLOTS, sizeof(*snapshot->slot));
	if (!snapshot->slot) {
		snapshot->slot = old;
		return -ENOMEM;
	}
	snapshot->mask = (size ? 2 * size : SLOTS) - 1;
	for (size_t i = 0; i < size; i++)
		if (old[i].key.bridge)
			*slot_find(snapshot, &old[i].key) = old[i];
	free(old);
	return 0;
}

static int table_fill(struct fdb_snapshot *snapshot, const struct dp *dp)
{
	struct dp_cursor cursor = {};
	int more = 1, r = 0;

	while (more > 0 && r >= 0) {
		uint32_t count;

		r = table_grow(snapshot);
		if (r >= 0)
			r = more = dp_walk(dp, DP_FDB, &cursor, snapshot->key, snapshot->entry,
					   BATCH, &count);
		for (uint32_t i = 0; r >= 0 && i < count; i++) {
			struct slot *slot = slot_find(snapshot, &snapshot->key[i]);

			snapshot->count += !slot->key.bridge;
			*slot = (struct slot){snapshot->key[i], snapshot->entry[i]};
		}
	}
	return r;
}

int fdb_snapshot_take(const struct dp *dp, size_t count, struct fdb_snapshot **ret)
{
	struct fdb_snapshot *snapshot;
	int r;

	*ret = NULL;
	if (count < WORTH)
		return 0;
	snapshot = calloc(1, sizeof(*snapshot));
	if (!snapshot)
		return 0;
	r = table_fill(snapshot, dp);
	if (r < 0) {
		fdb_snapshot_free(snapshot);
		return r == -ENOMEM ? 0 : r;
	}
	*ret = snapshot;
	return 0;
}

void fdb_snapshot_free(struct fdb_snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->slot);
	free(snapshot);
}

bool fdb_snapshot_get(const struct fdb_snapshot *snapshot, const struct dp *dp,
		      const struct weft_fdb_key *key, struct weft_fdb_entry *ret)
{
	const struct slot *slot;

	if (!snapshot)
		return !dp_get_fdb(dp, key, ret);
	slot = slot_find(snapshot, key);
	if (slot->key.bridge)
		*ret = slot->entry;
	return slot->key.bridge;
}
