# SPDX-License-Identifier: GPL-2.0-only
"""Rows of RFC 7348 about what is received: header, checksum, fragments, VLANs, malformed packets."""

import pytest

from frames import BROADCAST, IP, UDP, Ether, Raw, frame, mac_of, vxlan, vxlan_header
from rig import LOCAL, LOCAL2, R1, R2, TENANT_A, TENANT_B, TENANT_R, VNI, remote_mac


@pytest.fixture
def ready(rig):
    """The rig with its tunnel to R1 up, and tenants on both sides known."""
    rig.up()
    rig.meet()
    return rig


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


def test_VX_04_vnis_are_kept_apart(rig):
    for bridge, port, name, vni in (("br1", "pa", "v1", 1), ("br2", "pb", "v2", 0xFFFFFF)):
        rig.dut.bridge(bridge)
        rig.dut.port(port, bridge)
        rig.tunnel(name, bridge, id=vni)
    for vni, tap, other in ((1, rig.a, rig.b), (0xFFFFFF, rig.b, rig.a)):
        assert rig.out(rig.tenant(TENANT_A, BROADCAST), tap).vni == vni
        inner = rig.tenant(TENANT_R, TENANT_A)  # the same MACs in both
        rig.delivered(rig.packet(inner, vni=vni), inner, tap)
        assert rig.out(rig.tenant(TENANT_A, TENANT_R), tap).vni == vni
        assert not other.drain()


@pytest.mark.parametrize("vni", [2, 0x010001, 0x800001, 0x000101])
def test_VX_04_unknown_vni(rig, vni):
    rig.up(id=1)
    rig.meet(vni=1)
    with rig.rejects("vni_unknown"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), vni=vni))


def test_VX_08_zero_and_right_checksums_are_accepted(ready):
    for length in (60, 61, 1400):
        for csum in (0, None):
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


@pytest.mark.weft_only
def test_VX_08_checksum_is_not_looked_at_with_noudpcsumrx(rig):
    rig.up(udpcsumrx=False)
    packet, inner = _flipped(rig)
    rig.delivered(packet, inner)


