# SPDX-License-Identifier: GPL-2.0-only
"""Rows of GENEVE, RFC 8926."""

from rows.row import Row

TITLE = "GENEVE, RFC 8926"
ROWS = {
    "GN-01": Row(
        "Version, the 6 and the 8 reserved bits are sent as 0.",
        "RFC 8926 §3.4"),
    "GN-02": Row(
        "A packet of an unknown version is dropped.",
        "RFC 8926 §3.4", "Counted as `bad_ver`."),
    "GN-03": Row(
        "The reserved bits are ignored on receipt.",
        "RFC 8926 §3.4"),
    "GN-04": Row(
        "Opt Len counts words of 4 bytes; the header takes 8 to 260 bytes.",
        "RFC 8926 §3.4", "`option` sends up to 252 bytes of options, of any class, type and length; an FDB "
        "entry may have its own."),
    "GN-05": Row(
        "Options that go past the end of the packet, or leave no inner frame, make it invalid.",
        "RFC 8926 §3.4, §3.5", "Counted as `malformed`."),
    "GN-06": Row(
        "A packet whose options do not add up to Opt Len is dropped in silence.",
        "RFC 8926 §3.5", "Counted as `opt_len`."),
    "GN-07": Row(
        "An option has 4 to 128 bytes, its header included.",
        "RFC 8926 §3.5", "`match` demands options of any length; those seen are in `weft tunnel show`."),
    "GN-08": Row(
        "An option's R bits are sent as 0 and ignored on receipt.",
        "RFC 8926 §3.5"),
    "GN-09": Row(
        "A packet with an unknown critical option is dropped by the endpoint.",
        "RFC 8926 §3.5, §3.5.1", "Counted as `opt_crit`, with `remote any`, too."),
    "GN-10": Row(
        "An unknown option that is not critical does not stop a packet.",
        "RFC 8926 §3.4, §3.5.1"),
    "GN-11": Row(
        "With C the options are parsed; who does not parse them drops by C alone.",
        "RFC 8926 §3.4", "`accept`, `match` and `option` name what is known; with `nooptions` C is "
        "`opt_crit`. C without a critical option is delivered, and noted as `not_critical`."),
    "GN-12": Row(
        "A critical option without C is met by who parses all the same.",
        "RFC 8926 §3.4, §3.5", "Unknown: `opt_crit`. Known: delivered, and noted as `not_critical`."),
    "GN-13": Row(
        "C is sent if any option is critical.",
        "RFC 8926 §3.5"),
    "GN-14": Row(
        "Control packets (O) are not forwarded.",
        "RFC 8926 §3.4", "Counted as `ctrl_rx`, shown by `weft monitor control`, 8 per 16.8 ms and CPU at most.",
        openvswitch="delivers them as data"),
    "GN-15": Row(
        "Data packets are sent without O.",
        "RFC 8926 §3.4"),
    "GN-16": Row(
        "More options than the endpoint can take are dropped.",
        "RFC 8926 §3.5.1", "`optmax`, counted as `opt_toolong`."),
    "GN-17": Row(
        "A known option of another length does not shift those behind it; order does not matter.",
        "RFC 8926 §3.5.1", "Another length is `opt_len`; a demanded option that is missing or different `opt_match`."),
    "GN-18": Row(
        "The protocol type is 0x6558 for Ethernet, or an Ethertype; others are not delivered.",
        "RFC 8926 §3.4, §4.5", "A bridge takes 0x6558, `innerprotoinherit` 0x0800 and 0x86DD; others are `inner_proto`."),
    "GN-19": Row(
        "The VNI, 24 bits, selects the virtual network.",
        "RFC 8926 §3.4", "0 is a VNI. An unknown one is counted as `vni_unknown`."),
    "GN-20": Row(
        "UDP port 6081 unless configured otherwise, in both directions.",
        "RFC 8926 §3.3", "`dstport`, default 6081."),
    "GN-21": Row(
        "The UDP source port is a hash of the flow; IPv6's flow label may be one, too.",
        "RFC 8926 §3.3, RFC 6438 §3", "`flowlabel auto`, the default."),
    "GN-22": Row(
        "The UDP checksum is sent, over IPv4 and IPv6.",
        "RFC 8926 §3.3, §4.3", "By default; `noudpcsum` and `udp6zerocsumtx` leave it out.",
        openvswitch="sends none over IPv4 unless told to"),
    "GN-23": Row(
        "A checksum that is not zero is validated; a packet with a wrong one is dropped.",
        "RFC 8926 §3.3", "Counted as `csum`, whatever else is wrong.",
        openvswitch="learns a neighbour from the outer header before it looks at the checksum"),
    "GN-24": Row(
        "No checksum over IPv6 only if configured, and then from the tunnel's peer only.",
        "RFC 8926 §4.3.1", "`csum_zero6`; with `udp6zerocsumrx` from the remotes, others are `src_denied`.",
        openvswitch="takes packets without a checksum"),
    "GN-25": Row(
        "The tunnel's MTU assumes the longest options.",
        "RFC 8926 §4.4.1", "Those that `optmax` allows to be sent, or those of `option`."),
    "GN-26": Row(
        "Who routes GENEVE packets changes nothing, drops nothing, and keeps a flow on its path.",
        "RFC 8926 §2.2.1, §3.4, §3.5.1", "Packets to other addresses are left to the host."),
    "GN-27": Row(
        "Every segment of a super-packet has header and options of the whole; segments that differ "
        "in them are not merged.",
        "RFC 8926 §4.6",
        openvswitch="takes super-packets only in a mode that is off by default"),
    "GN-28": Row(
        "Tenants see no GENEVE packet, and theirs are payload.",
        "RFC 8926 §6.2"),
}
