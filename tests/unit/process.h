/* SPDX-License-Identifier: GPL-2.0-only */
/* weftd-fake as a process of its own, and connections to it. */
#ifndef WEFT_TESTS_PROCESS_H
#define WEFT_TESTS_PROCESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#define PROCESS_WAIT_MS 20000 /* nothing here takes that long unless it is broken */

extern const char *process_program; /* path of weftd-fake */

struct process {
	char rundir[64]; /* below a folder of its own; made by weftd */
	pid_t pid;
	int stderr_fd;
};

/* For cmocka_unit_test_setup_teardown(): a rundir, nothing started. */
int process_setup(void **state);
int process_teardown(void **state);

/* Starts weftd-fake with --rundir and these arguments (NULL: none), without waiting. */
void process_start(struct process *process, const char *option, const char *value);
/* The next line of its stderr, without newline; "" at its end. */
void process_line(struct process *process, char line[512]);
void process_start_ready(struct process *process);
/* Sends the signal (0: none) and waits for its end. Returns the exit status, or minus the signal it died of. */
int process_stop(struct process *process, int signal);
void process_path(const struct process *process, const char *name, char path[128]);

/* A connection to its socket. */
struct peer {
	int fd;
	char *buffer; /* what was read behind the last line */
	size_t length, size;
};

void peer_open(struct peer *peer, const struct process *process);
void peer_close(struct peer *peer);
/* Sends all of it; false if weftd closed the connection meanwhile. */
bool peer_send(struct peer *peer, const char *text, size_t length);
/* The next line as JSON, a new reference; NULL at the end. */
json_t *peer_receive(struct peer *peer);
/* One request and its reply; `params` with ' for ". */
json_t *peer_call(struct peer *peer, const char *method, const char *params);
/* The message of an error reply, "" for a result; takes the reference. */
const char *reply_message(json_t *reply, char message[512]);

#endif
