# SPDX-License-Identifier: GPL-2.0-only
"""Rows of UDP checksums over IPv6, RFC 6935 and 6936."""

from rows.row import Row

TITLE = "UDP checksums over IPv6, RFC 6935 and 6936"

ROWS = {
    "U6-01": Row(
        "By default a checksum is sent, and one that comes to zero as 0xffff.",
        "RFC 6935 §5"),
    "U6-02": Row(
        "By default a packet without a checksum is discarded, and that is logged.",
        "RFC 6935 §5, 6936 §4", "Counted as `csum_zero6`; one line a minute and tunnel.",
        openvswitch="takes packets without a checksum, as it documents"),
    "U6-03": Row(
        "To do without is set for each port, for sending and receiving apart.",
        "RFC 6936 §4, §5", "`udp6zerocsumtx` and `udp6zerocsumrx`, of the tunnel.",
        openvswitch="takes packets without a checksum at every port"),
    "U6-04": Row(
        "A port that takes zero takes right checksums, too, and drops wrong ones.",
        "RFC 6936 §4"),
    "U6-05": Row(
        "A port that takes zero does not log it, and may count it.",
        "RFC 6936 §4", "Counted as note `zero_csum6`."),
    "U6-06": Row(
        "From a port that sends zero, given datagrams can be sent with a checksum, as keepalives "
        "in both forms are.",
        "RFC 6936 §4, §5", "weft sends no keepalives. A tunnel with another VNI between the same "
        "addresses and ports sends checksums beside one that does not."),
    "U6-07": Row(
        "An ICMPv6 error about a packet without a checksum is held against what was sent.",
        "RFC 6936 §4", "As any other (PM-04); what was not sent is noted as `icmp_forged`."),
    "U6-08": Row(
        "A port that takes zero takes it from its peers only.",
        "RFC 6936 §4, §5, 8926 §4.3.1", "Others are counted as `src_denied`, and not learned."),
}
