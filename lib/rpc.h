/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON-RPC 2.0 messages, one a line (docs/api.md). Both ends build and take them
 * apart here; batches are not spoken.
 */
#ifndef WEFT_LIB_RPC_H
#define WEFT_LIB_RPC_H

#include <jansson.h>
#include <stddef.h>

#include "lib/error.h"

#define RPC_SOCKET	"weft.sock" /* in RUNDIR */
#define RPC_REQUEST_MAX (64u << 20) /* bytes of a line, its newline not counted */
#define RPC_REPLY_MAX	(256u << 20)
#define RPC_VALUES_MAX	(4u << 20) /* JSON values in a line: they cost far more memory than text */

enum rpc_code {
	RPC_NO_JSON = -32700,
	RPC_NO_REQUEST = -32600,
	RPC_NO_METHOD = -32601,
	RPC_PARAMS_REFUSED = -32602,
	RPC_REFUSED = 1, /* by the state of things; data.errno says which error it was */
};

/* A request as it came. Everything in it is borrowed from `root`. */
struct rpc_request {
	json_t *root;
	const char *method;
	json_t *params; /* an object, or NULL when there are none */
	json_t *id;	/* an integer, a string or null; NULL: a notification, not to be answered */
};

/*
 * Takes a line of `len` bytes apart, newline or not. 0, or a negative errno with
 * *ret_code the JSON-RPC code to answer and ret->id the id to answer it under where
 * one could be read. rpc_request_clear() in either case.
 */
int rpc_request_parse(const char *line, size_t len, struct rpc_request *ret,
		      enum rpc_code *ret_code, struct error *err);
void rpc_request_clear(struct rpc_request *request);

/*
 * Messages, as new references; NULL: out of memory. `params` and `result` are taken over,
 * `id` is not (NULL: null).
 */
json_t *rpc_request_new(const char *method, json_t *params, json_int_t id);
json_t *rpc_result_new(const json_t *id, json_t *result);
json_t *rpc_error_new(const json_t *id, enum rpc_code code, const struct error *err);
json_t *rpc_notification_new(const char *method, json_t *params);

/* The code of a refusal: -EINVAL blames the parameters, everything else the state of things. */
enum rpc_code rpc_code_of(const struct error *err);

/* A message as its line, newline and 0 at its end, to be freed; NULL: out of memory. */
char *rpc_line_new(const json_t *message, size_t *ret_len);

/*
 * Takes a line apart that came from a server: a reply or a notification. 0, or a negative errno
 * with the line of a refusal as it is in `err`. *ret is the `result` of a reply, or the
 * `params` of a notification: a new reference.
 */
int rpc_reply_parse(const char *line, size_t len, json_t **ret, struct error *err);

#endif
