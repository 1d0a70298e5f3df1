/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Network devices that weft makes: the host's own end of a bridge (an internal port) or of
 * a tunnel without a bridge. What the host sends into such a device meets the datapath at its
 * tc egress; what the datapath delivers to it comes by bpf_redirect(ifindex, BPF_F_INGRESS).
 *
 * The alias ("weft: ...") marks a device as ours; nothing else is ever changed or deleted.
 */
#ifndef WEFT_DAEMON_DEVICE_H
#define WEFT_DAEMON_DEVICE_H

#include <stdint.h>

#include "daemon/netlink.h"
#include "lib/error.h"
#include "lib/objects.h"

#define DEVICE_ALIAS "weft: " /* first letters of every alias of ours */

/* Alias of what daemon/splitter.c has made: taken up only for this alias, and nothing else is for it. */
#define DEVICE_SPLITTER "splitter"
/* The same of daemon/collector.c; the UDP port follows. */
#define DEVICE_COLLECTOR "collector "

struct device_spec {
	const char *name;
	const char *alias; /* what follows DEVICE_ALIAS, as "port of br0" */
	uint32_t mtu;
	const uint8_t *lladdr; /* NULL or zero: the kernel picks one */
	uint32_t below;	       /* ifindex of what it sends by, with no other user; 0: none */
	const char *
		external; /* kind ("vxlan", "geneve") of an external device; NULL: one of our own kinds */
	uint16_t dstport; /* of an external device */
	bool noarp;	  /* nobody there has a MAC of its own */
	bool nomulticast;
	bool down; /* stays as it is until device_up() */
};

/*
 * Makes the device and brings it up unless the spec says `down`, or takes the one of that name that is ours already and
 * gives it the spec's alias, MTU and MAC. An ifb cannot change its MAC: then it is made anew, with another
 * ifindex and without addresses. -EEXIST for one that is not ours. The cache has it afterwards.
 */
int device_create(struct netlink *netlink, const struct device_spec *spec, uint32_t *ret_ifindex,
		  struct error *err);
/* Deletes it if it is ours; 0 if it is gone already; -EPERM for one that is not ours. */
int device_delete(struct netlink *netlink, uint32_t ifindex, struct error *err);
/*
 * To delete many: each is marked here, and all that are marked are gone after devices_reap(). The kernel takes
 * some 20 ms for a device, and hardly more for a thousand at once. device_create() does not take up a marked one.
 */
int device_doom(struct netlink *netlink, uint32_t ifindex, struct error *err);
int devices_reap(struct netlink *netlink, struct error *err);
/* Is it one of the splitter's? */
bool device_is_splitter(const struct link *link);
/*
 * Has the kernel cut super-packets before it hands them to the device. What says too little about itself is left
 * whole: a super-packet whose sender has not counted its segments, below the size that is the least the kernel
 * lets one set (193 to 513 bytes, by its configuration).
 */
int device_gso_off(struct netlink *netlink, uint32_t ifindex, struct error *err);
/* Packets that come in by it are not merged. */
int device_gro_off(struct netlink *netlink, uint32_t ifindex, struct error *err);
int device_up(struct netlink *netlink, uint32_t ifindex, struct error *err);
int device_mtu_set(struct netlink *netlink, uint32_t ifindex, uint32_t mtu, struct error *err);
/* -EOPNOTSUPP: the kind keeps its MAC; device_create() makes it anew. */
int device_lladdr_set(struct netlink *netlink, uint32_t ifindex, const uint8_t lladdr[6],
		      struct error *err);
/*
 * Adds what is in `new` and not in `old`, then removes what is in `old` and not in `new`: addresses
 * that others put there stay. Either may be NULL. An address that is there, or gone, already is no error.
 */
int device_addresses_set(struct netlink *netlink, uint32_t ifindex, const struct prefix_list *old,
			 const struct prefix_list *new, struct error *err);

#endif
