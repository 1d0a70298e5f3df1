# SPDX-License-Identifier: GPL-2.0-only
"""Captures: which packets are copied where, and filters, whose verdict must be libpcap's own."""

import ctypes
import random

import pytest
from scapy.all import ARP, GRE, ICMP, IP, TCP, UDP, Dot1Q, Ether, IPv6, Raw
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6ExtHdrHopByHop

from abi import DROPS, U8, U32, C, Control
from capturing import POINTS, Capturing
from datapath import (A, B, IN, LO, LOCAL, NEXT_HOP, OUT, PEER, REDIRECT, REMOTE, TUNNEL, UNDERLAY_MAC, addr, now,
                      vxlan)

pcap = ctypes.CDLL("libpcap.so.0.8")
pcap.pcap_open_dead.restype = ctypes.c_void_p
pcap.pcap_geterr.restype = ctypes.c_char_p
pcap.pcap_geterr.argtypes = [ctypes.c_void_p]


class Program(ctypes.Structure):
    """struct bpf_program"""

    class Insn(ctypes.Structure):
        _fields_ = [("code", ctypes.c_uint16), ("jt", U8), ("jf", U8), ("k", U32)]

    _fields_ = [("length", ctypes.c_uint), ("insns", ctypes.POINTER(Insn))]

    def __init__(self, text=None, insns=()):
        super().__init__(len(insns), (self.Insn * len(insns))(*insns))
        if text is None:
            return
        handle = ctypes.c_void_p(pcap.pcap_open_dead(1, 65535))
        assert not pcap.pcap_compile(handle, ctypes.byref(self), text.encode(), 1, U32(0xffffffff)), \
            pcap.pcap_geterr(handle)

    def list(self):
        return [(i.code, i.jt, i.jf, i.k) for i in self.insns[:self.length]]

    def verdict(self, packet):
        header = (ctypes.c_uint32 * 6)(0, 0, 0, 0, len(packet), len(packet))
        return bool(pcap.pcap_offline_filter(ctypes.byref(self), header, packet))


FILTERS = [
    "ip", "ip6", "arp", "icmp", "icmp6", "tcp", "udp", "not ip", "ip or arp", "vlan", "vlan 7", "vlan and ip", "mpls",
    "host 10.0.0.1", "src host 10.0.0.1", "dst net 10.0.0.0/8", "net 10.0.0.0/30", "host 2001:db8::1", "port 53",
    "src port 1000", "dst portrange 100-2000", "tcp port 80 or udp port 53", "tcp[tcpflags] & (tcp-syn|tcp-ack) != 0",
    "tcp[tcpflags] == tcp-syn", "ip[8] < 10", "ip[0] & 0xf > 5", "ip[2:2] > 100", "udp[8:4] = 0x78787878", "len > 100",
    "less 64", "greater 200", "ether broadcast", "ether multicast", "ether host 0a:00:00:00:00:0a",
    "ether src 0a:00:00:00:00:0a and not host 10.0.0.9", "ip proto 47", "ip[6:2] & 0x1fff = 0", "icmp[icmptype] = icmp-echo",
    "ip6 protochain 58", "ip[2:2] - ((ip[0] & 0xf) << 2) > 30", "ip[2:2] / 2 > 40 and ip[1] * 3 = 0", "ether[0] & 1 != 0",
    "ether[100:4] = 0x78787878", "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420", "ip[ip[0] & 0xf:1] ^ 3 | 8 = 0xf",
    "ip[2:2] % 7 = 3", "greater 242", "less 242", "dst portrange 80-1999", "udp[4:2] >= 208", "udp[4:2] > 207",
    "ether[4294967295] = 1", "1 / ip[1] = 0", "-ip[1] = 0", "ip[8] << 25 > 5", "ip[8] >> ip[9] = 0",
]


