/* SPDX-License-Identifier: GPL-2.0-only */
/* `weft fdb ...`, in the words of bridge(8). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/member.h"
#include "cli/output.h"
#include "lib/entry_words.h"
#include "lib/yaml.h"

#define PAGE	    4096  /* entries asked for at a time */
#define FLUSH_SLICE 32768 /* entries looked at at a time */

static const char *const unknown_fdb[] = {"via",  "port",	  "src_vni", "router",
					  "use",  "extern_learn", "sticky",  "local",
					  "nhid", "offload",	  NULL};

static int unknown_word(const char *word, struct error *err)
{
	if (word_in(word, unknown_fdb))
		return error_set(err, -EOPNOTSUPP,
				 "%s: weft does not have this option of bridge(8)", word);
	return error_set(err, -EINVAL, "%.64s: is nothing that an FDB entry has", word);
}

/* Sets params[member] to the word that follows: as a number where it is one, if `number`. */
static int take_member(struct words *words, const char *member, bool number, json_t *params,
		       struct error *err)
{
	json_t *value = NULL;
	const char *word;
	int ret = words_value(words, member, &word, err);

	if (ret < 0)
		return ret;
	if (json_object_get(params, member))
		return error_set(err, -EINVAL, "%s: is given twice", member);
	if (number)
		value = yaml_scalar(word);
	if (!json_is_integer(value)) {
		json_decref(value);
		value = json_string(word);
	}
	if (!value)
		return error_set(err, -EINVAL, "%s: is not UTF-8", member);
	json_object_set_new(params, member, value);
	return 0;
}

/* Takes the words that an entry is told by. -ENOENT: `word` is none of them. */
static int take_key(const char *word, struct words *words, json_t *params, struct error *err)
{
	static const struct {
		const char *word, *member;
		bool number;
	} keys[] = {
		{"dev", "dev", false},	 {"brport", "dev", false}, {"bridge", "bridge", false},
		{"br", "bridge", false}, {"vlan", "vlan", true},   {"dst", "dst", false},
		{"mac", "mac", false},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(word, keys[i].word))
			return take_member(words, keys[i].member, keys[i].number, params, err);
	return -ENOENT;
}

/* `option CLASS:TYPE:DATA`, which may repeat; also as A,B. */
static int take_option(struct words *words, json_t *params, struct error *err)
{
	json_t *list = json_object_get(params, "option");
	const char *word;
	int ret = words_value(words, "option", &word, err);

	if (ret < 0)
		return ret;
	if (!list) {
		list = json_array();
		json_object_set_new(params, "option", list);
	}
	for (;;) {
		size_t length = strcspn(word, ",");
		json_t *option = json_stringn(word, length);

		if (!option)
			return error_set(err, -EINVAL, "option: is not UTF-8");
		json_array_append_new(list, option);
		if (!word[length])
			return 0;
		word += length + 1;
	}
}

static int fdb_change(const char *method, struct cli *cli, struct words *words, struct error *err)
{
	static const char *const granted[] = {"self",	   "master", "static",
					      "permanent", "temp",   NULL};
	json_auto_t *params = json_object(), *result = NULL;
	int ret = take_member(words, "mac", false, params, err);
	const char *word;

	while (ret == 0 && (word = words_take(words))) {
		if (!strcmp(word, "vni"))
			ret = take_member(words, "vni", true, params, err);
		else if (!strcmp(word, "option"))
			ret = take_option(words, params, err);
		else if (!strcmp(word, "dynamic"))
			json_object_set_new(params, "dynamic", json_true());
		else if (!word_in(word, granted))
			ret = take_key(word, words, params, err);
		if (ret == -ENOENT)
			ret = unknown_word(word, err);
	}
	if (ret == 0 && !json_object_get(params, "dev"))
		ret = error_set(err, WORDS_USAGE, "dev: is required");
	if (ret == 0)
		ret = cli_call(cli, method, json_incref(params), &result, err);
	if (ret == 0 && cli->json)
		output_json(cli, result);
	return ret;
}

static int fdb_add(struct cli *cli, struct words *words, struct error *err)
{
	return fdb_change("fdb.add", cli, words, err);
}

