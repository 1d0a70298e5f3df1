/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model: the objects as the user wants them, and what they demand of each other. It makes no
 * system calls; a transaction is
 *
 *     plan        the changes, from a request or a file
 *     stage       put in place, judged; a refused plan leaves the model as it was
 *     commit      final, or unstage: as if it had never been
 *
 * and between stage and commit the kernel carries it out (daemon/transaction.c).
 *
 * Objects are the schema's structs. The pointers given out stay good until a change
 * of that object is committed. Out of memory ends the process: forwarding
 * does not need it, and the next weftd reads the state file.
 */
#ifndef WEFT_DAEMON_MODEL_H
#define WEFT_DAEMON_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/kernel.h"
#include "lib/error.h"
#include "lib/schema.h"

struct model;

struct model *model_new(void);
void model_free(struct model *model);

/* NULL: there is none of that name. */
const void *model_find(const struct model *model, enum noun noun, const char *name);
/* The port or tunnel of that name; they share one name space. */
const void *model_device(const struct model *model, const char *name, enum noun *ret_noun);
size_t model_count(const struct model *model, enum noun noun);
/* All objects of a noun by name, as an array to be freed; its end is a NULL. */
const void **model_list(const struct model *model, enum noun noun);

/*
 * Writes all objects of a noun, `"NAME":{FIELD:VALUE,...}` with commas between them and the fields that are not
 * at their default. The text of an object is made once and kept until it changes: this is
 * for the state file, which is written for every change of any one of many thousands.
 */
int model_write(struct model *model, enum noun noun,
		int (*write)(const char *text, size_t length, void *arg), void *arg);

/* The name of an object, and the bridge a port or tunnel is on (empty: none). */
const char *object_name(const void *object);
const char *object_bridge(enum noun noun, const void *object);

/* --- Plans ---------------------------------------------------------------------------- */

/* Changes, in the order they are to be put in place. Owns every `new` until it is committed. */
struct plan {
	struct change *change;
	size_t count;
	size_t size;
};

void plan_free(struct plan *plan);
/* Takes over `new`, also if it fails. */
int plan_push(struct plan *plan, enum noun noun, const void *old, void *new, struct error *err);
/* The same changes backwards; the new plan owns nothing and is to be freed with free(->change). */
struct plan plan_reverse(const struct plan *plan);

/* What a request asks for; `json` has the fields. `set` of what is so already plans nothing. */
int plan_add(struct plan *plan, const struct model *model, enum noun noun, const char *name,
	     const json_t *json, struct error *err);
int plan_set(struct plan *plan, const struct model *model, enum noun noun, const char *name,
	     const json_t *json, struct error *err);
int plan_del(struct plan *plan, const struct model *model, enum noun noun, const char *name,
	     struct error *err);

int model_stage(struct model *model, const struct plan *plan, struct error *err);
void model_unstage(struct model *model, const struct plan *plan);
/* Frees what was replaced and empties the plan. */
void model_commit(struct model *model, struct plan *plan);

#endif
