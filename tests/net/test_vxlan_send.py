# SPDX-License-Identifier: GPL-2.0-only
"""Rows of RFC 7348 about what is sent: header, ports, checksum, fragmentation, VLANs, lengths."""

import collections

import pytest

from frames import ARP, BROADCAST, IP, UDP, Ether, Raw, frame, mac_of
from rig import TENANT_A, TENANT_R, VNI, caused


@pytest.mark.parametrize("vni", [1, 0x123456, 0xFFFFFF])
def test_VX_01_header_is_flag_and_vni_only(rig, vni):
    rig.up(id=vni, innervlan=True)
    rig.meet(vni=vni)
    for inner in (rig.tenant(dst=TENANT_R), rig.tenant(dst=BROADCAST),
                  rig.tenant(dst=BROADCAST, tags=[(0x8100, 7)])):
        assert rig.out(inner).header == b"\x08\0\0\0" + vni.to_bytes(3, "big") + b"\0"


@pytest.mark.parametrize("port", [None, 8472])
def test_VX_05_destination_port(rig, port):
    rig.up(dstport=port)
    port = port or 4789
    assert rig.out(rig.tenant(dst=BROADCAST)).dport == port
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(inner, dport=port), inner)
    # The other port is not decapsulated: the host gets it, and the next good one passes.
    other = 4789 if port == 8472 else 8472
    stray = rig.tenant(TENANT_R, TENANT_A)
    rig.u.send(rig.packet(stray, dport=other))
    rig.delivered(rig.packet(inner, dport=port), inner)
    assert stray not in rig.a.drain() + rig.b.drain()


def _source_ports(rig, inners):
    """The source port of each frame sent in at A, by its bytes."""
    ports = {}
    for inner in inners:
        ports[inner] = rig.out(inner).sport
    return ports


def test_VX_06_one_flow_has_one_source_port(rig):
    rig.up()
    rig.meet()
    ports = _source_ports(rig, [rig.tenant(payload=f"{n}") for n in range(1000)])
    assert len(set(ports.values())) == 1


