/* SPDX-License-Identifier: GPL-2.0-only */
/* Transactions: model, kernel, FDB and state file changed together, or none of them. */
#ifndef WEFT_DAEMON_TRANSACTION_H
#define WEFT_DAEMON_TRANSACTION_H

#include <jansson.h>

#include "daemon/weftd.h"
#include "lib/error.h"

/*
 * Carries out a plan: staged, applied to the kernel, written to the state file, committed and told to
 * who monitors. On failure everything is as it was. The plan is to be freed either way.
 */
int transaction_run(struct weftd *weftd, struct plan *plan, struct error *err);

/*
 * Makes objects and static FDB entries be what `config` says. `ret` is the list of changes; with `dry` they
 * are only listed.
 */
int transaction_config(struct weftd *weftd, const json_t *config, bool dry, json_t **ret,
		       struct error *err);

#endif
