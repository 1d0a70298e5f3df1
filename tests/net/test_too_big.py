# SPDX-License-Identifier: GPL-2.0-only
"""Rows of inner packets that are too big: their sender is told (PM-06, PM-07), or they go in inner fragments (PM-08)."""

import collections
import os
import socket
import struct
import time

import pytest

import encap
import icmp
from frames import BROADCAST
from lab import wait_until
from pair import Pair
from rig import TENANT_A, TENANT_R, caused
from traffic import tcp_transfer

ETHERNET = ("vxlan", "geneve", "gretap", "nvgre")
pytestmark = pytest.mark.encapsulations(*ETHERNET)
TICK = 1 / 59.6  # seconds; in each of them a CPU gives 64 answers
ANSWERS = 64


def too_long(rig, version=4, more=1, **fields):
    return rig.tenant(**{"version": version, "df": True, "length": rig.room() + more, **fields})


def counted(rig, before):
    """reason -> packets dropped since then."""
    return dict(collections.Counter(rig.dut.drops()) - collections.Counter(before))


# answered ---------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [1, 2, 64, 1000, 7000])
def test_PM_06_the_sender_is_told(ready, more):
    ready.answered(too_long(ready, more=more))
    ready.out(too_long(ready, more=0))


@pytest.mark.parametrize("more", [1, 2, 64, 1000, 7000])
def test_PM_07_the_sender_is_told(ready, more):
    ready.answered(too_long(ready, 6, more=more))
    ready.out(too_long(ready, 6, more=0))


@pytest.mark.parametrize("fields", [{"csum": True}, {"seq": True}, {"csum": True, "seq": True}],
                         ids=["csum", "seq", "both"])
@pytest.mark.encapsulations("gretap")
def test_PM_06_with_every_field_of_gre(rig, fields):
    rig.overhead += 4 * len(fields)
    rig.up(**fields)
    rig.meet(csum="csum" in fields)
    for version in (4, 6):
        rig.answered(too_long(rig, version))
        rig.out(too_long(rig, version, more=0))


@pytest.mark.encapsulations("geneve")
def test_PM_06_options_take_their_part(rig):
    rig.overhead += 16
    rig.up(option=["0x0102:0x01:00112233", "0x0102:0x02:44556677"])
    rig.meet()
    for version in (4, 6):
        rig.answered(too_long(rig, version))
        rig.out(too_long(rig, version, more=0))


@pytest.mark.encapsulations("vxlan", "gretap")
@pytest.mark.needs("weft")
@pytest.mark.underlay(mtu=1330)
def test_PM_07_never_less_than_1280(ready):
    """What IPv6 must be able to send and does not fit is dropped, and cannot be answered (RFC 8200 5)."""
    fits = min(ready.room(1330) - 14, 1280)
    if fits < 1280:
        for length in (fits + 1, 1280):
            with ready.rejects("mtu_silent"):
                ready.send(ready.tenant(version=6, length=14 + length))
    for length in (1281, 1400) if fits < 1280 else (ready.room(1330) - 13, 1400):
        ready.answered(ready.tenant(version=6, length=14 + length), 1330, least=1280)
    ready.out(ready.tenant(version=6, length=14 + fits))


@pytest.mark.encapsulations("vxlan")
@pytest.mark.needs("weft")
def test_PM_06_a_trunk_gets_it_in_its_vlan(rig):
    rig.dut.bridge("br0", vlan_filtering=True)
    rig.dut.port("pa", trunk="10,20")
    rig.tunnel("v10", id=10, vlan=10)
    rig.tunnel("v20", id=20, vlan=20)
    for version in (4, 6):
        for vlan in (10, 20):
            inner = too_long(rig, version, more=1 + 4, tags=[(0x8100, vlan)])
            rig.leaks()
            rig.send(inner)
            answer = rig.a.expect(icmp.about(inner), what="ICMP error")
            icmp.check_answer(answer, inner, rig.room() - 14)
            assert not rig.leaks()


