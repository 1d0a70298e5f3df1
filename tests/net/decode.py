# SPDX-License-Identifier: GPL-2.0-only
"""Encapsulated packets read back byte by byte, so that nothing is normalised away.

    packet = decode(frame)
    packet.family, packet.dscp, packet.ecn, packet.ttl, packet.df, packet.vni, packet.inner …
"""

import dataclasses
import socket
import struct

from encap import GRE_C, GRE_K, GRE_S, checksum, pseudo_header

PORTS = {4789: "vxlan", 8472: "vxlan", 6081: "geneve"}
EXTENSIONS = (0, 43, 44, 60)  # hop-by-hop, routing, fragment, destination options


@dataclasses.dataclass
class Option:
    """An option of GENEVE; `reserved` are its three R bits."""

    klass: int
    kind: int
    reserved: int
    data: bytes


@dataclasses.dataclass
class Outer:
    """An encapsulated packet as it was on the wire."""

    raw: bytes
    mac_dst: str
    mac_src: str
    family: int  # 4 or 6
    src: str = ""
    dst: str = ""
    tos: int = 0
    ttl: int = 0
    total: int = 0  # of the IP packet, its header included
    proto: int = 0  # of what follows the extension headers
    payload: bytes = b""  # of IP, extension headers left out
    id: int = None  # IPv4
    fragment: int = 0  # IPv4's 16 bits of flags and offset; IPv6's offset and M bit
    ip_csum_right: bool = True
    flow: int = None  # IPv6's label
    extensions: list = dataclasses.field(default_factory=list)  # their types, from outside in
    type: str = ""  # vxlan, geneve, gre (also for gretap and nvgre)
    sport: int = None
    dport: int = None
    udp_length: int = None
    csum: int = None  # UDP's, GRE's if it has one
    header: bytes = b""  # of the tunnel, options included
    vni: int = None  # VNI; the VSID if it is NVGRE
    protocol: int = 0x6558  # type of what is inside
    version: int = 0
    flags: int = 0  # first byte of VXLAN, second of GENEVE, first two of GRE
    options: list = dataclasses.field(default_factory=list)
    key: int = None
    seq: int = None
    reserved: int = 0  # of GENEVE the last byte, of GRE what follows the checksum
    inner: bytes = b""

    @property
    def dscp(self):
        return self.tos >> 2

    @property
    def ecn(self):
        return self.tos & 3

    @property
    def df(self):
        return self.family == 6 or bool(self.fragment & 0x4000)

    @property
    def is_fragment(self):
        return 44 in self.extensions if self.family == 6 else bool(self.fragment & 0x3FFF)

    @property
    def critical(self):
        return bool(self.flags & 0x40)

    @property
    def control(self):
        return bool(self.flags & 0x80)

    @property
    def flow_id(self):
        """NVGRE's FlowID."""
        return self.key & 255

    def csum_is_right(self):
        """Over pseudo-header, UDP and payload (RFC 768), or GRE header and payload (RFC 2784)."""
        if self.proto == 47:
            return checksum(self.payload) == 0xFFFF
        pseudo = pseudo_header(self.src, self.dst, 17, self.udp_length)
        return checksum(pseudo + self.payload[:self.udp_length]) == 0xFFFF


def _mac(data):
    return ":".join(f"{byte:02x}" for byte in data)


def _ipv4(packet, data):
    if len(data) < 20 or data[0] >> 4 != 4:
        return False
    size = (data[0] & 15) * 4
    (packet.tos, packet.total, packet.id, packet.fragment, packet.ttl,
     packet.proto) = struct.unpack("!xBHHHBB", data[:10])
    packet.src, packet.dst = socket.inet_ntoa(data[12:16]), socket.inet_ntoa(data[16:20])
    packet.ip_csum_right = checksum(data[:size]) == 0xFFFF
    packet.payload = data[size:packet.total]
    return not packet.fragment & 0x1FFF


def _ipv6(packet, data):
    if len(data) < 40 or data[0] >> 4 != 6:
        return False
    first, length, proto, packet.ttl = struct.unpack("!IHBB", data[:8])
    packet.tos, packet.flow = first >> 20 & 255, first & 0xFFFFF
    packet.src, packet.dst = (socket.inet_ntop(socket.AF_INET6, data[at:at + 16]) for at in (8, 24))
    packet.total = 40 + length
    rest = data[40:packet.total]
    while proto in EXTENSIONS and len(rest) >= 8:
        packet.extensions.append(proto)
        if proto == 44:
            packet.fragment = int.from_bytes(rest[2:4], "big")
        proto, rest = rest[0], rest[8 if proto == 44 else 8 + rest[1] * 8:]
    packet.proto, packet.payload = proto, rest
    return not packet.fragment & 0xFFF8


def _options(data):
    options = []
    while data:
        klass, kind, last = struct.unpack("!HBB", data[:4])
        size = 4 + (last & 31) * 4
        options.append(Option(klass, kind, last >> 5, data[4:size]))
        data = data[size:]
    return options


def _udp(packet, ports):
    udp = packet.payload
    if len(udp) < 16:
        return False
    packet.sport, packet.dport, packet.udp_length, packet.csum = struct.unpack("!HHHH", udp[:8])
    packet.type = ports.get(packet.dport)
    size = 8
    if packet.type == "vxlan":
        packet.flags = udp[8]
    elif packet.type == "geneve":
        packet.version, packet.flags = udp[8] >> 6, udp[9]
        packet.protocol = int.from_bytes(udp[10:12], "big")
        packet.reserved = udp[15]
        size += (udp[8] & 0x3F) * 4
        packet.options = _options(udp[16:8 + size])
    else:
        return False
    packet.vni = int.from_bytes(udp[12:15], "big")
    packet.header, packet.inner = udp[8:8 + size], udp[8 + size:packet.udp_length]
    return True


def _gre(packet):
    data = packet.payload
    if len(data) < 4:
        return False
    packet.type = "gre"
    packet.flags, packet.protocol = struct.unpack("!HH", data[:4])
    packet.version = packet.flags & 7
    at = 4
    if packet.flags & GRE_C:
        packet.csum, packet.reserved = struct.unpack("!HH", data[at:at + 4])
        at += 4
    if packet.flags & GRE_K:
        packet.key = int.from_bytes(data[at:at + 4], "big")
        packet.vni = packet.key >> 8
        at += 4
    if packet.flags & GRE_S:
        packet.seq = int.from_bytes(data[at:at + 4], "big")
        at += 4
    packet.header, packet.inner = data[:at], data[at:]
    return True


def decode(data, ports=PORTS):
    """The Outer of a frame, or None if it is no GRE and no UDP to one of `ports` ({port: type}).

    Of a fragmented packet it is the first fragment.
    """
    if len(data) < 34:
        return None
    ethertype = data[12:14]
    packet = Outer(data, _mac(data[0:6]), _mac(data[6:12]), 6 if ethertype == b"\x86\xdd" else 4)
    if ethertype == b"\x08\x00":
        found = _ipv4(packet, data[14:])
    else:
        found = ethertype == b"\x86\xdd" and _ipv6(packet, data[14:])
    if not found:
        return None
    if packet.proto == 17:
        found = _udp(packet, ports)
    else:
        found = packet.proto == 47 and _gre(packet)
    return packet if found else None
