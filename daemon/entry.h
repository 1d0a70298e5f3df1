/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FDB entries as the API and the file speak of them: parsing, filling in what the model knows, and the
 * difference between the static entries there are and those there should be.
 */
#ifndef WEFT_DAEMON_ENTRY_H
#define WEFT_DAEMON_ENTRY_H

#include <jansson.h>

#include "daemon/kernel.h"
#include "daemon/model.h"

/* Each item holds its options. */
struct entry_list {
	struct fdb_spec *item;
	size_t count;
	size_t size;
};

void entry_list_free(struct entry_list *list);
/* Copies `spec`, whose options are held once more. */
void entry_list_push(struct entry_list *list, const struct fdb_spec *spec);
/* Room for `count` entries in all. */
void entry_list_reserve(struct entry_list *list, size_t count);
/* entry_list_push() of an entry of a configuration: not of one that says what the tunnel's own `remote` says. */
void entry_list_config(const struct model *model, struct entry_list *list,
		       const struct fdb_spec *spec);
/* To no entries, with the room there is. */
void entry_list_clear(struct entry_list *list);

/* What an entry is for decides what it must have. */
enum entry_use {
	ENTRY_SET, /* add, append, replace */
	ENTRY_DEL,
	ENTRY_CONFIG, /* of the `fdb` section: as ENTRY_SET, but never dynamic */
	ENTRY_KEY,    /* to look one up: "bridge" in place of "dev" is enough */
};

/* Parses one entry and fills it in; its options are the caller's to release, unless it fails. Errors begin with "fdb MAC: " as far as that is known. */
int entry_parse(const struct model *model, const json_t *json, enum entry_use use,
		struct fdb_spec *ret, struct error *err);
/* A list of entries, each by entry_parse(), or as a string of words (lib/entry_words.h). */
int entry_list_parse(const struct model *model, const json_t *json, enum entry_use use,
		     struct entry_list *list, struct error *err);
/* The filter of fdb.show and fdb.flush; `json` may have other members too. */
int entry_filter_parse(const struct model *model, const json_t *json, struct fdb_filter *ret,
		       struct error *err);

/* All static entries that belong to the configuration. */
int entry_list_walk(struct kernel *kernel, const struct model *model, struct entry_list *list,
		    struct error *err);
/* {"mac", "dev", "dst"?, "vni"?, "vlan"?, "option"?} */
json_t *entry_json(const struct fdb_spec *spec);

/* What a configuration changes: counted, and told one by one as far as that is asked for. */
struct changes {
	json_t *list;			/* CHANGEs (docs/api.md) of objects, then of entries */
	size_t limit;			/* so many of entries are listed at most */
	size_t objects;			/* changes of objects, all of them listed */
	size_t added, changed, deleted; /* entries */
};

/*
 * What makes `is` into `wanted`: `set` by kernel_fdb_set(FDB_REPLACE), `del` by
 * kernel_fdb_del(). `changes` may be NULL. Refuses a `wanted` that says two things of one MAC.
 */
int entry_diff(const struct entry_list *is, const struct entry_list *wanted, struct entry_list *set,
	       struct entry_list *del, struct changes *changes, struct error *err);

#endif
