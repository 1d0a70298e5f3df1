# SPDX-License-Identifier: GPL-2.0-only
"""Rows of the tunnel options that Open vSwitch documents (vswitchd/vswitch.xml), by weft's names."""

from rows.row import Row

TITLE = "Tunnel options of Open vSwitch"
XML = "vswitch.xml"

ROWS = {
    "OV-01": Row(
        "A packet is for the most specific tunnel: the key counts most, then the local address, then "
        "the remote.",
        XML, "As documented, with `ikey any`, no `local`, `remote any`.",
        openvswitch="prefers the exact remote to the exact local address"),
    "OV-02": Row(
        "`remote_ip`: packets of others are not taken; `flow` takes all, and says nobody to send to.",
        XML, "`remote any`; replies go to who was learned. Others are `src_denied`.",
        linux="takes packets from anywhere"),
    "OV-03": Row(
        "`local_ip`: packets to other addresses are not taken; without it, to all of the host.",
        XML, "`local`. Others are `src_denied`.", linux="takes packets to any address"),
    "OV-04": Row(
        "`key`, `in_key`, `out_key`: what is demanded and sent; `flow` takes any.",
        XML, "`key`, `ikey`, `okey`, `any`. Differs: key 0 is another thing than none."),
    "OV-05": Row(
        "`csum`: by default on for UDP over IPv6, else off. What is there is checked, what is not is "
        "taken.",
        XML, "`udpcsum`, `csum`. Differs: GENEVE sends one over IPv4 (RFC 8926 §3.3), and zero over "
        "IPv6 is refused (U6-02)."),
    "OV-06": Row(
        "`tos`: DSCP, ECN bits 0, default 0; `inherit` as the inner IP packet, else 0.",
        XML, "The same; EC-01 and EC-11."),
    "OV-07": Row(
        "`ttl`: fixed, or `inherit` from inner IP; else the system's default.",
        XML, "The same; the default is 64."),
    "OV-08": Row(
        "`df_default`: DF is set unless switched off, never copied.",
        XML, "`df set` (the default) and `df unset`; `df inherit` copies.",
        linux="has no DF by default"),
    "OV-09": Row(
        "`dst_port`: 4789 or 6081 by default. `egress_pkt_mark`: the mark of encapsulated packets.",
        XML, "`dstport`, `fwmark`.", linux="uses port 8472 by default",
        openvswitch="keeps the mark inside the userspace datapath, and follows no rule for it"),
    "OV-10": Row(
        "`seq`: numbers on GRE, none by default. IP packets are not taken by a tunnel of Ethernet. "
        "`exts`: VXLAN's GBP and GPE.",
        XML, "`seq`, `oseq`. GBP and GPE are drafts that never became a standard: weft has neither."),
}
