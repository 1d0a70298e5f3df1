/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON and values on standard output. */
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
		fprintf(out, "%.1f", json_real_value(json));
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

void output_changes(const json_t *fields)
{
	const char *between = "", *field;
	json_t *change;

	json_object_foreach ((json_t *)fields, field, change) {
		char *from = output_text(json_object_get(change, "old"));
		char *to = output_text(json_object_get(change, "new"));

		printf("%s%s %s -> %s", between, field, from, to);
		between = ", ";
		free(from);
		free(to);
	}
}
