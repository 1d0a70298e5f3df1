# SPDX-License-Identifier: GPL-2.0-only
"""Outer checksums of super-packets: written once, and right in every packet that segmentation makes (bpf/encap_csum.h).

The underlay devices cannot segment what is in a tunnel, so that the wire has single packets. A checksum that
an inner packet leaves to the device it is sent by counts as filled in: that is what the outer one is about.
"""

import itertools
import os
import socket

import pytest

from decode import decode
from encap import checksum, pseudo_header
from frames import IP, TCP, UDP, Ether, IPv6, Raw
from lab import DEADLINE
from pair import Pair
from tap import Tap
from traffic import tcp_transfer

OFF = [word for feature in ("udp_tnl", "udp_tnl-csum", "gre", "gre-csum")
       for word in (f"tx-{feature}-segmentation", "off")]
SEGMENT = 1000
SIZES = (8000, 3000, 5001, 5500, 1999, 1001)  # of payload: even for SEGMENT, and uneven
PLACES = {6: 16, 17: 6}  # of the checksum in TCP and UDP
UDP_SEGMENT = 103
SUPER = 1600  # more bytes than a single packet has
PORT = 7002

TUNNELS = {
    "geneve": {"type": "geneve", "id": 77},
    "geneve-option": {"type": "geneve", "id": 77, "option": ["0x0102:0x01:ffeeddcc"]},
    "vxlan": {"type": "vxlan", "id": 77, "udpcsum": True},
    "gretap": {"type": "gretap", "csum": True},
    "gretap-key": {"type": "gretap", "csum": True, "key": 0xFFFE8001},
}


@pytest.fixture(params=[4, 6], ids=["over-ipv4", "over-ipv6"])
def pair(request, lab):
    made = Pair(lab, ("weft", "weft"), family=request.param)
    for host in made.hosts:
        host.run("ethtool", "-K", "eth0", *OFF)
    return made


def _transport(inner):
    """Offset of TCP or UDP in an Ethernet frame with IP, where it ends, and the sum of the pseudo-header; None if it has
    none of them."""
    if inner[12:14] == b"\x08\x00":
        start, proto, end = 14 + (inner[14] & 15) * 4, inner[23], 14 + int.from_bytes(inner[16:18], "big")
        addresses = [socket.inet_ntoa(inner[at:at + 4]) for at in (26, 30)]
    elif inner[12:14] == b"\x86\xdd":
        start, proto, end = 54, inner[20], 54 + int.from_bytes(inner[18:20], "big")
        addresses = [socket.inet_ntop(socket.AF_INET6, inner[at:at + 16]) for at in (22, 38)]
    else:
        return None
    if proto not in PLACES:
        return None
    return start, end, PLACES[proto], checksum(pseudo_header(*addresses, proto, end - start))


def filled(inner):
    """The frame with its checksum filled in if that was left to the device, and whether it was. Otherwise it has to be
    right."""
    found = _transport(inner)
    if not found:
        return inner, False
    start, end, place, pseudo = found
    at = start + place
    if int.from_bytes(inner[at:at + 2], "big") != pseudo:
        total = checksum(pseudo.to_bytes(2, "big") + inner[start:end])
        assert total == 0xFFFF, f"inner checksum is wrong: {inner.hex()}"
        return inner, False
    value = 0xFFFF - checksum(inner[start:end]) or 0xFFFF  # the field is the pseudo-header's part
    return inner[:at] + value.to_bytes(2, "big") + inner[at + 2:], True


def verified(frames, final=False):
    """The Outers of captured frames, each with a right outer and a right inner checksum; `final`: on the wire as it is."""
    packets = []
    for data in frames:
        packet = decode(data)
        if not packet:
            continue
        assert len(data) <= 1514, "a super-packet on the wire"
        assert packet.ip_csum_right
        assert packet.csum, "no checksum"
        inner, was_left = filled(packet.inner)
        assert not (final and was_left)
        packet = decode(data[:-len(inner)] + inner)
        assert packet.csum_is_right(), f"outer checksum {packet.csum:#x} is wrong: {data.hex()}"
        packets.append(packet)
    return packets


def _drops(pair):
    return {reason for host in pair.hosts for reason in host.weft.drops()} & {"csum", "encap", "mtu"}


def _super_frame(pair, version, size):
    one, two = (host.c for host in pair.hosts)
    pair_of = (one.address, two.address) if version == 4 else (one.address6, two.address6)
    return bytes(Ether(src=one.mac("eth0"), dst=two.mac("eth0"))
                 / (IP if version == 4 else IPv6)(src=pair_of[0], dst=pair_of[1])
                 / TCP(sport=1, dport=2, flags="A", seq=size) / Raw(os.urandom(size)))


def _pieces(size):
    return [min(SEGMENT, size - at) for at in range(0, size, SEGMENT)]


