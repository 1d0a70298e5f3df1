/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drop reasons: one list that makes the datapath's codes, the command's
 * strings and the table in docs/drops.md.
 *
 * WEFT_DROP(NAME, "name", "what usually causes it")
 *
 * The order is ABI: counters are kept by code and survive an upgrade of
 * weftd, so new reasons go to the end.
 */
#ifndef WEFT_ABI_DROPS_H
#define WEFT_ABI_DROPS_H

#define WEFT_DROPS(WEFT_DROP)                                                                      \
	/* from a port */                                                                          \
	WEFT_DROP(PORT_UNKNOWN, "port_unknown", "frame from a device that is no port any more")    \
	WEFT_DROP(TRUNCATED, "truncated", "frame shorter than an Ethernet header")                 \
	WEFT_DROP(SRC_MAC, "src_mac", "source MAC is zero or a group address")                     \
	WEFT_DROP(RESERVED_MAC, "reserved_mac",                                                    \
		  "link-local group address that the bridge's group_fwd_mask does not forward")    \
	WEFT_DROP(VLAN, "vlan", "VLAN that the port or tunnel is not a member of")                 \
	WEFT_DROP(VLAN_TAGS, "vlan_tags", "more VLAN tags than can be carried")                    \
	WEFT_DROP(FDB_STATIC, "fdb_static",                                                        \
		  "source MAC belongs to a static entry on another port or tunnel")                \
	WEFT_DROP(SAME_PORT, "same_port", "destination is behind the port the frame came from")    \
	WEFT_DROP(PORT_DOWN, "port_down", "destination port's device is gone or down")             \
	WEFT_DROP(NO_RECEIVER, "no_receiver", "nobody to flood to: no other port, no remote")      \
	/* encapsulation */                                                                        \
	WEFT_DROP(VLAN_INNER, "vlan_inner",                                                        \
		  "VLAN-tagged inner frame on a tunnel without innervlan or trunk")                \
	WEFT_DROP(MTU, "mtu", "too big for the way to the remote: its sender was told")            \
	WEFT_DROP(NO_ROUTE, "no_route", "no route to the remote")                                  \
	WEFT_DROP(ENCAP, "encap", "the kernel refused to grow the frame (nested segmentation)")    \
	/* from the underlay */                                                                    \
	WEFT_DROP(MALFORMED, "malformed", "lengths in the outer headers do not add up")            \
	WEFT_DROP(FRAG, "frag", "outer packet is an IP fragment")                                  \
	WEFT_DROP(NO_I_FLAG, "no_i_flag", "VXLAN header without the I flag")                       \
	WEFT_DROP(CSUM, "csum", "outer UDP checksum is wrong")                                     \
	WEFT_DROP(VNI_UNKNOWN, "vni_unknown", "no tunnel has this VNI at this address and port")   \
	WEFT_DROP(SRC_DENIED, "src_denied",                                                        \
		  "outer addresses are not a tunnel's and one of its remotes'")                    \
	WEFT_DROP(OWN_SOURCE, "own_source", "outer source is an address of this host")             \
	WEFT_DROP(ECN, "ecn_drop", "outer CE mark on an inner packet without ECN (RFC 6040)")      \
	WEFT_DROP(DECAP, "decap", "the kernel refused to shrink the packet")                       \
	WEFT_DROP(SPLIT_HORIZON, "split_horizon",                                                  \
		  "destination is behind a remote, and the frame came from one")                   \
	WEFT_DROP(BAD_VER, "bad_ver", "version of the GENEVE header that nobody knows")            \
	WEFT_DROP(OPT_LEN, "opt_len",                                                              \
		  "lengths of GENEVE options do not add up, or are not what the option has")       \
	WEFT_DROP(OPT_CRIT, "opt_crit", "critical GENEVE option that the tunnel does not know")    \
	WEFT_DROP(OPT_TOOLONG, "opt_toolong", "more GENEVE options than the tunnel's optmax")      \
	WEFT_DROP(OPT_MATCH, "opt_match", "GENEVE options are not those that the tunnel demands")  \
	WEFT_DROP(CTRL_RX, "ctrl_rx", "GENEVE control packet (O bit): never forwarded")            \
	WEFT_DROP(INNER_PROTO, "inner_proto",                                                      \
		  "protocol type in the tunnel header that the tunnel does not carry")             \
	WEFT_DROP(CSUM_ZERO6, "csum_zero6",                                                        \
		  "UDP over IPv6 without a checksum, and no udp6zerocsumrx")                       \
	WEFT_DROP(CSUM_MISSING, "csum_missing",                                                    \
		  "GRE without a checksum, and the tunnel has icsum")                              \
	WEFT_DROP(GRE_FLAGS, "gre_flags",                                                          \
		  "GRE header with bits set that RFC 2784 or 7637 forbids")                        \
	WEFT_DROP(GRE_VER, "gre_ver", "GRE version that is not 0; PPTP has 1")                     \
	WEFT_DROP(GRE_PROTO, "gre_proto", "GRE protocol type that no tunnel carries")              \
	WEFT_DROP(GRE_SEQ, "gre_seq", "GRE sequence number that is not above the last one")        \
	WEFT_DROP(KEY_MISMATCH, "key_mismatch", "no tunnel has this GRE key, or the lack of one")  \
	WEFT_DROP(RESERVED, "reserved",                                                            \
		  "reserved bit of the VXLAN header that is not in reserved_bits")                 \
	WEFT_DROP(LOOP, "loop", "destination is the far end of the tunnel itself")                 \
	WEFT_DROP(INNER_TTL, "inner_ttl", "TTL or hop limit of a tunnelled packet is 0")           \
	WEFT_DROP(L3_REMOTE, "l3_remote",                                                          \
		  "tunnel with several remotes, and no neighbour entry that says which one")       \
	WEFT_DROP(MTU_SILENT, "mtu_silent",                                                        \
		  "too big, and none may be told: not IP, to a group, an ICMP error, IPv6 < 1280") \
	WEFT_DROP(MTU_LIMIT, "mtu_limit", "too big, and enough ICMP errors were sent just before") \
	WEFT_DROP(MTU_NO_DF, "mtu_no_df", "too big, without DF, and the tunnel has `toobig drop`") \
	WEFT_DROP(STORM, "storm",                                                                  \
		  "more is flooded than storm_broadcast, storm_unknown or storm_multicast allow")

enum weft_drop {
	WEFT_DROP_NONE,
#define WEFT_DROP(name, string, cause) WEFT_DROP_##name,
	WEFT_DROPS(WEFT_DROP)
#undef WEFT_DROP
		WEFT_DROP_MAX,
};

#endif
