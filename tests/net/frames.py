# SPDX-License-Identifier: GPL-2.0-only
"""Frames: built with scapy, and read back byte by byte so that nothing is normalised away."""

import dataclasses
import socket
import struct

from scapy.config import conf

conf.ipv6_enabled = False
# pylint: disable=wrong-import-position
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether  # noqa: E402
from scapy.packet import Raw  # noqa: E402

__all__ = ["ARP", "Dot1AD", "Dot1Q", "Ether", "ICMP", "IP", "Raw", "TCP", "UDP", "BROADCAST",
           "Outer", "checksum", "decode", "frame", "mac_of", "vxlan", "vxlan_header"]

BROADCAST = "ff:ff:ff:ff:ff:ff"
LLDP_MAC = "01:80:c2:00:00:0e"


def mac_of(number):
    """A unicast MAC, locally administered."""
    return "02:00:00:%02x:%02x:%02x" % (number >> 16 & 255, number >> 8 & 255, number & 255)


def frame(src, dst, payload=b"weft", sport=1000, dport=2000, tags=(), length=None):
    """A tenant's frame: IPv4 and UDP, with a unique payload; `tags` as (tpid, vid) from outside in.

    `length` fills up to that many bytes.
    """
    layers = Ether(src=src, dst=dst)
    for tpid, vid in tags:
        layers = layers / (Dot1AD if tpid == 0x88A8 else Dot1Q)(vlan=vid)
    if isinstance(payload, str):
        payload = payload.encode()
    if length:
        payload = payload.ljust(length - 42 - 4 * len(tags), b".")
    layers = layers / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=sport, dport=dport)
    return bytes(layers / Raw(payload))


def vxlan_header(vni, flags=8, reserved24=0, reserved8=0):
    return struct.pack("!II", flags << 24 | reserved24, vni << 8 | reserved8)


def vxlan(outer, vni, inner, *, header=None, dport=4789, sport=50000, csum=0, ip=None, udp=None):
    """An underlay frame. `outer` is (MAC from, MAC to, address from, address to).

    `csum` is the UDP checksum: 0, None to compute it, or a value. `ip` and `udp` override fields.
    """
    mac_src, mac_dst, src, dst = outer
    layers = Ether(src=mac_src, dst=mac_dst) / IP(src=src, dst=dst, ttl=64, **(ip or {}))
    layers = layers / UDP(sport=sport, dport=dport, chksum=csum, **(udp or {}))
    return bytes(layers / Raw((vxlan_header(vni) if header is None else header) + inner))


def checksum(data):
    """The Internet checksum (RFC 1071), not complemented."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@dataclasses.dataclass
class Outer:
    """An encapsulated packet as it was on the wire."""

    mac_dst: str
    mac_src: str
    src: str
    dst: str
    tos: int
    ttl: int
    fragment: int  # the 16 bits of flags and offset
    total: int
    sport: int
    dport: int
    udp_length: int
    csum: int
    header: bytes  # the 8 bytes of VXLAN
    inner: bytes
    raw: bytes

    @property
    def vni(self):
        return int.from_bytes(self.header[4:7], "big")

    @property
    def df(self):
        return bool(self.fragment & 0x4000)

    def csum_is_right(self):
        """Over pseudo-header, UDP and payload; a right sum folds to 0xffff (RFC 768)."""
        udp = self.raw[34:34 + self.udp_length]
        pseudo = self.raw[26:34] + struct.pack("!HH", 17, self.udp_length)
        return checksum(pseudo + udp) == 0xFFFF


def _mac(data):
    return ":".join(f"{byte:02x}" for byte in data)


def decode(data, ports=(4789, 8472)):
    """The Outer of a frame, or None if it is not VXLAN over IPv4 to one of `ports`."""
    if len(data) < 50 or data[12:14] != b"\x08\x00" or data[14] != 0x45 or data[23] != 17:
        return None
    total, _, fragment, ttl = struct.unpack("!HHHB", data[16:23])
    sport, dport, length, csum = struct.unpack("!HHHH", data[34:42])
    if dport not in ports or fragment & 0x1FFF:
        return None
    return Outer(_mac(data[0:6]), _mac(data[6:12]), socket.inet_ntoa(data[26:30]),
                 socket.inet_ntoa(data[30:34]), data[15], ttl, fragment, total, sport, dport,
                 length, csum, data[42:50], data[50:14 + total], data)
