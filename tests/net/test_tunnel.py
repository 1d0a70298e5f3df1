# SPDX-License-Identifier: GPL-2.0-only
"""Tunnels: many at once, identities, options of the outer header, remotes and FDB by hand."""

import socket

import pytest

from daemon import refused
from dut import WeftDut
from decode import decode
from encap import vxlan
from frames import ARP, BROADCAST, IP, UDP, Ether, Raw, mac_of
from lab import wait_until
from overlay import Overlay
from rig import LOCAL, LOCAL2, R1, R2, R3, TENANT_A, TENANT_R, VNI, Rig, remote_mac
from tap import Tap


@pytest.fixture
def rig(lab):
    return Rig(lab, WeftDut)


def test_many_tunnels_on_one_port(rig):
    """One MAC in 24 VNIs, on 24 bridges; each frame comes out where it belongs."""
    weft = rig.dut.weft
    taps = {}
    for vni in range(1, 25):
        rig.host.lab.link(rig.host, f"q{vni}", rig.tester, f"t{vni}")
        taps[vni] = Tap(rig.tester, f"t{vni}")
        weft(f"bridge add b{vni}")
        weft(f"port add q{vni} bridge b{vni}")
        weft(f"tunnel add v{vni} bridge b{vni} type vxlan id {vni} local {LOCAL} remote {R1}")
    for vni, tap in taps.items():
        inner = rig.tenant(TENANT_R, BROADCAST)
        rig.delivered(rig.packet(inner, vni=vni), inner, tap)
        assert rig.out(rig.tenant(TENANT_A, TENANT_R), tap).vni == vni
    assert not [data for tap in taps.values() for data in tap.drain()]


def test_same_vni_on_two_bridges_with_different_locals(rig):
    for bridge, port, tunnel, local in (("br1", "pa", "v1", LOCAL), ("br2", "pb", "v2", LOCAL2)):
        rig.dut.bridge(bridge)
        rig.dut.port(port, bridge)
        rig.tunnel(tunnel, bridge, local=local)
    for local, tap, other in ((LOCAL, rig.a, rig.b), (LOCAL2, rig.b, rig.a)):
        inner = rig.tenant(TENANT_R, BROADCAST)
        rig.delivered(rig.packet(inner, to=local), inner, tap)
        assert rig.out(rig.tenant(TENANT_A, TENANT_R), tap).src == local
        assert not other.drain()


@pytest.mark.parametrize("options", [{}, {"local": LOCAL2, "group": "239.1.1.1", "dev": "u0"}],
                         ids=["same", "group"])
def test_second_tunnel_of_the_same_identity_is_refused(rig, options):
    rig.up(**options)
    before = rig.dut.weft.save()
    rig.dut.bridge("br1")
    with refused("v1", "id", "v0"):
        rig.tunnel("v1", "br1", **options)
    rig.dut.weft("bridge del br1")
    assert rig.dut.weft.save() == before


def test_device_of_its_own(rig):
    """A tunnel without a bridge is a device that takes addresses, MAC and MTU."""
    rig.tunnel("v0", bridge=None, dev="u0", address="192.168.100.1/24",
               lladdr="02:00:00:00:fe:02", mtu=1300)
    assert (rig.host.mtu("v0"), rig.host.mac("v0")) == (1300, "02:00:00:00:fe:02")
    assert "192.168.100.1/24" in rig.host.ip("address show dev v0")
    rig.dut.weft("tunnel set v0 mtu 1400 address + 192.168.100.3/24")
    assert rig.host.mtu("v0") == 1400
    assert "192.168.100.3/24" in rig.host.ip("address show dev v0")
    rig.dut.weft("tunnel set v0 address - 192.168.100.1/24 mtu default")
    assert "192.168.100.1/24" not in rig.host.ip("address show dev v0")
    assert rig.host.mtu("v0") == 1450
    rig.u.send(rig.packet(bytes(Ether(src=TENANT_R, dst=BROADCAST) / ARP(
        hwsrc=TENANT_R, psrc="192.168.100.9", pdst="192.168.100.3"))))
    answers = (packet.inner for packet in iter(lambda: rig.u.expect(decode), None))
    answer = next(Ether(inner) for inner in answers if inner[12:14] == b"\x08\x06")
    assert (answer.src, answer.dst) == ("02:00:00:00:fe:02", TENANT_R)
    rig.dut.weft("tunnel del v0")
    assert not rig.host.has("v0")


def test_fdb_by_hand_with_dst_and_vni(rig):
    rig.up(remote=[R1, R2])
    weft = rig.dut.weft
    one, two = mac_of(0x51), mac_of(0x52)
    weft(f"fdb add {one} dev v0 dst {R2}")
    weft(f"fdb add {two} dev v0 dst {R1} vni 77")
    packet = rig.out(rig.tenant(dst=one))
    assert (packet.dst, packet.vni) == (R2, VNI)
    packet = rig.out(rig.tenant(dst=two))
    assert (packet.dst, packet.vni) == (R1, 77)
    entry = {entry["mac"]: entry for entry in weft.fdb("dev v0")}[two]
    assert (entry["dst"], entry["vni"], entry["state"]) == (R1, 77, "static")
    weft(f"fdb replace {one} dev v0 dst {R1}")
    assert rig.out(rig.tenant(dst=one)).dst == R1


