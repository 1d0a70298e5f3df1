# SPDX-License-Identifier: GPL-2.0-only
"""Rows of RFC 7348 about what is received: header, checksum, fragments, VLANs, malformed packets."""

import pytest

import encap
from encap import underlay, vxlan, vxlan_header
from frames import BROADCAST, frame, mac_of
from rig import TENANT_A, TENANT_B, TENANT_R, VNI, remote_mac


@pytest.mark.parametrize("flags", [0x00, 0xF7])
def test_VX_02_without_the_flag_nothing_is_decapsulated(ready, flags):
    with ready.rejects("no_i_flag"):
        ready.u.send(ready.packet(ready.tenant(mac_of(0xBAD), TENANT_A),
                                  header=vxlan_header(VNI, flags)))


def test_VX_03_reserved_bits_are_ignored(ready):
    good = int.from_bytes(vxlan_header(VNI), "big")
    bits = [bit for bit in range(64) if not 8 <= bit < 32 and bit != 59]
    assert len(bits) == 39
    for bit in bits:
        inner = ready.tenant(TENANT_R, TENANT_A)
        ready.delivered(ready.packet(inner, header=(good | 1 << bit).to_bytes(8, "big")), inner)


def test_VX_03_strict_mode_by_choice(rig):
    rig.up(reserved_bits="0")
    rig.meet()
    good = int.from_bytes(vxlan_header(VNI), "big")
    for bit in (0, 8 + 24, 63):
        with rig.rejects("reserved"):
            rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A),
                                  header=(good | 1 << bit).to_bytes(8, "big")))


def test_VX_04_vnis_are_kept_apart(rig):
    rig.kept_apart("vni", 1, 0xFFFFFF)


@pytest.mark.parametrize("vni", [2, 0x010001, 0x800001, 0x000101])
def test_VX_04_unknown_vni(rig, vni):
    rig.up(id=1)
    rig.meet(vni=1)
    with rig.rejects("vni_unknown"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), vni=vni))


def test_VX_08_zero_and_right_checksums_are_accepted(ready):
    for length in (60, 61, 1400):
        for csum in (0, None) if ready.family == 4 else (None,):
            inner = ready.tenant(TENANT_R, TENANT_A, length=length)
            ready.delivered(ready.packet(inner, csum=csum), inner)


def _flipped(rig):
    """A packet with a checksum and, after it was computed, one bit of the payload flipped."""
    inner = rig.tenant(mac_of(0xBAD), TENANT_A)
    packet = bytearray(rig.packet(inner, csum=None))
    packet[-1] ^= 1
    return bytes(packet), inner[:-1] + bytes([inner[-1] ^ 1])


def test_VX_08_wrong_checksum_is_dropped(rig):
    rig.up()
    rig.meet()
    with rig.rejects("csum"):
        rig.u.send(_flipped(rig)[0])


def test_VX_08_checksum_is_not_looked_at_with_noudpcsumrx(rig):
    rig.up(udpcsumrx=False)
    packet, inner = _flipped(rig)
    rig.delivered(packet, inner)


