/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An FDB entry as one line of words, as `weft fdb add` has them: MAC dev NAME [bridge NAME] [dst IP] [vni N] [vlan N]
 * [option OPTION[,OPTION]...], one blank between two. For many at once: as JSON objects a million would take a gigabyte.
 */
#ifndef WEFT_LIB_ENTRY_WORDS_H
#define WEFT_LIB_ENTRY_WORDS_H

#include <jansson.h>
#include <stdio.h>

#include "lib/error.h"

#define ENTRY_WORDS_MAX 4096 /* bytes, its final 0 counted */

/* The words as the members of an entry, each of which is judged by who parses them: a new reference, or NULL. */
json_t *entry_words_json(const char *text, struct error *err);
/* The entry as an item of section `fdb`, in the letters of yaml_from_json(). */
int entry_words_yaml(const char *text, FILE *out, struct error *err);

#endif
