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

/* Most that a port or tunnel may have flooded, packets a second; 0: no limit */
struct storm {
	uint32_t broadcast, unknown, multicast;
};
#define STORM_MAX 10000000

enum port_type { PORT_DEVICE, PORT_INTERNAL };

struct port {
	char name[NAME_LEN]; /* also the device's name */
	char bridge[NAME_LEN];
	enum port_type type;
	uint32_t vlan; /* 0: none. VLAN of untagged frames */
	struct vlan_set trunk;
	bool learning;
	struct storm storm;
	/* internal ports only, the device being weft's own */
	struct prefix_list address;
	uint8_t lladdr[6]; /* zero: the kernel picks one */
	/*
	 * of the device: PORT_MTU_AUTO, what the bridge's tunnels carry; or, of internal ports only, a number.
	 * PORT_MTU_UNSET: weft's own device has what the tunnels carry, which is how `auto` is kept there, and
	 * another one is left alone
	 */
	uint32_t mtu;
};
#define PORT_MTU_AUTO  0
#define PORT_MTU_UNSET UINT32_MAX

enum tunnel_type { TUNNEL_VXLAN, TUNNEL_GENEVE, TUNNEL_GRETAP, TUNNEL_GRE, TUNNEL_NVGRE };

enum { TTL_AUTO = 0, TTL_INHERIT = 256 };
enum { TOS_INHERIT = 256 };
enum { DSTPORT_AUTO = 0 };	    /* IANA's port of the type */
enum { FLOWLABEL_AUTO = 0x100000 }; /* by the inner flow (RFC 6438) */
enum { OPTMAX_AUTO = 256 };	    /* send: as long as `option`; receive: any length */
enum df_mode { DF_SET, DF_UNSET, DF_INHERIT };
/* An inner IPv4 packet without DF that does not fit: in fragments, answered as if it had DF, or dropped */
enum toobig_mode { TOOBIG_FRAGMENT, TOOBIG_REJECT, TOOBIG_DROP };
enum { MSS_OFF = 0, MSS_AUTO = 1 }; /* what fits the remote's MTU */
/* ECN of the outer header (RFC 6040 4.1): the inner one, none, or as RFC 3168 has it: CE goes as ECT(0) */
enum ecn_mode { ECN_NORMAL, ECN_COMPATIBLE, ECN_RFC3168 };
/* DSCP of a packet that leaves the tunnel (RFC 2983 5.1): its own, or the outer header's */
enum dscp_mode { DSCP_INNER, DSCP_INHERIT };

/* A bool whose default depends on the type of the tunnel. */
enum choice { CHOICE_AUTO, CHOICE_NO, CHOICE_YES };

/* A GRE key. */
struct gre_key {
	bool set;
	bool any; /* packets with any key, and without; not in okey */
	uint32_t value;
};

/* A GENEVE option (RFC 8926 3.5). */
#define OPTION_DATA_MAX	  124
#define OPTIONS_MAX	  252 /* bytes of all options of a packet, their headers counted */
#define OPTIONS_COUNT_MAX (OPTIONS_MAX / 4)
struct geneve_option {
	uint16_t class;
	uint8_t type; /* 0x80: critical */
	uint8_t len;  /* bytes of `data`: 0 to 124, a multiple of 4 */
	uint8_t data[OPTION_DATA_MAX];
};
struct option_list {
	struct geneve_option *item; /* owned, freed by object_free(); zero beyond each one's data */
	size_t count;
};

struct tunnel {
	char name[NAME_LEN];
	char bridge[NAME_LEN]; /* empty: the tunnel has a device of its own name */
	enum tunnel_type type;
	uint32_t id;		/* VNI or VSID, 24 bits; UINT32_MAX: none (gretap, gre) */
	struct weft_addr local; /* any: the route picks */
	struct addr_list remote;
	struct weft_addr group; /* any: none */
	char dev[NAME_LEN];	/* underlay device, empty: the route picks */
	uint32_t dstport;	/* DSTPORT_AUTO, see tunnel_dstport(); GRE: not used */
	uint16_t srcport[2];	/* first, and one above the last */
	uint32_t ttl;		/* 1..255, TTL_AUTO or TTL_INHERIT */
	uint32_t tos;		/* DSCP in the upper 6 of 8 bits, ECN bits 0; or TOS_INHERIT */
	bool learning;
	uint32_t ageing;     /* seconds; AGEING_BRIDGE: as the bridge */
	uint32_t maxaddress; /* 0: no limit */
	enum choice udpcsum; /* send an outer UDP checksum over IPv4, see tunnel_udpcsum() */
	bool udpcsumrx;	     /* verify one that is not 0 (VXLAN only; RFC 8926 leaves no choice) */
	bool udp6zerocsumtx; /* send no UDP checksum over IPv6 */
	bool udp6zerocsumrx; /* take packets over IPv6 without one */
	uint32_t flowlabel;  /* of the outer IPv6 header, 20 bits, or FLOWLABEL_AUTO */
	enum df_mode df;
	enum ecn_mode ecn;
	enum dscp_mode dscp;
	enum toobig_mode toobig;
	uint32_t mss;	      /* most that a TCP SYN may announce, bytes; or MSS_OFF, MSS_AUTO */
	uint32_t mtu_expires; /* seconds that a path MTU which was learned is believed */
	uint32_t fwmark;      /* of encapsulated packets and the look-up of their route; 0: none */
	uint64_t
		reserved_bits; /* VXLAN: bits of the header, the first byte the highest, that may be
				 * set though they mean nothing */
	bool log;	       /* say once a minute what is odd in received packets */
	/* gretap and gre; see tunnel_in_key() and tunnel_out_key() */
	struct gre_key key, ikey, okey;
	bool csum, icsum, ocsum; /* both ways; demanded of what is received; sent */
	bool seq, iseq, oseq;
	/* geneve */
	bool innerprotoinherit; /* carry IPv4 and IPv6 without Ethernet */
	bool options;	 /* look into received options; without, a critical one is one too many */
	uint32_t optmax; /* bytes of options, or OPTMAX_AUTO */
	struct option_list option; /* sent in this order, and known as those in `accept` */
	struct option_list accept; /* known on receipt by class, type and length; no data; sorted */
	struct option_list match;  /* demanded of what is received; sorted */
	bool innervlan;		   /* carry VLAN-tagged inner frames */
	uint32_t vlan;		   /* on a VLAN-aware bridge: the VLAN mapped to this VNI */
	struct vlan_set trunk;
	struct storm storm;
	/* tunnels without a bridge only */
	struct prefix_list address;
	uint8_t lladdr[6];
	uint32_t mtu; /* 0: auto */
};
#define AGEING_BRIDGE UINT32_MAX

#endif
