# SPDX-License-Identifier: GPL-2.0-only
"""Rows of RFC 7348, VXLAN."""

from rows.row import Row

TITLE = "VXLAN, RFC 7348"
ROWS = {
    "VX-01": Row(
        "The header is sent with the I flag and the VNI; every other bit is zero.",
        "RFC 7348 §5"),
    "VX-02": Row(
        "A VNI counts only with the I flag; without it nothing is decapsulated.",
        "RFC 7348 §5", "Counted as `no_i_flag`."),
    "VX-03": Row(
        "The 39 reserved bits are ignored on receipt.",
        "RFC 7348 §5", "Ignored, as the RFC has it; `reserved_bits 0` is strict.",
        linux="drops packets with a reserved bit set",
        openvswitch="drops packets with a reserved bit set"),
    "VX-04": Row(
        "VNIs are 24 bits wide and kept apart.",
        "RFC 7348 §4.1, §5", "An unknown VNI is counted as `vni_unknown`."),
    "VX-05": Row(
        "UDP port 4789 unless configured otherwise.",
        "RFC 7348 §5", "`dstport`, default 4789; a port that no tunnel has is the host's.",
        linux="uses port 8472 by default"),
    "VX-06": Row(
        "The UDP source port is a hash of the inner headers, within 49152-65535.",
        "RFC 7348 §5", "`srcport`, default 49152 to 65534.",
        linux="takes its default range from that of sockets, from 32768 on",
        openvswitch="takes ports from 32768 on; those of non-IP frames differ by payload, and those of fragments from the first one's"),
    "VX-07": Row(
        "The UDP checksum is sent as zero over IPv4; one that is not zero covers everything.",
        "RFC 7348 §5", "Zero by default, `udpcsum` sends it.",
        linux="sends checksums by default"),
    "VX-08": Row(
        "A zero checksum is accepted; another may be verified, and is then dropped if wrong.",
        "RFC 7348 §5", "Verified by default (`csum`); `noudpcsumrx` does not look."),
    "VX-09": Row(
        "VXLAN packets are never fragmented by the sender.",
        "RFC 7348 §4.3", "DF is set; a frame that does not fit is answered, or goes in inner fragments (PM-06 to PM-08).",
        linux="fragments the outer packet over IPv4, as DF is not set by default",
        openvswitch="drops what does not fit, and answers nothing"),
    "VX-10": Row(
        "Fragments of VXLAN packets may be discarded.",
        "RFC 7348 §4.3", "The first fragment is dropped as `frag`; so nothing is ever put together.",
        openvswitch="hands fragments to the host, which answers with ICMP"),
    "VX-11": Row(
        "Inner source MACs are learned with their outer source, per VNI, and move with it.",
        "RFC 7348 §4.1", "Zero and group source MACs are dropped as `src_mac`.",
        openvswitch="forwards frames whose source is zero or a group"),
    "VX-12": Row(
        "Broadcast, multicast and unknown unicast go to the group of the VNI, joined by IGMP or MLD.",
        "RFC 7348 §4.2", "An own packet that comes back is dropped as `own_source`.",
        linux="takes its own packet back over IPv6"),
    "VX-13": Row(
        "Decapsulated frames with a VLAN tag are discarded unless configured.",
        "RFC 7348 §6.1", "Dropped as `vlan_inner`; `innervlan` or `trunk` lets them in.",
        linux="delivers tagged frames", openvswitch="delivers tagged frames, and takes a priority tag off"),
    "VX-14": Row(
        "The encapsulator strips the tag; the VLAN selects the VNI.",
        "RFC 7348 §6.1", "`vlan V` maps V to the VNI untagged; `trunk` carries tags; "
        "a VLAN that is neither is dropped as `vlan`."),
    "VX-15": Row(
        "The inner FCS is not carried and outer lengths are exact.",
        "RFC 7348 §5"),
    "VX-16": Row(
        "Malformed packets are dropped, and padding does not get into the inner frame.",
        "RFC 7348 §5", "Counted as `malformed`; IP options and padding are accepted.",
        openvswitch="takes wrong UDP lengths, delivers padding, does not decapsulate behind IP options or extension headers"),
    "VX-17": Row(
        "Only what is for an address of the tunnel is decapsulated; tenants' frames are payload.",
        "RFC 7348 §5, §7", "Packets to other addresses are the host's to route or ignore."),
}
