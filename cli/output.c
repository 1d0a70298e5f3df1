/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables, trees and JSON on standard output. */
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16

void output_json(const struct cli *cli, const json_t *json)
{
	json_dumpf(json, stdout, JSON_ENCODE_ANY | (cli->pretty ? JSON_INDENT(2) : JSON_COMPACT));
	putchar('\n');
}

static void text_write(FILE *out, const json_t *json)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_string(json)) {
		fputs(*json_string_value(json) ? json_string_value(json) : "-", out);
	} else if (json_is_array(json) && json_array_size(json)) {
		json_array_foreach ((json_t *)json, i, value) {
			fputs(i ? "," : "", out);
			text_write(out, value);
		}
	} else if (json_object_size(json)) {
		i = 0;
		json_object_foreach ((json_t *)json, key, value) {
			fprintf(out, "%s%s ", i++ ? ", " : "", key);
			text_write(out, value);
		}
	} else if (json_is_integer(json)) {
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
	} else if (json_is_real(json)) {
		fprintf(out, "%.3f", json_real_value(json));
	} else {
		fputs(json_is_boolean(json) ? json_is_true(json) ? "true" : "false" : "-", out);
	}
}

char *output_text(const json_t *json)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out) {
		text_write(out, json);
		fclose(out);
	}
	return text ? text : strdup("?");
}

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

void output_table(const struct column *columns, const json_t *rows)
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
	for (size_t c = 0; c < width; c++)
		cell_print(columns[c].head, widths[c], c == width - 1, right[c]);
	for (size_t i = 0; i < count * width; i++) {
		cell_print(text[i] ? text[i] : "?", widths[i % width], i % width == width - 1,
			   right[i % width]);
		free(text[i]);
	}
	free(text);
}

/* Whether a value needs lines of its own below its key. */
static bool is_tree(const json_t *json)
{
	return json_object_size(json) || json_is_object(json_array_get(json, 0));
}

void output_tree(const json_t *object, int indent)
{
	const char *key;
	json_t *value, *item;
	int width = 0;
	size_t i;

	json_object_foreach ((json_t *)object, key, value) {
		if (!is_tree(value) && (int)strlen(key) > width)
			width = (int)strlen(key);
	}
	json_object_foreach ((json_t *)object, key, value) {
		if (json_is_object(value) && json_object_size(value)) {
			printf("%*s%s\n", indent, "", key);
			output_tree(value, indent + 4);
		} else if (is_tree(value)) {
			printf("%*s%s\n", indent, "", key);
			json_array_foreach (value, i, item) {
				char *text = output_text(item);

				printf("%*s%s\n", indent + 4, "", text);
				free(text);
			}
		} else {
			char *text = output_text(value);

			printf("%*s%-*s  %s\n", indent, "", width, key, text);
			free(text);
		}
	}
}
