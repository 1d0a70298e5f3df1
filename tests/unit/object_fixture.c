/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/unit/object_fixture.h"

#include <stdlib.h>
#include <string.h>

void *object_of(enum noun noun, const char *text, struct error *err)
{
	char *quoted = strdup(text);
	void *object = object_new(noun, "x0", err);
	json_t *json;

	for (char *c = quoted; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json = json_loads(quoted, 0, NULL);
	free(quoted);
	assert_non_null(json);
	assert_non_null(object);
	if (object_parse(noun, object, json, err) < 0 || object_check(noun, object, err) < 0) {
		object_free(noun, object);
		object = NULL;
	}
	json_decref(json);
	return object;
}

void assert_refused(enum noun noun, const char *text, const char *line)
{
	struct error err = {};
	void *object = object_of(noun, text, &err);

	assert_null(object);
	assert_true(err.code < 0);
	assert_string_equal(err.line, line);
}

void assert_round_trip(enum noun noun, const char *text)
{
	struct error err = {};
	void *object = object_of(noun, text, &err), *copy;

	assert_string_equal(err.line, "");
	copy = object_copy(noun, object);
	assert_int_equal(object_diff(noun, object, copy), 0);
	object_free(noun, copy);
	for (int all = 0; all < 2; all++) {
		json_t *json = object_json(noun, object, all), *again;
		void *read = object_new(noun, "x0", &err);

		assert_int_equal(object_parse(noun, read, json, &err), 0);
		assert_int_equal(object_diff(noun, object, read), 0);
		again = object_json(noun, read, all);
		assert_true(json_equal(json, again));
		json_decref(json);
		json_decref(again);
		object_free(noun, read);
	}
	object_free(noun, object);
}

void assert_changes(enum noun noun, void *object, const char *const *changes, const char *wanted)
{
	struct error err = {};
	json_t *json;
	char *text;

	for (; *changes; changes++) {
		json = json_loads(*changes, 0, NULL);
		assert_int_equal(object_parse(noun, object, json, &err), 0);
		json_decref(json);
	}
	json = object_json(noun, object, false);
	text = json_dumps(json, JSON_COMPACT);
	assert_string_equal(text, wanted);
	free(text);
	json_decref(json);
	object_free(noun, object);
}