@pytest.mark.encapsulations("vxlan")
@pytest.mark.needs("weft")
def test_PM_06_an_access_port_gets_it_untagged(rig):
    rig.dut.bridge("br0", vlan_filtering=True)
    rig.dut.port("pa", vlan=10)
    rig.dut.port("pb", trunk="10")
    rig.tunnel("v10", id=10, vlan=10)
    rig.meet(vni=10)
    for version in (4, 6):
        rig.answered(too_long(rig, version))


@pytest.mark.parametrize("tags", [[(0x8100, 10)], [(0x88A8, 20)], [(0x88A8, 20), (0x8100, 10)]],
                         ids=["q", "ad", "qinq"])
@pytest.mark.encapsulations("vxlan", "geneve")
@pytest.mark.needs("weft")
def test_PM_06_tags_that_are_kept_take_their_part(rig, tags):
    rig.up(innervlan=True)
    rig.meet()
    for version in (4, 6):
        rig.out(too_long(rig, version, more=0, tags=tags))
        inner = too_long(rig, version, tags=tags)
        with rig.told(inner, rig.room() - 14 - 4 * len(tags)):
            rig.send(inner)


def _super(rig, version, payload):
    data = os.urandom(payload)
    pair = (("10.0.0.1", "10.0.0.2"), ("2001:db8:a::1", "2001:db8:a::2"))[version == 6]
    tcp = struct.pack("!HHIIBBHHH", 1, 2, 1000, 0, 5 << 4, 0x10, 500, 0, 0) + data
    more = {"flags": 2} if version == 4 else {}
    return encap.underlay((TENANT_A, TENANT_R, *pair), 6, tcp, **more)


@pytest.mark.parametrize("version", [4, 6])
def test_PM_06_of_a_super_packet_the_segment_counts(ready, version):
    """It is answered once, with a quote of its first headers."""
    headers = 14 + (40 if version == 6 else 20) + 20
    fits = ready.room() - headers
    inner = _super(ready, version, 10 * fits)
    ready.leaks()
    before = ready.dut.drops()
    ready.a.send_super(inner, fits)
    got = 0
    while got < 10 * fits:
        packet = ready.u.expect(lambda data: (found := ready.outer(data)) and b"" != found.inner and found)
        got += len(packet.inner) - headers
    with ready.silent():
        inner = _super(ready, version, 10 * (fits + 1))
        ready.a.send_super(inner, fits + 1)
        answer = ready.a.expect(lambda data: icmp.read_answer(data), what="ICMP error")
        assert (answer.src, answer.dst) == icmp.addresses(inner[14:])[::-1]
        assert answer.whole and answer.mtu == ready.room() - 14
        ip = 40 if version == 6 else 20
        same = slice(ip, ip + 16)  # TCP's ports and numbers; lengths and checksums are a segment's
        assert answer.quote[same] == inner[14:][same]
    if ready.dut.counts_drops:
        assert counted(ready, before) == {"mtu": 1}


def _with(frame, at, data):
    return frame[:at] + data + frame[at + len(data):]


