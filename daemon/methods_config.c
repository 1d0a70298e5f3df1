/* SPDX-License-Identifier: GPL-2.0-only */
/* The methods of the whole configuration. Entries of many thousands come and go in pieces, by a stage. */
#include <errno.h>

#include "daemon/api.h"
#include "daemon/config.h"
#include "daemon/methods.h"
#include "daemon/stage.h"
#include "daemon/transaction.h"

#define STAGED_LIMIT 65536 /* entries of a reply */

static int stage_of(const struct call *call, struct stage ***ret, struct error *err)
{
	if (!call->client)
		return error_set(err, -EINVAL, "stage: there is no connection that could have one");
	*ret = client_stage(call->client);
	return 0;
}

static void stage_drop(struct stage **stage)
{
	stage_free(*stage);
	*stage = NULL;
}

/* {"add", "change", "delete"} of entries, for who asked for a limit. */
static json_t *changes_result(struct changes *changes, bool counts)
{
	if (!counts)
		return json_pack("{s:o}", "changes", changes->list);
	return json_pack("{s:o, s:{s:I, s:I, s:I}}", "changes", changes->list, "fdb", "add",
			 (json_int_t)changes->added, "change", (json_int_t)changes->changed,
			 "delete", (json_int_t)changes->deleted);
}

/* What was sent ahead is used up, by a request that fails too. */
static int config_take(struct call *call, const struct config_request *request,
		       struct stage **stage, size_t staged, struct error *err)
{
	size_t limit = STAGE_ENTRIES_MAX + (size_t)STAGE_ENTRIES_MAX;
	bool limited = json_object_get(call->params, "limit");
	struct changes changes = {};
	int result = params_number(call, "limit", 0, limit, &limit, err);

	if (result == 0 && staged != stage_count(stage ? *stage : NULL))
		result = error_set(err, -EINVAL, "staged: %zu entries are there",
				   stage_count(*stage));
	if (result < 0)
		return result;
	changes.limit = limit;
	changes.list = json_array();
	result = transaction_config(call->weftd, request, &changes, err);
	if (result == 0)
		call->result = changes_result(&changes, limited);
	else
		json_decref(changes.list);
	return result;
}

static int config_method(struct call *call, bool dry, struct error *err)
{
	static const char *const keys[] = {"config", "staged", "limit", NULL};
	struct config_request request = {.dry = dry};
	struct stage **stage = NULL;
	size_t staged = 0;
	int result;

	request.config = json_object_get(call->params, "config");
	result = params_only(call, keys, err);
	if (result == 0)
		result = params_number(call, "staged", 0, STAGE_ENTRIES_MAX, &staged, err);
	if (result == 0 && !request.config)
		result = error_set(err, -EINVAL, "config: is missing");
	if (result == 0 && staged)
		result = stage_of(call, &stage, err);
	if (result < 0)
		return result;
	request.stage = stage ? *stage : NULL;
	result = config_take(call, &request, stage, staged, err);
	if (stage)
		stage_drop(stage);
	return result;
}

int method_config_apply(struct call *call, struct error *err)
{
	return config_method(call, false, err);
}

int method_config_diff(struct call *call, struct error *err)
{
	return config_method(call, true, err);
}

int method_config_stage(struct call *call, struct error *err)
{
	static const char *const keys[] = {"entries", NULL};
	const json_t *entries = json_object_get(call->params, "entries"), *entry;
	struct stage **stage = NULL;
	size_t i;
	int result = params_only(call, keys, err);

	if (result == 0 && !json_is_array(entries))
		result = error_set(err, -EINVAL, "entries: is no list");
	if (result == 0)
		result = stage_of(call, &stage, err);
	if (result < 0)
		return result;
	if (!*stage)
		*stage = stage_new();
	json_array_foreach (entries, i, entry) {
		if (!json_is_string(entry))
			result = error_set(err, -EINVAL, "entries: item %zu is no string", i);
		else
			result = stage_add(*stage, json_string_value(entry), err);
		if (result < 0)
			return result;
	}
	call->result = json_pack("{s:I}", "staged", (json_int_t)stage_count(*stage));
	return 0;
}

int method_config_save(struct call *call, struct error *err)
{
	static const char *const keys[] = {"staged", NULL};
	const json_t *staged = json_object_get(call->params, "staged");
	struct stage **stage = NULL;
	int result = params_only(call, keys, err);

	if (result == 0 && staged && !json_is_boolean(staged))
		result = error_set(err, -EINVAL, "staged: is neither true nor false");
	if (result == 0 && json_is_true(staged))
		result = stage_of(call, &stage, err);
	if (result < 0)
		return result;
	if (!stage)
		return config_save(call->weftd, NULL, &call->result, err);
	stage_drop(stage);
	*stage = stage_new();
	result = config_save(call->weftd, *stage, &call->result, err);
	if (result < 0)
		stage_drop(stage);
	else
		call->result = json_pack("{s:o, s:I}", "config", call->result, "staged",
					 (json_int_t)stage_count(*stage));
	return result;
}

int method_config_staged(struct call *call, struct error *err)
{
	static const char *const keys[] = {"offset", "limit", NULL};
	size_t offset = 0, limit = STAGED_LIMIT;
	char text[ENTRY_WORDS_MAX];
	struct stage **stage = NULL;
	json_t *entries;
	int result = params_only(call, keys, err);

	if (result == 0)
		result = params_number(call, "offset", 0, STAGE_ENTRIES_MAX, &offset, err);
	if (result == 0)
		result = params_number(call, "limit", 1, STAGED_LIMIT, &limit, err);
	if (result == 0)
		result = stage_of(call, &stage, err);
	if (result < 0)
		return result;
	entries = json_array();
	for (; limit && offset < stage_count(*stage); limit--, offset++) {
		stage_text(*stage, offset, text);
		json_array_append_new(entries, json_string(text));
	}
	/* read to the end */
	if (offset >= stage_count(*stage))
		stage_drop(stage);
	call->result = json_pack("{s:o}", "entries", entries);
	return 0;
}
