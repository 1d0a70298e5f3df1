/* SPDX-License-Identifier: GPL-2.0-only */
/* Plans: lists of changes, and how a request for one object becomes one. */
#include "daemon/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		object_free(plan->change[i].noun, (void *)plan->change[i].new);
	free(plan->change);
	*plan = (struct plan){0};
}

int plan_push(struct plan *plan, enum noun noun, const void *old, void *new, struct error *err)
{
	if (plan->count == plan->size) {
		size_t size = plan->size ? 2 * plan->size : 8;
		struct change *change = reallocarray(plan->change, size, sizeof(*change));

		if (!change) {
			object_free(noun, new);
			return error_set(err, -ENOMEM, "out of memory");
		}
		plan->change = change;
		plan->size = size;
	}
	plan->change[plan->count++] = (struct change){noun, old, new};
	return 0;
}

struct plan plan_reverse(const struct plan *plan)
{
	struct plan reverse = {.count = plan->count, .size = plan->count};

	reverse.change = calloc(plan->count + 1, sizeof(*reverse.change));
	if (!reverse.change)
		abort();
	for (size_t i = 0; i < plan->count; i++) {
		const struct change *change = &plan->change[plan->count - 1 - i];

		reverse.change[i] = (struct change){change->noun, change->new, change->old};
	}
	return reverse;
}

/* Parses and checks; what fails frees `object` and names it. */
static int object_fill(enum noun noun, void *object, const json_t *json, struct error *err)
{
	int result = object_parse(noun, object, json, err);

	if (result == 0)
		result = object_check(noun, object, err);
	if (result < 0) {
		error_prefix(err, "%s %s", schemas[noun].noun, object_name(object));
		object_free(noun, object);
	}
	return result;
}

static int refuse_unknown(enum noun noun, const char *name, struct error *err)
{
	return error_set(err, -ENOENT, "%s %s: there is no such %s", schemas[noun].noun, name,
			 schemas[noun].noun);
}

int plan_add(struct plan *plan, const struct model *model, enum noun noun, const char *name,
	     const json_t *json, struct error *err)
{
	void *object;
	int result;

	if (name_check(name, err) < 0)
		return error_prefix(err, "%s", schemas[noun].noun);
	if (model_find(model, noun, name))
		return error_set(err, -EEXIST, "%s %s: is there already", schemas[noun].noun, name);
	object = object_new(noun, name, err);
	if (!object)
		return error_set(err, -ENOMEM, "out of memory");
	result = object_fill(noun, object, json, err);
	return result < 0 ? result : plan_push(plan, noun, NULL, object, err);
}

int plan_set(struct plan *plan, const struct model *model, enum noun noun, const char *name,
	     const json_t *json, struct error *err)
{
	const void *old = model_find(model, noun, name);
	uint64_t fields;
	void *object;
	int result;

	if (!old)
		return refuse_unknown(noun, name, err);
	object = object_copy(noun, old);
	if (!object)
		return error_set(err, -ENOMEM, "out of memory");
	result = object_fill(noun, object, json, err);
	if (result < 0)
		return result;
	fields = object_diff(noun, old, object);
	for (size_t i = 0; i < schemas[noun].count; i++) {
		const struct field *field = &schemas[noun].field[i];

		if (!(fields & 1ULL << i) || !(field->flags & FIELD_IMMUTABLE))
			continue;
		object_free(noun, object);
		return error_set(err, -EINVAL,
				 "%s %s: %s: cannot be changed; delete the %s and add it again",
				 schemas[noun].noun, name, field->name, schemas[noun].noun);
	}
	if (!fields) {
		object_free(noun, object);
		return 0;
	}
	return plan_push(plan, noun, old, object, err);
}

int plan_del(struct plan *plan, const struct model *model, enum noun noun, const char *name,
	     struct error *err)
{
	const void *old = model_find(model, noun, name);

	if (!old)
		return refuse_unknown(noun, name, err);
	return plan_push(plan, noun, old, NULL, err);
}
