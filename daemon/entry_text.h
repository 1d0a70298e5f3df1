/* SPDX-License-Identifier: GPL-2.0-only */
/* An FDB entry of weftd's as a line of words (lib/entry_words.h). */
#ifndef WEFT_DAEMON_ENTRY_TEXT_H
#define WEFT_DAEMON_ENTRY_TEXT_H

#include <stddef.h>

#include "daemon/kernel.h"
#include "lib/entry_words.h"

/* Into `text`; returns its length. */
size_t entry_text_write(const struct fdb_spec *spec, char text[ENTRY_WORDS_MAX]);

#endif
