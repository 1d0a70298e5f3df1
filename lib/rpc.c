/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON-RPC 2.0 messages, built and taken apart. */
#include "lib/rpc.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* How many values a line can hold at most, without parsing it. */
static size_t values_bound(const char *line, size_t len)
{
	size_t count = 1;
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		if (string && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			string = !string;
		else if (!string && (line[i] == ',' || line[i] == '[' || line[i] == '{'))
			count++;
	}
	return count;
}

static json_t *line_parse(const char *line, size_t len, struct error *err)
{
	json_error_t error;
	json_t *root;

	if (values_bound(line, len) > RPC_VALUES_MAX) {
		error_set(err, -E2BIG, "message: more than %u values", RPC_VALUES_MAX);
		return NULL;
	}
	root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		error_set(err, -EINVAL, "message: is not JSON: %s at byte %d", error.text,
			  error.position);
	return root;
}

static int request_members(struct rpc_request *request, struct error *err)
{
	const json_t *version = json_object_get(request->root, "jsonrpc");
	const char *key;
	json_t *value;

	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0"))
		return error_set(err, -EINVAL, "jsonrpc: is not \"2.0\"");
	if (!request->method)
		return error_set(err, -EINVAL, "method: is not a string");
	if (request->params && !json_is_object(request->params))
		return error_set(err, -EINVAL, "params: is not an object");
	json_object_foreach (request->root, key, value) {
		if (strcmp(key, "jsonrpc") && strcmp(key, "method") && strcmp(key, "params") &&
		    strcmp(key, "id"))
			return error_set(err, -EINVAL, "%.64s: is not a member of a request", key);
	}
	return 0;
}

int rpc_request_parse(const char *line, size_t len, struct rpc_request *ret,
		      enum rpc_code *ret_code, struct error *err)
{
	json_t *id;

	memset(ret, 0, sizeof(*ret));
	*ret_code = RPC_NO_JSON;
	ret->root = line_parse(line, len, err);
	if (!ret->root) {
		/* what cannot be read has no id, and its sender is told all the same */
		ret->id = json_null();
		return -EINVAL;
	}
	*ret_code = RPC_NO_REQUEST;
	id = json_object_get(ret->root, "id");
	if (!json_is_object(ret->root) ||
	    (id && !json_is_integer(id) && !json_is_string(id) && !json_is_null(id))) {
		ret->id = json_null();
		return error_set(err, -EINVAL,
				 id ? "id: is neither a number nor a string"
				    : "message: is not an object");
	}
	ret->id = id;
	ret->method = json_string_value(json_object_get(ret->root, "method"));
	ret->params = json_object_get(ret->root, "params");
	if (request_members(ret, err) < 0) {
		/* no request at all is no notification either: its sender waits for an answer */
		if (!ret->id)
			ret->id = json_null();
		return -EINVAL;
	}
	return 0;
}

void rpc_request_clear(struct rpc_request *request)
{
	json_decref(request->root);
	memset(request, 0, sizeof(*request));
}

json_t *rpc_request_new(const char *method, json_t *params, json_int_t id)
{
	return json_pack("{s:s, s:s, s:o*, s:I}", "jsonrpc", "2.0", "method", method, "params",
			 params, "id", id);
}

static json_t *id_reference(const json_t *id)
{
	return id ? json_incref((json_t *)id) : json_null();
}

json_t *rpc_result_new(const json_t *id, json_t *result)
{
	return json_pack("{s:s, s:o, s:o}", "jsonrpc", "2.0", "id", id_reference(id), "result",
			 result);
}

enum rpc_code rpc_code_of(const struct error *err)
{
	return err->code == -EINVAL ? RPC_PARAMS_REFUSED : RPC_REFUSED;
}

json_t *rpc_error_new(const json_t *id, enum rpc_code code, const struct error *err)
{
	const char *name = strerrorname_np(-err->code);
	json_t *data = NULL;

	if (code == RPC_REFUSED)
		data = json_pack("{s:s}", "errno", name ? name : "EIO");
	return json_pack("{s:s, s:o, s:{s:i, s:s, s:o*}}", "jsonrpc", "2.0", "id", id_reference(id),
			 "error", "code", (int)code, "message", err->line, "data", data);
}

json_t *rpc_notification_new(const char *method, json_t *params)
{
	return json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", params);
}

char *rpc_line_new(const json_t *message, size_t *ret_len)
{
	const size_t flags = JSON_COMPACT;
	size_t len = json_dumpb(message, NULL, 0, flags);
	char *line = len ? malloc(len + 2) : NULL;

	if (!line)
		return NULL;
	json_dumpb(message, line, len, flags);
	line[len] = '\n';
	line[len + 1] = 0;
	*ret_len = len + 1;
	return line;
}

/* The errno a refusal carries by name, else what its code stands for. */
static int reply_errno(const json_t *error)
{
	const char *name =
		json_string_value(json_object_get(json_object_get(error, "data"), "errno"));

	for (int code = 1; name && code < 134; code++) {
		const char *known = strerrorname_np(code);

		if (known && !strcmp(known, name))
			return -code;
	}
	return json_integer_value(json_object_get(error, "code")) == RPC_REFUSED ? -EIO : -EINVAL;
}

int rpc_reply_parse(const char *line, size_t len, json_t **ret, struct error *err)
{
	json_error_t why;
	json_t *root = json_loadb(line, len, 0, &why);
	json_t *error = json_object_get(root, "error");
	const char *message = json_string_value(json_object_get(error, "message"));
	int code = 0;

	*ret = json_object_get(root, "result");
	if (!*ret && json_object_get(root, "method"))
		*ret = json_object_get(root, "params");
	if (!root)
		code = error_set(err, -EPROTO, "reply: is not JSON: %s", why.text);
	else if (message)
		code = error_set(err, reply_errno(error), "%s", message);
	else if (!*ret)
		code = error_set(err, -EPROTO, "reply: has neither result nor error");
	else
		json_incref(*ret);
	if (code)
		*ret = NULL;
	json_decref(root);
	return code;
}
