# SPDX-License-Identifier: GPL-2.0-only
"""Rows of path MTU discovery and of what becomes of packets that are too big."""

from rows.row import Row

TITLE = "MTU and path MTU, RFC 1191, RFC 8201, RFC 4459, RFC 4821"
ROWS = {
    "PM-01": Row(
        "An ICMP error about an outer packet lowers the path MTU of that remote, and of no other.",
        "RFC 1191 §3; RFC 8201 §4", "Shown by `weft tunnel show`; noted as `path_mtu`. A quote that ends before the VNI "
        "is about every tunnel between those addresses and ports.",
        openvswitch="looks at no ICMP error"),
    "PM-02": Row(
        "An error with MTU 0, as old routers send it, lowers it too.",
        "RFC 1191 §3, §5", "To the next of the plateaus of RFC 1191 §7.2.",
        linux="takes it for 552 bytes, and fragments the outer packet",
        openvswitch="looks at no ICMP error"),
    "PM-03": Row(
        "Never below 68 over IPv4; less than 1280 over IPv6 is ignored; no error raises it.",
        "RFC 1191 §3; RFC 8201 §4", "What is ignored is noted as `icmp_forged`.",
        linux="takes what is below 552 over IPv4 for 552",
        openvswitch="answers nothing that is too big, as the test wants it to"),
    "PM-04": Row(
        "An error has to be about a packet that was really sent.",
        "RFC 8201 §4; RFC 6936 §4", "Addresses, ports, DF, length, VNI or key and the ICMP checksum have to be right; "
        "else noted as `icmp_forged`. The host sees every error.",
        openvswitch="answers nothing that is too big, as the test wants it to"),
    "PM-05": Row(
        "No larger packet is tried for some minutes; the time is configurable.",
        "RFC 1191 §3; RFC 8201 §4, §5.3", "`mtu_expires`, default 600 seconds."),
    "PM-06": Row(
        "Inner IPv4 with DF that does not fit is dropped, and its sender told the overlay's MTU by ICMP.",
        "RFC 1191 §4; RFC 8926 §4.4.1; RFC 4459 §3.2", "Counted as `mtu`; `mtu_silent` where none may be told, "
        "`mtu_limit` beyond 64 answers in 17 ms and CPU. The answer comes from the inner packet's destination.",
        linux="drops in its bridge, and answers not, what is longer than the tunnel device's MTU of 1500",
        openvswitch="drops it and answers nothing"),
    "PM-07": Row(
        "Inner IPv6 that does not fit is dropped, and its sender told by Packet Too Big, never less than 1280.",
        "RFC 8201 §4; RFC 8926 §4.4.1; RFC 7676 §3.3", "IPv6 of 1280 or less that does not fit is dropped as "
        "`mtu_silent`.",
        linux="drops in its bridge, and answers not, what is longer than the tunnel device's MTU of 1500",
        openvswitch="drops it and answers nothing"),
    "PM-08": Row(
        "Inner IPv4 without DF that does not fit is fragmented before it is encapsulated, or dropped.",
        "RFC 4459 §3.4, §4; RFC 7348 §4.3", "`toobig fragment` (default, noted as `fragmented`), `reject`: as if it "
        "had DF, `drop`: counted as `mtu_no_df`."),
    "PM-09": Row(
        "Inner DF sets outer DF; inner IPv6 counts as DF.",
        "RFC 2003 §3.1; RFC 4459 §3.2", "With `df set`, which is the default, and `df inherit`. `df unset` is what it says.",
        linux="does not set it by default"),
    "PM-10": Row(
        "The overlay's MTU is what the encapsulation leaves, exactly.",
        "RFC 7348 §5; RFC 8926 §3; RFC 2890 §2", "Shown by `weft tunnel show`; devices that weft makes have it.",
        openvswitch="answers nothing that is too big"),
    "PM-11": Row(
        "There is one size up to which packets pass, and above which none does.",
        "RFC 4821 §4, §9"),
    "PM-12": Row(
        "Black holes are overcome by the tenant's own probing; copies of a frame are judged one by one.",
        "RFC 4821 §7.3, §7.7; RFC 8201 §3"),
}