def test_VX_06_flows_spread_over_the_range(rig):
    rig.up()
    rig.meet()
    flows = [rig.tenant(sport=1024 + n, dport=80) for n in range(4096)]
    ports = _source_ports(rig, flows).values()
    assert min(ports) >= 49152
    assert max(ports) <= 65535
    # 16 buckets of 1024 ports, 256 flows each if uniform; six standard deviations are 93.
    buckets = collections.Counter((port - 49152) // 1024 for port in ports)
    assert len(buckets) == 16
    assert all(160 <= count <= 350 for count in buckets.values()), buckets


def test_VX_06_what_is_not_ip_has_a_port_per_pair_of_macs(rig):
    rig.up()
    rig.meet()
    by_pair = collections.defaultdict(set)
    for pair in range(8):
        for n in range(4):
            inner = bytes(Ether(src=mac_of(0x100 + pair), dst=TENANT_R, type=0x88B5)
                          / Raw(f"weft {n}".encode().ljust(46)))
            by_pair[pair].add(rig.out(inner).sport)
    arp = {rig.out(bytes(Ether(src=TENANT_A, dst=BROADCAST)
                         / ARP(hwsrc=TENANT_A, pdst=f"10.0.0.{n}"))).sport for n in range(1, 5)}
    assert all(len(ports) == 1 for ports in by_pair.values()), by_pair
    assert len(arp) == 1
    assert all(49152 <= port <= 65535 for ports in by_pair.values() for port in ports)


def test_VX_06_fragments_of_one_datagram_share_a_port(rig):
    rig.up()
    rig.meet()
    ports = set()
    for flags, offset in (("MF", 0), ("MF", 64), (0, 128)):
        first = UDP(sport=1, dport=2, len=1544, chksum=0) / Raw(b"x" * 504)
        inner = bytes(Ether(src=TENANT_A, dst=TENANT_R)
                      / IP(src="10.0.0.1", dst="10.0.0.2", id=7, flags=flags, frag=offset, proto=17)
                      / (first if offset == 0 else Raw(bytes([offset]) * 512)))
        ports.add(rig.out(inner).sport)
    assert len(ports) == 1


@pytest.mark.family(4)
def test_VX_07_checksum_is_zero_by_default(rig):
    rig.up()
    assert rig.out(rig.tenant(dst=BROADCAST)).csum == 0


def test_VX_07_checksum_covers_everything(rig):
    rig.host.offload("u0", "off")  # so that what is on the wire is final
    rig.up(udpcsum=True)
    rig.meet()
    for length in (60, 61, 333, 1400):
        packet = rig.out(rig.tenant(length=length))
        assert packet.csum != 0
        assert packet.csum_is_right()


def test_VX_07_checksum_that_comes_to_zero_is_sent_as_ffff(rig):
    rig.host.offload("u0", "off")  # so that what is on the wire is final
    rig.up(udpcsum=True)
    rig.meet()
    packet = rig.zero_checksum()
    assert packet.csum == 0xFFFF
    assert packet.csum_is_right()


def test_VX_09_never_fragments(rig):
    """What has DF is answered, what has not goes in inner fragments or not at all (PM-08)."""
    rig.up()
    rig.meet()
    rig.answered(rig.tenant(length=1514, df=True))
    rig.leaks()
    rig.send(rig.tenant(length=1514))
    rig.good_pass()
    for data in filter(caused, rig.u.drain()):
        assert rig.outer(data) and not rig.outer(data).is_fragment


@pytest.mark.needs("weft")
def test_VX_09_outer_packet_says_do_not_fragment(rig):
    rig.up()
    packet = rig.out(rig.tenant(dst=BROADCAST, length=1500 - rig.overhead))
    assert packet.df
    assert packet.total == 1500


@pytest.mark.needs("vlan to tunnel")
def test_VX_14_vlan_selects_the_vni_and_is_stripped(rig):
    rig.dut.bridge("br0", vlan_filtering=True)
    rig.dut.port("pa", trunk="10,20,30")
    rig.tunnel("v10", id=10, vlan=10)
    rig.tunnel("v20", id=20, vlan=20, remote=rig.r2)
    for vlan, remote in ((10, rig.r1), (20, rig.r2)):
        tagged = rig.tenant(dst=BROADCAST, tags=[(0x8100, vlan)])
        rig.a.send(tagged)
        packet = rig.u.expect(rig.outer)
        assert (packet.vni, packet.dst) == (vlan, remote)
        assert packet.inner == tagged[:12] + tagged[16:]
        back = rig.tenant(TENANT_R, TENANT_A)
        rig.delivered(rig.packet(back, remote, vlan),
                      back[:12] + b"\x81\x00" + vlan.to_bytes(2, "big") + back[12:])
    # VLAN 30 has no tunnel, 40 not even the port.
    rig.a.send(rig.tenant(dst=BROADCAST, tags=[(0x8100, 30)]))
    _drops_vlan(rig, 40)


@pytest.mark.needs("vlan to tunnel")
def test_VX_14_trunk_keeps_the_tag(rig):
    rig.dut.bridge("br0", vlan_filtering=True)
    rig.dut.port("pa", trunk="10-20")
    rig.tunnel("v0", trunk="10-15")
    tagged = rig.tenant(dst=BROADCAST, tags=[(0x8100, 12)])
    assert rig.out(tagged).vni == VNI
    back = rig.tenant(TENANT_R, TENANT_A, tags=[(0x8100, 12)])
    rig.delivered(rig.packet(back), back)
    _drops_vlan(rig, 30)


@pytest.mark.needs("vlan to tunnel")
def test_VX_14_only_the_mapped_tag_is_stripped(rig):
    rig.dut.bridge("br0", vlan_filtering=True)
    rig.dut.port("pa", trunk="10")
    rig.tunnel("v10", id=10, vlan=10, innervlan=True)
    double = rig.tenant(dst=BROADCAST, tags=[(0x8100, 10), (0x8100, 99)])
    rig.a.send(double)
    assert rig.u.expect(rig.outer).inner == double[:12] + double[16:]


def _drops_vlan(rig, vlan):
    """A frame of a VLAN that is not the port's is counted as `vlan` and goes nowhere."""
    rig.leaks()
    before = rig.dut.drops().get("vlan", 0)
    rig.a.send(rig.tenant(src=mac_of(0xBAD), dst=BROADCAST, tags=[(0x8100, vlan)]))
    marker = rig.tenant(dst=BROADCAST, tags=[(0x8100, 10)])
    rig.a.send(marker)
    rig.u.expect(rig.outer)
    assert rig.dut.drops().get("vlan", 0) == before + 1
    assert not rig.leaks()
    assert mac_of(0xBAD) not in rig.dut.fdb()


@pytest.mark.underlay(mtu=1600)
@pytest.mark.parametrize("length", [60, 61, 1514])
def test_VX_15_lengths_are_exact(rig, length):
    rig.up()
    inner = frame(TENANT_A, BROADCAST, length=length)
    packet = rig.out(inner)
    assert len(inner) == length
    assert packet.udp_length == 16 + length
    assert packet.total == rig.overhead + length
    assert len(packet.raw) == 14 + packet.total
    assert (packet.src, packet.dst, packet.mac_src) == (rig.local, rig.r1, rig.mac)
