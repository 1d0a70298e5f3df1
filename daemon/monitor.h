/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who wants to be told of events, and telling them. A subscriber that does not keep
 * up misses events and is told how many once it reads again.
 */
#ifndef WEFT_DAEMON_MONITOR_H
#define WEFT_DAEMON_MONITOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/model.h"

struct monitor;
struct subscriber;

/* What an event is about, as bits. */
enum {
	MONITOR_BRIDGE = 1 << NOUN_BRIDGE,
	MONITOR_PORT = 1 << NOUN_PORT,
	MONITOR_TUNNEL = 1 << NOUN_TUNNEL,
	MONITOR_FDB = 1 << NOUN_COUNT,
	MONITOR_CONTROL = MONITOR_FDB << 1, /* what packets say to weftd */
	MONITOR_ALL = (MONITOR_CONTROL << 1) - 1,
};

/* "bridge", "port", "tunnel" or "fdb" as a bit, 0 for anything else. */
unsigned int monitor_bit(const char *noun);

struct monitor *monitor_new(void);
void monitor_free(struct monitor *monitor);

/* Sends one line, newline included, or returns false for a reader who has not kept up. */
typedef bool (*monitor_send)(void *arg, const char *line, size_t length);

struct subscriber *monitor_subscribe(struct monitor *monitor, unsigned int objects,
				     monitor_send send, void *arg);
void monitor_unsubscribe(struct subscriber *subscriber);
/* The reader keeps up again: what it lost is said now. */
void monitor_caught_up(struct subscriber *subscriber);

/* Whether anybody wants events of these objects, so that others need not be made. */
bool monitor_wanted(const struct monitor *monitor, unsigned int objects);
/* `params` of the notification; takes the reference. */
void monitor_publish(struct monitor *monitor, unsigned int objects, json_t *params);
/* The events of a plan, to be called while it is staged. */
void monitor_publish_plan(struct monitor *monitor, const struct plan *plan);

/* One change as docs/api.md has it: {"op", "noun", "name", "fields"?}; new reference. */
json_t *change_json(const struct change *change);

#endif