def _unanswered(rig):
    """Too big, but of these nobody may be told (RFC 1122 3.2.2, RFC 4443 2.4): name -> frame."""
    group = "01:00:5e:01:02:03"
    size = rig.room() + 1
    yield "broadcast", too_long(rig, dst=BROADCAST)
    yield "group MAC", too_long(rig, dst=group)
    yield "IPv6 group MAC", too_long(rig, 6, dst="33:33:00:00:00:05")
    yield "group", _address(rig, 4, dst="239.1.2.3")
    yield "limited broadcast", _address(rig, 4, dst="255.255.255.255")
    yield "IPv6 group", _address(rig, 6, dst="ff02::5")
    for source in ("0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255"):
        yield f"from {source}", _address(rig, 4, src=source)
    for source in ("::", "::1", "ff02::1"):
        yield f"from {source}", _address(rig, 6, src=source)
    outer = TENANT_A, TENANT_R, "10.0.0.1", "10.0.0.2"
    outer6 = TENANT_A, TENANT_R, "2001:db8:a::1", "2001:db8:a::2"
    for kind in (3, 4, 5, 11, 12):
        body = bytes([kind, 0]) + bytes(size - 36)
        yield f"ICMP {kind}", encap.underlay(outer, 1, body, flags=2)
    for kind in (1, 2, 3, 4, 127, 137):
        yield f"ICMPv6 {kind}", encap.underlay(outer6, 58, bytes([kind, 0]) + bytes(size - 56))
    yield "later fragment", encap.underlay(outer, 17, bytes(size - 34), flags=2, frag=100)
    yield "IPv6 later fragment", encap.underlay(outer6, 17, bytes(size - 62), extensions=[
        (encap.FRAGMENT, encap.fragment_header(800, 0, 7))])
    yield "not IP", encap.mac_octets(TENANT_R) + encap.mac_octets(TENANT_A) + b"\x88\xb5" + bytes(size - 14)
    yield "ARP", encap.mac_octets(TENANT_R) + encap.mac_octets(TENANT_A) + b"\x08\x06" + bytes(size - 14)


def _address(rig, version, **address):
    dst = TENANT_R
    six = version == 6
    own = {"src": "2001:db8:a::1" if six else "10.0.0.1", "dst": "2001:db8:a::2" if six else "10.0.0.2", **address}
    payload = bytes(rig.room() + 1 - 14 - (48 if six else 28))
    packet = encap.udp(own["src"], own["dst"], 1000, 2000, payload)
    return encap.underlay((TENANT_A, dst, own["src"], own["dst"]), 17, packet, **({} if six else {"flags": 2}))


@pytest.mark.needs("weft")
def test_PM_06_what_may_not_be_answered_is_counted(rig):
    ready = rig.up(ports=["pa"])
    rig.meet()
    for name, inner in _unanswered(ready):
        before = ready.dut.drops()
        try:
            with ready.silent():
                ready.send(inner)
                wait_until(lambda before=before: ready.dut.drops() != before, "a drop to be counted")
            assert counted(ready, before) == {"mtu_silent": 1}
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


@pytest.mark.needs("weft")
def test_PM_06_what_may_be_answered_is(ready):
    """Echoes, first fragments, IP options, extension headers."""
    size = ready.room() + 1
    outer = TENANT_A, TENANT_R, "10.0.0.1", "10.0.0.2"
    outer6 = TENANT_A, TENANT_R, "2001:db8:a::1", "2001:db8:a::2"
    echo = b"\x08\0\xf7\xff" + bytes(size - 34 - 4)
    for inner in (encap.underlay(outer, 1, echo, flags=2),
                  encap.underlay(outer6, 58, b"\x80\0\x12\x34" + bytes(size - 58)),
                  encap.underlay(outer, 17, bytes(range(256)) * 5 + bytes(size - 34 - 1280), flags=3),
                  encap.underlay(outer, 17, bytes(size - 34 - 24), flags=2, options=b"\x94\x04\0\0" + b"\x01" * 20),
                  encap.underlay(outer, 132, bytes(size - 34), flags=2),
                  encap.underlay(outer6, 132, bytes(size - 54)),
                  encap.underlay(outer6, 17, bytes(size - 62), extensions=[
                      (encap.FRAGMENT, encap.fragment_header(0, 1, 7))]),
                  encap.underlay(outer6, 17, bytes(size - 62), extensions=[
                      (encap.DESTINATION_OPTIONS, b"\0\x01\x04" + bytes(4))])):
        ready.answered(inner)


