/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The structs that the datapath and weftd share: what is in every map.
 *
 * No system types but linux/types.h, sizes asserted. All integers are in host
 * byte order unless a comment says "network". A new layout means a new
 * WEFT_ABI_VERSION.
 *
 * Ids. Bridges, ports, tunnels and remotes are numbered by weftd from 1; the
 * id is the index into the array map of that noun. 0 means none.
 *
 * Time. A tick is 2^24 ns (16.8 ms) of CLOCK_MONOTONIC, as the datapath reads it
 * from bpf_ktime_get_coarse_ns(). Ticks are compared modulo 2^32.
 */
#ifndef WEFT_ABI_DATAPATH_H
#define WEFT_ABI_DATAPATH_H

#include <linux/types.h>

#define WEFT_ABI_MAGIC	 0x77656674 /* "weft" */
#define WEFT_ABI_VERSION 3

#define WEFT_BRIDGES_MAX 16384 /* array sizes: ids are below these */
#define WEFT_PORTS_MAX	 16384
#define WEFT_TUNNELS_MAX 16384
#define WEFT_REMOTES_MAX 65536
#define WEFT_SPARES_MAX	 1024 /* remotes that the datapath may take by itself */
#define WEFT_FDB_MAX	 1048576
#define WEFT_EVENTS_SIZE (1 << 20) /* bytes of the event ring */

#define WEFT_CAST_CALL	   0x77656674 /* in a call, until weftd puts the kernel's function there */
#define WEFT_TICK_SHIFT	   24
#define WEFT_TICKS(second) ((__u32)(((__u64)(second)*1000000000ULL) >> WEFT_TICK_SHIFT))

/*
 * skb mark of outer fragments that the datapath passes up for the host's stack to put together, and of the whole
 * packet when weft-holder puts it back on `lo`: one with this mark that comes by `lo` and that no tunnel takes
 * has been with the host already, and goes nowhere.
 */
#define WEFT_FRAGMENT_MARK 0x77656666

/*
 * skb priority of what the datapath hands to the host for the external device of its port (bpf/collect.h): the upper half,
 * with the id of the remote, or of the tunnel where the remote is in no table.
 */
#define WEFT_COLLECT_REMOTE 0x77650000
#define WEFT_COLLECT_TUNNEL 0x77660000

/* map `collects`, per CPU: what was handed to the host, what has come back, and what has not, since the programs were
 * loaded */
struct weft_collects {
	__u64 handed, back, lost;
	__u32 tick; /* of the last one that was handed over */
	__u32 pad;
};

/* How stale `seen` may get before the datapath writes it again: about a second. */
#define WEFT_SEEN_SLACK 60

/* An IP address, network byte order; IPv4 is v4-mapped (::ffff:a.b.c.d). All zero: any. */
struct weft_addr {
	__u32 word[4];
};

/* map `control`, one entry, written by weftd */
struct weft_control {
	__u32 magic;
	__u32 version;
	__u32 lease; /* tick until which weftd vouches for the next hops it wrote */
	__u32 splitter; /* ifindex of the device that cuts super-packets (bpf/split.h), 0: there is none */
};

/* map `bridges` */
struct weft_bridge {
	__u32 flags;	      /* WEFT_BRIDGE_* */
	__u32 ageing;	      /* ticks a learned entry lives unseen; 0: for ever */
	__u32 maxaddress;     /* most FDB entries, static ones counted; 0: no limit */
	__u32 port_slots;     /* slots in use in the flood list of ports, holes included */
	__u32 remote_slots;   /* the same for remotes */
	__u16 group_fwd_mask; /* bit x: forward 01:80:c2:00:00:0x */
	__u16 pad;
	__u32 reserved[2];
};
#define WEFT_BRIDGE_VLAN_AWARE (1u << 0)

/* map `devices`: ifindex of a port's device -> port id. A frame from a device that is not here passes. */

