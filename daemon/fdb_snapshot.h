/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the FDB holds, read at once: for who is about to look at so many entries that asking the kernel for each of them
 * would take longer. Learned entries come and go meanwhile, as they do between any look and what follows it.
 */
#ifndef WEFT_DAEMON_FDB_SNAPSHOT_H
#define WEFT_DAEMON_FDB_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/dp.h"

struct fdb_snapshot;

/* Of the map as it is, if `count` look-ups are worth it; else, and without memory, *ret is NULL: the map is asked each time. */
int fdb_snapshot_take(const struct dp *dp, size_t count, struct fdb_snapshot **ret);
void fdb_snapshot_free(struct fdb_snapshot *snapshot);
/* As dp_get_fdb() would, also with NULL for a snapshot. */
bool fdb_snapshot_get(const struct fdb_snapshot *snapshot, const struct dp *dp,
		      const struct weft_fdb_key *key, struct weft_fdb_entry *ret);

#endif
