/* SPDX-License-Identifier: GPL-2.0-only */
/* The client's end of the API: blocking, one call at a time. */
#ifndef WEFT_LIB_RPC_CLIENT_H
#define WEFT_LIB_RPC_CLIENT_H

#include <jansson.h>

#include "lib/error.h"

struct rpc_client;

/* Connects to RUNDIR/weft.sock. "cannot reach weftd at PATH: REASON". */
int rpc_connect(const char *rundir, struct rpc_client **ret, struct error *err);
void rpc_close(struct rpc_client *client);

/*
 * Sends a request and waits for its reply. `params` is taken over; *ret (which may be NULL)
 * is a new reference. What weftd refuses comes back in `err` in its own words.
 */
int rpc_call(struct rpc_client *client, const char *method, json_t *params, json_t **ret,
	     struct error *err);
/*
 * Sends a call that is not answered, so that weftd works while the next one is made: the line of a notification, newline
 * and all. What comes of it shows in a later call.
 */
int rpc_post(struct rpc_client *client, const char *line, size_t len, struct error *err);
/* Waits for the next notification: its params, a new reference. -ECONNRESET when weftd has gone. */
int rpc_next(struct rpc_client *client, json_t **ret, struct error *err);
/* The file descriptor that came with the last reply, the caller's from now on; -1: none came. */
int rpc_take_fd(struct rpc_client *client);
/* The socket, to wait for: what is read of it is lost for rpc_call(). */
int rpc_fd(const struct rpc_client *client);

#endif