def inner_frames():
    ether = Ether(dst=B, src=A)
    four, six = IP(src="10.0.0.1", dst="10.0.0.2", id=7), IPv6(src="2001:db8::1", dst="2001:db8::2")
    return [bytes(frame) for frame in (
        ether / four / UDP(sport=1000, dport=53) / Raw(b"x" * 200),
        ether / four / UDP(sport=1000, dport=2000) / Raw(b"x" * 20),
        ether / four / TCP(sport=1000, dport=80, flags="S"),
        ether / four / TCP(sport=80, dport=1000, flags="A", options=[("MSS", 1400)]) / Raw(b"GET /"),
        ether / IP(src="10.0.0.9", dst="11.0.0.2", ttl=3, tos=5, options=[b"\x07\x03\x04\x00"]) / ICMP(),
        ether / IP(src="10.0.0.9", dst="11.0.0.2", frag=3) / Raw(b"x" * 60),
        ether / four / GRE() / IP() / UDP(),
        ether / six / TCP(sport=1000, dport=443, flags="PA") / Raw(b"GET "),
        ether / six / UDP(sport=5, dport=53),
        ether / six / IPv6ExtHdrHopByHop() / ICMPv6EchoRequest(),
        Ether(dst="ff:ff:ff:ff:ff:ff", src=A) / ARP(psrc="10.0.0.1", pdst="10.0.0.2"),
        Ether(dst=B, src=A, type=0x88b5) / Raw(b"x" * 300),
        Ether(dst=B, src=A, type=0x0800) / Raw(b"\x45"),
    )]


@pytest.fixture
def capturing(dp):
    capturing = Capturing(dp)
    yield capturing
    capturing.close()


@pytest.fixture
def flooded(dp):
    """Frames go to port OUT, whatever they are."""
    dp.bridge(port_slots=2)
    dp.member(0, IN)
    dp.member(1, OUT)
    return dp


def test_filters_from_a_port(flooded, capturing):
    pairs = set()
    for text in FILTERS:
        program = Program(text)
        ring = capturing.slot(points=["port-in"], program=program.list())
        for frame in inner_frames()[:-1]:  # TEST_RUN takes no IP packet without its header
            flooded.from_port(frame)
            kept = ring.read()
            assert bool(kept) == program.verdict(frame), (text, frame.hex())
            assert [record.bytes for record in kept] == [frame][:len(kept)]
            pairs.add((text, bool(kept)))
    # a filter that says the same of all packets tells little
    assert len([text for text in FILTERS if (text, True) in pairs and (text, False) in pairs]) > len(FILTERS) * 2 // 3


@pytest.mark.parametrize("outer", [0, 1])
def test_filters_from_the_underlay(flooded, capturing, outer):
    for text in FILTERS:
        program = Program(text)
        ring = capturing.slot(points=["underlay-in"], program=program.list(), outer=outer)
        for frame in inner_frames():
            packet = bytes(vxlan(Raw(frame)))
            flooded.from_underlay(packet)
            kept = ring.read()
            assert bool(kept) == program.verdict(packet if outer else frame), (text, frame.hex())
            assert [record.bytes for record in kept] == [packet][:len(kept)]


LOADS = [0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x00, 0x80, 0x60, 0x01, 0x81, 0x61, 0xb1]  # ld, ldx in all their modes
ALU = [operation | source | 4 for operation in range(0, 0xb0, 0x10) for source in (0, 8)
       if (operation, source) != (0x80, 8)]
JUMPS = [operation | source | 5 for operation in (0x10, 0x20, 0x30, 0x40) for source in (0, 8)]
OTHERS = [0x02, 0x03, 0x07, 0x87]  # st, stx, tax, txa


def any_program(chance):
    """Any instructions that are allowed, at random, also those that libpcap does not make of a text."""
    insns = [(0x02, 0, 0, word) for word in range(16)]  # libpcap's memory begins as what was there
    length = chance.randrange(4, 24)
    for left in range(length, 0, -1):
        code = chance.choice(chance.choice((LOADS, LOADS, ALU, JUMPS, OTHERS)))
        k = chance.choice((0, 1, 2, 12, 14, 23, 31, 200, 0x7fffffff, 0xffffffff, chance.randrange(64)))
        if code in (0x60, 0x61, 0x02, 0x03):
            k %= 16
        elif code in (0x64, 0x74):  # shifts by more than there is are not defined
            k %= 32
        elif code in (0x34, 0x94):
            k = k or 1
        jumps = [chance.randrange(left) if code in JUMPS else 0 for _ in range(2)]
        insns.append((code, *jumps, k))
    return insns + [(0x16, 0, 0, 0)]


