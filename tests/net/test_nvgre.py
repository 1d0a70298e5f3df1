# SPDX-License-Identifier: GPL-2.0-only
"""Rows of NVGRE (RFC 7637)."""

import collections

import pytest

import encap
from daemon import refused
from frames import BROADCAST, mac_of
from rig import TENANT_A, TENANT_B, TENANT_R, VSID, caused, remote_mac

pytestmark = pytest.mark.encapsulations("nvgre")
BAD = mac_of(0xBAD)  # a tenant that must not be learned


@pytest.mark.parametrize("vsid", [0x1000, 0x123456, 0xFFFFFE])
def test_NV_01_header(rig, vsid):
    rig.up(id=vsid)
    for inner in (rig.tenant(dst=BROADCAST), rig.tenant(dst=mac_of(0x77)),
                  rig.tenant(dst=BROADCAST, version=6)):
        packet = rig.out(inner)
        assert packet.header[:7] == b"\x20\0\x65\x58" + vsid.to_bytes(3, "big")
        assert len(packet.header) == 8


def test_NV_01_checksum_number_and_no_key_are_dropped(ready):
    for fields in ({"csum": True}, {"seq": 1}, {"key": None},
                   {"csum": True, "seq": 1}, {"key": None, "csum": True}):
        with ready.rejects("gre_flags"):
            ready.u.send(ready.packet(ready.tenant(BAD, TENANT_A), **fields))


def test_NV_01_other_payload_is_dropped(ready):
    inner = ready.tenant(BAD, TENANT_A)
    for protocol, reason in ((encap.IPV4, "key_mismatch"), (0xFFFF, "gre_proto")):
        with ready.rejects(reason):
            ready.u.send(ready.packet(inner[14:], protocol=protocol))


def test_NV_02_one_flow_has_one_flow_id(ready):
    assert len({ready.out(ready.tenant()).flow_id for _ in range(100)}) == 1
    assert len({ready.out(ready.tenant(version=6)).flow_id for _ in range(100)}) == 1


def test_NV_02_flows_spread(ready):
    flows = collections.Counter(ready.out(ready.tenant(sport=1024 + n)).flow_id
                                for n in range(1024))
    # 16 buckets of 64 flows each, if uniform; six standard deviations are 46.
    buckets = collections.Counter()
    for flow, count in flows.items():
        buckets[flow // 16] += count
    assert len(buckets) == 16
    assert all(18 <= count <= 110 for count in buckets.values()), buckets


def test_NV_02_every_flow_id_is_of_the_same_network(ready):
    for flow in range(256):
        inner = ready.tenant(TENANT_R, TENANT_A)
        ready.delivered(ready.packet(inner, flow=flow), inner)
    assert ready.dut.fdb()[TENANT_R] == ("v0", ready.r1)


def test_NV_02_networks_are_kept_apart(rig):
    for bridge, port, name, vsid in (("br1", "pa", "v1", 0x1001), ("br2", "pb", "v2", 0xFF1001)):
        rig.dut.bridge(bridge)
        rig.dut.port(port, bridge)
        rig.tunnel(name, bridge, id=vsid)
    for vsid, tap, other in ((0x1001, rig.a, rig.b), (0xFF1001, rig.b, rig.a)):
        assert rig.out(rig.tenant(TENANT_A, BROADCAST), tap).vni == vsid
        inner = rig.tenant(TENANT_R, TENANT_A)  # the same MACs in both
        rig.delivered(rig.packet(inner, vni=vsid, flow=9), inner, tap)
        assert rig.out(rig.tenant(TENANT_A, TENANT_R), tap).vni == vsid
        assert not other.drain()


TAGS = {"802.1Q": (0x8100, 10), "802.1ad": (0x88A8, 10), "priority": (0x8100, 0)}


@pytest.mark.parametrize("tag", TAGS.values(), ids=TAGS.keys())
def test_NV_03_tagged_frames_are_dropped(ready, tag):
    with ready.rejects("vlan_inner"):
        ready.u.send(ready.packet(ready.tenant(BAD, TENANT_A, tags=[tag])))
    with ready.rejects("vlan_inner"):
        ready.a.send(ready.tenant(dst=TENANT_R, tags=[tag]))


@pytest.mark.needs("vlan to tunnel")
def test_NV_03_the_tag_is_taken_off(rig):
    rig.dut.bridge("br0", vlan_filtering=True)
    rig.dut.port("pa", trunk="10")
    rig.tunnel("v10", vlan=10)
    tagged = rig.tenant(dst=BROADCAST, tags=[(0x8100, 10)])
    rig.a.send(tagged)
    assert rig.u.expect(rig.outer).inner == tagged[:12] + tagged[16:]
    # And put on again for the port; a tag inside the tunnel is no way to choose another VLAN.
    back = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(back), back[:12] + b"\x81\0\0\x0a" + back[12:])
    before = rig.dut.drops().get("vlan_inner", 0)
    rig.u.send(rig.packet(rig.tenant(BAD, TENANT_A, tags=[(0x8100, 10)])))
    again = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(again), again[:12] + b"\x81\0\0\x0a" + again[12:])
    assert rig.dut.drops()["vlan_inner"] == before + 1
    assert not rig.a.drain()
    assert BAD not in rig.dut.fdb()


