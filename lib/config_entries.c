/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simple entries of a configuration are cut out, line by line, and YAML's reader gets the rest: an empty line in the
 * place of each, so that its refusals name the right one, and {} for the first. If that is the first entry of what it
 * has read, the lines were what they looked like, and not, say, lines of a long string. Where it refuses the rest, that is
 * looked for in what stands before the entries.
 */
#include "lib/config_entries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config_file.h"
#include "lib/yaml.h"

/* Fewer are not worth it; tests/fuzz has no room for so many. */
#ifndef SIMPLE_MIN
#define SIMPLE_MIN 1024
#endif

static const char *line_end(const char *line, const char *end)
{
	const char *newline = memchr(line, '\n', (size_t)(end - line));

	return newline ? newline : end;
}

/* The line behind "fdb:", or NULL. */
static const char *section_find(const char *text, const char *end)
{
	for (const char *line = text; line < end;) {
		const char *stop = line_end(line, end);

		if (stop - line >= 4 && !memcmp(line, "fdb:", 4)) {
			line += 4;
			while (line < stop && *line == ' ')
				line++;
			return line == stop && stop < end ? stop + 1 : NULL;
		}
		line = stop + 1;
	}
	return NULL;
}

/* A line that says nothing: a comment or nothing at all. */
static bool line_empty(const char *line, const char *stop)
{
	while (line < stop && *line == ' ')
		line++;
	return line == stop || *line == '#';
}

/*
 * Sets up what config_entries_next() walks, and writes the rest of the section into `rest`. The first line that is neither
 * an entry on a line of its own nor empty ends it. Gives the length of `rest` up to and with the {} of the first.
 */
static size_t section_cut(struct config_entries *entries, const char *section, const char *end,
			  FILE *rest)
{
	const char *line = section;
	struct entry_line entry;
	long marked = 0;

	*entries = (struct config_entries){.at = section};
	while (line < end) {
		const char *stop = line_end(line, end);
		size_t len = (size_t)(stop - line);
		bool simple = entry_line_parse(line, len, &entry);

		if (simple && !entries->count) {
			entries->indent = entry.indent;
			fprintf(rest, "%*s- {}", (int)entry.indent, "");
			marked = ftell(rest);
		}
		simple = simple && entry.indent == entries->indent;
		if (!simple && !line_empty(line, stop) &&
		    (!entries->count || !entry_line_closed(line, len, entries->indent)))
			break;
		if (simple)
			entries->count++;
		else
			fwrite(line, 1, len, rest);
		if (stop < end)
			fputc('\n', rest);
		line = stop < end ? stop + 1 : end;
	}
	entries->end = line;
	fwrite(line, 1, (size_t)(end - line), rest);
	return marked > 0 ? (size_t)marked : 0;
}

/* The text without its simple entries, to be freed; NULL: it is not worth it. */
static char *text_cut(const char *text, size_t len, struct config_entries *entries, size_t *ret_len,
		      size_t *ret_marked)
{
	const char *section = section_find(text, text + len);
	char *rest = NULL;
	FILE *file;

	if (!section)
		return NULL;
	file = open_memstream(&rest, ret_len);
	if (!file)
		return NULL;
	fwrite(text, 1, (size_t)(section - text), file);
	*ret_marked = section_cut(entries, section, text + len, file);
	if (fclose(file) != 0 || entries->count < SIMPLE_MIN) {
		free(rest);
		return NULL;
	}
	return rest;
}

/* Takes the {} of the first entry away, if it is there. */
static bool mark_take(json_t *config)
{
	json_t *section = json_object_get(config, "fdb"), *mark = json_array_get(section, 0);

	return json_is_object(mark) && !json_object_size(mark) &&
	       json_array_remove(section, 0) == 0;
}

/* Is the mark there in this text, which ends with it? */
static bool text_marked(const char *text, size_t len)
{
	json_auto_t *config = NULL;

	return config_file_parse(text, len, &config, NULL) == 0 && mark_take(config);
}

int config_entries_split(const char *text, size_t len, json_t **ret, struct config_entries *entries,
			 struct error *err)
{
	struct error refusal = {};
	size_t rest_len = 0, marked = 0;
	char *rest;
	bool sure;

	*ret = NULL;
	if (len > YAML_SIZE_MAX)
		return error_set(err, -E2BIG, "longer than %u bytes", YAML_SIZE_MAX);
	rest = text_cut(text, len, entries, &rest_len, &marked);
	if (rest) {
		sure = config_file_parse(rest, rest_len, ret, &refusal) < 0
			       ? text_marked(rest, marked)
			       : mark_take(*ret);
		free(rest);
		if (sure)
			return refusal.code ? error_set(err, refusal.code, "%s", refusal.line) : 0;
		json_decref(*ret);
	}
	*entries = (struct config_entries){};
	return config_file_parse(text, len, ret, err);
}

bool config_entries_next(struct config_entries *entries, char ret[ENTRY_LINE_TEXT], size_t *ret_len)
{
	while (entries->at < entries->end) {
		const char *line = entries->at, *stop = line_end(line, entries->end);
		struct entry_line entry;

		entries->at = stop < entries->end ? stop + 1 : entries->end;
		if (!entry_line_parse(line, (size_t)(stop - line), &entry) ||
		    entry.indent != entries->indent)
			continue;
		*ret_len = entry_line_text(&entry, ret);
		return true;
	}
	return false;
}
