/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON to YAML: an object's fields a line each, what stands inside lists on one line. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "lib/yaml.h"

struct writer {
	yaml_emitter_t emitter;
	char *text;
	size_t len, size;
};

static int writer_append(void *arg, unsigned char *data, size_t len)
{
	struct writer *writer = arg;

	if (writer->len + len + 1 > writer->size) {
		size_t size = (writer->len + len + 1) * 2;
		char *grown = realloc(writer->text, size);

		if (!grown)
			return 0;
		writer->text = grown;
		writer->size = size;
	}
	memcpy(writer->text + writer->len, data, len);
	writer->len += len;
	writer->text[writer->len] = 0;
	return 1;
}

/* Whether some YAML reader takes an unquoted `text` for something else than a string. */
static bool needs_quotes(const char *text)
{
	static const char *const words[] = {"true", "false", "yes", "no",   "on",
					    "off",  "y",     "n",   "null", "~"};
	const char *dot = strchr(text, '.');

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(text, words[i]))
			return true;
	if (!strncmp(text, "0x", 2) || !strncmp(text, "0o", 2) || !strncmp(text, "0b", 2))
		return true;
	/* numbers, times and dates; an IPv4 address has too many dots for any of them */
	return strspn(text, "0123456789:_+-.eE") == strlen(text) && !(dot && strchr(dot + 1, '.'));
}

char yaml_quote(const char *text)
{
	/* libyaml itself quotes what has a colon */
	return needs_quotes(text) ? '"' : strchr(text, ':') ? '\'' : 0;
}

/* The event is taken over. */
static bool emit(struct writer *writer, yaml_event_t *event, int made)
{
	return made && yaml_emitter_emit(&writer->emitter, event);
}

static bool write_text(struct writer *writer, const char *text, bool quote)
{
	yaml_event_t event;

	return emit(writer, &event,
		    yaml_scalar_event_initialize(
			    &event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1,
			    quote ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE));
}

static bool write_scalar(struct writer *writer, const json_t *json)
{
	bool written;
	char *text;

	if (json_is_string(json))
		return write_text(writer, json_string_value(json),
				  needs_quotes(json_string_value(json)));
	text = json_dumps(json, JSON_ENCODE_ANY);
	written = text && write_text(writer, text, false);
	free(text);
	return written;
}

static bool write_value(struct writer *writer, const json_t *json, bool flow);

static bool write_list(struct writer *writer, const json_t *list, bool flow)
{
	bool scalars = !json_is_object(json_array_get(list, 0));
	yaml_event_t event;
	size_t i;
	json_t *value;

	if (!emit(writer, &event,
		  yaml_sequence_start_event_initialize(
			  &event, NULL, NULL, 1,
			  flow || scalars ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE)))
		return false;
	json_array_foreach (list, i, value) {
		if (!write_value(writer, value, true))
			return false;
	}
	return emit(writer, &event, yaml_sequence_end_event_initialize(&event));
}

static bool write_object(struct writer *writer, const json_t *object, bool flow)
{
	yaml_event_t event;
	const char *key;
	json_t *value;

	if (!emit(writer, &event,
		  yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
						      flow ? YAML_FLOW_MAPPING_STYLE
							   : YAML_BLOCK_MAPPING_STYLE)))
		return false;
	json_object_foreach ((json_t *)object, key, value) {
		if (!write_text(writer, key, needs_quotes(key)) ||
		    !write_value(writer, value, flow))
			return false;
	}
	return emit(writer, &event, yaml_mapping_end_event_initialize(&event));
}

static bool write_value(struct writer *writer, const json_t *json, bool flow)
{
	if (json_is_object(json))
		return write_object(writer, json, flow);
	if (json_is_array(json))
		return write_list(writer, json, flow);
	return write_scalar(writer, json);
}

static bool write_stream(struct writer *writer, const json_t *json)
{
	yaml_event_t event;

	return emit(writer, &event,
		    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
	       emit(writer, &event,
		    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1)) &&
	       write_value(writer, json, false) &&
	       emit(writer, &event, yaml_document_end_event_initialize(&event, 1)) &&
	       emit(writer, &event, yaml_stream_end_event_initialize(&event));
}

int yaml_from_json(const json_t *json, char **ret, size_t *ret_len, struct error *err)
{
	struct writer writer = {};
	bool written = false;

	if (yaml_emitter_initialize(&writer.emitter)) {
		yaml_emitter_set_output(&writer.emitter, writer_append, &writer);
		yaml_emitter_set_width(&writer.emitter, -1);
		yaml_emitter_set_unicode(&writer.emitter, 1);
		written = write_stream(&writer, json) && writer.text;
		yaml_emitter_delete(&writer.emitter);
	}
	if (!written) {
		free(writer.text);
		return error_set(err, -ENOMEM, "out of memory");
	}
	*ret = writer.text;
	*ret_len = writer.len;
	return 0;
}
