/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where programs are attached to devices: tcx (Linux 6.6), which calls a program at once, or else filters on clsact,
 * which cost about a twentieth of the rate of small packets. What an earlier weftd has put on clsact
 * is taken over: a packet meets tcx first, so that there is always one program that it passes.
 */
#ifndef WEFT_DAEMON_HOOK_H
#define WEFT_DAEMON_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/netlink.h"
#include "lib/error.h"

enum hook { HOOK_INGRESS, HOOK_EGRESS };

typedef void hook_each(void *arg, uint32_t ifindex, enum hook hook, uint32_t prog_id);

/* Learns what an earlier weftd left. To be called while programs can be opened by id (CAP_SYS_ADMIN). */
int hook_start(struct netlink *netlink, struct error *err);
/* Everything that was left has been replaced or taken off. */
void hook_settle(void);
/* Nothing is attached any more: lets go of the programs. */
void hook_stop(void);

/* Puts the program there, in place of ours that is there (no packet passes without one). */
int hook_attach(struct netlink *netlink, uint32_t ifindex, enum hook hook, int prog_fd,
		const char *name, struct error *err);
/* 0 also if there is none of ours, or no such device any more. */
int hook_detach(struct netlink *netlink, uint32_t ifindex, enum hook hook, struct error *err);
/* Program id of ours, 0: none; or negative errno. */
int64_t hook_query(struct netlink *netlink, uint32_t ifindex, enum hook hook);
/* Calls `each` for every hook of the namespace that has ours. `each` may detach. */
int hook_walk(struct netlink *netlink, hook_each *each, void *arg, struct error *err);
/*
 * To be called once a second: tells netlink's subscribers, as if a filter had been deleted, of devices from which
 * somebody took our program. The kernel says nothing of it where tcx is concerned. A part of them in each call.
 */
void hook_watch(struct netlink *netlink);
/* How many programs of others on tcx are between the wire and ours: at ingress those before it, at egress all. */
unsigned int hook_others(uint32_t ifindex, enum hook hook);
/* "tcx" or "clsact" */
const char *hook_kind(void);

#endif
