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

int words_end(const struct words *words, struct error *err)
{
	if (!words->count)
		return 0;
	return error_set(err, WORDS_USAGE, "\"%.64s\" is one word too many", words->word[0]);
}

bool word_in(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

/* Other words of iproute2 for the same field. */
static const char *const synonyms[][2] = {
	{"vni", "id"},	     {"port", "srcport"}, {"dsfield", "tos"},
	{"hoplimit", "ttl"}, {"tclass", "tos"},
};

/* What iproute2 has for the noun and weft has not. */
static const char *const unknown_bridge[] = {
	"ageing_time",	     "forward_delay",	  "hello_time",		"max_age",
	"stp_state",	     "priority",	  "vlan_default_pvid",	"vlan_protocol",
	"mcast_snooping",    "mcast_querier",	  "mcast_router",	"nf_call_iptables",
	"nf_call_ip6tables", "nf_call_arptables", "vlan_stats_enabled", NULL};
static const char *const unknown_port[] = {
	"flood",	  "mcast_flood", "bcast_flood", "hairpin",  "isolated", "guard", "cost",
	"neigh_suppress", "locked",	 "root_block",	"priority", "state",	"pvid",	 NULL};
static const char *const unknown_tunnel[] = {
	"proxy",	  "rsc",       "l2miss",    "l3miss",
	"external",	  "gbp",       "gpe",	    "df",
	"flowlabel",	  "label",     "vnifilter", "udp6zerocsumtx",
	"udp6zerocsumrx", "remcsumtx", "remcsumrx", "mcroute",
	"localbypass",	  "encap",     NULL};

static const char *const *const unknown[NOUN_COUNT] = {
	[NOUN_BRIDGE] = unknown_bridge,
	[NOUN_PORT] = unknown_port,
	[NOUN_TUNNEL] = unknown_tunnel,
};

/* What iproute2 says about things that weft never does: taken, as it changes nothing. */
static const char *const granted_tunnel[] = {"noproxy",		 "norsc",	"nol2miss",
					     "nol3miss",	 "noexternal",	"noudp6zerocsumtx",
					     "noudp6zerocsumrx", "noremcsumtx", "noremcsumrx",
					     "novnifilter",	 NULL};

static int unknown_word(enum noun noun, const char *word, struct error *err)
{
	const char *base = strncmp(word, "no", 2) ? word : word + 2;

	if (word_in(word, unknown[noun]) || word_in(base, unknown[noun]))
		return error_set(err, -EOPNOTSUPP, "%s: weft does not have this option of iproute2",
				 word);
	return error_set(err, -EINVAL, "%.64s: is not a field of a %s", word, schemas[noun].noun);
}

static const struct field *field_of(enum noun noun, const char *word)
{
	const struct field *field = schema_field(noun, word);

	for (size_t i = 0; !field && i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
		if (!strcmp(word, synonyms[i][0]))
			field = schema_field(noun, synonyms[i][1]);
	return field;
}

/* `learning`, or as bridge(8) has it `learning on`. */
static json_t *take_bool(struct words *words)
{
	static const char *const yes[] = {"on", "1", "true", NULL};
	static const char *const no[] = {"off", "0", "false", NULL};
	const char *next = words_peek(words);
	bool value = !next || !word_in(next, no);

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
	if (field->type == FIELD_UINT || field->type == FIELD_RANGE)
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
	       field->type == FIELD_VLANS;
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

static int take_list(const struct field *field, bool set, struct words *words, json_t *json,
		     struct error *err)
{
	const char *change = NULL, *word;
	json_auto_t *value = NULL;
	int ret = words_value(words, field->name, &word, err);

	if (ret == 0 && set && (!strcmp(word, "+") || !strcmp(word, "-"))) {
		change = *word == '+' ? "add" : "remove";
		ret = words_value(words, field->name, &word, err);
	}
	if (ret == 0)
		ret = read_value(field, word, &value, err);
	return ret < 0 ? ret : append_value(field, change, value, json, err);
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
	if (!value && field->type == FIELD_BOOL) {
		value = take_bool(words);
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

int words_fields(enum noun noun, bool set, struct words *words, json_t *json, struct error *err)
{
	const char *word;

	while ((word = words_take(words))) {
		const struct field *field = field_of(noun, word), *negated = NULL;
		int ret = 0;

		if (!field && !strncmp(word, "no", 2))
			negated = schema_field(noun, word + 2);
		if (field)
			ret = take_field(field, set, words, json, err);
		else if (negated && negated->type == FIELD_BOOL &&
			 json_object_get(json, negated->name))
			ret = given_twice(negated->name, err);
		else if (negated && negated->type == FIELD_BOOL)
			json_object_set_new(json, negated->name, json_false());
		else if (noun != NOUN_TUNNEL || !word_in(word, granted_tunnel))
			ret = unknown_word(noun, word, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}
