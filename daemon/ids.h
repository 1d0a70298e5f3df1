/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbers of bridges, ports, tunnels and remotes. One that was given back rests for a while, so that no
 * program still running with it, and no packet under way, meets a new owner's data.
 */
#ifndef WEFT_DAEMON_IDS_H
#define WEFT_DAEMON_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDS_REST_MS 500

struct ids_rest {
	uint32_t id;
	uint64_t until; /* CLOCK_MONOTONIC, ms */
};

struct ids {
	uint32_t max; /* ids are 1..max-1 */
	uint32_t next;
	uint32_t used; /* resting ones counted */
	uint64_t *taken;
	struct ids_rest *rest; /* ring, oldest first */
	size_t rest_first, rest_count, rest_size;
};

int ids_init(struct ids *ids, uint32_t max);
void ids_free(struct ids *ids);
/* A number that nobody has had for IDS_REST_MS. -ENOSPC. */
int ids_take(struct ids *ids, uint32_t *ret);
/* This one, out of an earlier life; -EEXIST, -ERANGE. */
int ids_claim(struct ids *ids, uint32_t id);
bool ids_taken(const struct ids *ids, uint32_t id);
void ids_give(struct ids *ids, uint32_t id);
/* One that was taken and never used: without a rest. */
void ids_return(struct ids *ids, uint32_t id);

#endif