def _fragments(rig, inner, cut=800):
    """An underlay packet to the DUT as two IP fragments."""
    packet = Ether(rig.packet(inner))
    payload = bytes(packet[IP].payload)
    ip = dict(src=packet[IP].src, dst=packet[IP].dst, proto=17, id=77)
    ether = Ether(src=packet.src, dst=packet.dst)
    return (bytes(ether / IP(flags="MF", **ip) / Raw(payload[:cut])),
            bytes(ether / IP(frag=cut // 8, **ip) / Raw(payload[cut:])))


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
    rig.up(remote=[R1, R2])
    rig.out(rig.tenant(dst=BROADCAST))
    for remote in (R1, R2, R1):
        hello = rig.tenant(TENANT_R, TENANT_A)
        rig.delivered(rig.packet(hello, remote), hello)
        rig.u.drain()
        rig.out(rig.tenant(dst=TENANT_R), dst=remote, mac_dst=remote_mac(remote))
        rig.out(rig.tenant(dst=TENANT_R), dst=remote)
        assert not [data for data in rig.u.drain() if rig.outer(data)], "a second copy"
        assert rig.dut.fdb()[TENANT_R] == ("v0", remote)


def test_VX_11_unknown_unicast_goes_to_every_remote(rig):
    rig.up(remote=[R1, R2])
    inner = rig.tenant(dst=mac_of(0x77))
    rig.a.send(inner)
    packets = rig.u.collect(rig.sent(inner), 2)
    assert sorted(packet.dst for packet in packets) == [R1, R2]
    rig.b.expect(inner)


@pytest.mark.weft_only
@pytest.mark.parametrize("mac", ["00:00:00:00:00:00", "01:00:5e:00:00:01", BROADCAST])
def test_VX_11_no_such_source_is_learned(ready, mac):
    with ready.rejects("src_mac"):
        ready.u.send(ready.packet(ready.tenant(mac, TENANT_A)))
    with ready.rejects("src_mac"):
        ready.a.send(ready.tenant(mac, TENANT_R))


GROUP, GROUP_MAC = "239.1.1.1", "01:00:5e:01:01:01"


def test_VX_12_floods_go_to_the_group(rig):
    rig.up(group=GROUP, dev="u0")
    rig.u.expect(rig.igmp(GROUP, joining=True), what="IGMP report")
    for dst in (BROADCAST, "01:00:5e:00:00:fb", mac_of(0x77)):
        rig.out(rig.tenant(dst=dst), dst=GROUP, mac_dst=GROUP_MAC)
    # From the group: delivered, and what is learned is the sender.
    inner = rig.tenant(TENANT_R, BROADCAST)
    packet = vxlan((remote_mac(R2), GROUP_MAC, R2, GROUP), VNI, inner)
    rig.delivered(packet, inner)
    rig.out(rig.tenant(dst=TENANT_R), dst=R2)
    rig.u.drain()
    rig.dut.tunnel_delete("v0")
    rig.u.expect(rig.igmp(GROUP, joining=False), what="IGMP leave")


@pytest.mark.weft_only
def test_VX_12_own_packet_that_comes_back_is_dropped(rig):
    rig.up(group=GROUP, dev="u0")
    hello = rig.tenant(TENANT_R, BROADCAST)
    rig.delivered(vxlan((remote_mac(R2), GROUP_MAC, R2, GROUP), VNI, hello), hello)
    rig.out(rig.tenant(dst=BROADCAST))
    rig.good = dict(source=R2)
    with rig.rejects("own_source"):
        rig.u.send(vxlan((rig.mac, GROUP_MAC, LOCAL, GROUP), VNI,
                         rig.tenant(mac_of(0xBAD), BROADCAST)))


TAGS = {"802.1Q": (0x8100, 10), "802.1ad": (0x88A8, 10), "priority": (0x8100, 0)}


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS.keys())
def test_VX_13_tagged_frames_are_dropped(ready, tag):
    with ready.rejects("vlan_inner"):
        ready.u.send(ready.packet(ready.tenant(mac_of(0xBAD), TENANT_A, tags=[tag])))
    with ready.rejects("vlan_inner"):
        ready.a.send(ready.tenant(dst=TENANT_R, tags=[tag]))


@pytest.mark.weft_only
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
        "udp-length-7": rig.packet(inner, udp={"len": 7}),
        "udp-length-8": rig.packet(inner, udp={"len": 8}),
        "udp-length-15": rig.packet(inner, udp={"len": 15}),
        "udp-length-above-ip": rig.packet(inner, udp={"len": 16 + len(inner) + 1}),
        "udp-length-65535": rig.packet(inner, udp={"len": 65535}),
        "inner-empty": rig.packet(b""),
        "inner-13-bytes": rig.packet(inner[:13]),
        "header-cut": rig.packet(b"", header=vxlan_header(VNI)[:7]),
    }


@pytest.mark.parametrize("fault", _malformed(type("Names", (), {
    "tenant": lambda *_: b"x" * 60, "packet": lambda *_, **__: b""})()).keys())
def test_VX_16_malformed_is_dropped(ready, fault):
    with ready.rejects("malformed"):
        ready.u.send(_malformed(ready)[fault])


def test_VX_16_ip_options_are_accepted(ready):
    inner = ready.tenant(TENANT_R, TENANT_A)
    option = b"\x94\x04\0\0"  # router alert, RFC 2113
    ether = Ether(src=remote_mac(R1), dst=ready.mac)
    packet = (ether / IP(src=R1, dst=LOCAL, options=[IP(b"\x46" + b"\0" * 19 + option).options[0]])
              / UDP(sport=50000, dport=4789, chksum=0) / Raw(vxlan_header(VNI) + inner))
    assert Ether(bytes(packet))[IP].ihl == 6
    ready.delivered(bytes(packet), inner)


@pytest.mark.parametrize("csum", [0, None], ids=["", "csum"])
def test_VX_16_padding_is_trimmed(ready, csum):
    inner = ready.tenant(TENANT_R, TENANT_A)
    ready.delivered(ready.packet(inner, csum=csum) + b"\xa5" * 9, inner)
    # UDP may end before IP does (RFC 768); what follows is no part of the frame either.
    inner = ready.tenant(TENANT_R, TENANT_A)
    longer = Ether(ready.packet(inner, csum=csum))
    longer = bytes(longer / Raw(b"\x5a" * 5))
    ip = IP(longer[14:])
    del ip.len, ip.chksum
    packet = bytearray(longer[:14] + bytes(ip))
    packet[16:18] = (len(longer) - 14).to_bytes(2, "big")
    packet[24:26] = b"\0\0"
    packet[24:26] = (0xFFFF - _sum(bytes(packet[14:34]))).to_bytes(2, "big")
    packet[38:40] = (16 + len(inner)).to_bytes(2, "big")
    ready.delivered(bytes(packet), inner)


def _sum(data):
    total = sum(int.from_bytes(data[at:at + 2], "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_VX_17_other_destinations_are_not_decapsulated(ready):
    stray = ready.tenant(mac_of(0xBAD), TENANT_A)
    ready.leaks()
    fdb = ready.dut.fdb()
    ready.u.send(ready.packet(stray, to="172.16.0.99"), ready.packet(stray, to="239.7.7.7"))
    ready.good_pass()
    assert not [data for data in ready.leaks() if stray in data and data[12:14] == b"\x08\0"
                and data[23] == 17]
    assert ready.dut.fdb() == fdb


@pytest.mark.weft_only
def test_VX_17_another_local_address_is_not_the_tunnel(ready):
    with ready.rejects("src_denied"):
        ready.u.send(ready.packet(ready.tenant(mac_of(0xBAD), TENANT_A), to=LOCAL2))


def test_VX_17_vxlan_from_a_tenant_is_payload(ready):
    forged = frame(mac_of(0xBAD), TENANT_B, "forged")
    inner = vxlan((TENANT_A, TENANT_R, R1, LOCAL), VNI, forged)
    assert ready.out(inner).inner == inner
    inner = vxlan((TENANT_R, TENANT_A, R1, LOCAL), VNI, forged)
    ready.delivered(ready.packet(inner), inner)
    ready.good_pass()
    assert forged not in ready.a.drain() + ready.b.drain()
    assert mac_of(0xBAD) not in ready.dut.fdb()