@pytest.mark.needs("weft")
@pytest.mark.parametrize("field, value", [("innervlan", True), ("trunk", "10-20")])
def test_NV_03_there_is_no_way_to_carry_tags(rig, field, value):
    rig.dut.bridge("br0", vlan_filtering=True)
    with refused(field):
        rig.tunnel("v0", **{field: value})
    assert not rig.dut.weft("tunnel show")


@pytest.mark.needs("weft")
def test_NV_04_reserved_vsids_are_refused(rig):
    rig.dut.bridge("br0")
    for vsid in (0, 1, 0xFFF, 0xFFFFFF, 0x1000000, -1):
        with refused("id"):
            rig.tunnel("v0", id=vsid)
    assert not rig.dut.weft("tunnel show")
    for vsid in (0x1000, 0xFFFFFE):
        rig.tunnel("v0", id=vsid)
        assert rig.dut.weft.show("tunnel", "v0")["id"] == vsid
        rig.dut.tunnel_delete("v0")


def test_NV_04_unknown_and_reserved_vsids_are_dropped(ready):
    for vsid in (0, 1, 0xFFF, 0xFFFFFF, VSID + 1, VSID ^ 0x800000):
        with ready.rejects("vni_unknown"):
            ready.u.send(ready.packet(ready.tenant(BAD, TENANT_A), vni=vsid))


def test_NV_05_never_fragments(ready):
    """What has DF is answered, what has not goes in inner fragments (PM-08)."""
    ready.answered(ready.tenant(length=1514, df=True))
    packet = ready.out(ready.tenant(length=1500 - ready.overhead))
    assert packet.total == 1500
    assert packet.df
    ready.leaks()
    ready.send(ready.tenant(length=1514))
    ready.good_pass()
    packets = [ready.outer(data) for data in ready.u.drain() if caused(data)]
    assert len(packets) == 2
    assert all(packet.total <= 1500 and packet.df and not packet.is_fragment for packet in packets)


def _fragment(rig, inner, id, part):
    payload = rig.packet(inner)[54 if rig.family == 6 else 34:]
    body = payload[600:] if part else payload[:600]
    if rig.family == 6:
        header = encap.fragment_header(600 * part, 1 - part, id)
        fields = {"extensions": [(encap.FRAGMENT, header)]}
    else:
        fields = {"id": id, "flags": 1 - part, "frag": 75 * part}
    return encap.underlay(rig.path(), 47, body, **fields)


def test_NV_05_fragments_never_yield_part_of_a_frame(ready):
    """They may be discarded, or be put together, which may take longer than the next packet."""
    orders = (0, 1), (1, 0), (0,), (1,)
    inners = [ready.tenant(TENANT_R, TENANT_A, length=1200) for _ in orders]
    ready.leaks()  # what was flooded before
    seen = []
    for id, (order, inner) in enumerate(zip(orders, inners), 30000):
        ready.u.send(*(_fragment(ready, inner, id, part) for part in order))
        ready.good_pass()
        seen += ready.a.drain() + ready.b.drain()
    assert set(seen) <= set(inners[:2])
    assert len(seen) == len(set(seen))


def test_NV_05_broadcast_goes_to_every_remote_once(rig):
    rig.up(remote=[rig.r1, rig.r2, rig.r3])
    inner = rig.tenant(dst=BROADCAST)
    rig.a.send(inner)
    packets = rig.u.collect(rig.sent(inner), 3)
    assert {packet.dst: packet.mac_dst for packet in packets} == {
        remote: remote_mac(remote) for remote in (rig.r1, rig.r2, rig.r3)}
    rig.b.expect(inner)
    rig.out(rig.tenant(TENANT_A, TENANT_B), dst=rig.r1)
    assert not [data for data in rig.u.drain() if (rig.sent(inner))(data)]


def test_NV_05_broadcast_goes_to_the_group(rig):
    rig.up(group=rig.group, dev="u0")
    rig.u.expect(rig.membership(rig.group, joining=True), what="membership report")
    rig.out(rig.tenant(dst=BROADCAST), dst=rig.group, mac_dst=rig.group_mac)
    inner = rig.tenant(TENANT_R, BROADCAST)
    rig.delivered(rig.packet(inner, outer=(remote_mac(rig.r2), rig.group_mac, rig.r2, rig.group)),
                  inner)
    rig.out(rig.tenant(dst=TENANT_R), dst=rig.r2)
