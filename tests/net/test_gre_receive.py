# SPDX-License-Identifier: GPL-2.0-only
"""Rows of GRE (RFC 2784, 2890, 7676) about what is received."""

import itertools
import struct

import pytest

import encap
from frames import BROADCAST, ip_packet, mac_of
from rig import TENANT_A, TENANT_R

pytestmark = pytest.mark.encapsulations("gretap", "gre")
ids = itertools.count(1)  # of fragments: the host keeps parts of which the rest does not come
BAD = mac_of(0xBAD)  # a tenant that must not be learned


def _in(rig, **fields):
    """A packet with the fields reaches the tenant."""
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(inner, **fields), inner)


def _bad(rig, **fields):
    """A packet of a tenant that nobody knows."""
    return rig.packet(rig.tenant(BAD, TENANT_A), **fields)


# checksum ---------------------------------------------------------------------------------


def test_GR_01_right_checksum_is_accepted_without_csum(ready):
    for length in (60, 61, 1400):
        inner = ready.tenant(TENANT_R, TENANT_A, length=length)
        ready.delivered(ready.packet(inner, csum=True), inner)


def test_GR_01_wrong_checksum_is_dropped(ready):
    start = 54 if ready.family == 6 else 34
    for length in (80, 81):
        for at in (start + 4, start + 6, start + 11, start + 12 + 30, -1):
            # in the checksum, Reserved1, the key, the payload, and the last byte
            packet = bytearray(ready.packet(ready.tenant(BAD, TENANT_A, length=length), csum=True))
            packet[at] ^= 1
            with ready.rejects("csum"):
                ready.u.send(bytes(packet))


def test_GR_01_no_value_stands_for_no_checksum(ready):
    for value in (0, 0xFFFF):
        with ready.rejects("csum"):
            ready.u.send(_bad(ready, csum=value))


def test_GR_02_reserved1_is_ignored(ready):
    for reserved1 in (0xFFFF, 1, 0x8000):
        _in(ready, csum=True, reserved1=reserved1)


# flags, version, protocol type ------------------------------------------------------------


def _rfc1701(rig, inner):
    """Routing present: checksum and offset, key, and two source route entries, the last one null."""
    route = struct.pack("!HBB4s", 0x0800, 0, 4, bytes([192, 0, 2, 1])) + bytes(4)
    header = struct.pack("!HHHHI", 0xE000, encap.ETHERNET, 0, 0, rig.vni) + route
    checksum = 0xFFFF - encap.checksum(header + inner)
    return header[:4] + checksum.to_bytes(2, "big") + header[6:]


def test_GR_03_forbidden_bits_are_dropped(ready):
    for bit in (0x4000, 0x0800, 0x0400):  # routing, strict source route, recursion
        with ready.rejects("gre_flags"):
            ready.u.send(_bad(ready, flags=bit))


def test_GR_03_routing_of_rfc_1701_is_dropped(ready):
    inner = ready.tenant(BAD, TENANT_A)
    with ready.rejects("gre_flags"):
        ready.u.send(ready.packet(inner, header=_rfc1701(ready, inner)))


def test_GR_04_reserved_bits_are_ignored(ready):
    for bit in range(6, 13):
        _in(ready, flags=0x8000 >> bit)
    _in(ready, flags=0x03F8)


def test_GR_05_other_versions_are_dropped(ready):
    for version in range(1, 8):
        with ready.rejects("gre_ver"):
            ready.u.send(_bad(ready, version=version))


def test_GR_05_pptp_is_dropped(ready):
    header = struct.pack("!HHHHI", 0x3001, 0x880B, 60, ready.vni, 1)
    with ready.rejects("gre_ver"):
        ready.u.send(_bad(ready, header=header))


def test_GR_06_unknown_protocol_types_are_dropped(ready):
    for protocol in (0x0000, 0x05DC, 0xFFFF):
        with ready.rejects("gre_proto"):
            ready.u.send(_bad(ready, protocol=protocol))


@pytest.mark.encapsulations("gre")
def test_GR_06_ipv4_and_ipv6_are_received(ready):
    for version in (4, 6):
        inner = ready.tenant(TENANT_R, TENANT_A, version=version)
        ready.delivered(ready.packet(inner), inner)


# optional fields --------------------------------------------------------------------------

COMBINATIONS = [(csum, key, seq) for csum in (0, 1) for key in (0, 1) for seq in (0, 1)]


def _fields(rig, csum, key, seq):
    return {"csum": bool(csum), "vni": rig.vni if key else None, "seq": 7 if seq else None}


def test_GR_07_every_combination_of_fields_is_read(rig):
    rig.up(ikey="any", okey=rig.vni)
    rig.meet()
    for combination in COMBINATIONS:
        _in(rig, **_fields(rig, *combination))


def test_GR_07_header_one_byte_short_is_malformed(rig):
    rig.up(ikey="any", okey=rig.vni)
    rig.meet()
    for combination in COMBINATIONS:
        short = 4 + 4 * sum(combination) - 1
        with rig.rejects("malformed"):
            rig.u.send(_bad(rig, keep=short, **_fields(rig, *combination)))


