/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs on tcx hooks, behind those of others that are there. The kernel keeps them without a holder: they stay when
 * weftd ends. Ours are those that this process has put there, and those called weft_*, which an earlier one left.
 */
#ifndef WEFT_DAEMON_TCX_H
#define WEFT_DAEMON_TCX_H

#include "daemon/hook.h"

/* Of this kernel. */
bool tcx_supported(void);
/* The same contracts as those of daemon/hook.h. */
int tcx_attach(uint32_t ifindex, enum hook hook, int prog_fd, struct error *err);
int tcx_detach(uint32_t ifindex, enum hook hook, struct error *err);
int64_t tcx_query(uint32_t ifindex, enum hook hook);
void tcx_walk(struct netlink *netlink, hook_each *each, void *arg);
void tcx_watch(struct netlink *netlink);
unsigned int tcx_others(uint32_t ifindex, enum hook hook);
/* Lets go of programs of earlier processes. */
void tcx_settle(void);
/* Lets go of all of them. */
void tcx_forget(void);

#endif
