/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables and trees on standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

#define COLUMNS_MAX 16
#define INDENT	    4

/* The member of a row by a column's path, a new reference, or NULL. */
static json_t *row_member(const json_t *row, const char *path)
{
	size_t len = strcspn(path, "/#");
	char name[64];
	json_t *member;

	snprintf(name, sizeof(name), "%.*s", (int)len, path);
	member = json_object_get(row, name);
	if (path[len] == '/')
		return row_member(member, path + len + 1);
	if (path[len] == '#' && member)
		return json_integer((json_int_t)json_array_size(member));
	return json_incref(member);
}

/* The last column is not padded, so that no line ends in blanks. */
static void cell_print(const char *text, int width, bool last, bool right)
{
	if (right)
		printf("%*s", width, text);
	else if (last)
		fputs(text, stdout);
	else
		printf("%-*s", width, text);
	fputs(last ? "\n" : "  ", stdout);
}

static void table_print(const struct column *columns, const json_t *rows, int indent)
{
	size_t count = json_array_size(rows), width = 0;
	int widths[COLUMNS_MAX];
	bool right[COLUMNS_MAX];
	char **text;

	while (width < COLUMNS_MAX && columns[width].head)
		width++;
	text = calloc(count * width + 1, sizeof(*text));
	if (!text)
		return;
	for (size_t c = 0; c < width; c++) {
		widths[c] = (int)strlen(columns[c].head);
		right[c] = count > 0;
		for (size_t r = 0; r < count; r++) {
			json_auto_t *cell = row_member(json_array_get(rows, r), columns[c].path);
			char **at = &text[r * width + c];

			*at = output_text(cell);
			right[c] &= !cell || json_is_number(cell);
			if (*at && (int)strlen(*at) > widths[c])
				widths[c] = (int)strlen(*at);
		}
	}
	printf("%*s", indent, "");
	for (size_t c = 0; c < width; c++)
		cell_print(columns[c].head, widths[c], c == width - 1, right[c]);
	for (size_t i = 0; i < count * width; i++) {
		printf("%*s", i % width ? 0 : indent, "");
		cell_print(text[i] ? text[i] : "?", widths[i % width], i % width == width - 1,
			   right[i % width]);
		free(text[i]);
	}
	free(text);
}

void output_table(const struct column *columns, const json_t *rows)
{
	table_print(columns, rows, 0);
}

/* A table with a column for each member that one of the rows has. */
static void rows_print(const json_t *rows, int indent)
{
	struct column columns[COLUMNS_MAX + 1] = {};
	size_t count = 0, i;
	json_t *row, *value;
	const char *key;

	json_array_foreach ((json_t *)rows, i, row) {
		json_object_foreach (row, key, value) {
			size_t c = 0;

			while (c < count && strcmp(columns[c].head, key))
				c++;
			if (c == count && count < COLUMNS_MAX)
				columns[count++] = (struct column){key, key};
		}
	}
	table_print(columns, rows, indent);
}

/* An object of objects as rows with a name, a new reference. */
static json_t *rows_of(const json_t *objects)
{
	json_t *rows = json_array(), *object;
	const char *name;

	json_object_foreach ((json_t *)objects, name, object) {
		json_t *row = json_pack("{s:s}", "name", name);

		json_object_update_missing(row, object);
		json_array_append_new(rows, row);
	}
	return rows;
}

static bool all_objects(const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		if (!json_object_size(value))
			return false;
	}
	return json_object_size(object) > 1;
}

/* Whether a value needs lines of its own below its key. */
static bool is_tree(const json_t *json)
{
	return json_object_size(json) || json_is_object(json_array_get(json, 0));
}

static void branch_print(const json_t *json, int indent)
{
	if (json_is_array(json)) {
		rows_print(json, indent);
	} else if (all_objects(json)) {
		json_auto_t *rows = rows_of(json);

		rows_print(rows, indent);
	} else {
		output_tree(json, indent);
	}
}

void output_tree(const json_t *object, int indent)
{
	const char *key;
	json_t *value;
	int width = 0;

	json_object_foreach ((json_t *)object, key, value) {
		if (!is_tree(value) && (int)strlen(key) > width)
			width = (int)strlen(key);
	}
	json_object_foreach ((json_t *)object, key, value) {
		if (is_tree(value)) {
			printf("%*s%s\n", indent, "", key);
			branch_print(value, indent + INDENT);
		} else {
			char *text = output_text(value);

			printf("%*s%-*s  %s\n", indent, "", width, key, text);
			free(text);
		}
	}
}
