/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An index: things that share a key, found by that key. Several things may have the same key,
 * so that a transaction can be put in place first and be judged afterwards.
 */
#ifndef WEFT_DAEMON_INDEX_H
#define WEFT_DAEMON_INDEX_H

#include <stddef.h>

struct index_group;

struct index {
	struct index_group *groups; /* uthash, NULL: empty */
};

/* To be embedded in what is indexed; all zero: in no index. */
struct index_item {
	struct index_item *prev, *next; /* of the same key, oldest first */
	struct index_group *group;
	void *owner;
};

#define INDEX_KEY_MAX 64

/* Adds `owner` by its item, last among those of the key. Keys of one index have the same length. */
void index_join(struct index *index, struct index_item *item, void *owner, const void *key,
		size_t length);
/* An item that is in no index is left alone. */
void index_leave(struct index *index, struct index_item *item);
/* The first of those with this key, or NULL. */
struct index_item *index_first(const struct index *index, const void *key, size_t length);
size_t index_count(const struct index *index, const void *key, size_t length);
/* Another one with the same key as `item`, or NULL. */
struct index_item *index_other(const struct index_item *item);

#endif