def test_GR_07_header_cut_anywhere_is_malformed(ready):
    shortest = 14 if ready.type == "gretap" else 20  # of what may be inside
    cuts = [*range(16), *range(16, 16 + shortest, 3), 16 + shortest - 1]
    with ready.rejects("malformed", count=len(cuts)):
        for cut in cuts:
            ready.u.send(_bad(ready, keep=cut, csum=True, seq=1))


# key --------------------------------------------------------------------------------------


@pytest.mark.encapsulations("gretap")
def test_GR_08_keys_are_kept_apart(rig):
    rig.kept_apart("key", 1, 2)


@pytest.mark.parametrize("ours, others", [
    (None, (0, 1)), (0, (1, None)), (1, (0, 2, 0x01000001, None)), (0xFFFFFFFF, (0xFFFFFFFE,))])
def test_GR_08_only_the_configured_key_is_taken(rig, ours, others):
    rig.up(key=ours)
    rig.meet(vni=ours)
    for theirs in others:
        with rig.rejects("key_mismatch"):
            rig.u.send(_bad(rig, vni=theirs))


# sequence number --------------------------------------------------------------------------


def _numbers(rig, *numbers):
    """Sends a packet with each number at once; gives those of the packets that were delivered.

    One without a number, which is never out of sequence (GR-11), shows that all have been handled.
    """
    inners = [rig.tenant(TENANT_R, TENANT_A) for _ in numbers]
    rig.a.drain()
    rig.u.send(*(rig.packet(inner, seq=number) for inner, number in zip(inners, numbers)))
    got = []
    last = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(last), last)
    for data in rig.a.drain():
        got += [number for inner, number in zip(inners, numbers) if inner[28:] in data]
    return got


def test_GR_10_out_of_sequence_is_dropped(rig):
    rig.up(iseq=True)
    rig.meet()
    before = rig.dut.drops().get("gre_seq", 0)
    assert _numbers(rig, 0, 1, 1, 0, 3, 2) == [0, 1, 3]
    if rig.dut.counts_drops:
        assert rig.dut.drops()["gre_seq"] == before + 3


def test_GR_10_what_is_dropped_leaves_nothing(rig):
    rig.up(iseq=True)
    rig.meet()
    assert _numbers(rig, 9) == [9]
    with rig.rejects("gre_seq", count=2):
        rig.u.send(_bad(rig, seq=9), _bad(rig, seq=8))


def test_GR_10_numbers_wrap(rig):
    rig.up(iseq=True)
    rig.meet()
    assert _numbers(rig, 0x7FFFFFFF, 0xFFFFFFFF) == [0x7FFFFFFF, 0xFFFFFFFF]
    assert _numbers(rig, 0, 0xFFFFFFFF, 1) == [0, 1]


def test_GR_10_half_of_the_numbers_are_ahead(rig):
    """last + 2^31 is a gap, last + 2^31 + 1 is behind."""
    rig.up(iseq=True)
    rig.meet()
    assert _numbers(rig, 100, 101 + (1 << 31), 100 + (1 << 31)) == [100, 100 + (1 << 31)]


@pytest.mark.encapsulations("gretap")
def test_GR_10_numbers_are_counted_per_key(rig):
    for bridge, port, name, key in (("br1", "pa", "v1", 1), ("br2", "pb", "v2", 2)):
        rig.dut.bridge(bridge)
        rig.dut.port(port, bridge)
        rig.tunnel(name, bridge, key=key, iseq=True)
    for key, tap in ((1, rig.a), (2, rig.b)):
        for number in (5, 6):
            inner = rig.tenant(TENANT_R, BROADCAST)
            rig.delivered(rig.packet(inner, vni=key, seq=number), inner, tap)


def test_GR_10_without_iseq_numbers_are_not_looked_at(ready):
    assert _numbers(ready, 5, 5, 4, 0) == [5, 5, 4, 0]


def test_GR_11_packets_without_number_are_in_sequence(rig):
    rig.up(iseq=True)
    rig.meet()
    assert _numbers(rig, 5, None, 6, None, 6) == [5, None, 6, None]


# payload that is routed -------------------------------------------------------------------


@pytest.mark.encapsulations("gre")
def test_GR_13_ttl_is_one_less_behind_the_tunnel(ready):
    for version in (4, 6):
        inner = ready.tenant(TENANT_R, TENANT_A, version=version, ttl=5)
        ready.delivered(ready.packet(inner), inner)


@pytest.mark.encapsulations("gre")
@pytest.mark.parametrize("version", [4, 6])
def test_GR_13_expired_ttl_is_answered(ready, version):
    inner = ready.tenant(TENANT_R, TENANT_A, version=version, ttl=1)
    kind, protocol = (b"\x0b\0", 1) if version == 4 else (b"\x03\0", 58)

    def answer(data):
        packet = ready.outer(data)
        if packet is None or packet.dst != ready.r1:
            return None
        header = 20 if version == 4 else 40
        proto = packet.inner[9 if version == 4 else 6]
        return (proto == protocol and packet.inner[header:header + 2] == kind
                and inner[:header] in packet.inner)
    ready.u.send(ready.packet(inner))
    ready.u.expect(answer, what="time exceeded")
    assert inner[28:] not in b"".join(ready.a.drain())


