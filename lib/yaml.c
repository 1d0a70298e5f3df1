/* SPDX-License-Identifier: GPL-2.0-only */
/* YAML to JSON. Everything about a file's size and depth is bounded here. */
#include "lib/yaml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the one at hand */
	size_t values;
	unsigned int depth;
	struct error *err;
};

static int refuse(struct reader *reader, const char *what)
{
	return error_set(reader->err, -EINVAL, "line %zu: %s", reader->event.start_mark.line + 1,
			 what);
}

/* Drops the event at hand for the next one, which may be no alias and have no anchor or tag. */
static int reader_next(struct reader *reader)
{
	const yaml_event_t *event = &reader->event;
	const unsigned char *anchor = NULL, *tag = NULL;

	yaml_event_delete(&reader->event);
	if (!yaml_parser_parse(&reader->parser, &reader->event))
		return error_set(reader->err,
				 reader->parser.error == YAML_MEMORY_ERROR ? -ENOMEM : -EINVAL,
				 "line %zu: %s", reader->parser.problem_mark.line + 1,
				 reader->parser.problem ? reader->parser.problem : "not YAML");
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	case YAML_ALIAS_EVENT:
		return refuse(reader, "aliases (*name) are not taken");
	default:
		return 0;
	}
	if (anchor)
		return refuse(reader, "anchors (&name) are not taken");
	if (tag)
		return refuse(reader, "tags (!name) are not taken");
	if (++reader->values > YAML_VALUES_MAX)
		return refuse(reader, "too many values");
	return 0;
}

/* An integer that fits, written in decimal without leading zeros or in hexadecimal. */
static bool integer_read(const char *text, json_int_t *ret)
{
	const char *digits = *text == '-' ? text + 1 : text;
	bool hex = digits[0] == '0' && digits[1] == 'x';
	char *end;

	if (hex && !digits[2])
		return false;
	if (!hex && (!*digits || (digits[0] == '0' && digits[1])))
		return false;
	if (strspn(hex ? digits + 2 : digits, hex ? "0123456789abcdefABCDEF" : "0123456789") !=
	    strlen(hex ? digits + 2 : digits))
		return false;
	errno = 0;
	*ret = strtoll(text, &end, hex ? 16 : 10);
	return !errno && !*end;
}

json_t *yaml_scalar(const char *text)
{
	json_int_t number;

	if (!*text || !strcmp(text, "~") || !strcmp(text, "null"))
		return json_null();
	if (!strcmp(text, "true") || !strcmp(text, "false"))
		return json_boolean(*text == 't');
	if (integer_read(text, &number))
		return json_integer(number);
	return json_string(text);
}

static int read_value(struct reader *reader, json_t **ret);

static int read_scalar(struct reader *reader, json_t **ret)
{
	const char *text = (const char *)reader->event.data.scalar.value;
	size_t len = reader->event.data.scalar.length;

	if (strlen(text) != len)
		return refuse(reader, "a NUL in a string");
	if (reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		*ret = yaml_scalar(text);
	else
		*ret = json_stringn(text, len);
	return *ret ? 0 : refuse(reader, "a string that is not UTF-8");
}

static int read_list(struct reader *reader, json_t *list)
{
	for (;;) {
		json_t *value = NULL;
		int ret = reader_next(reader);

		if (ret < 0 || reader->event.type == YAML_SEQUENCE_END_EVENT)
			return ret;
		ret = read_value(reader, &value);
		if (ret < 0)
			return ret;
		if (json_array_append_new(list, value) < 0)
			return error_set(reader->err, -ENOMEM, "out of memory");
	}
}

/* Reads the value of a key that is at hand. */
static int read_member(struct reader *reader, json_t *object)
{
	char *key;
	json_t *value = NULL;
	int ret = 0;

	if (reader->event.type != YAML_SCALAR_EVENT)
		return refuse(reader, "a key that is no string");
	key = (char *)reader->event.data.scalar.value;
	if (strlen(key) != reader->event.data.scalar.length)
		return refuse(reader, "a NUL in a key");
	if (json_object_get(object, key))
		return error_set(reader->err, -EINVAL, "line %zu: \"%.64s\" stands there twice",
				 reader->event.start_mark.line + 1, key);
	key = strdup(key);
	if (!key)
		return error_set(reader->err, -ENOMEM, "out of memory");
	ret = reader_next(reader);
	if (ret == 0)
		ret = read_value(reader, &value);
	if (ret == 0 && json_object_set_new(object, key, value) < 0)
		ret = refuse(reader, "a key that is not UTF-8");
	free(key);
	return ret;
}

static int read_object(struct reader *reader, json_t *object)
{
	for (;;) {
		int ret = reader_next(reader);

		if (ret < 0 || reader->event.type == YAML_MAPPING_END_EVENT)
			return ret;
		ret = read_member(reader, object);
		if (ret < 0)
			return ret;
	}
}

/* Reads the value that begins with the event at hand, to its end. */
static int read_value(struct reader *reader, json_t **ret)
{
	bool list = reader->event.type == YAML_SEQUENCE_START_EVENT;
	int code;

	if (reader->event.type == YAML_SCALAR_EVENT)
		return read_scalar(reader, ret);
	if (++reader->depth > YAML_DEPTH_MAX)
		return refuse(reader, "nested too deeply");
	*ret = list ? json_array() : json_object();
	code = list ? read_list(reader, *ret) : read_object(reader, *ret);
	reader->depth--;
	if (code < 0) {
		json_decref(*ret);
		*ret = NULL;
	}
	return code;
}

static int read_stream(struct reader *reader, json_t **ret)
{
	int code = reader_next(reader); /* the stream's start */

	if (code == 0)
		code = reader_next(reader); /* the document's, or the stream's end */
	if (code < 0)
		return code;
	if (reader->event.type == YAML_STREAM_END_EVENT) {
		*ret = json_null();
		return 0;
	}
	code = reader_next(reader);
	if (code == 0)
		code = read_value(reader, ret);
	if (code == 0)
		code = reader_next(reader); /* the document's end */
	if (code == 0)
		code = reader_next(reader);
	if (code == 0 && reader->event.type != YAML_STREAM_END_EVENT)
		code = refuse(reader, "a second document");
	return code;
}

int yaml_to_json(const char *text, size_t len, json_t **ret, struct error *err)
{
	struct reader reader = {.err = err};
	int code;

	*ret = NULL;
	if (len > YAML_SIZE_MAX)
		return error_set(err, -E2BIG, "longer than %u bytes", YAML_SIZE_MAX);
	if (!yaml_parser_initialize(&reader.parser))
		return error_set(err, -ENOMEM, "out of memory");
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
	code = read_stream(&reader, ret);
	yaml_event_delete(&reader.event);
	yaml_parser_delete(&reader.parser);
	if (code < 0) {
		json_decref(*ret);
		*ret = NULL;
	}
	return code;
}
