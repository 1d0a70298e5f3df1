/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words of the command line to JSON. They are iproute2's: the tail of an `ip link add NAME type
 * vxlan ...` means here what it means there, and where weft has no such thing it is refused.
 */
#include "cli/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/words_iproute2.h"
#include "lib/yaml.h"

const char *words_peek(const struct words *words)
{
	return words->count ? words->word[0] : NULL;
}

const char *words_take(struct words *words)
{
	if (!words->count)
		return NULL;
	words->count--;
	return *words->word++;
}

bool words_match(struct words *words, const char *word)
{
	if (!words->count || strcmp(words->word[0], word))
		return false;
	words_take(words);
	return true;
}

int words_value(struct words *words, const char *of, const char **ret, struct error *err)
{
	*ret = words_take(words);
	if (!*ret)
		return error_set(err, WORDS_USAGE, "%s: needs a value", of);
	return 0;
}

char *words_join(struct words *words)
{
	size_t length = 1;
	char *text, *end;

	for (int i = 0; i < words->count; i++)
		length += strlen(words->word[i]) + 1;
	text = end = calloc(1, length);
	while (text && words->count) {
		end = stpcpy(end, words_take(words));
		if (words->count)
			*end++ = ' ';
	}
	return text;
}

int words_end(const struct words *words, struct error *err)
{
	if (!words->count)
		return 0;
	return error_set(err, WORDS_USAGE, "\"%.64s\" is one word too many", words->word[0]);
}

/* `learning`, or as bridge(8) has it `learning on`. */
static json_t *take_bool(const struct field *field, struct words *words)
{
	static const char *const yes[] = {"on", "1", "true", NULL};
	static const char *const no[] = {"off", "0", "false", NULL};
	const char *next = words_peek(words);
	bool value = !next || !word_in(next, no);

	if (field->type == FIELD_CHOICE && words_match(words, "auto"))
		return json_null();

	if (next && (!value || word_in(next, yes)))
		words_take(words);
	return json_boolean(value);
}

/*
 * iproute2 reads the TOS as hexadecimal with or without 0x, everything else of weft (and of
 * people) as decimal. What would come out differently is refused.
 */
static int read_tos(const char *word, json_t **ret, struct error *err)
{
	unsigned long hex, decimal;
	char *end;

	hex = strtoul(word, &end, 16);
	if (!*word || *end || !strncmp(word, "0x", 2)) {
		*ret = yaml_scalar(word);
		return 0;
	}
	decimal = strtoul(word, &end, 10);
	if (!*end && decimal != hex)
		return error_set(
			err, -EINVAL,
			"tos: %s may be meant as hexadecimal or decimal; write 0x%02lx or 0x%02lx",
			word, hex, decimal);
	*ret = json_integer((json_int_t)hex);
	return 0;
}

/* One value in the type that JSON has for the field. */
static int read_value(const struct field *field, const char *word, json_t **ret, struct error *err)
{
	*ret = NULL;
	if (field->type == FIELD_UINT && !strcmp(field->name, "tos"))
		return read_tos(word, ret, err);
	if (field->type == FIELD_UINT || field->type == FIELD_RANGE || field->type == FIELD_MASK ||
	    field->type == FIELD_KEY)
		*ret = yaml_scalar(word);
	if (*ret && json_is_integer(*ret))
		return 0;
	json_decref(*ret);
	*ret = json_string(word);
	if (!*ret)
		return error_set(err, -EINVAL, "%s: is not UTF-8", field->name);
	return 0;
}

static bool field_is_list(const struct field *field)
{
	return field->type == FIELD_ADDRS || field->type == FIELD_PREFIXES ||
	       field->type == FIELD_VLANS || field->type == FIELD_OPTIONS ||
	       field->type == FIELD_LENGTHS;
}

static int given_twice(const char *name, struct error *err)
{
	return error_set(err, -EINVAL, "%s: is given twice", name);
}

/* Adds a value to json[field], or to its member `change`: "add" or "remove". */
static int append_value(const struct field *field, const char *change, json_t *value, json_t *json,
			struct error *err)
{
	json_t *list = json_object_get(json, field->name);

	if (!list) {
		list = change ? json_object() : json_array();
		json_object_set_new(json, field->name, list);
	}
	if (!json_is_array(list) && !json_is_object(list))
		return given_twice(field->name, err);
	if (json_is_object(list) != (change != NULL))
		return error_set(err, -EINVAL, "%s: + and - cannot stand beside a whole list",
				 field->name);
	if (change) {
		json_t *changes = json_object_get(list, change);

		if (!changes) {
			changes = json_array();
			json_object_set_new(list, change, changes);
		}
		list = changes;
	}
	return json_array_append(list, value) < 0 ? error_set(err, -ENOMEM, "out of memory") : 0;
}

/* Adds one value, or the options of a word as iproute2 has them: A,B. */
static int append_word(const struct field *field, const char *change, const char *word,
		       json_t *json, struct error *err)
{
	bool commas = field->type == FIELD_OPTIONS || field->type == FIELD_LENGTHS;
	int ret;

	do {
		size_t length = commas ? strcspn(word, ",") : strlen(word);
		char *part = strndup(word, length);
		json_t *value = NULL;

		ret = part ? read_value(field, part, &value, err)
			   : error_set(err, -ENOMEM, "out of memory");
		if (ret == 0)
			ret = append_value(field, change, value, json, err);
		json_decref(value);
		free(part);
		word += length;
	} while (ret == 0 && *word++);
	return ret;
}

static int take_list(const struct field *field, bool set, struct words *words, json_t *json,
		     struct error *err)
{
	const char *change = NULL, *word;
	int ret = words_value(words, field->name, &word, err);

	if (ret == 0 && set && (!strcmp(word, "+") || !strcmp(word, "-"))) {
		change = *word == '+' ? "add" : "remove";
		ret = words_value(words, field->name, &word, err);
	}
	return ret < 0 ? ret : append_word(field, change, word, json, err);
}

static int take_range(const struct field *field, struct words *words, json_t **ret,
		      struct error *err)
{
	*ret = json_array();
	for (int i = 0; i < 2; i++) {
		const char *word = words_take(words);
		json_t *value;
		int code;

		if (!word)
			return error_set(err, WORDS_USAGE, "%s: needs two values, MIN MAX",
					 field->name);
		code = read_value(field, word, &value, err);
		if (code < 0)
			return code;
		json_array_append_new(*ret, value);
	}
	return 0;
}

/* Takes the values of a field whose name was the last word. */
static int take_field(const struct field *field, bool set, struct words *words, json_t *json,
		      struct error *err)
{
	json_auto_t *value = NULL;
	const char *word;
	int ret;

	if (set && words_match(words, "default"))
		value = json_null();
	else if (field_is_list(field))
		return take_list(field, set, words, json, err);
	if (json_object_get(json, field->name))
		return given_twice(field->name, err);
	if (!value && (field->type == FIELD_BOOL || field->type == FIELD_CHOICE)) {
		value = take_bool(field, words);
	} else if (!value && field->type == FIELD_RANGE) {
		ret = take_range(field, words, &value, err);
		if (ret < 0)
			return ret;
	} else if (!value) {
		ret = words_value(words, field->name, &word, err);
		if (ret == 0)
			ret = read_value(field, word, &value, err);
		if (ret < 0)
			return ret;
	}
	json_object_set(json, field->name, value);
	return 0;
}

/* `nolearning`, `nokey`: what the field is without. NULL: no such word. */
static const struct field *field_negated(enum noun noun, const char *word, json_t **ret)
{
	const struct field *field = strncmp(word, "no", 2) ? NULL : schema_field(noun, word + 2);

	*ret = NULL;
	if (field && (field->type == FIELD_BOOL || field->type == FIELD_CHOICE))
		*ret = json_false();
	else if (field && field->type == FIELD_KEY)
		*ret = json_null();
	return *ret ? field : NULL;
}

/* A word that says field and value at once; the same may be said twice. */
static int set_value(const struct field *field, json_t *value, bool again, json_t *json,
		     struct error *err)
{
	const json_t *there = json_object_get(json, field->name);
	bool same = again && there && json_equal((json_t *)there, value);

	if (!there)
		json_object_set(json, field->name, value);
	json_decref(value);
	return there && !same ? given_twice(field->name, err) : 0;
}

int words_fields(enum noun noun, bool set, struct words *words, json_t *json, struct error *err)
{
	const char *word;

	while ((word = words_take(words))) {
		const struct field *field = schema_field(noun, iproute2_synonym(word));
		const char *value;
		json_t *negation;
		int ret = 0;

		if (field) {
			ret = take_field(field, set, words, json, err);
		} else if ((field = field_negated(noun, word, &negation))) {
			ret = set_value(field, negation, false, json, err);
		} else if (noun == NOUN_TUNNEL && (value = iproute2_phrase(word, words, &field))) {
			ret = set_value(field, json_string(value), true, json, err);
		} else if (!iproute2_granted(noun, word, words)) {
			ret = iproute2_refuse(noun, word, err);
		}
		if (ret < 0)
			return ret;
	}
	return 0;
}