/* map `ports` */
struct weft_port {
	__u32 ifindex; /* 0: the device is gone; frames for it are dropped */
	__u32 bridge;
	__u32 flags;  /* WEFT_PORT_* */
	__u32 ageing; /* ticks, from the bridge */
	__u16 vlan;   /* VLAN-aware bridge: VLAN of untagged frames, 0: none accepted */
	__u8 mac[6];  /* L3: of the device; what comes out of the tunnel is sent to it */
	__u32 remote; /* L3: the only remote; 0: the neighbour's MAC says which (WEFT_L3_MAC) */
	__u32 reserved;
};
#define WEFT_PORT_UP	     (1u << 0) /* device there and administratively up */
#define WEFT_PORT_LEARNING   (1u << 1)
#define WEFT_PORT_PEER	     (1u << 2) /* veth, its peer in another namespace: bpf_redirect_peer */
#define WEFT_PORT_INTERNAL   (1u << 3) /* hooked at tc egress; delivered to by ingress redirect */
#define WEFT_PORT_TRUNK	     (1u << 4) /* has an entry in `trunks` */
#define WEFT_PORT_VLAN_AWARE (1u << 5) /* copied from the bridge */
#define WEFT_PORT_L3	     (1u << 6) /* device of a tunnel that carries IP without Ethernet */

/* Of a port and of a tunnel alike: it has an entry in `storms`. */
#define WEFT_STORM (1u << 24)

/* map `tunnels` */
struct weft_tunnel {
	__u32 bridge;
	__u32 vni;	  /* or GRE key */
	__u32 flags;	  /* WEFT_TUNNEL_* */
	__u32 ageing;	  /* ticks, its own or the bridge's */
	__u32 maxaddress; /* most FDB entries towards this tunnel; 0: no limit */
	__u32 prototype
		[2]; /* remote ids, IPv4 and IPv6 (0: none): what the datapath copies when it meets a
				 * new source. Packets of no known remote are counted at the first that is there. */
	__u16 vlan;  /* VLAN-aware bridge: the VLAN mapped to this VNI, 0: none */
	__u16 srcport_min;	/* UDP source port = srcport_min + (hash * srcport_range >> 32) */
	__u32 srcport_range;	/* > 0; the highest port is srcport_min + srcport_range - 1 */
	__u32 mark;		/* skb mark of what is encapsulated */
	struct weft_addr local; /* configured local, or any: the `local` of its keys in `peers` */
	__u64 strict;		/* VXLAN: bits of the header (network) that must be 0 */
	__u32 port;		/* L3: id of its device's port */
	__u32 required;	   /* GENEVE: a bit for the `slot` of each option that packets must have */
	__u16 options_max; /* GENEVE: most bytes of options received */
	__u8 type;	   /* enum weft_type */
	__u8 pad;
	__u16 mss; /* most that a TCP SYN may announce, bytes; 0: what fits the remote's MTU */
	__u16 mtu_expires; /* seconds until a path MTU that was learned is forgotten (RFC 8201 5.3) */
};
#define WEFT_TUNNEL_LEARNING	(1u << 0)
#define WEFT_TUNNEL_INNER_VLAN	(1u << 1) /* carry 802.1Q tags inside (VX-13, VX-14) */
#define WEFT_TUNNEL_CSUM_RX	(1u << 3) /* verify a non-zero outer UDP checksum */
#define WEFT_TUNNEL_TTL_INHERIT (1u << 4)
#define WEFT_TUNNEL_TOS_INHERIT (1u << 5)
#define WEFT_TUNNEL_TRUNK	(1u << 6) /* has an entry in `trunks` */
#define WEFT_TUNNEL_VLAN_AWARE	(1u << 7) /* copied from the bridge */
#define WEFT_TUNNEL_L3		(1u << 8) /* IP without Ethernet: `port` is where it goes */
#define WEFT_TUNNEL_ZERO6_RX	(1u << 9) /* UDP over IPv6 without a checksum is taken (RFC 6935) */
#define WEFT_TUNNEL_ECN_COMPAT	(1u << 10) /* send Not-ECT (RFC 6040 4.1, compatibility mode) */
#define WEFT_TUNNEL_ECN_3168	(1u << 11) /* send CE as ECT(0) (RFC 3168 9.1.1) */
#define WEFT_TUNNEL_DSCP_INHERIT                                                                   \
	(1u << 12) /* the inner header takes over the outer DSCP (RFC 2983 5.1) */
