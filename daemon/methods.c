/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests to methods, and the methods of objects, configuration and state. */
#include "daemon/methods.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/api.h"
#include "daemon/monitor.h"
#include "daemon/transaction.h"
#include "lib/hex.h"
#include "lib/tunnel.h"
#include "lib/rpc.h"

/* --- Params --------------------------------------------------------------------------- */

int params_only(const struct call *call, const char *const *keys, struct error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)call->params, key, value) {
		const char *const *known = keys;

		while (*known && strcmp(key, *known))
			known++;
		if (!*known)
			return error_set(err, -EINVAL, "%.64s: is no parameter of this method",
					 key);
	}
	return 0;
}

int params_string(const struct call *call, const char *key, const char **ret, struct error *err)
{
	const json_t *value = json_object_get(call->params, key);

	*ret = NULL;
	if (!value || json_is_null(value))
		return 0;
	*ret = json_string_value(value);
	return *ret ? 0 : error_set(err, -EINVAL, "%s: is no string", key);
}

int params_number(const struct call *call, const char *key, size_t min, size_t max, size_t *ret,
		  struct error *err)
{
	const json_t *value = json_object_get(call->params, key);
	json_int_t number = json_integer_value(value);

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_integer(value) || number < 0 || (size_t)number < min || (size_t)number > max)
		return error_set(err, -EINVAL, "%s: is no number of %zu to %zu", key, min, max);
	*ret = (size_t)number;
	return 0;
}

static int params_name(const struct call *call, const char **ret, struct error *err)
{
	int result = params_string(call, "name", ret, err);

	if (result == 0 && !*ret)
		result = error_set(err, -EINVAL, "%s: name: is missing", schemas[call->noun].noun);
	return result;
}

/* --- Objects -------------------------------------------------------------------------- */

enum operation { OPERATION_ADD, OPERATION_SET, OPERATION_DEL };

static int object_operation(struct call *call, enum operation operation, struct error *err)
{
	static const char *const keys_del[] = {"name", NULL};
	struct model *model = call->weftd->model;
	struct plan plan = {0};
	const char *name;
	size_t changes;
	int result;

	result = params_name(call, &name, err);
	if (result == 0 && operation == OPERATION_DEL)
		result = params_only(call, keys_del, err);
	if (result < 0)
		return result;
	if (operation == OPERATION_ADD)
		result = plan_add(&plan, model, call->noun, name, call->params, err);
	else if (operation == OPERATION_SET)
		result = plan_set(&plan, model, call->noun, name, call->params, err);
	else
		result = plan_del(&plan, model, call->noun, name, err);
	changes = plan.count;
	if (result == 0)
		result = transaction_run(call->weftd, &plan, err);
	plan_free(&plan);
	if (result == 0)
		call->result = json_pack("{s:I}", "changes", (json_int_t)changes);
	return result;
}

static int method_add(struct call *call, struct error *err)
{
	return object_operation(call, OPERATION_ADD, err);
}

static int method_set(struct call *call, struct error *err)
{
	return object_operation(call, OPERATION_SET, err);
}

static int method_del(struct call *call, struct error *err)
{
	return object_operation(call, OPERATION_DEL, err);
}

static json_t *show_port(const struct port *port)
{
	json_t *json = object_json(NOUN_PORT, port, true);

	if (port->type == PORT_INTERNAL && port->mtu == PORT_MTU_UNSET)
		json_object_set_new(json, "mtu", json_string("auto"));
	return json;
}

/* Every field; what is left to the type as what it comes to. */
static json_t *show_fields(enum noun noun, const void *object)
{
	struct tunnel tunnel;
	json_t *json;

	if (noun == NOUN_PORT)
		return show_port(object);
	if (noun != NOUN_TUNNEL)
		return object_json(noun, object, true);
	/* not an object of its own: the lists are the model's */
	tunnel = *(const struct tunnel *)object;
	if (!tunnel_is_gre(&tunnel)) {
		tunnel.dstport = tunnel_dstport(&tunnel);
		tunnel.udpcsum = tunnel_udpcsum(&tunnel) ? CHOICE_YES : CHOICE_NO;
	}
	json = object_json(noun, &tunnel, true);
	if (tunnel_is_gre(&tunnel))
		json_object_set_new(json, "dstport", json_null());
	return json;
}

static json_t *show_object(const struct weftd *weftd, enum noun noun, const void *object)
{
	const char *name = object_name(object);
	json_t *json = json_pack("{s:s}", "name", name);
	json_t *fields = show_fields(noun, object);
	json_t *state = NULL;

	json_object_update(json, fields);
	json_decref(fields);
	switch (noun) {
	case NOUN_BRIDGE:
		state = kernel_bridge_state(weftd->kernel, name);
		break;
	case NOUN_PORT:
		state = kernel_port_state(weftd->kernel, name);
		break;
	default:
		state = kernel_tunnel_state(weftd->kernel, name);
	}
	json_object_set_new(json, "state", state ? state : json_object());
	return json;
}

