/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs on clsact hooks. Our filter has a priority of its own and one of two handles, by which
 * it is told from others' in any later process: the handle also says whether
 * weft made the clsact qdisc, so that the last filter of ours takes the qdisc along,
 * unless somebody else has put a filter there meanwhile. Others' filters are never touched.
 */
#ifndef WEFT_DAEMON_CLSACT_H
#define WEFT_DAEMON_CLSACT_H

#include "daemon/hook.h"

#define CLSACT_PRIORITY	   119
#define CLSACT_HANDLE	   0x77656674 /* the qdisc was there before */
#define CLSACT_HANDLE_MADE 0x77656675 /* weft made the qdisc */

/* The same contracts as those of daemon/hook.h. */
int clsact_attach(struct netlink *netlink, uint32_t ifindex, enum hook hook, int prog_fd,
		  const char *name, struct error *err);
int clsact_detach(struct netlink *netlink, uint32_t ifindex, enum hook hook, struct error *err);
int64_t clsact_query(struct netlink *netlink, uint32_t ifindex, enum hook hook);
int clsact_walk(struct netlink *netlink, hook_each *each, void *arg, struct error *err);

#endif
