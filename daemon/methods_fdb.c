/* SPDX-License-Identifier: GPL-2.0-only */
/* The methods of the FDB: params to specs and filters, and over to the kernel, which owns the entries. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/entry.h"
#include "daemon/methods.h"

#define SHOW_LIMIT     1000  /* entries of a reply, unless asked for more */
#define SHOW_LIMIT_MAX 65536 /* and no more than this */

/* One entry, or those of "entries". */
static int params_entries(struct call *call, enum entry_use use, struct entry_list *list,
			  struct error *err)
{
	static const char *const keys[] = {"entries", NULL};
	const json_t *entries = json_object_get(call->params, "entries");
	struct fdb_spec spec;
	int result;

	if (!entries) {
		result = entry_parse(call->weftd->model, call->params, use, &spec, err);
		if (result < 0)
			return result;
		entry_list_push(list, &spec);
		options_release(spec.options);
		return 0;
	}
	result = params_only(call, keys, err);
	if (result == 0)
		result = entry_list_parse(call->weftd->model, entries, use, list, err);
	return result;
}

static int entries_set(struct call *call, enum fdb_mode mode, struct error *err)
{
	struct entry_list list = {0};
	int result = params_entries(call, ENTRY_SET, &list, err);

	if (result == 0 && list.count)
		result = kernel_fdb_set(call->weftd->kernel, mode, list.item, list.count, err);
	if (result >= 0)
		call->result = json_pack("{s:I}", "changes", (json_int_t)list.count);
	entry_list_free(&list);
	return result < 0 ? result : 0;
}

int method_fdb_add(struct call *call, struct error *err)
{
	return entries_set(call, FDB_ADD, err);
}

int method_fdb_append(struct call *call, struct error *err)
{
	return entries_set(call, FDB_APPEND, err);
}

int method_fdb_replace(struct call *call, struct error *err)
{
	return entries_set(call, FDB_REPLACE, err);
}

int method_fdb_del(struct call *call, struct error *err)
{
	struct entry_list list = {0};
	int result = params_entries(call, ENTRY_DEL, &list, err);

	if (result == 0 && list.count)
		result = kernel_fdb_del(call->weftd->kernel, list.item, list.count, err);
	if (result >= 0)
		call->result = json_pack("{s:I}", "changes", (json_int_t)list.count);
	entry_list_free(&list);
	return result < 0 ? result : 0;
}

int method_fdb_get(struct call *call, struct error *err)
{
	static const char *const keys[] = {"mac", "bridge", "dev", "vlan", NULL};
	struct fdb_spec spec; /* without options */
	int result;

	result = params_only(call, keys, err);
	if (result == 0)
		result = entry_parse(call->weftd->model, call->params, ENTRY_KEY, &spec, err);
	if (result == 0)
		result = kernel_fdb_get(call->weftd->kernel, &spec, &call->result, err);
	return result;
}

/* "state": what to show; without it everything. */
static int params_state(struct call *call, struct fdb_filter *filter, struct error *err)
{
	const char *state;
	int result = params_string(call, "state", &state, err);

	if (result < 0 || !state)
		return result;
	filter->no_learned = strcmp(state, "learned");
	filter->no_static = strcmp(state, "static");
	filter->no_local = strcmp(state, "local");
	if (filter->no_learned && filter->no_static && filter->no_local)
		return error_set(err, -EINVAL, "state: %.16s is not learned, static or local",
				 state);
	return 0;
}

int method_fdb_show(struct call *call, struct error *err)
{
	static const char *const keys[] = {"bridge", "dev",    "vlan",	"mac",	 "dst",
					   "state",  "cursor", "limit", "words", NULL};
	const json_t *words = json_object_get(call->params, "words");
	const char *cursor;
	struct fdb_filter filter;
	json_t *entries = NULL;
	char *next = NULL;
	size_t limit = SHOW_LIMIT;
	int result;

	result = params_only(call, keys, err);
	if (result == 0)
		result = entry_filter_parse(call->weftd->model, call->params, &filter, err);
	if (result == 0)
		result = params_state(call, &filter, err);
	if (result == 0)
		result = params_number(call, "limit", 1, SHOW_LIMIT_MAX, &limit, err);
	if (result == 0)
		result = params_string(call, "cursor", &cursor, err);
	if (result == 0 && words && !json_is_boolean(words))
		result = error_set(err, -EINVAL, "words: is neither true nor false");
	if (result == 0)
		result = kernel_fdb_walk(call->weftd->kernel, &filter, cursor, limit,
					 json_is_true(words), &entries, &next, err);
	if (result < 0)
		return result;
	call->result = json_pack("{s:o, s:s?}", "entries", entries, "cursor", next);
	free(next);
	return 0;
}

/* Where a slice begins, as the reply to the one before it said. */
static int params_slice(const struct call *call, struct fdb_flush *ret, struct error *err)
{
	const char *cursor;
	int used = 0;
	int result = params_string(call, "cursor", &cursor, err);

	if (result == 0)
		result = params_number(call, "limit", 1, WEFT_FDB_MAX, &ret->limit, err);
	if (result < 0 || !cursor)
		return result;
	ret->begun = true;
	if (sscanf(cursor, "f%8x%n", &ret->position, &used) != 1 || cursor[used])
		return error_set(err, -EINVAL, "cursor: is none that was given out");
	return 0;
}

int method_fdb_flush(struct call *call, struct error *err)
{
	static const char *const keys[] = {"bridge", "dev",    "vlan",	"mac", "dst",
					   "static", "cursor", "limit", NULL};
	const json_t *statics = json_object_get(call->params, "static");
	struct fdb_flush flush = {};
	struct fdb_filter filter;
	char cursor[16];
	int result;

	result = params_only(call, keys, err);
	if (result == 0 && statics && !json_is_boolean(statics))
		result = error_set(err, -EINVAL, "static: is neither true nor false");
	if (result == 0)
		result = params_slice(call, &flush, err);
	if (result == 0)
		result = entry_filter_parse(call->weftd->model, call->params, &filter, err);
	if (result == 0)
		result = kernel_fdb_flush(call->weftd->kernel, &filter, json_is_true(statics),
					  &flush, err);
	if (result < 0)
		return result;
	call->result = json_pack("{s:i}", "changes", result);
	snprintf(cursor, sizeof(cursor), "f%x", flush.position);
	if (flush.more)
		json_object_set_new(call->result, "cursor", json_string(cursor));
	return 0;
}
