/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RUNDIR/state.json: what the next weftd needs, namely the objects and kernel_state().
 *
 * It is written after the kernel has carried out a transaction and before anybody is told so, to
 * another name and renamed, so that whenever weftd is killed there is one whole
 * configuration, the old or the new, and the next weftd makes the kernel be that
 * (what a killed transaction had made is recognised as weft's and removed by kernel_settle()).
 * With no objects left there is no file.
 *
 * Static FDB entries are in the datapath's map only, and those of what a transaction deletes are gone before it ends.
 * So a whole configuration that has some is written to RUNDIR/pending.json while it is
 * carried out: the next weftd finishes it.
 *
 * A file that cannot be understood is refused rather than passed over: to start without it would
 * take down everything that is forwarding.
 */
#ifndef WEFT_DAEMON_STATE_H
#define WEFT_DAEMON_STATE_H

#include <jansson.h>

#include "daemon/weftd.h"
#include "lib/error.h"

#define STATE_FILE   "state.json"
#define PENDING_FILE "pending.json"

struct config_request;
struct state;

struct state *state_new(struct weftd *weftd);
/* Writes what state_touch() has left to write. */
void state_free(struct state *state);

/*
 * Reads the file: `ret_kernel` is a new reference or NULL, `plan` gets an "add" for each object.
 * No file is an empty configuration.
 */
int state_load(const char *rundir, struct plan *plan, json_t **ret_kernel, struct error *err);
/* Writes the model as it is staged. */
int state_save(struct state *state, struct error *err);
/* Writes down the configuration that is about to be carried out. */
int state_pending_save(const struct state *state, const struct config_request *request,
		       struct error *err);
/* It has been, or has been taken back. */
void state_pending_clear(const struct state *state);
/* What an earlier weftd was carrying out when it was killed, a new reference; NULL: nothing. */
json_t *state_pending_load(const char *rundir);

/* kernel_state() may have changed by itself: to be written soon. */
void state_touch(struct state *state);

#endif
