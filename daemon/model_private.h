/* SPDX-License-Identifier: GPL-2.0-only */
/* What daemon/model.c (where objects are) and daemon/rules.c (what they demand of each other) share. */
#ifndef WEFT_DAEMON_MODEL_PRIVATE_H
#define WEFT_DAEMON_MODEL_PRIVATE_H

#include <uthash.h>

#include "daemon/index.h"
#include "daemon/model.h"

struct entry {
	UT_hash_handle hh; /* by the name in `object` */
	char name[NAME_LEN];
	enum noun noun;
	const void *object;
	char *text;		     /* what model_write() writes; NULL: not made yet */
	struct index_item on_bridge; /* ports, and tunnels with a bridge */
	struct index_item identity;  /* tunnels */
	struct index_item group;     /* tunnels with a group */
};

struct model {
	struct entry *entries[NOUN_COUNT];
	struct index on_bridge; /* name of the bridge, which need not exist while staged */
	struct index identity;	/* struct identity_key */
	struct index group;	/* struct group_key */
};

/* What tells one tunnel from another in what arrives. */
struct identity_key {
	struct weft_addr local;
	uint32_t type, id, port;
};

struct group_key {
	struct weft_addr group;
	uint32_t id, port;
};

struct entry *model_entry(const struct model *model, enum noun noun, const char *name);
/* Judges a plan that is in place; the first thing found wrong is `err`. */
int model_check(const struct model *model, const struct plan *plan, struct error *err);

#endif
