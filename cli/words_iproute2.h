/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of `ip link add ... type ...` (and a few of Open vSwitch's) that are no field's name. */
#ifndef WEFT_CLI_WORDS_IPROUTE2_H
#define WEFT_CLI_WORDS_IPROUTE2_H

#include "cli/words.h"

/* The field's name that the word stands for, or the word itself. */
const char *iproute2_synonym(const char *word);
/* The value that the word, with the next one if it needs it, gives to a field of a tunnel, `*ret`. NULL: none. */
const char *iproute2_phrase(const char *word, struct words *words, const struct field **ret);
/* Whether the word says what is so anyway; takes its value too, if it has one. */
bool iproute2_granted(enum noun noun, const char *word, struct words *words);
/* Refuses a word: what it is for and weft has not, or that it is no field. */
int iproute2_refuse(enum noun noun, const char *word, struct error *err);

#endif
