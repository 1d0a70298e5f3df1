/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The metrics page over HTTP/1.1 (RFC 9112): GET /metrics, and nothing else. Not libevent's evhttp, which takes any number
 * of connections and cannot say when one ends.
 */
#ifndef WEFT_DAEMON_HTTP_H
#define WEFT_DAEMON_HTTP_H

#include <event2/event.h>

#include "daemon/kernel.h"

#define HTTP_CLIENTS_MAX 16    /* the next one waits in the queue of the socket */
#define HTTP_REQUEST_MAX 8192  /* bytes of request line and header */
#define HTTP_SECONDS_MAX 30    /* from the connection to its end */
#define HTTP_PIECE	 65536 /* bytes of the page that are made at once */
#define HTTP_ADDRESS	 "127.0.0.1"

struct http;

/* Listens at `where`: PORT (at HTTP_ADDRESS), ADDRESS:PORT or [ADDRESS]:PORT. */
int http_new(struct event_base *base, struct kernel *kernel, const char *where, struct http **ret,
	     struct error *err);
void http_free(struct http *http);

#endif
