/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft apply FILE`, `weft diff FILE`, `weft save`: the whole configuration as YAML. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/member.h"
#include "cli/output.h"
#include "lib/config_entries.h"
#include "lib/entry_words.h"
#include "lib/yaml.h"

#define POST_SIZE     (256u << 10) /* bytes of a message */
#define CHANGES_SHOWN 1000
#define PAGE	      16384 /* entries asked for at a time */

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

/* A file as it is sent: the text, which `entries` points into, is to be freed. */
struct file {
	char *text;
	json_t *config;
	struct config_entries entries;
};

static int config_read(const char *path, struct file *ret, struct error *err)
{
	size_t len = 0;
	int code = file_read(path, &ret->text, &len, err);

	if (code < 0)
		return code;
	code = config_entries_split(ret->text, len, &ret->config, &ret->entries, err);
	if (code < 0)
		return error_prefix(err, "%s", strcmp(path, "-") ? path : "standard input");
	return 0;
}

/* --- entries ahead of the rest ------------------------------------------------------------------- */

static const char post_head[] =
	"{\"jsonrpc\":\"2.0\",\"method\":\"config.stage\",\"params\":{\"entries\":";
static const char post_tail[] = "]}}\n";

struct post {
	char text[POST_SIZE];
	size_t len;
};

static void post_add(struct post *post, const char *text, size_t len)
{
	memcpy(post->text + post->len, text, len);
	post->len += len;
}

/* One message, as full as it may be; false: there was nothing to send any more. */
static bool post_fill(struct post *post, struct config_entries *entries)
{
	const size_t room = sizeof(post->text) - ENTRY_LINE_TEXT - sizeof(post_tail) - 4;
	char text[ENTRY_LINE_TEXT];
	size_t len;

	post->len = 0;
	post_add(post, post_head, sizeof(post_head) - 1);
	while (post->len < room && config_entries_next(entries, text, &len)) {
		post_add(post, ",\"", 2);
		post_add(post, text, len);
		post_add(post, "\"", 1);
	}
	if (post->len == sizeof(post_head) - 1)
		return false;
	/* in the place of the first comma */
	post->text[sizeof(post_head) - 1] = '[';
	post_add(post, post_tail, sizeof(post_tail) - 1);
	return true;
}

/* weftd reads one message while the next one is made. */
static int entries_send(struct cli *cli, struct config_entries *entries, struct error *err)
{
	int ret = entries->count ? cli_connect(cli, err) : 0;
	struct post *post = malloc(sizeof(*post));

	if (!post)
		ret = error_set(err, -ENOMEM, "out of memory");
	while (ret == 0 && post_fill(post, entries))
		ret = rpc_post(cli->client, post->text, post->len, err);
	free(post);
	return ret;
}

/* --- apply and diff --------------------------------------------------------------------------------- */

static const char *member_string(const json_t *change, const char *member)
{
	const char *text = json_string_value(json_object_get(change, member));

	return text ? text : "?";
}

static void changes_print(const json_t *result)
{
	const json_t *changes = json_object_get(result, "changes"),
		     *fdb = json_object_get(result, "fdb");
	json_int_t more = member_number(fdb, "add") + member_number(fdb, "change") +
			  member_number(fdb, "delete");
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
		more -= !strcmp(member_string(change, "noun"), "fdb");
	}
	if (more > 0)
		printf("and %lld more; fdb entries in all: %lld added, %lld changed, %lld "
		       "deleted\n",
		       more, member_number(fdb, "add"), member_number(fdb, "change"),
		       member_number(fdb, "delete"));
	else if (!i)
		puts("no change");
}

static int file_send(const char *method, struct cli *cli, struct file *file, bool all, json_t **ret,
		     struct error *err)
{
	json_t *params = json_pack("{s:O, s:I}", "config", file->config, "staged",
				   (json_int_t)file->entries.count);
	int code = entries_send(cli, &file->entries, err);

	if (!all)
		json_object_set_new(params, "limit", json_integer(CHANGES_SHOWN));
	if (code == 0)
		return cli_call(cli, method, params, ret, err);
	json_decref(params);
	return code;
}

static int config_send(const char *method, struct cli *cli, struct words *words, struct error *err)
{
	bool all = words_match(words, "-v") || cli->json;
	json_auto_t *result = NULL;
	struct file file = {};
	const char *path;
	int ret = words_value(words, method + strlen("config."), &path, err);

	if (ret == 0)
		ret = words_end(words, err);
	if (ret == 0)
		ret = config_read(path, &file, err);
	if (ret == 0)
		ret = file_send(method, cli, &file, all, &result, err);
	json_decref(file.config);
	free(file.text);
	if (ret < 0)
		return ret;
	if (cli->json)
		output_json(cli, result);
	else
		changes_print(result);
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

static int entries_print(struct cli *cli, json_int_t count, struct error *err)
{
	json_int_t offset = 0;
	int ret = 0;

	puts("fdb:");
	while (offset < count && ret == 0) {
		json_auto_t *page = NULL;
		const json_t *entries, *entry;
		size_t i;

		ret = cli_call(cli, "config.staged",
			       json_pack("{s:I, s:i}", "offset", offset, "limit", PAGE), &page,
			       err);
		if (ret < 0)
			return ret;
		entries = json_object_get(page, "entries");
		if (!json_array_size(entries))
			return error_set(err, -EPROTO, "weftd gave fewer entries than it said");
		json_array_foreach (entries, i, entry)
			if (ret == 0)
				ret = entry_words_yaml(json_string_value(entry), stdout, err);
		offset += (json_int_t)json_array_size(entries);
	}
	return ret;
}

static int save_print(struct cli *cli, const json_t *saved, struct error *err)
{
	const json_t *config = json_object_get(saved, "config");
	json_int_t entries = member_number(saved, "staged");
	char *text = NULL;
	size_t len = 0;

	if (json_object_size(config) || !entries) {
		if (yaml_from_json(config, &text, &len, err) < 0)
			return err->code;
		fwrite(text, 1, len, stdout);
		free(text);
	}
	return entries ? entries_print(cli, entries, err) : 0;
}

int config_save(struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *saved = NULL;
	int ret = words_end(words, err);

	if (ret == 0 && cli->json)
		ret = cli_call(cli, "config.save", NULL, &saved, err);
	else if (ret == 0)
		ret = cli_call(cli, "config.save", json_pack("{s:b}", "staged", true), &saved, err);
	if (ret < 0)
		return ret;
	if (!cli->json)
		return save_print(cli, saved, err);
	output_json(cli, saved);
	return 0;
}