def _fragments(rig, inner, cut=800):
    """An underlay packet to the DUT as two IP fragments."""
    whole = rig.packet(inner)
    payload = whole[54 if rig.family == 6 else 34:]
    pieces = []
    for offset, more, piece in ((0, 1, payload[:cut]), (cut, 0, payload[cut:])):
        if rig.family == 6:
            header = encap.fragment_header(offset, more, 77)
            fields = {"extensions": [(encap.FRAGMENT, header)]}
        else:
            fields = {"id": 77, "flags": more, "frag": offset // 8}
        pieces.append(underlay(rig.path(), 17, piece, **fields))
    return pieces


@pytest.mark.parametrize("order", ["first second", "second first", "first overlap second", "first",
                                   "second"])
def test_VX_10_fragments(ready, order):
    rig = ready
    inner = rig.tenant(TENANT_R, TENANT_A, length=1200)
    first, second = _fragments(rig, inner)
    named = {"first": first, "second": second, "overlap": _fragments(rig, inner, 400)[1]}
    pieces = [named[name] for name in order.split()]
    if rig.dut.drops_fragments and "first" in order:
        with rig.rejects("frag"):
            rig.u.send(*pieces)
    elif order in ("first second", "second first"):
        rig.u.send(*pieces)
        rig.a.expect(inner)  # the whole frame, once
        rig.good_pass()
        assert not rig.a.drain()
    else:
        with rig.silent():
            rig.u.send(*pieces)


def test_VX_11_source_is_learned_and_moves(rig):
    rig.up(remote=[rig.r1, rig.r2])
    rig.out(rig.tenant(dst=BROADCAST))
    for remote in (rig.r1, rig.r2, rig.r1):
        hello = rig.tenant(TENANT_R, TENANT_A)
        rig.delivered(rig.packet(hello, remote), hello)
        rig.dut.settle()
        rig.u.drain()
        rig.out(rig.tenant(dst=TENANT_R), dst=remote, mac_dst=remote_mac(remote))
        rig.out(rig.tenant(dst=TENANT_R), dst=remote)
        assert not [data for data in rig.u.drain() if rig.outer(data)], "a second copy"
        assert rig.dut.fdb()[TENANT_R] == ("v0", remote)


def test_VX_11_unknown_unicast_goes_to_every_remote(rig):
    rig.up(remote=[rig.r1, rig.r2])
    inner = rig.tenant(dst=mac_of(0x77))
    rig.a.send(inner)
    packets = rig.u.collect(rig.sent(inner), 2)
    assert sorted(packet.dst for packet in packets) == [rig.r1, rig.r2]
    rig.b.expect(inner)


@pytest.mark.parametrize("mac", ["00:00:00:00:00:00", "01:00:5e:00:00:01", BROADCAST])
def test_VX_11_no_such_source_is_learned(ready, mac):
    with ready.rejects("src_mac"):
        ready.u.send(ready.packet(ready.tenant(mac, TENANT_A)))
    with ready.rejects("src_mac"):
        ready.a.send(ready.tenant(mac, TENANT_R))


def _to_group(rig, source):
    return remote_mac(source), rig.group_mac, source, rig.group


def test_VX_12_floods_go_to_the_group(rig):
    rig.up(group=rig.group, dev="u0")
    rig.u.expect(rig.membership(rig.group, joining=True), what="membership report")
    for dst in (BROADCAST, "01:00:5e:00:00:fb", mac_of(0x77)):
        rig.out(rig.tenant(dst=dst), dst=rig.group, mac_dst=rig.group_mac)
    # From the group: delivered, and what is learned is the sender.
    inner = rig.tenant(TENANT_R, BROADCAST)
    packet = rig.packet(inner, outer=_to_group(rig, rig.r2))
    rig.delivered(packet, inner)
    rig.out(rig.tenant(dst=TENANT_R), dst=rig.r2)
    rig.u.drain()
    rig.dut.tunnel_delete("v0")
    rig.u.expect(rig.membership(rig.group, joining=False), what="membership to end")


def test_VX_12_own_packet_that_comes_back_is_dropped(rig):
    rig.up(group=rig.group, dev="u0")
    hello = rig.tenant(TENANT_R, BROADCAST)
    rig.delivered(rig.packet(hello, outer=_to_group(rig, rig.r2)), hello)
    rig.out(rig.tenant(dst=BROADCAST))
    rig.good = dict(source=rig.r2)
    with rig.rejects("own_source"):
        own = rig.mac, rig.group_mac, rig.local, rig.group
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), BROADCAST), outer=own))


TAGS = {"802.1Q": (0x8100, 10), "802.1ad": (0x88A8, 10), "priority": (0x8100, 0)}


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS.keys())
def test_VX_13_tagged_frames_are_dropped(ready, tag):
    with ready.rejects("vlan_inner"):
        ready.u.send(ready.packet(ready.tenant(mac_of(0xBAD), TENANT_A, tags=[tag])))
    with ready.rejects("vlan_inner"):
        ready.a.send(ready.tenant(dst=TENANT_R, tags=[tag]))


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS.keys())
def test_VX_13_innervlan_keeps_the_tag(rig, tag):
    rig.up(innervlan=True)
    rig.meet()
    inner = rig.tenant(TENANT_R, TENANT_A, tags=[tag])
    rig.delivered(rig.packet(inner), inner)
    rig.out(rig.tenant(dst=TENANT_R, tags=[tag]))


