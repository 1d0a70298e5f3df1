/* SPDX-License-Identifier: GPL-2.0-only */
/* What bridges, ports and tunnels have in common on the command line. */
#include "cli/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *method_of(enum noun noun, const char *verb, char method[32])
{
	snprintf(method, 32, "%s.%s", schemas[noun].noun, verb);
	return method;
}

/* {"name": N} from the next word, a new reference. */
static int take_name(enum noun noun, struct words *words, json_t **ret, struct error *err)
{
	const char *name = words_take(words);

	if (!name)
		return error_set(err, WORDS_USAGE, "%s: needs a name", schemas[noun].noun);
	*ret = json_pack("{s:s}", "name", name);
	return *ret ? 0 : error_set(err, -EINVAL, "name: is not UTF-8");
}

static int call_change(enum noun noun, const char *verb, struct cli *cli, json_t *params,
		       struct error *err)
{
	json_auto_t *result = NULL;
	char method[32];
	int ret = cli_call(cli, method_of(noun, verb, method), params, &result, err);

	if (ret == 0 && cli->json)
		output_json(cli, result);
	return ret;
}

static int object_change(enum noun noun, const char *verb, struct cli *cli, struct words *words,
			 struct error *err)
{
	json_auto_t *params = NULL;
	int ret = take_name(noun, words, &params, err);

	if (ret == 0)
		ret = words_fields(noun, !strcmp(verb, "set"), words, params, err);
	if (ret < 0) {
		if (params)
			error_prefix(err, "%s %s", schemas[noun].noun,
				     json_string_value(json_object_get(params, "name")));
		return ret;
	}
	return call_change(noun, verb, cli, json_incref(params), err);
}

int object_add(enum noun noun, struct cli *cli, struct words *words, struct error *err)
{
	return object_change(noun, "add", cli, words, err);
}

int object_set(enum noun noun, struct cli *cli, struct words *words, struct error *err)
{
	return object_change(noun, "set", cli, words, err);
}

int object_del(enum noun noun, struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *params = NULL;
	int ret = take_name(noun, words, &params, err);

	if (ret == 0)
		ret = words_end(words, err);
	return ret < 0 ? ret : call_change(noun, "del", cli, json_incref(params), err);
}

/* What people write in hexadecimal is shown to them so. */
static void object_print(enum noun noun, json_t *object)
{
	for (size_t i = 0; i < schemas[noun].count; i++) {
		const struct field *field = &schemas[noun].field[i];
		const json_t *value = json_object_get(object, field->name);
		char text[24];

		if (!(field->flags & FIELD_HEX) || !json_is_integer(value))
			continue;
		snprintf(text, sizeof(text), "0x%llx", (long long)json_integer_value(value));
		json_object_set_new(object, field->name, json_string(text));
	}
	output_tree(object, 0);
}

int object_show(enum noun noun, const struct column *columns, struct cli *cli, struct words *words,
		struct error *err)
{
	json_auto_t *params = NULL, *rows = NULL;
	bool one = words_peek(words) != NULL;
	char method[32];
	int ret = 0;

	if (one)
		ret = take_name(noun, words, &params, err);
	else
		params = json_object();
	if (ret == 0)
		ret = words_end(words, err);
	if (ret == 0)
		ret = cli_call(cli, method_of(noun, "show", method), json_incref(params), &rows,
			       err);
	if (ret < 0)
		return ret;
	if (cli->json)
		output_json(cli, rows);
	else if (one)
		object_print(noun, json_array_get(rows, 0));
	else
		output_table(columns, rows);
	return 0;
}

void object_usage(enum noun noun, const struct command *table)
{
	const struct schema *schema = &schemas[noun];

	command_usage(table, schema->noun);
	printf("\nFIELDS (set also takes FIELD default; lists take FIELD + VALUE, FIELD - "
	       "VALUE):\n");
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->field[i];

		printf("  %s%s\n      %s%s\n",
		       field->type == FIELD_BOOL || field->type == FIELD_CHOICE ? "[no]" : "",
		       field->name, field->help,
		       field->flags & FIELD_REQUIRED ? " (required)" : "");
	}
}
