/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How `weft bench` and `weft probe` speak to one another on two hosts: one JSON object a line over TCP, each request with one
 * reply, {"error": LINE} if it is refused. Nothing that comes is believed: lines, depth, time and clients are bounded.
 */
#ifndef WEFT_CLI_WIRE_H
#define WEFT_CLI_WIRE_H

#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/words.h"
#include "lib/addr.h"
#include "lib/error.h"

#define WIRE_LINE (256u << 10)

struct wire {
	int fd;
	struct weft_addr here, there; /* both ends */
	size_t used;		      /* bytes of `line` that were read and not yet taken */
	char *line;		      /* WIRE_LINE */
};

/* Connects; `here` may be NULL. */
int wire_connect(struct wire *wire, const struct weft_addr *here, const struct weft_addr *there,
		 uint16_t port, struct error *err);
void wire_close(struct wire *wire);
/* Sends a request, which is taken over, and waits for its reply, an object: a new reference in *ret. */
int wire_call(struct wire *wire, json_t *request, double seconds, json_t **ret, struct error *err);

/* The address of a host, which must follow `of`; a TCP port, which must follow "port". */
int words_address(struct words *words, const char *of, struct weft_addr *ret, struct error *err);
int words_port(struct words *words, uint16_t *ret, struct error *err);
/* What may follow -s, to the end: [ADDRESS] [port PORT]. */
int wire_words(struct words *words, struct weft_addr *here, uint16_t *port, struct error *err);

/* What a server does. */
struct wire_server {
	const char *name; /* "bench" */
	void *arg;
	/* Carries a request out: a new reference to the reply, or NULL with `err`, which ends the connection. */
	json_t *(*answer)(void *arg, const struct wire *wire, const json_t *request,
			  struct error *err);
	void (*ended)(void *arg); /* the client has gone, in whatever way */
	double patience;	  /* seconds without a request until it has to go */
};

/*
 * Serves one client at a time until *stop; others are told that it is busy. Says on stderr where it listens, as soon as it
 * does.
 */
int wire_serve(const struct wire_server *server, const struct weft_addr *here, uint16_t port,
	       const volatile sig_atomic_t *stop, struct error *err);

#endif
