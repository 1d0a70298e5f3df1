/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs on clsact hooks. Our filter has a priority of its own and one of two handles, by which
 * it is told from others' in any later process: the handle also says whether
 * weft made the clsact qdisc, so that the last filter of ours takes the qdisc along,
 * unless somebody else has put a filter there meanwhile. Others' filters are never touched.
 */
#ifndef WEFT_DAEMON_TC_H
#define WEFT_DAEMON_TC_H

#include <stdint.h>

#include "daemon/netlink.h"
#include "lib/error.h"

#define TC_PRIORITY	 119
#define TC_HANDLE	 0x77656674 /* the qdisc was there before */
#define TC_HANDLE_CLSACT 0x77656675 /* weft made the qdisc */

enum tc_hook { TC_INGRESS, TC_EGRESS };

/* Puts the program there, in place of ours that is there (no packet passes without one). */
int tc_attach(struct netlink *netlink, uint32_t ifindex, enum tc_hook hook, int prog_fd,
	      const char *name, struct error *err);
/* 0 also if there is none of ours, or no such device any more. */
int tc_detach(struct netlink *netlink, uint32_t ifindex, enum tc_hook hook, struct error *err);
/* Program id of our filter, 0: none; or negative errno. */
int64_t tc_query(struct netlink *netlink, uint32_t ifindex, enum tc_hook hook);
/* Calls `each` for every hook of the namespace that has our filter. `each` may detach. */
int tc_walk(struct netlink *netlink,
	    void (*each)(void *arg, uint32_t ifindex, enum tc_hook hook, uint32_t prog_id),
	    void *arg, struct error *err);

#endif
