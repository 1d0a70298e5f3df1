/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The objects a user configures, as C structs. lib/schema.c has one table per
 * noun that names each member, its type, bounds and default, and that is the only
 * place where they are parsed from JSON, written to JSON and compared.
 */
#ifndef WEFT_LIB_OBJECTS_H
#define WEFT_LIB_OBJECTS_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/datapath.h"
#include "lib/addr.h"

#define NAME_LEN IFNAMSIZ /* 15 letters and the final 0 */

/* A set of VLAN ids 1..4094. */
struct vlan_set {
	bool any; /* false: the set is empty */
	uint32_t word[128];
};

/* Lists own their items (malloc), freed by object_free(). */
struct prefix_list {
	struct prefix *item;
	size_t count;
};
struct addr_list {
	struct weft_addr *item; /* sorted, no duplicates */
	size_t count;
	bool any; /* the word "any" stood among them */
};

struct bridge {
	char name[NAME_LEN];
	uint32_t ageing;	 /* seconds, 0: learned entries live for ever */
	uint32_t maxaddress;	 /* 0: no limit */
	uint32_t group_fwd_mask; /* 16 bits */
	bool vlan_filtering;
};

enum port_type { PORT_DEVICE, PORT_INTERNAL };

struct port {
	char name[NAME_LEN]; /* also the device's name */
	char bridge[NAME_LEN];
	enum port_type type;
	uint32_t vlan; /* 0: none. VLAN of untagged frames */
	struct vlan_set trunk;
	bool learning;
	/* internal ports only, the device being weft's own */
	struct prefix_list address;
	uint8_t lladdr[6]; /* zero: the kernel picks one */
	uint32_t mtu;	   /* 0: auto, the smallest of the bridge's tunnels */
};

enum tunnel_type { TUNNEL_VXLAN };

enum { TTL_AUTO = 0, TTL_INHERIT = 256 };
enum { TOS_INHERIT = 256 };

struct tunnel {
	char name[NAME_LEN];
	char bridge[NAME_LEN]; /* empty: the tunnel has a device of its own name */
	enum tunnel_type type;
	uint32_t id;		/* VNI, 24 bits */
	struct weft_addr local; /* any: the route picks */
	struct addr_list remote;
	struct weft_addr group; /* any: none */
	char dev[NAME_LEN];	/* underlay device, empty: the route picks */
	uint32_t dstport;
	uint16_t srcport[2]; /* first, and one above the last */
	uint32_t ttl;	     /* 1..255, TTL_AUTO or TTL_INHERIT */
	uint32_t tos;	     /* DSCP in the upper 6 of 8 bits, ECN bits 0; or TOS_INHERIT */
	bool learning;
	uint32_t ageing;     /* seconds; AGEING_BRIDGE: as the bridge */
	uint32_t maxaddress; /* 0: no limit */
	bool udpcsum;	     /* send an outer UDP checksum over IPv4 */
	bool udpcsumrx;	     /* verify one that is not 0 */
	bool innervlan;	     /* carry VLAN-tagged inner frames */
	uint32_t vlan;	     /* on a VLAN-aware bridge: the VLAN mapped to this VNI */
	struct vlan_set trunk;
	/* tunnels without a bridge only */
	struct prefix_list address;
	uint8_t lladdr[6];
	uint32_t mtu; /* 0: auto */
};
#define AGEING_BRIDGE UINT32_MAX

#endif
