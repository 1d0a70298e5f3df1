# SPDX-License-Identifier: GPL-2.0-only
"""Malformed packets from the underlay and from ports: counted, not learned, nothing breaks."""

import random

import pytest

from dut import WeftDut
from encap import vxlan, vxlan_header
from frames import BROADCAST, mac_of
from rig import LOCAL, R1, TENANT_A, TENANT_R, VNI, Rig, remote_mac

ROUNDS = 3000


@pytest.fixture
def rig(lab):
    made = Rig(lab, WeftDut)
    made.up()
    made.meet()
    return made


def test_every_length(rig):
    """A good packet cut at every byte, on the wire and in its lengths."""
    inner = rig.tenant(mac_of(0xBAD), TENANT_A)
    good = rig.packet(inner)
    fdb = rig.dut.fdb()
    rig.leaks()
    for length in range(14, len(good)):
        rig.u.send(good[:length])  # IP says more than there is: the host's stack drops it, or weft
    rig.good_pass()
    assert not rig.a.drain() + rig.b.drain()
    assert rig.dut.fdb() == fdb
    before = rig.dut.drops().get("malformed", 0)
    count = 0
    for length in range(0, 8 + 14):
        payload = (vxlan_header(VNI) + inner)[:length]
        rig.u.send(rig.packet(b"", header=payload))
        count += 1
    rig.good_pass()
    assert not rig.a.drain() + rig.b.drain()
    assert rig.dut.fdb() == fdb
    assert rig.dut.drops()["malformed"] - before == count


@pytest.mark.parametrize("version_ihl", [0x44, 0x40, 0x4F, 0x55, 0x65, 0x05])
def test_ip_header_that_lies(rig, version_ihl):
    packet = bytearray(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A)))
    packet[14] = version_ihl
    fdb = rig.dut.fdb()
    rig.leaks()
    rig.u.send(bytes(packet))
    rig.good_pass()
    assert not rig.a.drain() + rig.b.drain()
    assert rig.dut.fdb() == fdb


def test_vlan_tags_that_end_too_early(rig):
    """Inner frames that promise more tags than there are bytes."""
    rig.dut.weft("tunnel set v0 innervlan")
    for tags in range(1, 12):
        inner = bytes.fromhex("02000000000a020000000bad") + b"\x81\0\0\x0a" * tags
        for cut in range(4):
            rig.u.send(rig.packet(inner[:len(inner) - cut]))
            rig.a.send(inner[:len(inner) - cut].ljust(14, b"\0"))
    rig.good_pass()
    assert rig.dut.weft.alive()


def test_nested_vxlan(rig):
    """VXLAN in VXLAN in VXLAN is payload."""
    inner = rig.tenant(TENANT_R, TENANT_A)
    for _ in range(5):
        inner = vxlan((TENANT_R, TENANT_A, R1, LOCAL), VNI, inner)
    rig.delivered(rig.packet(inner), inner)


def _mutants(source, packet):
    """Random changes of a packet: flipped bytes, cut or grown, pieces copied over others."""
    data = bytearray(packet)
    for _ in range(source.randint(1, 4)):
        kind = source.randrange(5)
        at = source.randrange(12, len(data))
        if kind == 0:
            data[at] = source.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << source.randrange(8)
        elif kind == 2 and len(data) > 60:
            del data[source.randrange(40, len(data)):]
        elif kind == 3:
            data += source.randbytes(source.randrange(64))
        else:
            data[at:at + 4] = source.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x81\0\0\x01"))
        if len(data) < 20:
            break
    return bytes(data[:1514])


@pytest.mark.parametrize("seed", [1, 2])
def test_random_mutations(rig, seed):
    """weft stays alive, forwards, and knows no MAC that no accepted packet carried."""
    source = random.Random(seed)
    rig.dut.weft("tunnel set v0 innervlan")
    outside = rig.packet(rig.tenant(TENANT_R, TENANT_A), csum=None if seed % 2 else 0)
    inside = rig.tenant(TENANT_A, TENANT_R)
    for number in range(ROUNDS):
        rig.u.send(_mutants(source, outside))
        if number % 2:
            rig.a.send(_mutants(source, inside))
        if number % 500 == 0:
            rig.a.drain(), rig.b.drain(), rig.u.drain()
    # Mutants may have moved the tenants' own MACs, as any host on a LAN may.
    rig.dut.weft("fdb flush")
    rig.meet()
    rig.good_pass()
    assert rig.dut.weft.alive()
    assert set(rig.dut.drops()) & {"malformed", "no_i_flag", "vni_unknown", "src_denied", "csum"}
    for mac in rig.dut.fdb():
        assert int(mac[:2], 16) & 1 == 0 and mac != "00:00:00:00:00:00"


def test_flood_of_unknown_sources_is_bounded(rig):
    """A tunnel open to anybody, and packets from very many sources: memory has an end."""
    weft = rig.dut.weft
    weft("tunnel set v0 remote + any maxaddress 100")
    for number in range(2000):
        outer = (remote_mac(R1), rig.mac, f"172.17.{number // 250}.{number % 250}", LOCAL)
        rig.u.send(vxlan(outer, VNI, rig.tenant(mac_of(0x10000 + number), BROADCAST)))
    rig.good_pass()
    entries = [mac for mac, (dev, _) in rig.dut.fdb().items() if dev == "v0"]
    assert len(entries) <= 110
    assert weft.alive()
