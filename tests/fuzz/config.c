/* SPDX-License-Identifier: GPL-2.0-only */
/* A configuration file: its YAML, then each object in it. What is taken must read back as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config_entries.h"
#include "lib/config_file.h"
#include "lib/entry_line.h"
#include "lib/entry_words.h"
#include "lib/schema.h"
#include "lib/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* A refusal is one line of printable letters. */
static void line_check(const struct error *err)
{
	size_t len = strlen(err->line);

	require(err->code < 0 && len > 0 && len < ERROR_LINE);
	for (size_t i = 0; i < len; i++)
		require(err->line[i] >= 0x20 && err->line[i] <= 0x7e);
}

static void object_try(enum noun noun, const char *name, const json_t *json)
{
	struct error err = {};
	void *object = object_new(noun, name, &err), *read;
	json_t *written;

	if (!object || object_parse(noun, object, json, &err) < 0 ||
	    object_check(noun, object, &err) < 0) {
		line_check(&err);
		object_free(noun, object);
		return;
	}
	for (int all = 0; all < 2; all++) {
		written = object_json(noun, object, all);
		read = object_new(noun, name, &err);
		require(object_parse(noun, read, written, &err) == 0);
		require(object_diff(noun, object, read) == 0);
		object_free(noun, read);
		json_decref(written);
	}
	read = object_copy(noun, object);
	require(object_diff(noun, object, read) == 0);
	object_free(noun, read);
	object_free(noun, object);
}

static void yaml_try(const json_t *config)
{
	struct error err = {};
	json_t *again;
	char *text;
	size_t len;

	require(yaml_from_json(config, &text, &len, &err) == 0);
	require(yaml_to_json(text, len, &again, &err) == 0);
	require(json_equal((json_t *)config, again));
	json_decref(again);
	free(text);
}

/* A line that is read without YAML's reader is to that what it is to the other. */
static void line_try(const char *line, size_t len)
{
	char text[ENTRY_LINE_TEXT];
	struct entry_line entry;
	struct error err = {};
	json_t *list, *words;

	if (!entry_line_parse(line, len, &entry))
		return;
	require(entry_line_text(&entry, text) < sizeof(text));
	require(yaml_to_json(line, len, &list, &err) == 0);
	words = entry_words_json(text, &err);
	require(words && json_array_size(list) == 1);
	require(json_equal(json_array_get(list, 0), words));
	json_decref(words);
	json_decref(list);
}

static void lines_try(const char *text, size_t len)
{
	while (len) {
		const char *newline = memchr(text, '\n', len);
		size_t line = newline ? (size_t)(newline - text) : len;

		line_try(text, line);
		text += line + !!newline;
		len -= line + !!newline;
	}
}

/* The simple entry that comes next, as JSON; NULL: there is none. */
static json_t *simple_next(struct config_entries *entries)
{
	char text[ENTRY_LINE_TEXT];
	struct error err = {};
	size_t len;

	return config_entries_next(entries, text, &len) ? entry_words_json(text, &err) : NULL;
}

/* What is read in two parts is what is read in one: `whole`, or that refusal. */
static void split_try(const char *text, size_t len, const json_t *whole,
		      const struct error *refusal)
{
	struct config_entries entries;
	struct error err = {};
	json_t *part, *entry, *simple, *rest;
	size_t i, used = 0;

	require((config_entries_split(text, len, &part, &entries, &err) < 0) == !whole);
	require(!strcmp(err.line, refusal->line));
	if (!whole)
		return;
	rest = json_object_get(part, "fdb");
	simple = simple_next(&entries);
	json_array_foreach (json_object_get(whole, "fdb"), i, entry) {
		if (simple && json_equal(entry, simple)) {
			json_decref(simple);
			simple = simple_next(&entries);
		} else {
			require(json_equal(entry, json_array_get(rest, used++)));
		}
	}
	require(!simple && used == json_array_size(rest));
	json_object_set(part, "fdb", json_object_get(whole, "fdb"));
	require(json_equal((json_t *)whole, part));
	json_decref(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {};
	json_t *config, *object;
	const char *name;

	lines_try((const char *)data, size);

	if (config_file_parse((const char *)data, size, &config, &err) < 0) {
		line_check(&err);
		split_try((const char *)data, size, NULL, &err);
		return 0;
	}
	split_try((const char *)data, size, config, &err);
	yaml_try(config);
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++) {
		json_object_foreach (json_object_get(config, schemas[noun].plural), name, object) {
			object_try(noun, name, object);
		}
	}
	json_decref(config);
	return 0;
}
