/* SPDX-License-Identifier: GPL-2.0-only */
/* Transactions: model, kernel, FDB and state file changed together, or none of them. */
#ifndef WEFT_DAEMON_TRANSACTION_H
#define WEFT_DAEMON_TRANSACTION_H

#include <jansson.h>

#include "daemon/entry.h"
#include "daemon/stage.h"
#include "daemon/weftd.h"
#include "lib/error.h"

/*
 * Carries out a plan: staged, applied to the kernel, written to the state file, committed and told to
 * who monitors. On failure everything is as it was. The plan is to be freed either way.
 */
int transaction_run(struct weftd *weftd, struct plan *plan, struct error *err);

/* A configuration, and what is to be done with it. */
struct config_request {
	const json_t *config;	   /* with its sections */
	const struct stage *stage; /* entries besides those of `fdb`, or NULL */
	bool dry;		   /* the changes are only listed */
};

/*
 * Makes objects and static FDB entries be what the request says. `changes` is set up by the caller, with its list and limit,
 * and means nothing on failure.
 */
int transaction_config(struct weftd *weftd, const struct config_request *request,
		       struct changes *changes, struct error *err);

#endif