def test_any_program(dp, capturing):
    verdicts = set()
    frame = inner_frames()[3]
    for seed in range(600):
        program = Program(insns=any_program(random.Random(seed)))
        ring = capturing.slot(points=["port-in"], program=program.list(), ring=65536)
        dp.from_port(frame)
        kept = bool(ring.read())
        assert kept == program.verdict(frame), (seed, program.list())
        verdicts.add(kept)
    assert verdicts == {False, True}


@pytest.mark.parametrize("shift", [0x6c, 0x7c])
@pytest.mark.parametrize("by", [31, 32, 33, 0xffffffff])
def test_shift_by_more_than_there_is(dp, capturing, shift, by):
    program = Program(insns=[(0x01, 0, 0, by), (0x00, 0, 0, 0xffffffff), (shift, 0, 0, 0), (0x16, 0, 0, 0)])
    ring = capturing.slot(points=["port-in"], program=program.list())
    dp.from_port(inner_frames()[3])
    assert bool(ring.read()) == program.verdict(inner_frames()[3]) == (by < 32)


def outer_headers():
    """What stands in front of a frame, or of an IP packet; each with its name."""
    for outer in (IP(src=REMOTE, dst=LOCAL), IP(src=REMOTE, dst=LOCAL, options=[b"\x01\x01\x01\x00"]),
                  IPv6(src="2001:db8::2", dst="2001:db8::1")):
        name = f"{outer.version}{'-options' if outer.version == 4 and outer.options else ''}"
        for flags in range(8):
            fields = {"chksum_present": flags & 1, "key_present": flags >> 1 & 1, "seqnum_present": flags >> 2}
            yield f"{name}-gre-{flags}", outer, GRE(**fields), "proto"
        for options in (b"", b"\x01\x02\x03\x00", b"\x01\x02\x03\x1f" + b"z" * 124):
            # scapy has no field for many options: length and bytes by hand
            yield (f"{name}-geneve-{len(options)}", outer, UDP(sport=5, dport=6081, chksum=0), options)


