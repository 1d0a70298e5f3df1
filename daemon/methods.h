/* SPDX-License-Identifier: GPL-2.0-only */
/* The methods of the API (docs/api.md): a table of names, and a function for each. */
#ifndef WEFT_DAEMON_METHODS_H
#define WEFT_DAEMON_METHODS_H

#include <jansson.h>

#include "daemon/weftd.h"
#include "lib/error.h"

struct client;

/* One call of one method. */
struct call {
	struct weftd *weftd;
	struct client *client; /* who asks */
	enum noun noun;	       /* of the methods that are for one noun */
	const json_t *params;  /* an object, empty if there were none */
	json_t *result;	       /* set by the method unless it fails */
};

typedef int (*method_run)(struct call *call, struct error *err);

/*
 * Answers one line. The reply is a new reference; NULL for a notification, which is carried out and
 * not answered.
 */
json_t *request_answer(struct weftd *weftd, struct client *client, const char *line, size_t length);

/* Refuses params with members other than those listed; the list ends with a NULL. */
int params_only(const struct call *call, const char *const *keys, struct error *err);
/* A member that is a string, or NULL if there is none; refuses other types. */
int params_string(const struct call *call, const char *key, const char **ret, struct error *err);

/* A member that is a whole number of `min` to `max`; `*ret` stays as it is if there is none. */
int params_number(const struct call *call, const char *key, size_t min, size_t max, size_t *ret,
		  struct error *err);

/* daemon/methods_config.c */
int method_config_apply(struct call *call, struct error *err);
int method_config_diff(struct call *call, struct error *err);
int method_config_save(struct call *call, struct error *err);
int method_config_stage(struct call *call, struct error *err);
int method_config_staged(struct call *call, struct error *err);

/* daemon/methods_fdb.c */
int method_fdb_add(struct call *call, struct error *err);
int method_fdb_append(struct call *call, struct error *err);
int method_fdb_replace(struct call *call, struct error *err);
int method_fdb_del(struct call *call, struct error *err);
int method_fdb_get(struct call *call, struct error *err);
int method_fdb_show(struct call *call, struct error *err);
int method_fdb_flush(struct call *call, struct error *err);

/* daemon/methods_capture.c */
int method_capture_open(struct call *call, struct error *err);
int method_capture_state(struct call *call, struct error *err);

#endif