@pytest.mark.needs("weft")
@pytest.mark.parametrize("version", [4, 6])
def test_PM_06_a_burst_is_answered_at_a_held_rate(ready, version):
    """Each is answered or counted `mtu_limit`; answers are at most 64 in a tick and CPU."""
    count = 3000
    inner = too_long(ready, version)
    before = ready.dut.drops()
    with ready.silent():
        start = time.monotonic()
        ready.a.send(*[inner] * count)
        wait_until(lambda: sum(counted(ready, before).values()) >= count, "every frame to be counted")
        ticks = (time.monotonic() - start) / TICK + 2
        drops = counted(ready, before)
        assert sum(drops.values()) == count and set(drops) <= {"mtu", "mtu_limit"}
        answers = ready.a.collect(icmp.about(inner), drops["mtu"])
        assert ANSWERS <= len(answers) <= ANSWERS * os.cpu_count() * ticks


@pytest.mark.parametrize("family", [4, 6], ids=["over-ipv4", "over-ipv6"])
def test_PM_06_a_tcp_flow_converges(lab, family):
    """Between containers whose devices have the underlay's MTU."""
    pair = Pair(lab, ("weft", "weft"), family).up(type="vxlan", id=7)
    for host in pair.hosts:
        host.ip("link set vnet0 mtu 1500")
        host.c.ip("link set eth0 mtu 1500")
    for address in (pair.two.c.address, pair.two.c.address6):
        tcp_transfer(pair.one.c, pair.two.c, address, size=4 << 20)
    assert pair.one.weft.drops().get("mtu")
    overlay = 1450 if family == 4 else 1430
    for address in (pair.two.c.address, pair.two.c.address6):
        assert f" mtu {overlay}" in pair.one.c.ip(f"route get {address}")


# not to be fragmented by others -------------------------------------------------------------


def _parts(rig, count):
    """The inner fragments in that many packets on `u`: whole inner frames; none of them in outer fragments."""
    packets = []
    for number in range(count):
        data = rig.u.expect(lambda data: _is_ours(rig, data), what=f"packet {number + 1} of {count}")
        packet = rig.outer(data)
        assert packet and not packet.is_fragment, data[:60].hex()
        assert packet.total <= 1500
        packets.append(packet.inner)
    return packets


def _is_ours(rig, data):
    """Whether the DUT sent the frame for a tenant; later outer fragments count."""
    return caused(data) and encap.octets(rig.r1) in data[14:54] and data


def _join(original, frames):
    """Checks that the frames are the fragments of the original that RFC 791 wants; in any order."""
    ethernet, _, packet = icmp.split_ethernet(original)
    header = (packet[0] & 15) * 4
    first_offset = int.from_bytes(packet[6:8], "big") & 0x1FFF
    more_after = packet[6] & 0x20
    parts = {}
    for frame in frames:
        own, kind, part = icmp.split_ethernet(frame)
        size = (part[0] & 15) * 4
        field = int.from_bytes(part[6:8], "big")
        offset = ((field & 0x1FFF) - first_offset) * 8
        assert (own, kind) == (ethernet, b"\x08\0")
        assert encap.checksum(part[:size]) == 0xFFFF
        assert int.from_bytes(part[2:4], "big") == len(part)
        assert not field & 0xC000
        assert part[1] == packet[1] and part[4:6] == packet[4:6] and part[8:10] == packet[8:10]
        assert part[12:20] == packet[12:20]
        wanted = packet[20:header] if offset == 0 else copied(packet[20:header])
        assert part[20:size] == wanted, f"options at {offset}"
        assert offset not in parts
        parts[offset] = part[size:], bool(field & 0x2000)
    whole = b""
    for number, offset in enumerate(sorted(parts), 1):
        data, more = parts[offset]
        assert offset == len(whole), "parts overlap, or there is a gap"
        assert more == (number < len(parts) or bool(more_after))
        whole += data
    assert whole == packet[header:]


def copied(options):
    """The options of a later fragment: those with the high bit (RFC 791 3.1), no-operations instead of the others."""
    kept = b""
    while options and options[0]:
        size = 1 if options[0] == 1 else options[1]
        kept += options[:size] if options[0] & 0x80 else b"\x01" * size
        options = options[size:]
    return kept + options