@pytest.mark.parametrize("case", list(outer_headers()), ids=lambda case: case[0])
@pytest.mark.parametrize("l3", [False, True], ids=["ethernet", "ip"])
def test_inside_of_every_header(dp, capturing, case, l3):
    """Whoever's it is: an IP packet is filtered as if it had an Ethernet header, and its bytes are left alone."""
    _, outer, header, more = case
    dp.set("listen", 0, C.WEFT_LISTEN_GRE)
    dp.set("listen", 6081, 2)
    dp.set("addresses", addr("2001:db8::1"), C.WEFT_ADDRESS_UNICAST)
    for frame in (inner_frames()[0], inner_frames()[7]):
        proto = int.from_bytes(frame[12:14], "big") if l3 else 0x6558
        inner = frame[14:] if l3 else frame
        if more == "proto":
            header.proto = proto
            tunnel = header / Raw(inner)
        else:
            tunnel = header / Raw(bytes([len(more) // 4, 0]) + proto.to_bytes(2, "big") + b"\0\0\1\0" + more + inner)
        packet = bytes(Ether(dst=UNDERLAY_MAC, src=NEXT_HOP) / outer / tunnel)
        for text in ("ip and udp port 53 and udp[8:4] = 0x78787878", "ip6 and tcp port 443", "len = %d" % len(frame)):
            program = Program(text)
            ring = capturing.slot(points=["underlay-in"], program=program.list())
            dp.from_underlay(packet)
            kept = ring.read()
            assert bool(kept) == program.verdict(frame), text
            assert [(record.bytes, record.inner) for record in kept] == [(packet, len(packet) - len(inner))][:len(kept)]


def test_ends_with_the_lease_of_weftd(dp, capturing):
    ring = capturing.slot(points=["port-in"])
    dp.set("control", 0, Control(magic=C.WEFT_ABI_MAGIC, version=C.WEFT_ABI_VERSION, lease=(now() - 1) & 0xffffffff))
    dp.from_port(inner_frames()[0])
    assert not ring.read()


def test_points_of_a_way_out(dp, capturing):
    """The same frame as it comes, and in its tunnel; with what is known of it."""
    ring = capturing.slot()
    dp.fdb(B, remote=PEER)
    frame = inner_frames()[0]
    assert dp.from_port(frame)[0] == REDIRECT
    verdict, sent = dp.from_port(frame)
    records = ring.read()[2:]
    assert [record.point for record in records] == ["port-in", "underlay-out"]
    came, went = records
    assert (came.bytes, came.port, came.tunnel, came.inner, came.ifindex) == (frame, IN, 0, 0, LO)
    assert (went.bytes, went.len, went.port, went.tunnel, went.inner) == (sent, len(sent), IN, TUNNEL, 50)
    assert went.remote == bytes(addr(REMOTE)) and came.remote == bytes(16)
    assert came.time <= went.time and went.bytes[50:] == frame


def test_points_of_a_way_in(dp, capturing):
    ring = capturing.slot()
    dp.fdb(B, port=OUT)
    frame = inner_frames()[0]
    packet = bytes(vxlan(Raw(frame)))
    assert dp.from_underlay(packet)[0] == REDIRECT
    came, went = ring.read()
    assert (came.point, came.bytes, came.tunnel, came.inner) == ("underlay-in", packet, TUNNEL, 50)
    assert came.remote == bytes(addr(REMOTE))
    assert (went.point, went.bytes, went.port, went.tunnel) == ("port-out", frame, OUT, TUNNEL)


def test_flood_is_seen_at_each_member(flooded, capturing):
    ring = capturing.slot()
    flooded.bridge(port_slots=2, remote_slots=1)
    flooded.member(0, PEER, remotes=True)
    frame = inner_frames()[10]
    flooded.from_port(frame)
    assert [(record.point, record.port, record.tunnel) for record in ring.read()] == [
        ("port-in", IN, 0), ("port-out", OUT, 0), ("underlay-out", IN, TUNNEL)]


@pytest.mark.parametrize("tag", [0x8100, 0x88a8])
def test_tag_is_where_it_was(dp, capturing, tag):
    """It is beside the packet when the programs see it."""
    ring = capturing.slot(points=["port-in"], program=Program("ether[16] = 8").list())
    frame = bytes(Ether(dst=B, src=A, type=tag) / Dot1Q(vlan=7, prio=3) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP())
    dp.from_port(frame)
    record, = ring.read()
    assert record.bytes == frame and record.len == len(frame)


def drop_cases():
    yield "src_mac", "weft_port", bytes(Ether(dst=B, src="00:00:00:00:00:00") / IP() / UDP()), (IN, 0), 0
    yield "no_receiver", "weft_port", inner_frames()[0], (IN, 0), 0
    yield "vni_unknown", "weft_underlay", bytes(vxlan(Raw(inner_frames()[0]), vni=99)), (0, 0), 50
    yield "src_denied", "weft_underlay", bytes(vxlan(Raw(inner_frames()[0]), source="192.0.2.77")), (0, 0), 50
    yield "no_i_flag", "weft_underlay", bytes(vxlan(Raw(inner_frames()[0]), flags=0)), (0, 0), 50


@pytest.mark.parametrize("case", list(drop_cases()), ids=lambda case: case[0])
def test_drops(dp, capturing, case):
    reason, program, packet, place, inner = case
    ring = capturing.slot(points=["drop"])
    dp.run(program, packet)
    record, = ring.read()
    assert (record.point, DROPS[record.reason], record.bytes) == ("drop", reason, packet)
    assert (record.port, record.tunnel) == place and record.inner == inner


def test_too_big_is_seen_as_it_was(dp, capturing):
    """The frame becomes the answer to its sender: what was dropped, and what went to the port."""
    ring = capturing.slot()
    dp.fdb(B, remote=PEER)
    frame = bytes(Ether(dst=B, src=A) / IP(src="10.0.0.1", dst="10.0.0.2", flags="DF") / UDP() / Raw(b"x" * 1472))
    dp.from_port(frame)
    came, dropped, answer = ring.read()
    assert (came.point, came.bytes) == ("port-in", frame)
    assert (dropped.point, DROPS[dropped.reason], dropped.bytes, dropped.tunnel) == ("drop", "mtu", frame, TUNNEL)
    assert answer.point == "port-out" and Ether(answer.bytes)[ICMP].type == 3


def test_selection(flooded, capturing):
    """Of a port, of a tunnel, or either."""
    flooded.bridge(port_slots=2, remote_slots=1)
    flooded.member(0, PEER, remotes=True)
    frame = inner_frames()[10]
    wanted = ({"port": OUT}, {"tunnel": TUNNEL}, {"port": OUT, "tunnel": TUNNEL}, {"port": 77})
    rings = [capturing.slot(number, **fields) for number, fields in enumerate(wanted)]
    flooded.from_port(frame)
    assert [[record.point for record in ring.read()] for ring in rings] == [
        ["port-out"], ["underlay-out"], ["port-out", "underlay-out"], []]


@pytest.mark.parametrize("snap", [1, 14, 60, 3000])
def test_snap_length(dp, capturing, snap):
    """The filter sees the whole packet all the same."""
    ring = capturing.slot(points=["port-in"], snap=snap, program=Program("udp[8:4] = 0x78787878").list())
    frame = inner_frames()[0]
    dp.from_port(frame)
    record, = ring.read()
    assert record.bytes == frame[:snap] and record.len == len(frame)


@pytest.mark.parametrize("tag", [None, 7])
def test_long_packet_with_a_short_filter(dp, capturing, tag):
    """Only what the filter looks at is copied for it; those that it passes are whole."""
    packet = Ether(dst=B, src=A) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / Raw(random.Random(1).randbytes(3000))
    frame, wire = bytes(packet), bytes(packet)
    if tag is not None:
        wire = frame[:12] + b"\x81\x00" + tag.to_bytes(2, "big") + frame[12:]
    rings = [capturing.slot(number, points=["port-in"], reach=42, program=Program(text).list(), snap=snap)
             for number, (text, snap) in enumerate((("len > 3000", 65535), ("len > 3000", 2000), ("len < 3000", 65535)))]
    dp.from_port(wire)
    assert [[record.bytes for record in ring.read()] for ring in rings] == [[wire], [wire[:2000]], []]


def test_super_packet(dp, capturing):
    ring = capturing.slot(points=["underlay-in"])
    packet = bytes(vxlan(Ether(dst=B, src=A) / IP(src="10.0.0.1", dst="10.0.0.2") / TCP() / Raw(b"x" * 2000)))
    dp.from_underlay(packet, gso_size=1000, gso_segs=2)
    record, = ring.read()
    assert record.segment == 1000 and record.bytes == packet


def test_full_ring_is_counted(dp, capturing):
    """What has no room is lost, and forwarding goes on."""
    ring = capturing.slot(points=["port-in"], ring=65536)
    dp.fdb(B, remote=PEER)
    frame = bytes(Ether(dst=B, src=A) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / Raw(b"x" * 1000))
    for _ in range(200):
        assert dp.from_port(frame)[0] == REDIRECT
    matched, lost = capturing.counts()["port-in"]
    kept = len(ring.read())
    assert matched == 200 and 0 < lost < 200 and kept == matched - lost
    dp.from_port(frame)
    assert len(ring.read()) == 1 and capturing.counts()["port-in"] == (201, lost)


def test_only_what_is_asked_for(flooded, capturing):
    for point in POINTS:
        ring = capturing.slot(points=[point])
        flooded.from_port(inner_frames()[0])
        assert {record.point for record in ring.read()} <= {point}
    capturing.points(0)
    ring = capturing.slot(points=["port-in"])
    capturing.points(0)
    flooded.from_port(inner_frames()[0])
    assert not ring.read()


def test_packet_is_left_alone(flooded, capturing):
    """The same verdict and bytes with a capture and without, for a frame of each kind."""
    without = [flooded.from_port(frame) for frame in inner_frames()[:-1]]
    capturing.slot(program=Program("tcp or vlan").list())
    assert [flooded.from_port(frame) for frame in inner_frames()[:-1]] == without
