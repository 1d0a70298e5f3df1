/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects made, copied, parsed, written and compared by the tables of lib/schema.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/field.h"
#include "lib/schema.h"

/* Every object begins with its name. */
_Static_assert(offsetof(struct bridge, name) == 0, "bridge");
_Static_assert(offsetof(struct port, name) == 0, "port");
_Static_assert(offsetof(struct tunnel, name) == 0, "tunnel");

int name_check(const char *name, struct error *err)
{
	return field_name_check("name", name, err);
}

static void *object_default(enum noun noun)
{
	const struct schema *schema = &schemas[noun];
	void *object = calloc(1, schema->size);

	for (size_t i = 0; object && i < schema->count; i++)
		field_reset(&schema->field[i], object);
	return object;
}

void *object_new(enum noun noun, const char *name, struct error *err)
{
	void *object;

	if (name_check(name, err) < 0)
		return NULL;
	object = object_default(noun);
	if (object)
		strcpy(object, name);
	else
		error_set(err, -ENOMEM, "out of memory");
	return object;
}

void *object_copy(enum noun noun, const void *object)
{
	const struct schema *schema = &schemas[noun];
	void *copy = object_default(noun);

	if (!copy)
		return NULL;
	memcpy(copy, object, NAME_LEN);
	for (size_t i = 0; i < schema->count; i++) {
		if (field_copy(&schema->field[i], copy, object) < 0) {
			object_free(noun, copy);
			return NULL;
		}
	}
	return copy;
}

void object_free(enum noun noun, void *object)
{
	const struct schema *schema = &schemas[noun];

	/* giving a field its default frees what it owns */
	for (size_t i = 0; object && i < schema->count; i++)
		field_reset(&schema->field[i], object);
	free(object);
}

/* What can be said in two ways is kept in one. */
static void port_normalise(struct port *port)
{
	if (port->type == PORT_INTERNAL && port->mtu == PORT_MTU_AUTO)
		port->mtu = PORT_MTU_UNSET;
}

int object_parse(enum noun noun, void *object, const json_t *json, struct error *err)
{
	const char *key;
	json_t *value;

	if (!json_is_object(json))
		return error_set(err, -EINVAL, "is not an object with fields");
	json_object_foreach ((json_t *)json, key, value) {
		const struct field *field = schema_field(noun, key);
		int ret;

		if (!strcmp(key, "name"))
			continue;
		if (!field)
			return error_set(err, -EINVAL, "%.64s: is not a field of a %s", key,
					 schemas[noun].noun);
		ret = field_parse(field, object, value, err);
		if (ret < 0)
			return ret;
	}
	if (noun == NOUN_PORT)
		port_normalise(object);
	return 0;
}

json_t *object_json(enum noun noun, const void *object, bool all)
{
	const struct schema *schema = &schemas[noun];
	void *initial = all ? NULL : object_default(noun);
	json_t *json = json_object();

	for (size_t i = 0; i < schema->count; i++)
		if (all || !initial || !field_equal(&schema->field[i], object, initial))
			json_object_set_new(json, schema->field[i].name,
					    field_json(&schema->field[i], object));
	object_free(noun, initial);
	return json;
}

uint64_t object_diff(enum noun noun, const void *a, const void *b)
{
	const struct schema *schema = &schemas[noun];
	uint64_t diff = 0;

	for (size_t i = 0; i < schema->count; i++)
		if (!field_equal(&schema->field[i], a, b))
			diff |= UINT64_C(1) << i;
	return diff;
}
