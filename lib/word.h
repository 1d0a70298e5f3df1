/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef WEFT_LIB_WORD_H
#define WEFT_LIB_WORD_H

#include <stdbool.h>
#include <string.h>

/* Whether `word` stands in a list of words that ends with NULL. */
static inline bool word_in(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

#endif
