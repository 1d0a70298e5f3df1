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
 * A file that cannot be understood is refused rather than passed over: to start without it would
 * take down everything that is forwarding.
 */
#ifndef WEFT_DAEMON_STATE_H
#define WEFT_DAEMON_STATE_H

#include <jansson.h>

#include "daemon/weftd.h"
#include "lib/error.h"

#define STATE_FILE "state.json"

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
/* kernel_state() may have changed by itself: to be written soon. */
void state_touch(struct state *state);

#endif
