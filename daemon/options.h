/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sets of GENEVE options that FDB entries and remotes share. A list of options is kept once
 * however many say it, so that a pointer stands for the bytes and an id can be part of a key.
 *
 * A set lives as long as somebody holds it. The table is one for the process; it is memory and nothing else.
 */
#ifndef WEFT_DAEMON_OPTIONS_H
#define WEFT_DAEMON_OPTIONS_H

#include <jansson.h>
#include <uthash.h>

#include "lib/error.h"
#include "lib/objects.h"

struct options_set {
	uint32_t
		id; /* not 0; no other set has it while this one is held. Another one after a restart */
	uint32_t len;		    /* bytes: 4 to OPTIONS_MAX, a multiple of 4 */
	uint8_t bytes[OPTIONS_MAX]; /* as in a packet (RFC 8926 3.5), reserved bits 0 */
	/* of daemon/options.c */
	uint32_t holders;
	UT_hash_handle by_id, by_bytes;
};

/*
 * The set of these bytes, found or made, held once more: *ret is for options_release(). No bytes are no set: NULL.
 * Bits that are reserved do not make a difference. -EINVAL if the bytes are no list of options, -E2BIG beyond
 * OPTIONS_MAX, -ENOMEM.
 */
int options_intern(const uint8_t *bytes, size_t len, struct options_set **ret);
/* NULL is no set, to be held and released like any; its id is 0. */
struct options_set *options_hold(struct options_set *set);
void options_release(struct options_set *set);
uint32_t options_id(const struct options_set *set);
/* Is any of them critical? */
bool options_has_critical(const struct options_set *set);
/* Not held by this; NULL: there is none of that id. */
struct options_set *options_find(uint32_t id);
/* How many there are. */
size_t options_count(void);

/* "option" of an FDB entry: a string CLASS:TYPE:DATA, or a list of them. As options_intern(); refusals begin with
 * "option: ". */
int options_from_json(const json_t *json, struct options_set **ret, struct error *err);
/* A list of strings, new reference; empty for NULL. */
json_t *options_json(const struct options_set *set);

#endif
