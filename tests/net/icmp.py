# SPDX-License-Identifier: GPL-2.0-only
"""ICMP's "too big" (RFC 1191 4, RFC 4443 3.2): as a router on the underlay sends it, and as a tenant gets it.

    rig.u.send(too_big(rig.path(), sent.raw[14:], 1400))         # a router says so about a packet of the DUT
    answer = rig.a.expect(about(inner), what="ICMP error")       # the tenant that sent `inner` is told
    check_answer(answer, inner, 1450)
"""

import dataclasses
import socket
import struct

import encap

QUOTED = {4: 548, 6: 1232}  # most bytes of a packet in an error about it: 576 and 1280 with headers (RFC 1812, RFC 4443)
KIND = {4: (3, 4), 6: (2, 0)}  # type and code
PLATEAUS = (65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68)  # RFC 1191 7.2


def too_big(outer, quoted, mtu, *, csum=None, kind=None, code=None):
    """An underlay frame with the error about the IP packet `quoted`; `outer` as for encap.underlay()."""
    family = encap.family_of(outer[3])
    kind = KIND[family][0] if kind is None else kind
    code = KIND[family][1] if code is None else code
    body = struct.pack("!BBHI", kind, code, 0, mtu) + quoted
    pseudo = encap.pseudo_header(outer[2], outer[3], 58, len(body)) if family == 6 else b""
    if csum is None:
        csum = 0xFFFF - encap.checksum(pseudo + body)
    body = body[:2] + csum.to_bytes(2, "big") + body[4:]
    return encap.underlay(outer, 58 if family == 6 else 1, body)


@dataclasses.dataclass
class Answer:
    """An error as a tenant gets it."""

    ethernet: bytes  # both MACs, and the VLAN tags
    version: int
    src: str
    dst: str
    ttl: int
    whole: bool  # no fragment, lengths and checksums right
    unused: int  # IPv4's, which is 0
    mtu: int
    quote: bytes


def split_ethernet(data):
    """MACs and tags of a frame, its type, and what follows."""
    at = 12
    while data[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    return data[:at], data[at:at + 2], data[at + 2:]


def read_answer(data):
    """The Answer in a frame, or None."""
    ethernet, kind, packet = split_ethernet(data)
    if kind == b"\x08\x00" and packet[9] == 1:
        size = (packet[0] & 15) * 4
        total, fragment = struct.unpack("!H2xH", packet[2:8])
        body = packet[size:]
        whole = (total == len(packet) and not fragment & 0x3FFF and size == 20
                 and encap.checksum(packet[:size]) == 0xFFFF and encap.checksum(body) == 0xFFFF)
        if tuple(body[:2]) != KIND[4]:
            return None
        return Answer(ethernet, 4, socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]),
                      packet[8], whole, *struct.unpack("!HH", body[4:8]), body[8:])
    if kind == b"\x86\xdd" and packet[6] == 58 and tuple(packet[40:42]) == KIND[6]:
        src, dst = (socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24))
        body = packet[40:]
        pseudo = encap.pseudo_header(src, dst, 58, len(body))
        whole = (int.from_bytes(packet[4:6], "big") == len(body)
                 and encap.checksum(pseudo + body) == 0xFFFF)
        return Answer(ethernet, 6, src, dst, packet[7], whole, 0,
                      int.from_bytes(body[4:8], "big"), body[8:])
    return None


def packet_of(inner):
    """The IP packet in a tenant's frame, which may be one itself."""
    return inner if inner[0] >> 4 in (4, 6) else split_ethernet(inner)[2]


def about(inner):
    """An expect() matcher: the Answer that quotes the tenant's frame, whose MACs are those of mac_of()."""
    packet = packet_of(inner)
    part = slice(8, 48) if packet[0] >> 4 == 6 else slice(12, 28)  # what a router leaves as it is

    def match(data):
        answer = read_answer(data)
        return answer if answer and answer.quote[part] == packet[part] else None
    return match


def addresses(packet):
    """Source and destination of an IP packet."""
    if packet[0] >> 4 == 6:
        return tuple(socket.inet_ntop(socket.AF_INET6, packet[at:at + 16]) for at in (8, 24))
    return socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])


def check_answer(answer, inner, mtu):
    """It is all that an answer about the tenant's frame has to be: it comes from where the frame was to go, with the
    frame's VLAN, says the MTU, and quotes as much of the frame as an ICMP error may, in whole words."""
    ethernet, _, packet = split_ethernet(inner)
    assert answer.ethernet == ethernet[6:12] + ethernet[:6] + ethernet[12:]
    assert (answer.src, answer.dst) == addresses(packet)[::-1]
    assert answer.whole, "checksum or length"
    assert answer.ttl >= 64
    assert (answer.unused, answer.mtu) == (0, mtu)
    assert answer.quote == packet[:min(QUOTED[answer.version], len(packet) & ~3)]