def test_fdb_entry_to_an_address_that_is_no_remote(rig):
    """Written by hand, it carries traffic there; floods still go to the remotes only."""
    rig.up()
    rig.dut.fdb_add(mac_of(0x53), "v0", R3)
    assert rig.out(rig.tenant(dst=mac_of(0x53))).dst == R3
    rig.u.drain()
    rig.out(rig.tenant(dst=mac_of(0x77)), dst=R1)
    rig.out(rig.tenant(dst=mac_of(0x77)), dst=R1)
    assert not [data for data in rig.u.drain() if decode(data)]


def test_all_zero_entries_are_where_floods_go(rig):
    rig.up()
    weft = rig.dut.weft
    weft(f"fdb append 00:00:00:00:00:00 dev v0 dst {R2}")
    inner = rig.tenant(dst=BROADCAST)
    rig.a.send(inner)
    assert {packet.dst for packet in rig.u.collect(rig.sent(inner), 2)} == {R1, R2}
    weft(f"fdb del 00:00:00:00:00:00 dev v0 dst {R2}")
    rig.u.drain()
    rig.out(rig.tenant(dst=BROADCAST), dst=R1)
    rig.out(rig.tenant(dst=BROADCAST), dst=R1)
    assert not [data for data in rig.u.drain() if decode(data)]


def test_remotes_are_added_and_removed(rig):
    rig.up()
    weft = rig.dut.weft
    rig.meet()
    weft(f"tunnel set v0 remote + {R2} remote + {R3}")
    assert sorted(weft.show("tunnel", "v0")["remote"]) == [R1, R2, R3]
    inner = rig.tenant(dst=BROADCAST)
    rig.a.send(inner)
    assert {packet.dst for packet in rig.u.collect(rig.sent(inner), 3)} == {R1, R2, R3}
    weft(f"tunnel set v0 remote - {R1}")
    inner = rig.tenant(dst=BROADCAST)
    rig.a.send(inner)
    assert {packet.dst for packet in rig.u.collect(rig.sent(inner), 2)} == {R2, R3}
    rig.leaks()
    rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), R1))
    wait_until(lambda: rig.dut.drops().get("src_denied") == 1, "the removed remote to be denied")
    assert TENANT_R not in rig.dut.fdb(), "what was learned from a removed remote goes with it"


@pytest.mark.parametrize("option, field, value", [
    ({}, "ttl", 64), ({"ttl": 7}, "ttl", 7), ({}, "tos", 0), ({"tos": "0xb8"}, "tos", 0xB8)])
def test_ttl_and_tos(rig, option, field, value):
    rig.up(**option)
    assert getattr(rig.out(rig.tenant(dst=BROADCAST)), field) == value


def test_ttl_to_a_group_is_one(rig):
    rig.up(group="239.1.1.1", dev="u0")
    assert rig.out(rig.tenant(dst=BROADCAST)).ttl == 1
    rig.dut.weft("tunnel set v0 ttl 5")
    assert rig.out(rig.tenant(dst=BROADCAST)).ttl == 5


def test_ttl_and_tos_inherited(rig):
    rig.up(ttl="inherit", tos="inherit")
    inner = bytes(Ether(src=TENANT_A, dst=BROADCAST) / IP(ttl=9, tos=0x28) / UDP() / Raw(b"x" * 20))
    packet = rig.out(inner)
    assert (packet.ttl, packet.tos) == (9, 0x28)
    packet = rig.out(bytes(Ether(src=TENANT_A, dst=BROADCAST, type=0x88B5) / Raw(b"x" * 50)))
    assert (packet.ttl, packet.tos) == (64, 0), "nothing to inherit from what is not IP"


@pytest.mark.parametrize("inner_ecn, outer_ecn, result", [
    (0, 3, None), (1, 3, 3), (2, 3, 3), (2, 1, 1), (2, 0, 2), (1, 0, 1), (0, 2, 0), (3, 0, 3)])
def test_ecn_at_decapsulation(rig, inner_ecn, outer_ecn, result):
    """RFC 6040 §4.2: a CE mark reaches the tenant, or the packet does not."""
    rig.up()
    rig.meet()
    inner = Ether(rig.tenant(TENANT_R, TENANT_A))
    inner[IP].tos = inner_ecn
    del inner[IP].chksum
    packet = rig.packet(bytes(inner), ip={"tos": outer_ecn})
    if result is None:
        with rig.rejects("ecn_drop"):
            rig.u.send(packet)
        return
    inner[IP].tos = result
    del inner[IP].chksum
    rig.delivered(packet, bytes(inner))


