/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A configuration as a file, read in two parts: the many simple entries of its section `fdb`, one after the other, and
 * everything else as JSON. For files that would be too large as one JSON value.
 */
#ifndef WEFT_LIB_CONFIG_ENTRIES_H
#define WEFT_LIB_CONFIG_ENTRIES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/entry_line.h"
#include "lib/error.h"

/* The simple entries of a text, which must stay as long as this is used. */
struct config_entries {
	const char *at, *end; /* lines that are not given out yet */
	size_t indent;
	size_t count;
};

/*
 * config_file_parse() without the simple entries, which config_entries_next() gives: together they are what
 * config_file_parse() would give, and what one refuses the other refuses in the same words. Few entries are left in *ret.
 */
int config_entries_split(const char *text, size_t len, json_t **ret, struct config_entries *entries,
			 struct error *err);
/* The next entry as its words (entry_line_text()); false: there are no more. */
bool config_entries_next(struct config_entries *entries, char ret[ENTRY_LINE_TEXT],
			 size_t *ret_len);

#endif
