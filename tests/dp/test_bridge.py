# SPDX-License-Identifier: GPL-2.0-only
"""Guard, learn, lookup, VLANs: what a bridge does with a frame from a port."""

import pytest
from scapy.all import IP, UDP, Dot1AD, Dot1Q, Ether

from abi import C, FdbKey, mac
from datapath import A, B, BRIDGE, IN, OUT, PEER, REDIRECT, SHOT, TUNNEL, now, ticks, vxlan

BROADCAST = "ff:ff:ff:ff:ff:ff"


def frame(dst=B, src=A):
    return Ether(dst=dst, src=src) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / b"data"


def dropped(dp, packet, reason, port=IN, tunnel=0):
    verdict, _ = dp.from_port(packet)
    assert verdict == SHOT and dp.drops() == {(reason, port, tunnel): 1}


def test_learn_and_deliver(dp):
    dp.fdb(B, port=OUT)
    verdict, out = dp.from_port(frame())
    assert (verdict, out) == (REDIRECT, bytes(frame()))
    entry = dp.entry(A)
    assert (entry.port, entry.remote, entry.flags) == (IN, 0, 0)
    assert dp.get("fdb_counts", BRIDGE).value == 1
    assert dp.total("port_stats", IN)[:2] == [1, len(frame())]


def test_not_a_port_passes(dp):
    dp.delete("devices", type(next(dp.items("devices")))(1))
    assert dp.from_port(frame()) == (0xffffffff, bytes(frame()))


def test_port_without_bridge(dp):
    dp.port(IN, bridge=0)
    dropped(dp, frame(), "port_unknown")


@pytest.mark.parametrize("source", ["00:00:00:00:00:00", BROADCAST, "01:00:5e:01:02:03"])
def test_source_that_is_no_host(dp, source):
    dropped(dp, frame(src=source), "src_mac")
    assert not list(dp.items("fdb"))


@pytest.mark.parametrize("last", range(16))
def test_link_local_groups(dp, last):
    dp.fdb(B, port=OUT)
    verdict, _ = dp.from_port(frame(dst=f"01:80:c2:00:00:{last:02x}"))
    reason = "no_receiver" if last in (0, 14) else "reserved_mac"
    assert verdict == SHOT and dp.drops() == {(reason, IN, 0): 1}


def test_refresh(dp):
    while True:
        began = now()
        dp.fdb(A, port=IN, seen=began - 30)
        dp.from_port(frame())
        seen = dp.entry(A).seen
        if now() - began <= C.WEFT_SEEN_SLACK - 30:
            break
    assert seen == began - 30
    began = now()
    dp.fdb(A, port=IN, seen=began - C.WEFT_SEEN_SLACK - 1)
    dp.from_port(frame())
    assert dp.entry(A).seen >= began


def test_move_between_ports_and_tunnel(dp):
    dp.fdb(A, remote=PEER)
    dp.set("fdb_counts", C.WEFT_BRIDGES_MAX + TUNNEL, 1)
    dp.from_port(frame())
    assert (dp.entry(A).port, dp.entry(A).remote) == (IN, 0)
    assert dp.get("fdb_counts", C.WEFT_BRIDGES_MAX + TUNNEL).value == 0
    dp.from_underlay(vxlan(frame()))
    assert (dp.entry(A).port, dp.entry(A).remote) == (0, PEER)
    assert dp.get("fdb_counts", C.WEFT_BRIDGES_MAX + TUNNEL).value == 1


@pytest.mark.parametrize("flags", [C.WEFT_FDB_STATIC, C.WEFT_FDB_LOCAL])
@pytest.mark.parametrize("learning", [True, False])
def test_static_entry_never_moves(dp, flags, learning):
    dp.fdb(A, port=OUT, flags=flags)
    dp.port(IN, flags=C.WEFT_PORT_UP | (C.WEFT_PORT_LEARNING if learning else 0))
    dropped(dp, frame(), "fdb_static")
    assert dp.entry(A).port == OUT


def test_nolearning(dp):
    dp.port(IN, flags=C.WEFT_PORT_UP)
    dp.tunnel(flags=0)
    dp.from_port(frame())
    dp.from_underlay(vxlan(frame()))
    assert not list(dp.items("fdb"))