def _fragmented(rig, inner, count):
    before, drops = rig.dut.notes().get("fragmented", 0), rig.dut.drops()
    rig.leaks()
    rig.send(inner)
    frames = _parts(rig, count)
    _join(inner, frames)
    rig.good_pass()
    assert not rig.leaks()
    assert rig.dut.notes()["fragmented"] == before + 1
    assert rig.dut.drops() == drops
    return frames


def _datagram(payload, **fields):
    """A tenant's UDP over IPv4 without DF."""
    udp = encap.udp("10.0.0.1", "10.0.0.2", 1000, 2000, payload)
    return encap.underlay((TENANT_A, TENANT_R, "10.0.0.1", "10.0.0.2"), 17, udp, **{"id": 777, "tos": 0x28, **fields})


@pytest.mark.needs("weft")
@pytest.mark.parametrize("more", [1, 2, 8, 100, 1514, 7000])
def test_PM_08_goes_in_inner_fragments(ready, more):
    size = ready.room() + more
    most = (ready.room() - 34) // 8 * 8
    _fragmented(ready, _datagram(os.urandom(size - 42)), -(-(size - 34) // most))


# record route (7, not copied), router alert (148, copied), no-operation
OPTIONS = [b"\x94\x04\0\0", b"\x07\x07\x04" + bytes(4) + b"\0", b"\x01\x94\x04\0\0\x07\x07\x04" + bytes(4),
           b"\x94\x04\0\0" * 10, b"\x07\x27\x04" + bytes(36) + b"\0", b"\x83\x07\x04" + bytes(4) + b"\x94\x04\0\0\x01"]


@pytest.mark.needs("weft")
@pytest.mark.encapsulations("vxlan", "gretap")
@pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))
def test_PM_08_options_are_copied(ready, options):
    size = (ready.room() - 34 - len(options) - -len(options) % 4) // 8 * 8
    _fragmented(ready, _datagram(os.urandom(3000), options=options), -(-3008 // size))


@pytest.mark.needs("weft")
@pytest.mark.parametrize("offset,more", [(0, 1), (185, 1), (185, 0), (5000, 1), (5000, 0)])
@pytest.mark.encapsulations("vxlan", "gretap")
def test_PM_08_fragments_are_fragmented_again(ready, offset, more):
    inner = encap.underlay((TENANT_A, TENANT_R, "10.0.0.1", "10.0.0.2"), 17, os.urandom(2400), id=777,
                           flags=more, frag=offset)
    _fragmented(ready, inner, 2)


@pytest.mark.needs("weft")
def test_PM_08_other_protocols_are_fragmented_too(ready):
    for proto in (1, 6, 47, 132, 255):
        body = b"\x08\0" + os.urandom(1998)
        _fragmented(ready, encap.underlay((TENANT_A, TENANT_R, "10.0.0.1", "10.0.0.2"), proto, body), 2)


@pytest.mark.needs("weft")
@pytest.mark.encapsulations("vxlan")
@pytest.mark.parametrize("tags", [[(0x8100, 10)], [(0x88A8, 20), (0x8100, 10)]], ids=["q", "qinq"])
def test_PM_08_fragments_keep_their_tags(rig, tags):
    rig.up(innervlan=True)
    rig.meet()
    for more in (1, 900):
        _fragmented(rig, rig.tenant(tags=tags, length=rig.room() + more), 2)


@pytest.mark.needs("weft")
@pytest.mark.encapsulations("gretap")
@pytest.mark.parametrize("fields", [{"csum": True}, {"seq": True}], ids=["csum", "seq"])
def test_PM_08_every_fragment_is_a_packet_of_the_tunnel(rig, fields):
    rig.host.offload("u0", "off")
    rig.overhead += 4
    rig.up(**fields)
    rig.meet(csum="csum" in fields)
    before = rig.out(rig.tenant())
    rig.leaks()
    rig.send(rig.tenant(length=2000))
    packets = [rig.u.expect(rig.outer) for _ in range(2)]
    if "csum" in fields:
        assert all(packet.csum_is_right() for packet in packets)
    else:
        assert [packet.seq for packet in packets] == [before.seq + 1, before.seq + 2]


@pytest.mark.needs("weft")
@pytest.mark.encapsulations("gre", "geneve-l3")
def test_PM_08_tunnels_without_ethernet(ready):
    """The host fragments to the device's MTU; below that, which the datapath alone knows of, it is the datapath's."""
    sent = ready.out(ready.tenant(length=ready.room()))
    ready.router_says(sent.raw[14:][:icmp.QUOTED[ready.family]], 1400)
    inner = ready.tenant(length=ready.room())
    ready.send(inner)
    packets = [ready.u.expect(ready.outer).inner for _ in range(2)]
    assert sum(len(packet) - 20 for packet in packets) == len(inner) - 20
    assert b"".join(packet[20:] for packet in sorted(packets, key=lambda packet: packet[6:8][-1])) == inner[20:]


@pytest.mark.needs("weft")
def test_PM_08_reject_answers_as_if_it_had_df(rig):
    rig.up(toobig="reject")
    rig.meet()
    for df in (False, True):
        rig.answered(too_long(rig, df=df))
    rig.answered(too_long(rig, 6))
    rig.out(too_long(rig, more=0, df=False))


@pytest.mark.needs("weft")
def test_PM_08_drop_drops_what_has_no_df(rig):
    rig.up(toobig="drop")
    rig.meet()
    with rig.rejects("mtu_no_df"):
        rig.send(too_long(rig, df=False))
    rig.answered(too_long(rig))
    rig.answered(too_long(rig, 6))
    rig.out(too_long(rig, more=0, df=False))


@pytest.mark.needs("weft")
@pytest.mark.encapsulations("vxlan")
def test_PM_08_what_goes_to_a_group_is_fragmented(rig):
    """But not if it has DF."""
    ready = rig.up(ports=["pa"])
    rig.meet()
    group = too_long(ready, dst="01:00:5e:01:02:03", df=False, more=500)
    _fragmented(ready, group, 2)
    with ready.rejects("mtu_silent"):
        ready.send(too_long(ready, dst="01:00:5e:01:02:03"))


@pytest.mark.needs("weft")
def test_PM_08_the_mode_can_be_changed(rig):
    rig.up()
    rig.meet()
    _fragmented(rig, _datagram(os.urandom(2000)), 2)
    rig.dut.weft("tunnel set v0 toobig drop")
    assert rig.dut.weft.show("tunnel", "v0")["toobig"] == "drop"
    with rig.rejects("mtu_no_df"):
        rig.send(_datagram(os.urandom(2000)))
    rig.dut.weft("tunnel set v0 toobig fragment")
    rig.send(_datagram(os.urandom(2000)))
    _parts(rig, 2)


@pytest.mark.parametrize("family", [4, 6], ids=["over-ipv4", "over-ipv6"])
def test_PM_08_the_receivers_kernel_puts_it_together(lab, family):
    """Datagrams out of a container, whose checksums are the device's to fill in."""
    pair = Pair(lab, ("weft", "weft"), family).up(type="vxlan", id=7)
    for host in pair.hosts:
        host.ip("link set vnet0 mtu 9000")
        host.c.ip("link set eth0 mtu 9000")
    one, two = pair.one.c, pair.two.c
    with two.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((two.address, 7009))
        receiver.settimeout(20)
        with one.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IP, 10, 4)  # IP_MTU_DISCOVER, IP_PMTUDISC_INTERFACE: no DF
            for size in (1423, 1424, 2000, 5000, 8900):
                data = os.urandom(size)
                sender.sendto(data, (two.address, 7009))
                assert receiver.recv(65535) == data
    assert pair.one.weft("notes")
