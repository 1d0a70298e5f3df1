# SPDX-License-Identifier: GPL-2.0-only
"""Rows of GRE, RFC 2784, 2890 and 7676."""

from rows.row import Row

TITLE = "GRE, RFC 2784, 2890 and 7676"
ROWS: dict[str, Row] = {
    "GR-01": Row(
        "A checksum is accepted and verified, also where none is sent; a wrong one drops the packet.",
        "RFC 2784 §2.2, 7676 §2.1",
        "Counted as `csum`, whatever else is wrong with the packet; a field of 0 is a checksum as any."),
    "GR-02": Row(
        "The checksum is over the GRE header and the payload; Reserved1 is sent as 0, and ignored.",
        "RFC 2784 §2.5, §2.6",
        "`csum`, or `ocsum`. Each segment of a super-packet has its own.",
        openvswitch="carries no super-packets from a veth"),
    "GR-03": Row(
        "Packets with a bit of RFC 1701 are discarded: routing, strict source route, recursion.",
        "RFC 2784 §2.3, 2890 §2", "Counted as `gre_flags`."),
    "GR-04": Row(
        "Bits 6 to 12 are sent as 0 and ignored on receipt.",
        "RFC 2784 §2.3",
        openvswitch="drops packets with such a bit set"),
    "GR-05": Row(
        "The version is 0.",
        "RFC 2784 §2.3.1", "Others, PPTP among them, go on to the host and are counted as `gre_ver`."),
    "GR-06": Row(
        "Packets of an unknown protocol type are discarded; 0x0800 is IPv4, 0x86DD IPv6, 0x6558 Ethernet.",
        "RFC 2784 §2.4, 7676 §3.1", "Counted as `gre_proto`."),
    "GR-07": Row(
        "Checksum and Reserved1, key and sequence number are there as the bits say, in this order.",
        "RFC 2890 §2", "A header that ends too early is counted as `malformed`."),
    "GR-08": Row(
        "All packets of a flow have its key, and packets of others are not taken for it.",
        "RFC 2890 §2.1",
        "Counted as `key_mismatch`. No key is another thing than key 0; `ikey any` takes all.",
        openvswitch="takes key 0 and no key for the same"),
    "GR-09": Row(
        "Numbers begin at 0 and go up by one per packet, modulo 2^32, for each key.",
        "RFC 2890 §2.2", "Each segment of a super-packet has its own number: it is cut before.",
        openvswitch="counts the packets of all keys to a remote together"),
    "GR-10": Row(
        "A number in (last - 2^31, last] is out of sequence, and the packet silently dropped.",
        "RFC 2890 §2.2", "With `iseq`, counted as `gre_seq`; numbers are kept per remote."),
    "GR-11": Row(
        "A packet without a number is always in sequence.",
        "RFC 2890 §2.2", "Also with `iseq`."),
    "GR-12": Row(
        "A buffer for packets out of sequence is limited in time and size.",
        "RFC 2890 §2.2", missing="Optional. There is no buffer: what comes late is dropped (GR-10)."),
    "GR-13": Row(
        "IP payload is forwarded by its destination with its TTL one less, and not back into the tunnel.",
        "RFC 2784 §3.1",
        "By the host's routing table. What would go to the tunnel's far end is dropped as `loop`."),
    "GR-14": Row(
        "Over IPv6 the last next header is 47; extension headers may come first.",
        "RFC 7676 §4.1", "None is sent; those received are passed over."),
    "GR-15": Row(
        "IPv6 that does not fit is answered with Packet Too Big, down to an MTU of 1280; below, the "
        "delivery packet is fragmented.",
        "RFC 7676 §3.2, §3.3",
        "The device's MTU is never below 1280. `df unset` fragments the delivery packets of `gretap`, too. "
        "Fragments received are put together by the host's stack.",
        openvswitch="sends no fragments, and drops received ones"),
}
