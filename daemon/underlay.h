/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices that outer packets may arrive by, and the underlay program on them: `lo`, each device
 * that a tunnel names, and every Ethernet-like device that has an IP address of more than link scope or that
 * a next hop goes by; but no port, and no device of weft's own.
 */
#ifndef WEFT_DAEMON_UNDERLAY_H
#define WEFT_DAEMON_UNDERLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/netlink.h"
#include "daemon/nexthop.h"

struct underlay;

int underlay_new(struct netlink *netlink, struct nexthops *nexthops, struct event_base *base,
		 struct underlay **ret, struct error *err);
/* Leaves the programs attached. */
void underlay_free(struct underlay *underlay);
/*
 * Attaches the program to every underlay device, in place of ours that may be there, and to
 * those that come. Calling it again replaces the program. Fails only if `lo` cannot be had; what others
 * refuse is in underlay_walk(). The fd is duplicated.
 */
int underlay_start(struct underlay *underlay, int prog_fd, struct error *err);
/* Detaches it everywhere. */
void underlay_stop(struct underlay *underlay);
/* A tunnel's `dev`, by name, counted. */
int underlay_hold(struct underlay *underlay, const char *dev, struct error *err);
void underlay_release(struct underlay *underlay, const char *dev);
/* A port's device is no underlay: to be called before the port's program is attached (the underlay's is
 * taken off), and after it was detached. */
int underlay_exclude(struct underlay *underlay, uint32_t ifindex, struct error *err);
void underlay_include(struct underlay *underlay, uint32_t ifindex);

bool underlay_has(const struct underlay *underlay, uint32_t ifindex);
/* Every underlay device; `problem` is NULL or why the program is not on it. */
void underlay_walk(const struct underlay *underlay,
		   void (*each)(void *arg, const char *name, uint32_t ifindex, const char *problem),
		   void *arg);

#endif
