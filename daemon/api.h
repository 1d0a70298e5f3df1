/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The Unix socket of the API and those connected to it. Everything a client can make weftd keep is
 * bounded: lines, their sum over all clients, replies not read, events not read, time with
 * a line half sent.
 */
#ifndef WEFT_DAEMON_API_H
#define WEFT_DAEMON_API_H

#include <sys/types.h>

#include "daemon/weftd.h"
#include "lib/error.h"

#define API_CLIENTS_MAX	   256
#define API_PARTIAL_MAX	   (256u << 20) /* bytes of unfinished lines, all clients together */
#define API_OUTPUT_HIGH	   (1u << 20)	/* bytes unread from which on a client is not served */
#define API_TIMEOUT_SECOND 30 /* without progress of a line half sent or a reply half read */

struct api;
struct client;

/* Listens on RUNDIR/weft.sock; a socket of that name is replaced, so the rundir must be locked. */
int api_new(struct weftd *weftd, struct api **ret, struct error *err);
/* Closes every connection and removes the socket. */
void api_free(struct api *api);

/* From now on the client is sent events of these objects (monitor bits), instead of those before. */
void client_subscribe(struct client *client, unsigned int objects);

/*
 * The client has this capture (daemon/capture.h) from now on, which ends with its connection; `fd`, taken over, goes along
 * with the next reply. Refused while earlier replies wait to be read.
 */
int client_capture_begin(struct client *client, int number, int fd, struct error *err);
/* Its number, or -1. */
int client_capture(const struct client *client);
/* The process at its other end; 0: not known. */
pid_t client_pid(const struct client *client);
/* Where the entries are that the client has sent ahead or is reading; *NULL: there are none. Goes with the connection. */
struct stage **client_stage(struct client *client);

#endif