static int method_show(struct call *call, struct error *err)
{
	static const char *const keys[] = {"name", NULL};
	const struct weftd *weftd = call->weftd;
	const char *name;
	const void **list;
	const void *object;
	int result;

	result = params_only(call, keys, err);
	if (result == 0)
		result = params_string(call, "name", &name, err);
	if (result < 0)
		return result;
	if (name) {
		object = model_find(weftd->model, call->noun, name);
		if (!object)
			return error_set(err, -ENOENT, "%s %s: there is no such %s",
					 schemas[call->noun].noun, name, schemas[call->noun].noun);
		call->result = json_pack("[o]", show_object(weftd, call->noun, object));
		return 0;
	}
	call->result = json_array();
	list = model_list(weftd->model, call->noun);
	for (size_t i = 0; list[i]; i++)
		json_array_append_new(call->result, show_object(weftd, call->noun, list[i]));
	free(list);
	return 0;
}

/* --- State ---------------------------------------------------------------------------- */

static const char *const keys_none[] = {NULL};

static int method_status(struct call *call, struct error *err)
{
	const struct weftd *weftd = call->weftd;
	json_t *status = json_object();
	json_t *kernel;
	int result = params_only(call, keys_none, err);

	if (result < 0) {
		json_decref(status);
		return result;
	}
	json_object_set_new(status, "version", json_string(WEFT_VERSION));
	json_object_set_new(status, "pid", json_integer(getpid()));
	json_object_set_new(status, "rundir", json_string(weftd->rundir));
	json_object_set_new(status, "uptime", json_integer(time(NULL) - weftd->started));
	for (enum noun noun = 0; noun < NOUN_COUNT; noun++)
		json_object_set_new(status, schemas[noun].plural,
				    json_integer((json_int_t)model_count(weftd->model, noun)));
	json_object_set_new(status, "metrics",
			    weftd->metrics ? json_string(weftd->metrics) : json_null());
	kernel = kernel_status(weftd->kernel);
	json_object_update_missing(status, kernel);
	json_decref(kernel);
	call->result = status;
	return 0;
}

static int method_stats(struct call *call, struct error *err)
{
	int result = params_only(call, keys_none, err);

	if (result == 0)
		call->result = kernel_stats(call->weftd->kernel);
	return result;
}

static int method_drops(struct call *call, struct error *err)
{
	int result = params_only(call, keys_none, err);

	if (result == 0)
		call->result = kernel_drops(call->weftd->kernel);
	return result;
}

static int method_notes(struct call *call, struct error *err)
{
	int result = params_only(call, keys_none, err);

	if (result == 0)
		call->result = kernel_notes(call->weftd->kernel);
	return result;
}

static int method_trace(struct call *call, struct error *err)
{
	static const char *const keys[] = {"port", "dev", "packet", "segment", NULL};
	const json_t *segment = json_object_get(call->params, "segment");
	struct trace_request request = {};
	int result = params_only(call, keys, err);

	if (result == 0)
		result = params_string(call, "port", &request.port, err);
	if (result == 0)
		result = params_string(call, "dev", &request.dev, err);
	if (result == 0)
		result = params_string(call, "packet", &request.packet, err);
	if (result == 0 && request.port && request.dev)
		result = error_set(err, -EINVAL, "dev: is for a packet from the underlay");
	if (result == 0 && segment &&
	    (!json_is_integer(segment) || json_integer_value(segment) < 0 ||
	     json_integer_value(segment) > UINT16_MAX))
		result = error_set(err, -EINVAL, "segment: is no number of bytes");
	if (result < 0)
		return result;
	request.segment = (uint32_t)json_integer_value(segment);
	return kernel_trace(call->weftd->kernel, &request, &call->result, err);
}

static int method_monitor(struct call *call, struct error *err)
{
	static const char *const keys[] = {"objects", NULL};
	const json_t *objects = json_object_get(call->params, "objects");
	unsigned int mask = objects ? 0 : MONITOR_ALL;
	const json_t *noun;
	size_t i;
	int result = params_only(call, keys, err);

	if (result < 0)
		return result;
	if (objects && !json_is_array(objects))
		return error_set(err, -EINVAL, "objects: is no list");
	json_array_foreach (objects, i, noun) {
		unsigned int bit = json_is_string(noun) ? monitor_bit(json_string_value(noun)) : 0;

		if (!bit)
			return error_set(err, -EINVAL,
					 "objects: item %zu is not bridge, port, tunnel or fdb", i);
		mask |= bit;
	}
	client_subscribe(call->client, mask);
	call->result = json_true();
	return 0;
}

/* --- Frames of weft probe ---------------------------------------------------------------- */