def test_maxaddress_of_bridge(dp):
    dp.bridge(maxaddress=2)
    dp.fdb(B, port=OUT)
    dp.set("fdb_counts", BRIDGE, 1)
    for last in range(1, 4):
        verdict, _ = dp.from_port(frame(src=f"0a:00:00:00:01:{last:02x}"))
        assert verdict == REDIRECT
    assert len(list(dp.items("fdb"))) == 2
    assert dp.get("fdb_counts", BRIDGE).value == 2


def test_maxaddress_of_tunnel(dp):
    dp.fdb(B, port=OUT)
    dp.tunnel(maxaddress=1)
    for last in range(1, 4):
        assert dp.from_underlay(vxlan(frame(src=f"0a:00:00:00:01:{last:02x}")))[0] == REDIRECT
    assert len(list(dp.items("fdb"))) == 2
    assert dp.get("fdb_counts", C.WEFT_BRIDGES_MAX + TUNNEL).value == 1


@pytest.mark.parametrize("flags, verdict", [(0, SHOT), (C.WEFT_FDB_STATIC, REDIRECT),
                                            (C.WEFT_FDB_LOCAL, REDIRECT)])
@pytest.mark.parametrize("where", [{"port": OUT}, {"remote": PEER}])
def test_aged_entry_counts_as_unknown(dp, flags, verdict, where):
    """Whether or not weftd is there to remove it."""
    dp.fdb(B, flags=flags, seen=now() - ticks(300) - 5, **where)
    assert dp.from_port(frame())[0] == verdict
    dp.fdb(B, flags=flags, seen=now() - ticks(300) + 500, **where)
    assert dp.from_port(frame())[0] == REDIRECT


def test_ageing_none(dp):
    dp.port(OUT, ageing=0)
    dp.fdb(B, port=OUT, seen=(now() - (1 << 30)) & 0xffffffff)
    assert dp.from_port(frame())[0] == REDIRECT


def test_same_port(dp):
    dp.fdb(B, port=IN)
    dropped(dp, frame(), "same_port")


def test_port_down(dp):
    dp.fdb(B, port=OUT)
    dp.port(OUT, flags=0)
    dropped(dp, frame(), "port_down", OUT)


def test_no_receiver(dp):
    dropped(dp, frame(dst=BROADCAST), "no_receiver")


@pytest.mark.parametrize("dst", [BROADCAST, B])
def test_flood_with_one_receiver(dp, dst):
    """The frame itself goes: the verdict shows it."""
    dp.bridge(port_slots=2)
    dp.member(0, IN)
    dp.member(1, OUT)
    assert dp.from_port(frame(dst=dst)) == (REDIRECT, bytes(frame(dst=dst)))
    assert dp.total("port_stats", OUT)[2] == 1


def test_flood_to_one_remote(dp):
    dp.bridge(port_slots=1, remote_slots=3)
    dp.member(0, IN)
    dp.member(2, PEER, remotes=True)  # slots 0 and 1 are holes
    verdict, out = dp.from_port(frame(dst=BROADCAST))
    assert verdict == REDIRECT and out[50:] == bytes(frame(dst=BROADCAST))
    assert dp.total("remote_stats", PEER)[2] == 1
    # from the underlay: ports only
    verdict, out = dp.from_underlay(vxlan(frame(dst=BROADCAST, src=B)))
    assert (verdict, out) == (REDIRECT, bytes(frame(dst=BROADCAST, src=B)))
    assert dp.total("remote_stats", PEER)[2] == 1


