/* SPDX-License-Identifier: GPL-2.0-only */
/* FDB entries as lines of words. */
#include "lib/entry_words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/yaml.h"

static json_t *number_json(const char *key, const char *text, struct error *err)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (strspn(text, "0123456789") == strlen(text) && !errno && number <= UINT32_MAX)
		return json_integer((json_int_t)number);
	error_set(err, -EINVAL, "%s: \"%.32s\" is no number", key, text);
	return NULL;
}

static json_t *list_json(char *text)
{
	json_t *list = json_array();
	char *rest = NULL;

	for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
		json_array_append_new(list, json_string(word));
	return list;
}

static json_t *value_json(const char *key, char *text, struct error *err)
{
	json_t *json;

	if (!strcmp(key, "vni") || !strcmp(key, "vlan"))
		return number_json(key, text, err);
	json = strcmp(key, "option") ? json_string(text) : list_json(text);
	if (!json)
		error_set(err, -EINVAL, "%.32s: is not UTF-8", key);
	return json;
}

static int members_json(char **rest, json_t *json, struct error *err)
{
	char *key, *text;

	while ((key = strtok_r(NULL, " ", rest))) {
		json_t *value;

		text = strtok_r(NULL, " ", rest);
		if (!text)
			return error_set(err, -EINVAL, "%.32s: nothing follows", key);
		if (json_object_get(json, key))
			return error_set(err, -EINVAL, "%.32s: is given twice", key);
		value = value_json(key, text, err);
		if (!value)
			return err->code;
		if (json_object_set_new(json, key, value) < 0)
			return error_set(err, -EINVAL, "a word that is not UTF-8");
	}
	return 0;
}

json_t *entry_words_json(const char *text, struct error *err)
{
	char copy[ENTRY_WORDS_MAX], *rest = NULL, *mac;
	json_t *json;

	if (strlen(text) >= sizeof(copy)) {
		error_set(err, -EINVAL, "fdb: an entry longer than %d bytes", ENTRY_WORDS_MAX - 1);
		return NULL;
	}
	memcpy(copy, text, strlen(text) + 1);
	mac = strtok_r(copy, " ", &rest);
	json = json_object();
	if (mac)
		json_object_set_new(json, "mac", json_string(mac));
	if (members_json(&rest, json, err) < 0) {
		error_prefix(err, mac ? "fdb %.17s" : "fdb", mac);
		json_decref(json);
		return NULL;
	}
	return json;
}

/* --- YAML --------------------------------------------------------------------------------- */

/* Words that need no more than quotes around them, if that. */
static bool words_plain(const char *text)
{
	for (const char *c = text; *c; c++) {
		bool inside = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
			      (*c >= 'A' && *c <= 'Z');

		if (!inside && (c == text || c[-1] == ' ' || !strchr(" :._-", *c)))
			return false;
	}
	return *text && !strstr(text, " option ");
}

static void word_yaml(const char *text, bool number, FILE *out)
{
	char quote = number ? 0 : yaml_quote(text);

	if (quote)
		fputc_unlocked(quote, out);
	fputs_unlocked(text, out);
	if (quote)
		fputc_unlocked(quote, out);
}

static void plain_yaml(char *text, FILE *out)
{
	char *rest = NULL, *word = strtok_r(text, " ", &rest);

	fputs_unlocked("- {mac: ", out);
	word_yaml(word, false, out);
	while ((word = strtok_r(NULL, " ", &rest))) {
		bool number = !strcmp(word, "vni") || !strcmp(word, "vlan");

		fputs_unlocked(", ", out);
		fputs_unlocked(word, out);
		fputs_unlocked(": ", out);
		word = strtok_r(NULL, " ", &rest);
		word_yaml(word ? word : "", number, out);
	}
	fputs_unlocked("}\n", out);
}

int entry_words_yaml(const char *text, FILE *out, struct error *err)
{
	char copy[ENTRY_WORDS_MAX], *yaml = NULL;
	json_t *entry, *list;
	size_t len = 0;
	int code;

	if (strlen(text) < sizeof(copy) && words_plain(text)) {
		memcpy(copy, text, strlen(text) + 1);
		plain_yaml(copy, out);
		return 0;
	}
	entry = entry_words_json(text, err);
	if (!entry)
		return err->code;
	list = json_pack("[o]", entry);
	code = yaml_from_json(list, &yaml, &len, err);
	if (code == 0)
		fwrite(yaml, 1, len, out);
	free(yaml);
	json_decref(list);
	return code;
}
