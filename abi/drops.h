/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drop reasons: one list that makes the datapath's codes, the command's
 * strings and the list in weft-drops(8).
 *
 * WEFT_DROP(NAME, "name", "what usually causes it", "what mends it")
 *
 * What mends it is a command as far as there is one; TUNNEL, PORT, BRIDGE and REMOTE in it are names that the place of the
 * drop may have, SOURCE is the packet's.
 *
 * The order is ABI: counters are kept by code and survive an upgrade of
 * weftd, so new reasons go to the end.
 */
#ifndef WEFT_ABI_DROPS_H
#define WEFT_ABI_DROPS_H

#define WEFT_DROPS(WEFT_DROP)                                                                      \
	/* from a port */                                                                          \
	WEFT_DROP(PORT_UNKNOWN, "port_unknown", "frame from a device that is no port any more",    \
		  "none needed, it ends when the device has gone; else: weft port show")           \
	WEFT_DROP(TRUNCATED, "truncated", "frame shorter than an Ethernet header",                 \
		  "see who sends it: weft capture -i drop")                                        \
	WEFT_DROP(SRC_MAC, "src_mac", "source MAC is zero or a group address",                     \
		  "give the sender a MAC of its own: ip link set dev DEVICE address MAC")          \
	WEFT_DROP(RESERVED_MAC, "reserved_mac",                                                    \
		  "link-local group address that the bridge's group_fwd_mask does not forward",    \
		  "if it is to pass: weft bridge set BRIDGE group_fwd_mask MASK")                  \
	WEFT_DROP(VLAN, "vlan", "VLAN that the port or tunnel is not a member of",                 \
		  "weft port set PORT vlan VID, or trunk + VID; of a tunnel: weft tunnel set "     \
		  "TUNNEL trunk + VID")                                                            \
	WEFT_DROP(VLAN_TAGS, "vlan_tags", "more VLAN tags than can be carried",                    \
		  "let the sender use fewer tags")                                                 \
	WEFT_DROP(FDB_STATIC, "fdb_static",                                                        \
		  "source MAC belongs to a static entry on another port or tunnel",                \
		  "if the host has moved: weft fdb del MAC dev DEV; else two hosts have one MAC")  \
	WEFT_DROP(SAME_PORT, "same_port", "destination is behind the port the frame came from",    \
		  "none needed if both are behind that port; else: weft fdb del MAC dev PORT")     \
	WEFT_DROP(PORT_DOWN, "port_down", "destination port's device is gone or down",             \
		  "ip link set dev PORT up")                                                       \
	WEFT_DROP(NO_RECEIVER, "no_receiver", "nobody to flood to: no other port, no remote",      \
		  "weft port show: is the other port up, and in the same VLAN? weft tunnel show: " \
		  "is there a remote?")                                                            \
	/* encapsulation */                                                                        \
	WEFT_DROP(VLAN_INNER, "vlan_inner",                                                        \
		  "VLAN-tagged inner frame on a tunnel without innervlan or trunk",                \
		  "weft tunnel set TUNNEL innervlan")                                              \
	WEFT_DROP(MTU, "mtu", "too big for the way to the remote: its sender was told",            \
		  "none needed if the sender heeds ICMP; else lower its MTU: weft port set PORT "  \
		  "mtu auto")                                                                      \
	WEFT_DROP(NO_ROUTE, "no_route", "no route to the remote",                                  \
		  "ip route add REMOTE via GATEWAY")                                               \
	WEFT_DROP(ENCAP, "encap", "the kernel refused to grow the frame (nested segmentation)",    \
		  "at the sender of the inner tunnel: ethtool -K DEVICE gso off tso off")          \
	/* from the underlay */                                                                    \
	WEFT_DROP(MALFORMED, "malformed", "lengths in the outer headers do not add up",            \
		  "see who sends it: weft capture -i drop")                                        \
	WEFT_DROP(FRAG, "frag", "outer packet is an IP fragment",                                  \
		  "at the sender: a smaller MTU, so that nobody fragments outer packets")          \
	WEFT_DROP(NO_I_FLAG, "no_i_flag", "VXLAN header without the I flag",                       \
		  "let the sender use plain VXLAN, RFC 7348")                                      \
	WEFT_DROP(CSUM, "csum", "outer UDP checksum is wrong",                                     \
		  "at the sender: ethtool -K DEVICE tx off shows whether its device computes it")  \
	WEFT_DROP(VNI_UNKNOWN, "vni_unknown", "no tunnel has this VNI at this address and port",   \
		  "weft tunnel set TUNNEL id VNI, at one of both ends")                            \
	WEFT_DROP(SRC_DENIED, "src_denied",                                                        \
		  "outer addresses are not a tunnel's and one of its remotes'",                    \
		  "if it may send: weft tunnel set TUNNEL remote + SOURCE")                        \
	WEFT_DROP(OWN_SOURCE, "own_source", "outer source is an address of this host",             \
		  "find who else has the address, or sends packets back")                          \
	WEFT_DROP(ECN, "ecn_drop", "outer CE mark on an inner packet without ECN (RFC 6040)",      \
		  "at the sender: weft tunnel set TUNNEL ecn compat")                              \
	WEFT_DROP(DECAP, "decap", "the kernel refused to shrink the packet",                       \
		  "if it goes on: weft capture -i drop shows what it is")                          \
	WEFT_DROP(SPLIT_HORIZON, "split_horizon",                                                  \
		  "destination is behind a remote, and the frame came from one",                   \
		  "none needed if the sender has that remote, too; else, there: weft tunnel set "  \
		  "TUNNEL remote + ADDRESS")                                                       \
	WEFT_DROP(BAD_VER, "bad_ver", "version of the GENEVE header that nobody knows",            \
		  "let the sender use GENEVE version 0, RFC 8926")                                 \
	WEFT_DROP(OPT_LEN, "opt_len",                                                              \
		  "lengths of GENEVE options do not add up, or are not what the option has",       \
		  "see the options of the sender: weft capture -i drop")                           \
	WEFT_DROP(OPT_CRIT, "opt_crit", "critical GENEVE option that the tunnel does not know",    \
		  "weft tunnel set TUNNEL accept + CLASS:TYPE:LENGTH, or let the sender leave it " \
		  "out")                                                                           \
	WEFT_DROP(OPT_TOOLONG, "opt_toolong", "more GENEVE options than the tunnel's optmax",      \
		  "weft tunnel set TUNNEL optmax auto")                                            \
	WEFT_DROP(OPT_MATCH, "opt_match", "GENEVE options are not those that the tunnel demands",  \
		  "weft tunnel set TUNNEL match - OPTION, or let the sender send it")              \
	WEFT_DROP(CTRL_RX, "ctrl_rx", "GENEVE control packet (O bit): never forwarded",            \
		  "none needed: it is no packet of a host behind the tunnel")                      \
	WEFT_DROP(INNER_PROTO, "inner_proto",                                                      \
		  "protocol type in the tunnel header that the tunnel does not carry",             \
		  "let both ends carry the same, Ethernet or IP: weft tunnel show")                \
	WEFT_DROP(CSUM_ZERO6, "csum_zero6",                                                        \
		  "UDP over IPv6 without a checksum, and no udp6zerocsumrx",                       \
		  "weft tunnel set TUNNEL udp6zerocsumrx, or let the sender compute it")           \
	WEFT_DROP(CSUM_MISSING, "csum_missing",                                                    \
		  "GRE without a checksum, and the tunnel has icsum",                              \
		  "weft tunnel set TUNNEL noicsum, or let the sender compute it")                  \
	WEFT_DROP(GRE_FLAGS, "gre_flags",                                                          \
		  "GRE header with bits set that RFC 2784 or 7637 forbids",                        \
		  "let the sender use GRE without source routes, RFC 2784")                        \
	WEFT_DROP(GRE_VER, "gre_ver", "GRE version that is not 0; PPTP has 1",                     \
		  "none needed if this host has PPTP: the host has it")                            \
	WEFT_DROP(GRE_PROTO, "gre_proto", "GRE protocol type that no tunnel carries",              \
		  "none needed if somebody else takes it: the host has it")                        \
	WEFT_DROP(GRE_SEQ, "gre_seq", "GRE sequence number that is not above the last one",        \
		  "if packets overtake each other on the way: weft tunnel set TUNNEL noiseq")      \
	WEFT_DROP(KEY_MISMATCH, "key_mismatch", "no tunnel has this GRE key, or the lack of one",  \
		  "weft tunnel set TUNNEL key KEY, at one of both ends")                           \
	WEFT_DROP(RESERVED, "reserved",                                                            \
		  "reserved bit of the VXLAN header that is not in reserved_bits",                 \
		  "weft tunnel set TUNNEL reserved_bits default")                                  \
	WEFT_DROP(LOOP, "loop", "destination is the far end of the tunnel itself",                 \
		  "route it by the underlay: ip route add REMOTE via GATEWAY dev DEVICE")          \
	WEFT_DROP(INNER_TTL, "inner_ttl", "TTL or hop limit of a tunnelled packet is 0",           \
		  "find the routing loop behind the tunnel: traceroute")                           \
	WEFT_DROP(L3_REMOTE, "l3_remote",                                                          \
		  "tunnel with several remotes, and no neighbour entry that says which one",       \
		  "ip neigh add ADDRESS lladdr LLADDR dev TUNNEL, as weft tunnel show TUNNEL has " \
		  "it")                                                                            \
	WEFT_DROP(MTU_SILENT, "mtu_silent",                                                        \
		  "too big, and none may be told: not IP, to a group, an ICMP error, IPv6 < 1280", \
		  "lower the sender's MTU: weft port set PORT mtu auto")                           \
	WEFT_DROP(MTU_LIMIT, "mtu_limit", "too big, and enough ICMP errors were sent just before", \
		  "none needed: the sender was told by the errors before")                         \
	WEFT_DROP(MTU_NO_DF, "mtu_no_df", "too big, without DF, and the tunnel has `toobig drop`", \
		  "weft tunnel set TUNNEL toobig fragment, or lower the sender's MTU")             \
	WEFT_DROP(STORM, "storm",                                                                  \
		  "more is flooded than storm_broadcast, storm_unknown or storm_multicast allow",  \
		  "if so much is right, a higher limit: weft-port(8), weft-tunnel(8); else look "  \
		  "for a loop: weft doctor")

enum weft_drop {
	WEFT_DROP_NONE,
#define WEFT_DROP(name, string, cause, mend) WEFT_DROP_##name,
	WEFT_DROPS(WEFT_DROP)
#undef WEFT_DROP
		WEFT_DROP_MAX,
};

#endif