static int fdb_append(struct cli *cli, struct words *words, struct error *err)
{
	return fdb_change("fdb.append", cli, words, err);
}

static int fdb_replace(struct cli *cli, struct words *words, struct error *err)
{
	return fdb_change("fdb.replace", cli, words, err);
}

static int fdb_del(struct cli *cli, struct words *words, struct error *err)
{
	return fdb_change("fdb.del", cli, words, err);
}

/* The widths are fixed: entries are printed as they come, before the last one is known. */
static void head_print(void)
{
	printf("%-17s  %4s  %-15s  %-15s  %-15s  %8s  %-7s  %s\n", "MAC", "VLAN", "BRIDGE", "DEV",
	       "DST", "VNI", "STATE", "AGE");
}

static const char *const columns[] = {"mac", "vlan", "bridge", "dev", "dst", "vni", "state", "age"};

#define COLUMNS (sizeof(columns) / sizeof(*columns))

static void row_print(const char *const text[COLUMNS], const char *option)
{
	printf("%-17s  %4s  %-15s  %-15s  %-15s  %8s  %-7s  %s", text[0], text[1], text[2], text[3],
	       text[4], text[5], text[6], text[7]);
	if (option)
		printf("  option %s", option);
	putchar('\n');
}

static void entry_print(const json_t *entry)
{
	char *text[COLUMNS], *option = NULL;

	for (size_t i = 0; i < COLUMNS; i++)
		text[i] = output_text(json_object_get(entry, columns[i]));
	if (json_object_get(entry, "option"))
		option = output_text(json_object_get(entry, "option"));
	row_print((const char *const *)text, option);
	for (size_t i = 0; i < COLUMNS; i++)
		free(text[i]);
	free(option);
}

/* An entry as words: its MAC, then pairs. Another weftd may know of more of them. */
static void words_print(const char *words)
{
	const char *text[COLUMNS], *option = NULL, *key, *value;
	char copy[ENTRY_WORDS_MAX], *rest = NULL;

	snprintf(copy, sizeof(copy), "%s", words);
	for (size_t i = 0; i < COLUMNS; i++)
		text[i] = "-";
	text[0] = strtok_r(copy, " ", &rest);
	while (text[0] && (key = strtok_r(NULL, " ", &rest)) &&
	       (value = strtok_r(NULL, " ", &rest))) {
		for (size_t i = 1; i < COLUMNS; i++)
			if (!strcmp(key, columns[i]))
				text[i] = value;
		if (!strcmp(key, "option"))
			option = value;
	}
	if (text[0])
		row_print(text, option);
}

/* JSON is one list over all pages: "[" before the first entry, "," between, "]" at the end. */
static void page_print(const struct cli *cli, const json_t *entries, size_t *printed)
{
	size_t i;
	json_t *entry;

	json_array_foreach ((json_t *)entries, i, entry) {
		size_t before = (*printed)++;

		if (!cli->json) {
			words_print(json_is_string(entry) ? json_string_value(entry) : "");
			continue;
		}
		fputs(before ? "," : "[", stdout);
		fputs(cli->pretty ? "\n" : "", stdout);
		json_dumpf(entry, stdout, cli->pretty ? JSON_INDENT(2) : JSON_COMPACT);
	}
}

static int show_pages(struct cli *cli, json_t *params, struct error *err)
{
	size_t printed = 0;
	json_t *cursor;

	json_object_set_new(params, "limit", json_integer(PAGE));
	if (!cli->json)
		json_object_set_new(params, "words", json_true());
	do {
		json_auto_t *result = NULL;
		int ret = cli_call(cli, "fdb.show", json_incref(params), &result, err);

		if (ret < 0)
			return ret;
		if (!cli->json && !json_object_get(params, "cursor"))
			head_print();
		page_print(cli, json_object_get(result, "entries"), &printed);
		cursor = json_object_get(result, "cursor");
		json_object_set(params, "cursor", cursor);
	} while (json_is_string(cursor));
	if (cli->json)
		puts(printed ? cli->pretty ? "\n]" : "]" : "[]");
	return 0;
}

