# SPDX-License-Identifier: GPL-2.0-only
"""Rows of the options of `ip link add … type vxlan|geneve|gretap`."""

from rows.row import Row

TITLE = "Options of iproute2"
ROWS = {
    "IP-01": Row(
        "`id` is 0 to 16777215; `dev` ties the tunnel to a device, from which its MTU follows.",
        "ip-link(8)", "MTU auto is that of `dev` less 50."),
    "IP-02": Row(
        "`group` is joined, needs `dev` and excludes `remote`.",
        "ip-link(8)"),
    "IP-03": Row(
        "`remote` is where unknown MACs go; Linux receives from anywhere.",
        "ip-link(8)", "Differs: packets are taken from the remotes only (`src_denied`); "
        "`remote any` opens the tunnel."),
    "IP-04": Row(
        "`local` is the outer source address.",
        "ip-link(8)", "It also is the only destination at which the tunnel receives.",
        openvswitch="sends from another of its addresses over IPv6"),
    "IP-05": Row(
        "`dstport` is the UDP destination and the port listened on.",
        "ip-link(8)", "Differs: the default is IANA's 4789, not Linux's 8472."),
    "IP-06": Row(
        "`srcport MIN MAX`: MAX itself is not used.",
        "ip-link(8)", "As Linux; MAX not above MIN is refused."),
    "IP-07": Row(
        "`[no]learning`; a static entry never migrates, and frames that would move it are dropped.",
        "ip-link(8)", "Counted as `fdb_static`.",
        openvswitch="delivers frames that a static entry contradicts"),
    "IP-08": Row(
        "`ageing` is the lifetime of learned entries that are not heard of; static ones stay.",
        "ip-link(8)", "0 keeps learned entries for ever. Default: the bridge's, 300 s."),
    "IP-09": Row(
        "`maxaddress`: no more FDB entries than that; frames of others still pass.",
        "ip-link(8)", "Learned entries of the tunnel."),
    "IP-10": Row(
        "`proxy`: ARP requests and neighbour solicitations are answered for the far end.",
        "ip-link(8)", missing="Not there: it would need a table of IP addresses, which the bridge "
        "does not have yet."),
    "IP-11": Row(
        "`rsc`: frames to a router go to the final host at once.",
        "ip-link(8)", missing="Not there, as IP-10; and the TTL would not be decremented."),
    "IP-12": Row(
        "`l2miss`, `l3miss`: a notice for an unknown MAC, or IP address.",
        "ip-link(8)", missing="Not there: the FDB has events (`weft fdb monitor`), and a miss is "
        "flooded."),
    "IP-13": Row(
        "`udpcsum`: checksum over IPv4.",
        "ip-link(8)", "The default is the standard's: off for VXLAN, on for GENEVE."),
    "IP-14": Row(
        "`udp6zerocsumtx`, `udp6zerocsumrx`: no checksum over IPv6, sent and taken.",
        "ip-link(8)", "U6-03.", openvswitch="takes packets without a checksum by default"),
    "IP-15": Row(
        "`external`: addresses and VNI come with each packet, from routes or tc.",
        "ip-link(8)", missing="Not there: it hands packets to another program's rules, and FDB entries "
        "with `dst` and `vni` serve many remotes and VNIs on one tunnel."),
    "IP-16": Row(
        "`vnifilter`: of an external device, which VNIs are received.",
        "ip-link(8)", missing="Not there, as IP-15; only VNIs of tunnels are received."),
    "IP-17": Row(
        "`gbp`: group policy in the header, to and from the mark.",
        "ip-link(8)", missing="Not there: a draft that never became a standard; its bits are "
        "reserved ones of RFC 7348."),
    "IP-18": Row(
        "`gpe`: a header with the next protocol.",
        "ip-link(8)", missing="Not there: a draft that never became a standard; GENEVE did."),
    "IP-19": Row(
        "`df`: unset, set, or inherit from the inner packet (IPv6 counts as set).",
        "ip-link(8)", "Differs: the default is `set`, as these packets are not to be fragmented."),
    "IP-20": Row(
        "`ttl`: fixed, inherit, or auto, which to a group is 1.",
        "ip-link(8)", "The same; auto is 64 to a unicast address."),
    "IP-21": Row(
        "`tos`: fixed or inherit, ECN by its own rule.",
        "ip-link(8)", "DS-01, EC-11."),
    "IP-22": Row(
        "`flowlabel`: of 20 bits, for IPv6.",
        "ip-link(8)", "Differs: the default is a hash of the inner flow (RFC 6438), not 0."),
    "IP-23": Row(
        "`localbypass`: what is for a tunnel of the same host does not leave it.",
        "ip-link(8)", missing="Not there: what goes to an address of this host is encapsulated, too, "
        "and goes by `lo`."),
    "IP-24": Row(
        "`reserved_bits`: which reserved bits may be set in a received header.",
        "ip-link(8)", "Differs: the default is all, as RFC 7348 has it; others are `reserved`."),
    "IP-25": Row(
        "geneve: `remote` is whom packets are taken from, too; `innerprotoinherit` carries IP without Ethernet.",
        "ip-link(8)", "`local`, `dstport` 6081, `ttl` and `tos` as there, and `remote` repeats. Differs: "
        "`udpcsum` is on unless said otherwise (GN-22). `external` is not there: a tunnel of weft's has its "
        "own VNI, and any number of tunnels share a port.",
        openvswitch="sends no checksum over IPv4 unless told to"),
    "IP-26": Row(
        "`type gretap`, `type gre`: `key`, `csum`, `seq`, each for a direction with `i` or `o`.",
        "ip-link(8)", "The same; `external` as IP-15. Packets without a number pass `iseq` (GR-11)."),
    "IP-27": Row(
        "`pmtudisc`, `ignore-df`, `hoplimit`, `tclass`; `encaplimit`; `encap fou`, `encap gue`.",
        "ip-link(8)", "The first four. `encaplimit none` is all there is: no option of that kind is "
        "sent. GRE in UDP is not there: that is what GENEVE is for."),
}
