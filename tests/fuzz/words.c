/* SPDX-License-Identifier: GPL-2.0-only */
/* A command line: the first letter picks the noun and add or set, the rest is words. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/words.h"

#define WORDS_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *word[WORDS_MAX], *text, *rest;
	struct words words = {word, 0};
	struct error err = {};
	enum noun noun;
	json_t *json;
	void *object;

	if (!size)
		return 0;
	noun = data[0] / 2 % NOUN_COUNT;
	text = rest = calloc(1, size);
	memcpy(text, data + 1, size - 1);
	while (words.count < WORDS_MAX && (word[words.count] = strsep(&rest, " ")))
		words.count++;
	json = json_object();
	if (words_fields(noun, data[0] & 1, &words, json, &err) == 0) {
		object = object_new(noun, "x0", &err);
		if (object_parse(noun, object, json, &err) == 0)
			object_check(noun, object, &err);
		object_free(noun, object);
	} else if (!err.code || !*err.line) {
		abort();
	}
	json_decref(json);
	free(text);
	return 0;
}