static int fdb_show(struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *params = json_object();
	const char *word;
	int ret = 0;

	while (ret == 0 && (word = words_take(words))) {
		if (!strcmp(word, "state"))
			ret = take_member(words, "state", false, params, err);
		else
			ret = take_key(word, words, params, err);
		if (ret == -ENOENT)
			ret = unknown_word(word, err);
	}
	return ret < 0 ? ret : show_pages(cli, params, err);
}

static int fdb_get(struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *params = json_object(), *entry = NULL;
	const char *word;
	int ret;

	words_match(words, "to");
	ret = take_member(words, "mac", false, params, err);
	while (ret == 0 && (word = words_take(words))) {
		ret = take_key(word, words, params, err);
		if (ret == -ENOENT && (!strcmp(word, "self") || !strcmp(word, "master")))
			ret = 0;
		if (ret == -ENOENT)
			ret = unknown_word(word, err);
	}
	if (ret == 0)
		ret = cli_call(cli, "fdb.get", json_incref(params), &entry, err);
	if (ret < 0)
		return ret;
	if (cli->json) {
		output_json(cli, entry);
	} else {
		head_print();
		entry_print(entry);
	}
	return 0;
}

/* Slice by slice, between which weftd does other things. */
static int flush_slices(struct cli *cli, json_t *params, struct error *err)
{
	json_int_t changes = 0;
	json_t *cursor;

	json_object_set_new(params, "limit", json_integer(FLUSH_SLICE));
	do {
		json_auto_t *result = NULL;
		int ret = cli_call(cli, "fdb.flush", json_incref(params), &result, err);

		if (ret < 0)
			return ret;
		changes += member_number(result, "changes");
		cursor = json_object_get(result, "cursor");
		json_object_set(params, "cursor", cursor);
	} while (json_is_string(cursor));
	if (cli->json) {
		json_auto_t *sum = json_pack("{s:I}", "changes", changes);

		output_json(cli, sum);
	}
	return 0;
}

static int fdb_flush(struct cli *cli, struct words *words, struct error *err)
{
	json_auto_t *params = json_object();
	const char *word;
	int ret = 0;

	while (ret == 0 && (word = words_take(words))) {
		if (!strcmp(word, "static"))
			json_object_set_new(params, "static", json_true());
		else
			ret = take_key(word, words, params, err);
		if (ret == -ENOENT)
			ret = unknown_word(word, err);
	}
	return ret < 0 ? ret : flush_slices(cli, params, err);
}

static int fdb_monitor(struct cli *cli, struct words *words, struct error *err)
{
	int ret = words_end(words, err);

	return ret < 0 ? ret : monitor_objects(cli, json_pack("[s]", "fdb"), err);
}

static int fdb_usage(struct cli *cli, struct words *words, struct error *err);

#define ENTRY  "MAC dev NAME [dst IP] [vni N] [vlan V] [option OPTION] [static|dynamic]"
#define FILTER "[bridge B] [dev D] [vlan V] [mac MAC] [dst IP]"

static const struct command fdb_commands[] = {
	{"show", "list", fdb_show, FILTER " [state learned|static|local]", "entries"},
	{"add", NULL, fdb_add, ENTRY, "a static entry; refused if there is one"},
	{"append", NULL, fdb_append, ENTRY,
	 "the same; for 00:00:00:00:00:00 one more address that the tunnel floods to"},
	{"replace", NULL, fdb_replace, ENTRY, "the same, in place of what is there"},
	{"del", "delete", fdb_del, "MAC dev NAME [dst IP] [vlan V]", "remove an entry"},
	{"get", NULL, fdb_get, "MAC bridge B|dev NAME [vlan V]", "one entry"},
	{"flush", NULL, fdb_flush, FILTER " [static]",
	 "remove the learned entries that pass; static: static ones too"},
	{"monitor", NULL, fdb_monitor, "", "print what is learned, moves and ages, as it does"},
	{"help", "--help", fdb_usage, "", "print this"},
	{},
};

static int fdb_usage(struct cli *cli, struct words *words, struct error *err)
{
	(void)cli;
	command_usage(fdb_commands, "fdb");
	return words_end(words, err);
}

int fdb_run(struct cli *cli, struct words *words, struct error *err)
{
	return command_run(fdb_commands, "fdb", 0, cli, words, err);
}