class TestVlan:
    """IN: VLAN 10 untagged, 20 and 30 tagged. OUT: VLAN 10 untagged, 20 tagged."""

    @pytest.fixture
    def aware(self, dp):
        flags = C.WEFT_PORT_UP | C.WEFT_PORT_LEARNING | C.WEFT_PORT_VLAN_AWARE | C.WEFT_PORT_TRUNK
        dp.bridge(flags=C.WEFT_BRIDGE_VLAN_AWARE)
        dp.port(IN, flags=flags, vlan=10)
        dp.port(OUT, flags=flags, vlan=10)
        dp.trunk(IN, 20, 30)
        dp.trunk(OUT, 20)
        dp.tunnel(flags=C.WEFT_TUNNEL_LEARNING | C.WEFT_TUNNEL_VLAN_AWARE, vlan=10)
        for vlan in (10, 20, 30, 40):
            dp.fdb(B, port=OUT, vlan=vlan)
        return dp

    def tagged(self, *tags):
        packet = Ether(dst=B, src=A)
        for tag in tags:
            packet /= Dot1Q(vlan=tag) if isinstance(tag, int) else tag
        return packet / IP() / UDP() / b"data"

    @pytest.mark.parametrize("tags, vlan", [((), 10), ((0,), 10), ((10,), 10), ((20,), 20)])
    def test_enter(self, aware, tags, vlan):
        verdict, out = aware.from_port(self.tagged(*tags))
        # a tag that OUT wants is beside the frame
        assert (verdict, out) == (REDIRECT, bytes(self.tagged()))
        assert aware.entry(A, vlan).port == IN
        assert len([k for k in aware.items("fdb") if bytes(k.mac) == bytes(mac(A))]) == 1

    def test_not_a_member(self, aware):
        dropped(aware, self.tagged(40), "vlan")
        assert not aware.get("fdb", FdbKey(bridge=BRIDGE, vlan=40, mac=mac(A)))

    def test_destination_is_not_a_member(self, aware):
        dropped(aware, self.tagged(30), "vlan", OUT)

    def test_no_untagged(self, aware):
        aware.port(IN, flags=C.WEFT_PORT_VLAN_AWARE | C.WEFT_PORT_UP)
        dropped(aware, self.tagged(), "vlan")

    def test_mapped_to_a_vni(self, aware):
        """VX-14: the tag is stripped; a VLAN that is not mapped is not sent."""
        aware.port(IN, flags=C.WEFT_PORT_UP | C.WEFT_PORT_VLAN_AWARE | C.WEFT_PORT_TRUNK)
        aware.fdb(B, remote=PEER, vlan=20)
        aware.tunnel(flags=C.WEFT_TUNNEL_VLAN_AWARE, vlan=20)
        verdict, out = aware.from_port(self.tagged(20))
        assert verdict == REDIRECT and out[50:] == bytes(self.tagged())
        aware.fdb(B, remote=PEER, vlan=30)
        dropped(aware, self.tagged(30), "vlan", 0, TUNNEL)

    def test_tunnel_as_trunk(self, aware):
        aware.fdb(B, remote=PEER, vlan=20)
        aware.tunnel(flags=C.WEFT_TUNNEL_VLAN_AWARE | C.WEFT_TUNNEL_TRUNK, vlan=10)
        aware.trunk(TUNNEL | 1 << 31, 20)
        packet = self.tagged(Dot1Q(vlan=20, prio=6))
        verdict, out = aware.from_port(packet)
        assert verdict == REDIRECT and out[50:] == bytes(packet)
        back = Ether(dst=A, src=B) / Dot1Q(vlan=20, prio=6) / IP() / UDP() / b"back"
        verdict, _ = aware.from_underlay(vxlan(back))
        assert verdict == REDIRECT and aware.entry(B, 20).remote == PEER

    @pytest.mark.parametrize("outer", [Dot1Q(vlan=20), Dot1AD(vlan=20)])
    def test_only_the_mapped_tag_is_stripped(self, aware, outer):
        aware.fdb(B, remote=PEER, vlan=20)
        packet = self.tagged(outer, 7)
        aware.tunnel(flags=C.WEFT_TUNNEL_VLAN_AWARE, vlan=20)
        dropped(aware, packet, "vlan_inner", 0, TUNNEL)
        aware.tunnel(flags=C.WEFT_TUNNEL_VLAN_AWARE | C.WEFT_TUNNEL_INNER_VLAN, vlan=20)
        verdict, out = aware.from_port(packet)
        assert verdict == REDIRECT and out[50:] == bytes(self.tagged(7))

    def test_from_the_underlay(self, aware):
        inner = Ether(dst=A, src=B) / IP() / UDP() / b"data"
        aware.fdb(A, port=OUT, vlan=10)
        assert aware.from_underlay(vxlan(inner)) == (REDIRECT, bytes(inner))
        assert aware.entry(B, 10).remote == PEER