#define WEFT_TUNNEL_CSUM_NEEDED	  (1u << 13) /* GRE: what is received must have a checksum */
#define WEFT_TUNNEL_SEQ_NEEDED	  (1u << 14) /* GRE: sequence numbers are looked at (RFC 2890 2.2) */
#define WEFT_TUNNEL_OPTIONS	  (1u << 15) /* GENEVE: options are looked into */
#define WEFT_TUNNEL_OPTIONS_KNOWN (1u << 16) /* has entries in `known_options` */
/* IPv4 without DF that does not fit: fragmented before it is encapsulated, but for these */
#define WEFT_TUNNEL_TOOBIG_REJECT (1u << 17) /* as if it had DF: its sender is told */
#define WEFT_TUNNEL_TOOBIG_DROP	  (1u << 18)
#define WEFT_TUNNEL_MSS		  (1u << 19) /* TCP SYNs are clamped, both ways (`mss`) */

/*
 * map `remotes`: where an encapsulated packet goes and what it looks like. The
 * outer header from the IP header to the end of the tunnel header is a template,
 * written once by weftd; the datapath copies it and patches length, checksum,
 * source port, TOS and TTL, and what WEFT_REMOTE_* ask for.
 *
 * The template's IPv4 header has total length 0 and in its checksum field the
 * checksum of the header as it stands there, without the final complement: the
 * datapath adds the length (and what else it patches) and complements.
 */
#define WEFT_HEADER_MAX 56 /* IPv6, UDP and VXLAN; or IPv6 and GRE with all its fields */
struct weft_remote {
	__u32 tunnel;	 /* 0: slot not in use */
	__u32 flags;	 /* WEFT_REMOTE_* */
	__u32 ifindex;	 /* underlay device, 0: no route */
	__u16 mtu;	 /* largest outer IP packet, less what longer options may take (mtu_kept) */
	__u8 header_len; /* bytes of `header`: a multiple of 4, 24 to 56 */
	__u8 options_len; /* bytes of GENEVE options, in map `options`: a multiple of 4, 0 to 252 */
	__u64 room;	  /* bpf_skb_adjust_room() flags but for BPF_F_ADJ_ROOM_ENCAP_L2() */
	__u8 ethernet[14]; /* outer Ethernet header (network); not resolved: both MACs are zero */
	__u8 sequence;	   /* offset of the GRE sequence number in `header` */
	__u8 pad;
	struct weft_addr addr; /* outer destination */
	__u8 header[WEFT_HEADER_MAX];
	__u32 vni; /* weftd's own note: the VNI in the header, GRE: 0 */
	/*
	 * `mtu` is the lesser of these two, less mtu_kept. The datapath lowers `path_mtu` and `mtu` when a valid ICMP
	 * error says so (RFC 1191, RFC 8201) and forgets it after the tunnel's mtu_expires; weftd keeps both when it
	 * writes the slot again, unless the way there is another one.
	 */
	__u16 hop_mtu;	 /* of the next hop */
	__u16 path_mtu;	 /* 0: nobody has said anything */
	__u32 path_tick; /* when it was said */
	__u8 mtu_kept;	 /* bytes that options may take which this remote is not sent */
	__u8 pad2[3];
};
#define WEFT_REMOTE_RESOLVED (1u << 0) /* `ethernet` is complete */
#define WEFT_REMOTE_LEARNED  (1u << 1) /* made by the datapath out of a spare */
#define WEFT_REMOTE_GROUP    (1u << 2) /* multicast: MACs follow from the address, never stale */
#define WEFT_REMOTE_FLOOD    (1u << 3) /* weftd's own note: flooded to because the FDB says so */
#define WEFT_REMOTE_IPV6     (1u << 4) /* outer header is IPv6 */
#define WEFT_REMOTE_GRE	     (1u << 5) /* GRE, else UDP */
#define WEFT_REMOTE_L3                                                                             \
	(1u << 6) /* IP without Ethernet; the last field of the protocol type is patched */
#define WEFT_REMOTE_CSUM      (1u << 7)	 /* outer UDP or GRE checksum is computed */
#define WEFT_REMOTE_SEQ	      (1u << 8)	 /* GRE sequence number from map `sequences` */
#define WEFT_REMOTE_FLOWID    (1u << 9)	 /* NVGRE: last byte of the key is a hash (RFC 7637 3.2) */
#define WEFT_REMOTE_FLOWLABEL (1u << 10) /* IPv6 flow label is a hash (RFC 6438) */
#define WEFT_REMOTE_DF_INHERIT                                                                     \
	(1u << 11) /* DF as the inner IPv4 packet has it; set for other ones */
