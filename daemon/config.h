/* SPDX-License-Identifier: GPL-2.0-only */
/* The whole configuration as one JSON object, as `apply`, `diff` and `save` have it. */
#ifndef WEFT_DAEMON_CONFIG_H
#define WEFT_DAEMON_CONFIG_H

#include <jansson.h>

#include "daemon/stage.h"
#include "daemon/weftd.h"
#include "lib/error.h"

/*
 * Plans what makes the objects be what `config` says: what is not in it goes, and what differs in a field that
 * cannot be changed is deleted and added. A section that is missing or null is empty.
 */
int config_plan(const struct model *model, const json_t *config, struct plan *plan,
		struct error *err);
/*
 * New reference; fields at their default are left out, and so are empty sections. With a stage the entries, in order, are put
 * there and not into a section `fdb`.
 */
int config_save(const struct weftd *weftd, struct stage *stage, json_t **ret, struct error *err);

#endif