def test_ecn_at_encapsulation(rig):
    rig.up()
    for ecn in range(4):
        inner = bytes(Ether(src=TENANT_A, dst=BROADCAST) / IP(tos=ecn) / UDP() / Raw(b"x" * 20))
        assert rig.out(inner).tos & 3 == ecn


def test_maxaddress_of_a_tunnel(rig):
    rig.up(maxaddress=2)
    for number in range(1, 4):
        inner = rig.tenant(mac_of(number), BROADCAST)
        rig.delivered(rig.packet(inner), inner)
    assert {mac for mac, (dev, _) in rig.dut.fdb().items() if dev == "v0"} == {mac_of(1), mac_of(2)}


def test_udp_port_is_held_against_others(rig):
    rig.up()
    with rig.host.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        with pytest.raises(OSError):
            other.bind(("0.0.0.0", 4789))
    rig.dut.weft("tunnel del v0")
    with rig.host.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("0.0.0.0", 4789))
        with refused("dstport", "4789"):
            rig.tunnel("v0")
    assert not rig.dut.weft("tunnel show")
    rig.tunnel("v0")


def test_counters_per_tunnel_and_remote(rig):
    rig.up(remote=[R1, R2])
    rig.meet(R1)
    start = rig.dut.weft.stats()["tunnels"]["v0"]
    inner = rig.tenant(TENANT_R, TENANT_A, length=300)
    for _ in range(5):
        rig.delivered(rig.packet(inner, R1), inner)
    rig.out(rig.tenant(dst=TENANT_R, length=200))
    now = rig.dut.weft.stats()["tunnels"]["v0"]
    for then, after in ((start, now), (start["remotes"][R1], now["remotes"][R1])):
        assert after["rx_packets"] - then["rx_packets"] == 5
        assert after["rx_bytes"] - then["rx_bytes"] == 1500
        assert after["tx_packets"] - then["tx_packets"] == 1
        assert after["tx_bytes"] - then["tx_bytes"] == 200
    assert now["remotes"][R2] == start["remotes"][R2]


def test_drops_name_the_tunnel(rig):
    rig.up()
    rig.meet()
    rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), header=b"\0" * 8))
    rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), R2))
    rig.good_pass()
    lines = {line["reason"]: line for line in rig.dut.weft("drops") if line["packets"]}
    assert set(lines) == {"no_i_flag", "src_denied"}
    assert all(line["cause"] and line["packets"] == 1 for line in lines.values())


# Next hops --------------------------------------------------------------------------------


def test_next_hop_that_is_not_resolved_yet(lab):
    """The first frame of all reaches its remote, though nobody knows the remote's MAC."""
    overlay = Overlay(lab, ("weft", "weft")).up()
    one, two = overlay.hosts
    tap, receiver = Tap(one.c, "eth0"), Tap(two.c, "eth0")
    raw = bytes(Ether(src=mac_of(1), dst=BROADCAST, type=0x88B5) / Raw(b"first".ljust(50)))
    tap.send(raw)
    receiver.expect(raw)


def test_next_hop_changes_its_mac(lab):
    overlay = Overlay(lab, ("weft", "weft")).up()
    overlay.ping_all()
    two = overlay.hosts[1]
    two.ip("link set dev eth0 address 02:00:00:00:fe:03")
    two.run("arping", "-q", "-c", "1", "-U", "-I", "eth0", two.underlay, check=False)
    overlay.ping_all()


def test_route_moves_to_another_gateway(lab):
    """The remote is behind one router, then behind another one with another MAC."""
    rig = Rig(lab, WeftDut)
    for address in (R2, R3):
        rig.host.ip(f"route replace 10.77.0.0/24 via {address}")
        if address == R2:
            rig.up(remote="10.77.0.1")
        wait_until(lambda address=address: rig.out(rig.tenant(dst=BROADCAST)).mac_dst
                   == remote_mac(address), "the new gateway to be used")
    rig.host.ip("route del 10.77.0.0/24")
    wait_until(lambda: rig.a.send(rig.tenant(dst=BROADCAST)) or rig.dut.drops().get("no_route"),
               "no_route to be counted")
    rig.host.ip(f"route add 10.77.0.0/24 via {R2}")
    wait_until(lambda: rig.a.send(rig.tenant(dst=BROADCAST)) or
               [data for data in rig.u.drain() if decode(data)], "the route to be taken again")


def test_underlay_address_comes_later(rig):
    rig.host.ip(f"address del {LOCAL}/24 dev u0")
    rig.up()
    rig.host.ip(f"address add {LOCAL}/24 dev u0")
    rig.host.ip(f"neigh replace {R1} lladdr {remote_mac(R1)} dev u0 nud permanent")
    inner = rig.tenant(TENANT_R, BROADCAST)
    packet = vxlan((remote_mac(R1), rig.mac, R1, LOCAL), VNI, inner)
    wait_until(lambda: rig.u.send(packet) or inner in rig.a.drain(), "packets to be taken")
    wait_until(lambda: rig.a.send(rig.tenant(dst=TENANT_R)) or
               [data for data in rig.u.drain() if decode(data)], "packets to be sent")
