/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of a command line, and the fields of an object in iproute2's words. */
#ifndef WEFT_CLI_WORDS_H
#define WEFT_CLI_WORDS_H

#include <jansson.h>
#include <stdbool.h>

#include "lib/error.h"
#include "lib/schema.h"
#include "lib/word.h"

/* Words not yet taken; they are the caller's (argv). */
struct words {
	char **word;
	int count;
};

/*
 * The error code of a command line that is put together wrongly: exit status 2. What is wrong
 * with a value is -EINVAL, exit status 1.
 */
#define WORDS_USAGE (-4096)

/* The next word, or NULL; take also moves past it. */
const char *words_peek(const struct words *words);
const char *words_take(struct words *words);
/* Takes the next word if it is `word`. */
bool words_match(struct words *words, const char *word);
/* Takes what must follow `of`; WORDS_USAGE if there is nothing. */
int words_value(struct words *words, const char *of, const char **ret, struct error *err);
/* Takes all that is left, with blanks between: a new string; NULL: out of memory. */
char *words_join(struct words *words);
/* WORDS_USAGE if a word is left. */
int words_end(const struct words *words, struct error *err);

/*
 * Takes all words as fields of an object into `json`, an object. With `set`, a list may be
 * changed (`remote + ADDRESS`, `remote - ADDRESS`) and a field be reset (`FIELD default`).
 * Values are given the type that the schema has for them; the schema judges them, not this.
 */
int words_fields(enum noun noun, bool set, struct words *words, json_t *json, struct error *err);

#endif
