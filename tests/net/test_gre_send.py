# SPDX-License-Identifier: GPL-2.0-only
"""Rows of GRE (RFC 2784, 2890, 7676) about what is sent."""

import json
import struct
import threading

import pytest

import hooks
import icmp
from frames import BROADCAST, IP, TCP, Ether, IPv6, Raw, ip_packet, mac_of
from encap import IPV4, IPV6, octets, underlay
from rig import TENANT_A, TENANT_R
from routed import ADDRESSES, hop
from tap import Tap

pytestmark = pytest.mark.encapsulations("gretap", "gre")


def _final(rig):
    """What is on the wire is what leaves the host: no checksum is left to be filled in."""
    rig.host.offload("u0", "off")


# checksum and header ----------------------------------------------------------------------


@pytest.mark.parametrize("field", ["csum", "ocsum"])
def test_GR_02_checksum_covers_header_and_payload(rig, field):
    _final(rig)
    rig.up(**{field: True})
    rig.meet(csum=True)
    for length in (60, 61, 333, 1301, 1400):
        packet = rig.out(rig.tenant(length=length))
        assert packet.flags & 0x8000
        assert packet.csum_is_right()
        assert packet.reserved == 0


def test_GR_02_no_checksum_by_default(ready):
    packet = ready.out(ready.tenant())
    assert packet.csum is None
    assert len(packet.header) == 8