@pytest.mark.encapsulations("gre")
def test_GR_13_what_would_lead_back_to_the_encapsulator_is_dropped(ready):
    family = ready.family
    source = {4: "10.0.9.1", 6: "2001:db8:9::1"}[family]
    inner = bytes(ip_packet(version=family, src=source, dst=ready.r1))
    with ready.rejects("loop"):
        ready.u.send(ready.packet(inner))


# IPv6's extension headers -----------------------------------------------------------------

PADDING = bytes([0, 1, 4, 0, 0, 0, 0])  # length 0, then PadN over the rest
LIMIT = bytes([0, 4, 1, 4, 1, 1, 0])  # tunnel encapsulation limit 4 (RFC 2473 4.1.1), PadN
HEADERS = (
    [(encap.DESTINATION_OPTIONS, PADDING)],
    [(encap.DESTINATION_OPTIONS, LIMIT)],
    [(encap.HOP_BY_HOP, PADDING)],
    [(encap.HOP_BY_HOP, PADDING), (encap.DESTINATION_OPTIONS, LIMIT)],
    [(encap.DESTINATION_OPTIONS, bytes([3, 1, 28]) + bytes(28))],
)


@pytest.mark.family(6)
def test_GR_14_extension_headers_may_come_first(ready):
    for headers in HEADERS:
        _in(ready, ip={"extensions": headers})


# fragments of the delivery packet ---------------------------------------------------------


def _fragments(rig, packet, source=None, cut=600, tos=(0, 0)):
    """An underlay packet as two IP fragments of `source`, with a TOS each."""
    id = next(ids)
    payload = packet[54 if rig.family == 6 else 34:]
    pieces = []
    for offset, more, piece, mark in ((0, 1, payload[:cut], tos[0]),
                                      (cut, 0, payload[cut:], tos[1])):
        if rig.family == 6:
            header = encap.fragment_header(offset, more, id)
            fields = {"extensions": [(encap.FRAGMENT, header)]}
        else:
            fields = {"id": id, "flags": more, "frag": offset // 8}
        pieces.append(encap.underlay(rig.path(source), 47, piece, tos=mark, **fields))
    return pieces


@pytest.mark.parametrize("fields", [{}, {"csum": True}, {"seq": 1}], ids=["", "csum", "seq"])
def test_GR_15_fragments_are_put_together(ready, fields):
    for order in ((0, 1), (1, 0)):
        inner = ready.tenant(TENANT_R, TENANT_A, length=1200)
        pieces = _fragments(ready, ready.packet(inner, **fields))
        ready.u.send(pieces[order[0]])
        ready.delivered(pieces[order[1]], inner)
        ready.good_pass()
        assert not [data for data in ready.a.drain() if inner[28:] in data], "delivered twice"


def test_GR_15_part_of_a_packet_is_not_delivered(ready):
    packet = ready.packet(ready.tenant(BAD, TENANT_A, length=1200))
    for part in (0, 1):
        with ready.silent():
            ready.u.send(_fragments(ready, packet)[part])


def test_GR_15_fragments_of_others_are_denied(ready):
    """They are put together, and then are as any packet of somebody who is not a remote."""
    inner = ready.tenant(BAD, TENANT_A, length=1200)
    with ready.rejects("src_denied"):
        ready.u.send(*_fragments(ready, ready.packet(inner, ready.r3), ready.r3))


NOT_ECT, ECT_1, ECT_0, CE = range(4)


def test_EC_12_marks_of_fragments_are_joined(ready):
    for marks, result in (((ECT_0, ECT_0), ECT_0), ((ECT_1, ECT_1), ECT_1), ((CE, CE), CE),
                          ((ECT_0, CE), CE), ((CE, ECT_0), CE), ((ECT_1, CE), CE),
                          ((ECT_1, ECT_0), ECT_1), ((ECT_0, ECT_1), ECT_1)):
        inner = ready.tenant(TENANT_R, TENANT_A, length=1200, tos=ECT_0)
        ready.u.send(*_fragments(ready, ready.packet(inner), tos=marks))
        got = ready.a.expect(lambda data, inner=inner: data if inner[48:] in data else None)
        assert got[15] & 3 == result, marks


def test_EC_12_not_ect_among_others_is_discarded(ready):
    for marks in ((NOT_ECT, ECT_0), (ECT_1, NOT_ECT), (NOT_ECT, CE)):
        inner = ready.tenant(BAD, TENANT_A, length=1200, tos=ECT_0)
        with ready.silent():
            ready.u.send(*_fragments(ready, ready.packet(inner), tos=marks))
