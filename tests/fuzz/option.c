/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GENEVE options: as a text (first byte even) and as bytes of a packet. What is taken must be written as it was
 * read, and a set of it be the same set again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/options.h"
#include "lib/option.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void text_try(const char *text)
{
	struct geneve_option option, again;
	char written[OPTION_STRLEN];
	const char *what = NULL;

	if (option_parse(text, &option, &what) == 0) {
		require(option_parse(option_format(&option, written), &again, &what) == 0);
		require(option_compare(&option, &again) == 0);
	} else {
		require(what && *what);
	}
	what = NULL;
	if (option_parse_length(text, &option, &what) == 0) {
		require(option_parse_length(option_format_length(&option, written), &again,
					    &what) == 0);
		require(option_compare(&option, &again) == 0);
	} else {
		require(what && *what);
	}
}

/* The reserved bits are not kept. */
static void same_but_reserved(const struct option_list *list, const uint8_t *bytes, size_t size)
{
	uint8_t written[OPTIONS_MAX];

	require(options_write(list, written) == (int)size);
	for (size_t i = 0, at = 0; i < list->count; i++) {
		size_t length = OPTION_HEADER + list->item[i].len;

		require(written[at + 3] == (bytes[at + 3] & 0x1f));
		require(!memcmp(written + at, bytes + at, 3));
		require(!memcmp(written + at + 4, bytes + at + 4, length - 4));
		at += length;
	}
}

static void bytes_try(const uint8_t *bytes, size_t size)
{
	struct options_set *set = NULL, *again = NULL;
	struct option_list list;
	int ret = options_read(bytes, size, &list);

	require(ret == 0 || !list.count);
	if (ret == 0 && size <= OPTIONS_MAX)
		same_but_reserved(&list, bytes, size);
	if (options_intern(bytes, size, &set) == 0) {
		json_t *json = options_json(set);
		struct error err = {};

		require(ret == 0 && (set != NULL) == (size > 0));
		require(options_from_json(json, &again, &err) == 0 && again == set);
		json_decref(json);
	} else {
		require(ret < 0 || size > OPTIONS_MAX);
	}
	options_release(set);
	options_release(again);
	require(options_count() == 0);
	free(list.item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes;
	char *text;

	if (!size)
		return 0;
	/* copies of the very size, so that a read beyond is seen */
	if (data[0] & 1) {
		bytes = malloc(size - 1 ? size - 1 : 1);
		memcpy(bytes, data + 1, size - 1);
		bytes_try(bytes, size - 1);
		free(bytes);
	} else {
		text = calloc(1, size);
		memcpy(text, data + 1, size - 1);
		text_try(text);
		free(text);
	}
	return 0;
}