@pytest.mark.parametrize("more", [{}, {"seq": True}], ids=["", "seq"])
def test_GR_02_every_segment_has_its_checksum(rig, more):
    """Of a super-packet, whose last segment is shorter, or of uneven length."""
    _final(rig)
    rig.up(csum=True, **more)
    rig.meet(csum=True)
    for version in (4, 6):
        for size in (5000, 5001, 4000, 999, 1001):
            packets = _segments(rig, version, size, 1000)
            assert len(packets) == -(-size // 1000)
            assert all(packet.csum_is_right() for packet in packets)


def test_GR_04_reserved_bits_and_version_are_zero(rig):
    rig.up(csum=True, seq=True)
    rig.meet(csum=True)
    assert rig.out(rig.tenant()).flags == 0xB000


@pytest.mark.encapsulations("gretap")
def test_GR_06_type_of_ethernet(ready):
    assert ready.out(ready.tenant()).protocol == 0x6558
    assert ready.out(ready.tenant(version=6)).protocol == 0x6558


@pytest.mark.encapsulations("gre")
def test_GR_06_type_is_that_of_the_payload(ready):
    assert ready.out(ready.tenant(version=4)).protocol == IPV4
    assert ready.out(ready.tenant(version=6)).protocol == IPV6


@pytest.mark.parametrize("csum, key, seq", [(csum, key, seq) for csum in (0, 1)
                                            for key in (0, 1) for seq in (0, 1)])
def test_GR_07_fields_are_in_order(rig, csum, key, seq):
    _final(rig)
    options = {name: True for name, wanted in (("ocsum", csum), ("oseq", seq)) if wanted}
    rig.up(key=0xA1B2C3D4 if key else None, **options)
    packet = rig.out(rig.tenant(dst=BROADCAST) if rig.type == "gretap" else rig.tenant())
    fields = (struct.pack("!HH", packet.csum, 0) if csum else b"")
    fields += b"\xa1\xb2\xc3\xd4" if key else b""
    fields += bytes(4) if seq else b""
    assert packet.header[4:] == fields
    assert packet.flags == (0x8000 if csum else 0) | (0x2000 if key else 0) | (0x1000 if seq else 0)


@pytest.mark.parametrize("key", [None, 0, 1, 0xFFFFFFFF])
def test_GR_08_every_packet_has_the_key(rig, key):
    rig.up(key=key)
    rig.meet(vni=key)
    for dst in (TENANT_R, BROADCAST) if rig.type == "gretap" else (TENANT_R,):
        for n in range(4):
            assert rig.out(rig.tenant(dst=dst, sport=1000 + n)).key == key


# sequence numbers -------------------------------------------------------------------------


def _super(rig, version, size):
    """A tenant's TCP segment with that many bytes of payload, longer than the MTU."""
    pair = {address: ADDRESSES[address][version] for address in (TENANT_A, TENANT_R)}
    ip = (IP if version == 4 else IPv6)(src=pair[TENANT_A], dst=pair[TENANT_R])
    dst = rig.host.mac("pa") if rig.type == "gre" else TENANT_R
    return bytes(Ether(src=TENANT_A, dst=dst) / ip / TCP(sport=1, dport=2, flags="A")
                 / Raw(bytes(n % 251 for n in range(size))))


def _segments(rig, version, size, segment):
    """Sends a super-packet in at A; gives the packets that it came to, in order."""
    frame = _super(rig, version, size)
    rig.u.drain()
    rig.a.send_super(frame, segment)
    header = len(frame) - size - (14 if rig.type == "gre" else 0)
    packets, got = [], b""
    while len(got) < size:
        packet = rig.u.expect(lambda data: (packet := rig.outer(data)) and
                              octets(ADDRESSES[TENANT_R][version]) in packet.inner[:54] and packet,
                              what="segment")
        got += packet.inner[header:]
        packets.append(packet)
    assert got == frame[-size:]
    return packets


def test_GR_09_numbers_begin_at_zero_and_count(rig):
    rig.up(seq=True)
    first = rig.tenant(dst=BROADCAST) if rig.type == "gretap" else rig.tenant()
    assert [rig.out(first).seq] + [rig.out(rig.tenant()).seq for _ in range(20)] == [*range(21)]


def test_GR_09_every_segment_has_a_number_of_its_own(rig):
    _final(rig)
    rig.up(oseq=True)
    rig.meet()
    for version in (4, 6):
        before = rig.out(rig.tenant()).seq
        numbers = [packet.seq for packet in _segments(rig, version, 10000, 1000)]
        assert numbers == [*range(before + 1, before + 11)]
        assert rig.out(rig.tenant()).seq == before + 11


def test_GR_09_no_gap_and_no_number_twice_from_many_senders(rig):
    rig.up(oseq=True)
    rig.meet()
    start = rig.out(rig.tenant()).seq + 1
    count, senders = 300, 4
    taps = [Tap(rig.tester, "a") for _ in range(senders)]
    inners = [[rig.tenant(sport=2000 + sender) for _ in range(count)] for sender in range(senders)]
    rig.u.drain()
    threads = [threading.Thread(target=lambda tap=tap, sent=sent: [rig.send(i, tap) for i in sent])
               for tap, sent in zip(taps, inners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    packets = rig.u.collect(rig.outer, count * senders)
    assert sorted(packet.seq for packet in packets) == [*range(start, start + count * senders)]


@pytest.mark.encapsulations("gretap")
def test_GR_09_numbers_are_counted_per_key(rig):
    for bridge, port, name, key in (("br1", "pa", "v1", 1), ("br2", "pb", "v2", 2)):
        rig.dut.bridge(bridge)
        rig.dut.port(port, bridge)
        rig.tunnel(name, bridge, key=key, seq=True)
    for tap in (rig.a, rig.b):
        assert [rig.out(rig.tenant(dst=BROADCAST), tap).seq for _ in range(3)] == [0, 1, 2]


def _sequences(host):
    """(id of the map `sequences` of the host's datapath, its entries {key: (next, last)})."""
    program = hooks.programs(host, "u0")["weft_underlay"]
    maps = json.loads(host.run("bpftool", "-j", "prog", "show", "id", program).stdout)["map_ids"]
    for id in maps:
        if json.loads(host.run("bpftool", "-j", "map", "show", "id", id).stdout)["name"] \
                == "sequences":
            dump = json.loads(host.run("bpftool", "-j", "map", "dump", "id", id).stdout)
            entries = {}
            for entry in dump:
                key, value = (bytes(int(byte, 16) for byte in entry[part])
                              for part in ("key", "value"))
                entries[key] = struct.unpack("=II", value)
            return id, entries
    raise AssertionError("no map `sequences`")


@pytest.mark.needs("weft")
def test_GR_09_numbers_wrap(rig):
    rig.up(oseq=True)
    rig.meet()
    start = rig.out(rig.tenant()).seq + 1
    id, entries = _sequences(rig.host)
    [(key, (_, last))] = [(key, value) for key, value in entries.items() if value[0] == start]
    preset = struct.pack("=II", 0xFFFFFFFF, last)
    rig.host.run("bpftool", "map", "update", "id", id, "key", *key, "value", *preset)
    assert [rig.out(rig.tenant()).seq for _ in range(3)] == [0xFFFFFFFF, 0, 1]


# payload that is routed, IPv6 outside -----------------------------------------------------


@pytest.mark.encapsulations("gre")
def test_GR_13_ttl_is_one_less_in_the_tunnel(ready):
    for version in (4, 6):
        inner = ready.tenant(version=version, ttl=5)
        assert ready.out(inner).inner == hop(inner)


@pytest.mark.encapsulations("gre")
def test_GR_13_the_way_to_the_remote_is_not_the_tunnel(ready):
    """A packet to the far end of the tunnel, which somebody routes into the tunnel, would loop."""
    family = ready.family
    length = {4: 32, 6: 128}[family]
    ready.host.ip(f"-{family} route add {ready.r1}/{length} dev t0")
    inner = bytes(ip_packet(version=family, src=ADDRESSES[TENANT_A][family], dst=ready.r1))
    before = ready.dut.drops()
    ready.send(inner)
    ready.host.ip(f"-{family} route del {ready.r1}/{length} dev t0")
    ready.good_pass()
    assert not [data for data in ready.u.drain() if inner[-12:] in data]
    assert ready.dut.drops() != before


@pytest.mark.family(6)
def test_GR_14_next_header_is_47_at_once(ready):
    packet = ready.out(ready.tenant())
    assert packet.raw[20] == 47
    assert not packet.extensions


# MTU --------------------------------------------------------------------------------------


@pytest.mark.encapsulations("gre")
@pytest.mark.underlay(mtu=1400)
def test_GR_15_ipv6_that_does_not_fit_is_answered(ready):
    mtu = 1400 - ready.overhead
    assert ready.host.mtu("t0") == mtu
    inner = ready.tenant(version=6, length=1500)
    ready.send(inner)
    ready.check_answer(ready.a.expect(icmp.about(inner), what="packet too big"), inner, mtu)
    assert not [data for data in ready.u.drain() if ready.outer(data)]
    ready.out(ready.tenant(version=6, length=mtu))


def _join(rig, match):
    """The outer IP payload of the fragments that `match`, by offset, and their packets."""
    parts, packets, last = {}, [], None
    while last is None or sum(map(len, parts.values())) < last:
        data = rig.u.expect(match, what="fragment")
        if rig.family == 6:
            offset = int.from_bytes(data[56:58], "big")
            more, offset = offset & 1, offset & 0xFFF8
            body = data[62:54 + int.from_bytes(data[18:20], "big")]
            id = data[58:62]
        else:
            field = int.from_bytes(data[20:22], "big")
            more, offset = field >> 13 & 1, (field & 0x1FFF) * 8
            body, id = data[34:14 + int.from_bytes(data[16:18], "big")], data[18:20]
        assert offset not in parts, "the same part twice"
        parts[offset] = body
        if not more:
            last = offset + len(body)
        packets.append((data, id, more))
    assert len({id for _, id, _ in packets}) == 1
    whole = b""
    for offset in sorted(parts):
        assert offset == len(whole), "parts overlap, or there is a gap"
        whole += parts[offset]
    return whole, packets


def _is_fragment(rig):
    def match(data):
        if rig.family == 6:
            return data[12:14] == b"\x86\xdd" and data[20] == 44 and data[54] == 47 and data
        return (data[12:14] == b"\x08\0" and data[23] == 47
                and int.from_bytes(data[20:22], "big") & 0x3FFF and data)
    return match


def _fragments(rig, inner, mtu):
    """Sends a tenant's frame in at A, which must leave in fragments; gives them and what they carry."""
    rig.u.drain()
    rig.send(inner)
    whole, packets = _join(rig, _is_fragment(rig))
    assert len(packets) >= 2
    for data, _, more in packets:
        assert len(data) <= 14 + mtu
        assert data[20] == 44 or not data[20] & 0x40, "fragment with DF"
    return whole, packets


@pytest.mark.encapsulations("gre")
@pytest.mark.underlay(mtu=1290)
@pytest.mark.parametrize("version", [4, 6])
def test_GR_15_the_smallest_mtu_of_ipv6_always_passes(ready, version):
    assert ready.host.mtu("t0") == 1280
    inner = ready.tenant(version=version, length=1280)
    whole, _ = _fragments(ready, inner, 1290)
    kind = IPV6 if version == 6 else IPV4
    assert whole == struct.pack("!HHI", 0x2000, kind, ready.vni) + hop(inner)
    # What fits goes in one piece.
    ready.out(ready.tenant(version=version, length=1290 - ready.overhead))


@pytest.mark.encapsulations("gre")
@pytest.mark.underlay(mtu=1290)
@pytest.mark.parametrize("fields", [{"csum": True}, {"oseq": True}], ids=["csum", "seq"])
def test_GR_15_fragments_with_checksum_or_number(rig, fields):
    _final(rig)
    rig.up(**fields)
    rig.meet(csum=True)
    for number in range(2):
        inner = rig.tenant(version=6, length=1280)
        whole, _ = _fragments(rig, inner, 1290)
        assert whole.endswith(hop(inner))
        if "csum" in fields:
            assert rig.outer(_frame(rig, whole)).csum_is_right()
        else:
            packet = rig.outer(_frame(rig, whole))
            first = packet.seq if number == 0 else first
            assert packet.seq == first + number


def _frame(rig, payload):
    """The packet that fragments came from."""
    return underlay((rig.mac, mac_of(1), rig.local, rig.r1), 47, payload)


@pytest.mark.encapsulations("gretap")
def test_GR_15_df_unset_fragments_what_does_not_fit(rig):
    rig.up(df="unset")
    rig.meet()
    for length in (1501 - rig.overhead, 1514, 4000, 8000):
        inner = rig.tenant(length=length)
        whole, packets = _fragments(rig, inner, 1500)
        assert whole == struct.pack("!HHI", 0x2000, 0x6558, rig.vni) + inner
        assert len(packets) == -(-len(whole) // (1480 if rig.family == 4 else 1448))


@pytest.mark.encapsulations("gre")
def test_PM_01_of_gre_what_ipv6_may_rely_on_goes_in_outer_fragments(ready):
    """Down to 1280, which is what IPv6 must be able to send through it (RFC 7676 3.3)."""
    sent = ready.out(ready.tenant(length=ready.room()))
    ready.router_says(sent.raw[14:][:icmp.QUOTED[ready.family]], 1290)
    for version in (4, 6):
        ready.out(ready.tenant(version=version, length=ready.room(1290)))
        _fragments(ready, ready.tenant(version=version, length=1280), 1290)


@pytest.mark.encapsulations("gretap")
def test_EC_12_all_fragments_have_the_same_mark(rig):
    rig.up(df="unset")
    rig.meet()
    for version in (4, 6):
        for mark in range(4):
            inner = rig.tenant(length=3000, version=version, tos=10 << 2 | mark)
            _, packets = _fragments(rig, inner, 1500)
            tos = {data[15] if rig.family == 4 else (data[14] << 4 | data[15] >> 4) & 255
                   for data, _, _ in packets}
            assert tos == {mark}