#define WEFT_REMOTE_ID		(1u << 12) /* DF may be 0: the IPv4 id is not */
#define WEFT_REMOTE_OWN_OPTIONS (1u << 14) /* weftd's own note: an FDB entry's, not the tunnel's */
#define WEFT_REMOTE_FRAGMENT                                                                       \
	(1u << 13) /* what does not fit goes as outer fragments (RFC 7676 3.3) */

/* map `options`: remote id -> what stands between tunnel header and payload (RFC 8926 3.5) */
#define WEFT_OPTIONS_MAX 252
struct weft_options {
	__u32 len; /* bytes */
	__u8 bytes[WEFT_OPTIONS_MAX];
};

/* map `sequences`: remote id -> GRE sequence numbers (RFC 2890 2.2), host byte order */
struct weft_sequence {
	__u32 next; /* to be sent */
	__u32 last; /* received */
};
#define WEFT_SEQUENCE_LAST 0xffffffff /* `last` before the first packet */

/* map `known_options`: GENEVE options that a tunnel understands; every other critical one is refused */
struct weft_option_key {
	__u32 tunnel;
	__u16 class;
	__u8 type;
	__u8 pad;
};
struct weft_option {
	__u8 len;   /* bytes of data that it always has */
	__u8 match; /* its data must be `data` */
	__u8 slot;  /* bit in weft_tunnel.required, 32: none */
	__u8 pad;
	__u8 data[124];
};

/*
 * map `seen_options`: remote id -> the options last received from it, if there were any; written when they
 * differ from the ones before
 */
struct weft_seen_options {
	__u32 tick;
	__u32 hash;
	__u32 len;
	__u8 bytes[WEFT_OPTIONS_MAX];
};

/*
 * An L3 tunnel with several remotes: a neighbour's MAC says behind which one it is. That of a remote is 0a, 4f and
 * its id, 32 bits, big-endian.
 */
#define WEFT_L3_MAC_0 0x0a
#define WEFT_L3_MAC_1 0x4f

/*
 * map `spares`: a queue of remote ids (u32) that nobody uses. The datapath takes
 * one when a tunnel open to any source meets a new one, fills it from the
 * tunnel's prototype, and says so with WEFT_EVENT_REMOTE.
 */

/*
 * map `peers`: who may send to us, and which tunnel that is. Looked up with both
 * addresses, then with `local` any, then with `remote` any, then with both any
 * (the first that is there wins; an entry with `local` any counts only if the
 * destination is in `addresses`).
 */
struct weft_peer_key {
	struct weft_addr local;	 /* outer destination: a local address, a group, or any */
	struct weft_addr remote; /* outer source, or any */
	__u32 vni;		 /* GRE: the key */
	__u16 port;		 /* UDP destination port; GRE: enum weft_gre_key */
	__u8 type;		 /* enum weft_type */
	__u8 pad;
};
enum weft_gre_key { WEFT_GRE_NO_KEY, WEFT_GRE_KEY, WEFT_GRE_ANY_KEY };
struct weft_peer {
	__u32 tunnel;
	__u32 remote; /* 0 in keys with `remote` any */
};

/*
 * map `paths`: the same from the other side, for ICMP errors that quote packets of ours: `local` is the outer source,
 * `remote` the outer destination, the rest is what was sent -> id of the remote (u32)
 */

/* map `vnis`: VNIs somebody listens to -> count of tunnels (u32); tells vni_unknown from src_denied */
struct weft_vni_key {
	__u32 vni;
	__u16 port;
	__u8 type;
	__u8 pad;
};

enum weft_type {
	WEFT_TYPE_NONE,
	WEFT_TYPE_VXLAN,
	WEFT_TYPE_GENEVE,
	WEFT_TYPE_GRETAP,
	WEFT_TYPE_GRE,
	WEFT_TYPE_NVGRE,
};

/* map `listen`: UDP port (host order) -> enum weft_type as u8, 0: not ours; port 0: WEFT_LISTEN_* of GRE */
#define WEFT_LISTEN_GRE	    1 /* somebody takes GRE */
#define WEFT_LISTEN_NVGRE   2 /* there is a tunnel of that type */
#define WEFT_LISTEN_ANY_KEY 4 /* there is one with `ikey any` */
#define WEFT_LISTEN_GRETAP  8 /* there is one of that type */
#define WEFT_LISTEN_COLLECTED                                                                      \
	0x80 /* UDP: with the type; an external device has the port (bpf/collect.h) */
