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
	struct index_item *identity; /* tunnels: `identities` of them, see identity_list() */
	size_t identities;
	struct index_item listen; /* tunnels over UDP */
	struct index_item group;  /* tunnels with a group */
};

struct model {
	struct entry *entries[NOUN_COUNT];
	struct index on_bridge; /* name of the bridge, which need not exist while staged */
	struct index identity;	/* struct identity_key */
	struct index listen;	/* struct listen_key */
	struct index group;	/* struct group_key */
};

/* What a packet says of the tunnel it is for, besides its addresses. */
struct identity {
	enum tunnel_type type;
	uint32_t id;   /* VNI, VSID or key */
	uint32_t port; /* UDP port; gretap and gre: enum identity_key_kind */
};
enum identity_key_kind { IDENTITY_NO_KEY, IDENTITY_KEY, IDENTITY_ANY_KEY };

/* What tells one tunnel from another in what arrives. */
struct identity_key {
	struct weft_addr local;
	struct weft_addr remote; /* gretap and gre; any for the others */
	struct identity identity;
};

/* One UDP port is of one type. */
struct listen_key {
	enum tunnel_type type;
	uint32_t port;
};

struct group_key {
	struct weft_addr group;
	struct identity identity;
};

struct identity tunnel_identity(const struct tunnel *tunnel);
/* The remote of the identity_key of that number, all of which no other tunnel may have. */
struct weft_addr identity_remote(const struct tunnel *tunnel, size_t number);

struct entry *model_entry(const struct model *model, enum noun noun, const char *name);
/* Judges a plan that is in place; the first thing found wrong is `err`. */
int model_check(const struct model *model, const struct plan *plan, struct error *err);

#endif