def _tcp_super_packets(pair, final):
    """Of known length: number and payload of the segments, and both checksums, are what they must be."""
    source = Tap(pair.one.c, "eth0")
    wire, container = Tap(pair.two, "eth0"), Tap(pair.two.c, "eth0")
    for version, size in itertools.product((4, 6), SIZES):
        frame = _super_frame(pair, version, size)
        header = len(frame) - size
        wire.drain()
        container.drain()
        source.send_super(frame, SEGMENT)

        def ours(data, header=header):
            return data if data[header - 20:header - 16] == b"\0\1\0\2" else None
        got = [container.expect(ours) for _ in _pieces(size)]
        assert b"".join(filled(piece)[0][header:] for piece in got) == frame[header:]
        sent = [packet for packet in verified(wire.drain(), final) if ours(packet.inner)]
        assert [len(packet.inner) - header for packet in sent] == _pieces(size)


def _udp_sockets(pair, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pair.two.c.inside():
        receiver = socket.socket(family, socket.SOCK_DGRAM)
    with pair.one.c.inside():
        sender = socket.socket(family, socket.SOCK_DGRAM)
    pair.one.lab.sockets += [receiver, sender]
    receiver.bind((address, PORT))
    receiver.settimeout(DEADLINE)
    sender.connect((address, PORT))
    return receiver, sender


def _udp_super_packets(pair, final):
    """UDP_SEGMENT: as many datagrams as asked for, the last one shorter or not."""
    wire, leaving = Tap(pair.two, "eth0"), Tap(pair.one, "vnet0")
    for address in (pair.two.c.address, pair.two.c.address6):
        receiver, sender = _udp_sockets(pair, address)
        with receiver, sender:
            sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, SEGMENT)
            for size in SIZES:
                wire.drain()
                leaving.drain()
                data = os.urandom(size)
                sender.send(data)
                assert [receiver.recv(1 << 16) for _ in _pieces(size)] == [
                    data[at:at + SEGMENT] for at in range(0, size, SEGMENT)]
                assert max(map(len, leaving.drain())) > size, "was no super-packet"
                sent = [packet for packet in verified(wire.drain(), final)
                        if PORT.to_bytes(2, "big") in packet.inner[34:60]]
                assert len(sent) == len(_pieces(size))


def _streams(pair):
    """TCP as the stack cuts it."""
    one, two = (host.c for host in pair.hosts)
    leaving, wire = Tap(pair.one, "vnet0"), Tap(pair.two, "eth0")
    for address in (two.address, two.address6):
        tcp_transfer(one, two, address, size=2 << 20)
        assert max(map(len, leaving.drain())) > SUPER
        assert len(verified(wire.drain())) > (2 << 20) // 1500


@pytest.mark.parametrize("tunnel", TUNNELS)
def test_each_segment_of_a_super_packet(pair, tunnel):
    """By an underlay device that fills in checksums, and by one that cannot."""
    pair.up(**TUNNELS[tunnel]).ping()
    for state in ("on", "off"):
        pair.one.run("ethtool", "-K", "eth0", "tx", state)
        _tcp_super_packets(pair, state == "off")
        _udp_super_packets(pair, state == "off")
    pair.one.run("ethtool", "-K", "eth0", "tx", "on")
    _streams(pair)
    assert not _drops(pair)


@pytest.mark.parametrize("tunnel", ["geneve", "gretap"])
def test_short_datagrams(pair, tunnel):
    """What is inside may be shorter than an IP header of the underlay."""
    pair.up(**TUNNELS[tunnel]).ping()
    for address in (pair.two.c.address, pair.two.c.address6):
        receiver, sender = _udp_sockets(pair, address)
        with receiver, sender:
            for size in (0, 1, 7, 11, 12, 13, 18, 19):
                sender.send(bytes(size))
                assert len(receiver.recv(100)) == size
    assert not _drops(pair)


@pytest.mark.parametrize("tunnel", ["geneve", "vxlan-plain", "gretap-seq"])
def test_a_tunnel_in_the_tunnel(pair, tunnel):
    """Containers with a VXLAN of the kernel's over the overlay: its super-packets are cut before they are encapsulated."""
    plain = {"vxlan-plain": {"type": "vxlan", "id": 77}, "gretap-seq": {"type": "gretap", "seq": True}}
    pair.up(**(plain.get(tunnel) or TUNNELS[tunnel])).ping()
    one, two = (host.c for host in pair.hosts)
    for here, there in ((one, two), (two, one)):
        here.ip(f"link add inner0 mtu 1300 type vxlan id 5 dstport 4789 local {here.address} "
                f"remote {there.address}")
        here.ip(f"address add {here.address.replace('10.0.0', '10.5.0')}/24 dev inner0")
        here.ip("link set inner0 up")
    leaving, wire = Tap(pair.one, "vnet0"), Tap(pair.two, "eth0")
    two.ping("10.5.0.1")
    tcp_transfer(one, two, "10.5.0.2", size=2 << 20)
    assert max(map(len, leaving.drain())) > SUPER
    packets = [packet for packet in map(decode, wire.drain()) if packet]
    assert len(packets) > (2 << 20) // 1300
    assert max(len(packet.raw) for packet in packets) <= 1514
    if "plain" not in tunnel and "seq" not in tunnel:
        assert all(packet.csum for packet in packets)
    assert not _drops(pair)
