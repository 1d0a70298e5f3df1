/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FDB entries that a client has sent ahead of `config.apply`, or is reading from `config.save`: many, in pieces, so that
 * no message and no JSON of them all is ever there. An entry takes twelve bytes, and what stands behind its MAC is kept
 * once however many have it. Nothing is judged before the entries are asked for.
 */
#ifndef WEFT_DAEMON_STAGE_H
#define WEFT_DAEMON_STAGE_H

#include <jansson.h>
#include <stddef.h>

#include "daemon/entry.h"
#include "daemon/entry_text.h"
#include "daemon/model.h"
#include "lib/error.h"

#define STAGE_ENTRIES_MAX WEFT_FDB_MAX /* of one client; more than that no FDB holds */
#define STAGE_BYTES_MAX	  (256u << 20) /* of all clients together */

struct stage;

struct stage *stage_new(void);
/* NULL is none. */
void stage_free(struct stage *stage);
/* One entry as a line of words (lib/entry_words.h). -E2BIG, -ENOBUFS: beyond the bounds; -EINVAL: no such line. */
int stage_add(struct stage *stage, const char *text, struct error *err);
/* NULL: none. */
size_t stage_count(const struct stage *stage);
/* The entry of that index as its line, into `text`. */
void stage_text(const struct stage *stage, size_t index, char text[ENTRY_WORDS_MAX]);
/* Appends all entries, each as entry_parse() makes it of its words. NULL has none. */
int stage_entries(const struct stage *stage, const struct model *model, struct entry_list *list,
		  struct error *err);

#endif