/* map `addresses`: struct weft_addr -> u32: addresses at which this host takes packets */
#define WEFT_ADDRESS_UNICAST 1 /* an address of its own */
#define WEFT_ADDRESS_GROUP   2 /* a group that a tunnel joined */

/* map `fdb` */
struct weft_fdb_key {
	__u32 bridge;
	__u16 vlan; /* 0 on a bridge that is not VLAN-aware */
	__u8 mac[6];
};
struct weft_dest { /* exactly one of the two is not 0; written as one 64-bit store */
	__u32 port;
	__u32 remote;
};
struct weft_fdb_entry {
	struct weft_dest dest;
	__u32 seen;  /* tick of the last frame from this MAC, give or take WEFT_SEEN_SLACK */
	__u32 flags; /* WEFT_FDB_* */
};
#define WEFT_FDB_STATIC (1u << 0) /* configured: never moves, never ages */
#define WEFT_FDB_LOCAL	(1u << 1) /* MAC of an internal port's own device */

/*
 * map `fdb_counts`: entries per bridge, and per tunnel with index WEFT_BRIDGES_MAX +
 * tunnel id (u32 each). The datapath adds what it learns; weftd adds and subtracts
 * what it writes and removes, and sets them right when it walks the FDB.
 */

/* map `flood`: the members of a bridge; a slot may be missing (a hole) */
struct weft_flood_key {
	__u32 bridge;
	__u16 slot; /* < port_slots or remote_slots */
	__u16 class;
};
#define WEFT_FLOOD_PORTS   0 /* value: port id */
#define WEFT_FLOOD_REMOTES 1 /* value: remote id */

/*
 * map `trunks`: VLANs that a port or tunnel carries tagged. The key is the port id,
 * or the tunnel id | WEFT_TRUNK_TUNNEL.
 */
#define WEFT_TRUNK_TUNNEL (1u << 31)
struct weft_trunk {
	__u32 vlan[128]; /* bit vid % 32 of word vid / 32 */
};

/*
 * map `storms`: limits of what a port or tunnel may have flooded, by the keys of `trunks`. weftd writes `gap` and
 * `depth`, the datapath `until`, by compare and swap.
 */
enum weft_storm_class { WEFT_STORM_BROADCAST, WEFT_STORM_UNKNOWN, WEFT_STORM_MULTICAST };
struct weft_storm_bucket {
	__u64 gap;   /* ns that a packet takes, 0: no limit */
	__u64 depth; /* a packet is let through while `until` is not more than so many ns ahead */
	__u64 until; /* CLOCK_MONOTONIC, ns: when all that was let through has been worked off */
};
struct weft_storm {
	struct weft_storm_bucket bucket[3]; /* by enum weft_storm_class */
};

/*
 * maps `port_stats`, `remote_stats`: an array for each CPU, one behind the other, at cpu * WEFT_PORTS_MAX + id and
 * cpu * WEFT_REMOTES_MAX + id; only that CPU adds to it, weftd reads and resets it where it lies (mmap). rx: came from
 * there into the bridge; tx: went there. Bytes are those of the inner Ethernet frame, super-packets counted as one.
 */
struct weft_stats {
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 tx_bytes;
};

/* maps `drops` and `notes`, per CPU: u64 packets. At most one of port and tunnel is not 0: where it was. */
struct weft_drop_key {
	__u32 reason; /* enum weft_drop, enum weft_note */
	__u32 port;
	__u32 tunnel;
};

/* What the datapath tells weftd through the ring `events`. Events may be lost (map `events_lost`, u64
 * per CPU); the maps are the truth and weftd reads them again when some were. */
enum weft_event_type {
	WEFT_EVENT_LEARN = 1, /* key, dest */
	WEFT_EVENT_MOVE,      /* key, dest, old */
	WEFT_EVENT_REMOTE,    /* dest.remote: a spare was taken */
	WEFT_EVENT_FULL,      /* key, dest: not learned, maxaddress or the map's end */
	WEFT_EVENT_CONTROL,   /* struct weft_control_event */
	WEFT_EVENT_OPTIONS,   /* dest.remote: other options than before, in map `seen_options` */
	WEFT_EVENT_PATH_MTU,  /* struct weft_path_mtu_event */
};
struct weft_event {
	__u32 type;
	__u32 tick;
	struct weft_fdb_key key;
	__u32 pad;
	struct weft_dest dest;
	struct weft_dest old;
};