def _malformed(rig):
    """name -> packet: lengths that do not add up, all of them with a tenant nobody knows."""
    inner = rig.tenant(mac_of(0xBAD), TENANT_A)
    return {
        "udp-length-7": rig.packet(inner, udp={"length": 7}),
        "udp-length-8": rig.packet(inner, udp={"length": 8}),
        "udp-length-15": rig.packet(inner, udp={"length": 15}),
        "udp-length-above-ip": rig.packet(inner, udp={"length": 16 + len(inner) + 1}),
        "udp-length-65535": rig.packet(inner, udp={"length": 65535}),
        "inner-empty": rig.packet(b""),
        "inner-13-bytes": rig.packet(inner[:13]),
        "header-cut": rig.packet(b"", header=vxlan_header(VNI)[:7]),
    }


@pytest.mark.parametrize("fault", _malformed(type("Names", (), {
    "tenant": lambda *_: b"x" * 60, "packet": lambda *_, **__: b""})()).keys())
def test_VX_16_malformed_is_dropped(ready, fault):
    with ready.rejects("malformed"):
        ready.u.send(_malformed(ready)[fault])


@pytest.mark.family(4)
def test_VX_16_ip_options_are_accepted(ready):
    inner = ready.tenant(TENANT_R, TENANT_A)
    option = b"\x94\x04\0\0"  # router alert, RFC 2113
    ready.delivered(ready.packet(inner, ip={"options": option}), inner)


@pytest.mark.family(6)
def test_VX_16_destination_options_are_accepted(ready):
    inner = ready.tenant(TENANT_R, TENANT_A)
    padding = b"\0\x01\x04\0\0\0\0"  # PadN, RFC 8200 4.2
    extensions = [(encap.DESTINATION_OPTIONS, padding)]
    ready.delivered(ready.packet(inner, ip={"extensions": extensions}), inner)


@pytest.mark.parametrize("csum", [False, True], ids=["", "csum"])
def test_VX_16_padding_is_trimmed(ready, csum):
    csum = None if csum or ready.family == 6 else 0
    inner = ready.tenant(TENANT_R, TENANT_A)
    ready.delivered(ready.packet(inner, csum=csum) + b"\xa5" * 9, inner)
    # UDP may end before IP does (RFC 768); what follows is no part of the frame either.
    inner = ready.tenant(TENANT_R, TENANT_A)
    header = 54 if ready.family == 6 else 34
    datagram = ready.packet(inner, csum=csum)[header:] + b"\x5a" * 5
    ready.delivered(underlay(ready.path(), 17, datagram), inner)


def test_VX_17_other_destinations_are_not_decapsulated(ready):
    stray = ready.tenant(mac_of(0xBAD), TENANT_A)
    others = (("2001:db8:16::99", "ff15::7:7:7") if ready.family == 6
              else ("172.16.0.99", "239.7.7.7"))
    ready.leaks()
    tables = ready.tables()
    ready.u.send(*(ready.packet(stray, to=other) for other in others))
    ready.good_pass()
    assert not [data for data in ready.leaks() if stray in data and ready.outer(data)]
    assert ready.tables() == tables


@pytest.mark.needs("closed peers")
def test_VX_17_another_local_address_is_not_the_tunnel(ready):
    with ready.rejects("src_denied"):
        ready.u.send(ready.packet(ready.tenant(mac_of(0xBAD), TENANT_A), to=ready.local2))


def test_VX_17_vxlan_from_a_tenant_is_payload(ready):
    forged = frame(mac_of(0xBAD), TENANT_B, "forged")
    inner = vxlan((TENANT_A, TENANT_R, ready.r1, ready.local), VNI, forged)
    assert ready.out(inner).inner == inner
    inner = vxlan((TENANT_R, TENANT_A, ready.r1, ready.local), VNI, forged)
    ready.delivered(ready.packet(inner), inner)
    ready.good_pass()
    assert forged not in ready.a.drain() + ready.b.drain()
    assert mac_of(0xBAD) not in ready.dut.fdb()
