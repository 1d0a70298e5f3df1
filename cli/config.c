/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft apply FILE`, `weft diff FILE`, `weft save`: the whole configuration as YAML. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "lib/config_file.h"
#include "lib/yaml.h"

/* All of FILE, or of standard input for "-", to be freed. */
static int file_read(const char *path, char **ret, size_t *ret_len, struct error *err)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	size_t size = 0, len = 0;
	char *text = NULL;
	int code = 0;

	if (!file)
		return error_set(err, -errno, "%s: %s", path, strerror(errno));
	do {
		char *grown = realloc(text, size = size ? size * 2 : 65536);

		if (!grown) {
			code = error_set(err, -ENOMEM, "%s: out of memory", path);
			break;
		}
		text = grown;
		len += fread(text + len, 1, size - len, file);
	} while (len == size && len <= YAML_SIZE_MAX);
	if (ferror(file))
		code = error_set(err, -EIO, "%s: %s", path, strerror(errno));
	if (file != stdin)
		fclose(file);
	if (code < 0) {
		free(text);
		return code;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

static int config_read(const char *path, json_t **ret, struct error *err)
{
	char *text = NULL;
	size_t len = 0;
	int code = file_read(path, &text, &len, err);

	if (code < 0)
		return code;
	code = config_file_parse(text, len, ret, err);
	free(text);
	if (code < 0)
		return error_prefix(err, "%s", strcmp(path, "-") ? path : "standard input");
	return 0;
}

static const char *member_string(const json_t *change, const char *member)
{
	const char *text = json_string_value(json_object_get(change, member));

	return text ? text : "?";
}

static void changes_print(const json_t *changes)
{
	size_t i;
	json_t *change;

	json_array_foreach ((json_t *)changes, i, change) {
		const char *op = member_string(change, "op");

		printf("%c %s %s",
		       *op == 'a'   ? '+'
		       : *op == 'd' ? '-'
				    : '~',
		       member_string(change, "noun"), member_string(change, "name"));
		/* an FDB entry's name is its MAC, of which there is one per bridge */
		if (json_object_get(change, "dev"))
			printf(" dev %s", member_string(change, "dev"));
		fputs(json_object_get(change, "fields") ? ": " : "", stdout);
		output_changes(json_object_get(change, "fields"));
		putchar('\n');
	}
	if (!i)
		puts("no change");
}

static int config_send(const char *method, struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *config = NULL, *result = NULL;
	const char *path;
	int ret = words_value(words, method + strlen("config."), &path, err);

	if (ret == 0)
		ret = words_end(words, err);
	if (ret == 0)
		ret = config_read(path, &config, err);
	if (ret == 0)
		ret = cli_call(cli, method, json_pack("{s:O}", "config", config), &result, err);
	if (ret < 0)
		return ret;
	if (cli->json)
		output_json(cli, result);
	else
		changes_print(json_object_get(result, "changes"));
	return 0;
}

int config_apply(struct cli *cli, struct words *words, struct error *err)
{
	return config_send("config.apply", cli, words, err);
}

int config_diff(struct cli *cli, struct words *words, struct error *err)
{
	return config_send("config.diff", cli, words, err);
}

int config_save(struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *config = NULL;
	char *text = NULL;
	size_t len = 0;
	int ret = words_end(words, err);

	if (ret == 0)
		ret = cli_call(cli, "config.save", NULL, &config, err);
	if (ret == 0 && cli->json) {
		output_json(cli, config);
		return 0;
	}
	if (ret == 0)
		ret = yaml_from_json(config, &text, &len, err);
	if (ret == 0)
		fwrite(text, 1, len, stdout);
	free(text);
	return ret;
}