/* A GENEVE packet with the O bit (RFC 8926 3.4): for whoever watches, never forwarded. At most
 * WEFT_CONTROL_RATE in a tick and CPU are told, all are counted. */
#define WEFT_CONTROL_RATE  8
#define WEFT_CONTROL_BYTES 512
struct weft_control_event {
	__u32 type; /* WEFT_EVENT_CONTROL */
	__u32 tick;
	__u32 tunnel;
	__u32 remote;
	__u32 len;	/* of the packet from its GENEVE header on */
	__u32 captured; /* how much of that is in `bytes` */
	__u8 bytes[WEFT_CONTROL_BYTES];
};

/*
 * An ICMP error says that a packet of a tunnel was too big. With `remote`: it was valid and that slot has been
 * lowered; others at the same address are weftd's to lower. Without: the quote is too short to say which tunnel it is
 * (RFC 792: 8 bytes) and weftd lowers all that fit the rest. At most WEFT_CONTROL_RATE in a tick and CPU are told.
 */
struct weft_path_mtu_event {
	__u32 type; /* WEFT_EVENT_PATH_MTU */
	__u32 tick;
	__u32 remote;
	__u16 mtu;		 /* of the outer IP packet, bytes */
	__u16 port;		 /* UDP destination port, 0: GRE */
	struct weft_addr source; /* of the packet that was too big */
	struct weft_addr destination;
};

/*
 * map `last_drops`, per CPU, index: the reason (enum weft_drop, below WEFT_REASONS_MAX). The last packet that was dropped
 * for it, as the datapath had it at that moment: what it had rewritten is rewritten. Not more than one in a tick is
 * kept. `begun` and `done` count up around each write, `begun` first: they differ in one that is being written.
 */
#define WEFT_REASONS_MAX   256
#define WEFT_DROPPED_BYTES 128
struct weft_dropped {
	__u32 done;
	__u32 tick;
	__u32 port; /* as in the key of `drops` */
	__u32 tunnel;
	__u32 ifindex;	   /* device at which it was dropped */
	__u32 len;	   /* bytes of the packet, from its Ethernet header on */
	__u32 segment;	   /* a super-packet: payload of each segment, bytes; else 0 */
	__u16 captured;	   /* how much of the packet is in `bytes` */
	__u16 vlan_tci;	   /* the tag that the kernel keeps beside the packet, */
	__be16 vlan_proto; /* 0: there is none */
	__u16 pad;
	__u8 bytes[WEFT_DROPPED_BYTES];
	__u32 begun;
};

_Static_assert(sizeof(struct weft_control) == 16, "control");
_Static_assert(sizeof(struct weft_bridge) == 32, "bridge");
_Static_assert(sizeof(struct weft_port) == 32, "port");
_Static_assert(sizeof(struct weft_tunnel) == 80, "tunnel");
_Static_assert(sizeof(struct weft_remote) == 128, "remote");
_Static_assert(sizeof(struct weft_options) == 256, "options");
_Static_assert(sizeof(struct weft_sequence) == 8, "sequence");
_Static_assert(sizeof(struct weft_option_key) == 8, "option_key");
_Static_assert(sizeof(struct weft_option) == 128, "option");
_Static_assert(sizeof(struct weft_seen_options) == 264, "seen_options");
_Static_assert(sizeof(struct weft_control_event) == 536, "control_event");
_Static_assert(sizeof(struct weft_path_mtu_event) == 48, "path_mtu_event");
_Static_assert(sizeof(struct weft_peer_key) == 40, "peer_key");
_Static_assert(sizeof(struct weft_vni_key) == 8, "vni_key");
_Static_assert(sizeof(struct weft_fdb_key) == 12, "fdb_key");
_Static_assert(sizeof(struct weft_fdb_entry) == 16, "fdb_entry");
_Static_assert(sizeof(struct weft_storm) == 72, "storm");
_Static_assert(sizeof(struct weft_flood_key) == 8, "flood_key");
_Static_assert(sizeof(struct weft_event) == 40, "event");
_Static_assert(sizeof(struct weft_dropped) == 168, "dropped");

#endif
