/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Readiness and liveness for a service manager, the protocol of sd_notify(3): datagrams of
 * `NAME=value` lines to the socket that NOTIFY_SOCKET names. Without that
 * variable everything here does nothing.
 */
#ifndef WEFT_DAEMON_NOTIFY_H
#define WEFT_DAEMON_NOTIFY_H

#include <event2/event.h>

/* Sends one message, as "READY=1". 0, or a negative errno nobody need act on. */
int notify_send(const char *message);

/*
 * Sends WATCHDOG=1 twice per WATCHDOG_USEC from the loop, if the service manager asks
 * this process for it. Returns the timer (to be freed with event_free()) or NULL.
 */
struct event *notify_watchdog(struct event_base *base);

#endif