static int method_inject(struct call *call, struct error *err)
{
	static const char *const keys[] = {"port", "packet", "length", NULL};
	const json_t *length = json_object_get(call->params, "length");
	const char *port = NULL, *hex = NULL;
	uint8_t frame[INJECT_BYTES];
	json_int_t bytes;
	int count, result = params_only(call, keys, err);

	if (result == 0)
		result = params_string(call, "port", &port, err);
	if (result == 0)
		result = params_string(call, "packet", &hex, err);
	if (result < 0)
		return result;
	if (!port || !model_find(call->weftd->model, NOUN_PORT, port))
		return error_set(err, -ENOENT, "port: there is no %.16s", port ? port : "name");
	count = hex ? hex_read(hex, frame, sizeof(frame)) : -EINVAL;
	if (count < ETH_HLEN)
		return error_set(err, -EINVAL, "packet: is not hexadecimal, %d to %d bytes",
				 ETH_HLEN, INJECT_BYTES);
	bytes = length ? json_integer_value(length) : count;
	if ((length && !json_is_integer(length)) || bytes < count || bytes > INJECT_LENGTH_MAX)
		return error_set(err, -EINVAL, "length: is not %d to %d", count, INJECT_LENGTH_MAX);
	result = kernel_inject(call->weftd->kernel, port, frame, (size_t)count, (size_t)bytes, err);
	if (result == 0)
		call->result = json_pack("{s:i}", "sent", 1);
	return result;
}

/* --- Requests ------------------------------------------------------------------------- */

static const struct {
	const char *name;
	method_run run;
	enum noun noun;
} methods[] = {
	{"bridge.add", method_add, NOUN_BRIDGE},
	{"bridge.set", method_set, NOUN_BRIDGE},
	{"bridge.del", method_del, NOUN_BRIDGE},
	{"bridge.show", method_show, NOUN_BRIDGE},
	{"port.add", method_add, NOUN_PORT},
	{"port.set", method_set, NOUN_PORT},
	{"port.del", method_del, NOUN_PORT},
	{"port.show", method_show, NOUN_PORT},
	{"tunnel.add", method_add, NOUN_TUNNEL},
	{"tunnel.set", method_set, NOUN_TUNNEL},
	{"tunnel.del", method_del, NOUN_TUNNEL},
	{"tunnel.show", method_show, NOUN_TUNNEL},
	{"fdb.add", method_fdb_add, 0},
	{"fdb.append", method_fdb_append, 0},
	{"fdb.replace", method_fdb_replace, 0},
	{"fdb.del", method_fdb_del, 0},
	{"fdb.get", method_fdb_get, 0},
	{"fdb.show", method_fdb_show, 0},
	{"fdb.flush", method_fdb_flush, 0},
	{"config.apply", method_config_apply, 0},
	{"config.diff", method_config_diff, 0},
	{"config.save", method_config_save, 0},
	{"config.stage", method_config_stage, 0},
	{"config.staged", method_config_staged, 0},
	{"status", method_status, 0},
	{"stats", method_stats, 0},
	{"drops", method_drops, 0},
	{"notes", method_notes, 0},
	{"capture.open", method_capture_open, 0},
	{"capture.state", method_capture_state, 0},
	{"trace", method_trace, 0},
	{"monitor", method_monitor, 0},
	{"inject", method_inject, 0},
};

static int request_call(struct call *call, const char *name, enum rpc_code *ret_code,
			struct error *err)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		int result;

		if (strcmp(methods[i].name, name))
			continue;
		call->noun = methods[i].noun;
		result = methods[i].run(call, err);
		if (result < 0) {
			/* an error without its line would be none for the client */
			error_set(err, result, "%s: %s", name, strerror(-result));
			*ret_code = rpc_code_of(err);
		}
		return result;
	}
	*ret_code = RPC_NO_METHOD;
	return error_set(err, -ENOSYS, "method: there is no %.64s", name);
}

json_t *request_answer(struct weftd *weftd, struct client *client, const char *line, size_t length)
{
	json_t *empty = json_object();
	struct call call = {.weftd = weftd, .client = client, .params = empty};
	struct rpc_request request;
	struct error err = {0};
	json_t *reply = NULL;
	enum rpc_code code;
	bool silent;
	int result;

	result = rpc_request_parse(line, length, &request, &code, &err);
	/* What is no request is answered even without an id. */
	silent = result == 0 && !request.id;
	if (result == 0) {
		if (request.params)
			call.params = request.params;
		result = request_call(&call, request.method, &code, &err);
	}
	if (silent)
		json_decref(call.result);
	else if (result < 0)
		reply = rpc_error_new(request.id, code, &err);
	else
		reply = rpc_result_new(request.id, call.result ? call.result : json_null());
	rpc_request_clear(&request);
	json_decref(empty);
	return reply;
}
