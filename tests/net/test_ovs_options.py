# SPDX-License-Identifier: GPL-2.0-only
"""Rows of Open vSwitch's tunnel options, under weft's names."""

import itertools
import socket
import sys

import pytest

from frames import ARP, BROADCAST, Ether, mac_of
from rig import TENANT_A, TENANT_B, TENANT_R, remote_mac
from tap import ETH_P_ALL, Tap

SO_RCVMARK = 75


def _third_port(rig):
    """One more wire into the DUT: its port is `pc`."""
    rig.host.lab.link(rig.host, "pc", rig.tester, "c")
    return Tap(rig.tester, "c", timeout=rig.a.timeout)


def _bridges(rig, tunnels):
    """A bridge with one port and one tunnel each; gives the taps by the tunnels' names."""
    taps = {}
    ports = (("pa", rig.a), ("pb", rig.b), ("pc", _third_port(rig)))
    for number, ((name, options), (port, tap)) in enumerate(zip(tunnels.items(), ports)):
        rig.dut.bridge(f"br{number}")
        rig.dut.port(port, f"br{number}")
        rig.tunnel(name, f"br{number}", **options)
        taps[name] = tap
    return taps


def _arrives(rig, taps, name, **packet):
    """A packet comes out behind the tunnel `name`, and behind no other."""
    inner = rig.tenant(TENANT_R, BROADCAST)
    rig.delivered(rig.packet(inner, **packet), inner, taps[name])
    # Frames of one source come out in order: what went astray would be there before this one.
    for other, tap in taps.items():
        if other != name:
            assert inner not in tap.drain()


@pytest.mark.encapsulations("gretap")
def test_OV_01_key_before_local(rig):
    taps = _bridges(rig, {"keyed": dict(key=5, local=None),
                          "local": dict(ikey="any", local=rig.local2),
                          "open": dict(ikey="any", local=None)})
    _arrives(rig, taps, "keyed", vni=5, to=rig.local)
    _arrives(rig, taps, "keyed", vni=5, to=rig.local2)
    _arrives(rig, taps, "local", vni=6, to=rig.local2)
    _arrives(rig, taps, "local", vni=None, to=rig.local2)
    _arrives(rig, taps, "open", vni=6, to=rig.local)
    _arrives(rig, taps, "open", vni=None, to=rig.local)


@pytest.mark.encapsulations("gretap")
def test_OV_01_key_and_local_before_remote(rig):
    taps = _bridges(rig, {"keyed": dict(key=5, local=None, remote="any"),
                          "local": dict(ikey="any", local=rig.local2, remote="any"),
                          "remote": dict(ikey="any", local=None)})
    _arrives(rig, taps, "keyed", vni=5, to=rig.local)
    _arrives(rig, taps, "keyed", vni=5, to=rig.local2)
    _arrives(rig, taps, "local", vni=6, to=rig.local2)
    _arrives(rig, taps, "remote", vni=6, to=rig.local)


@pytest.mark.encapsulations("vxlan", "geneve", "gretap", "nvgre")
def test_OV_02_remote_any_takes_packets_from_everywhere(rig):
    rig.up(remote="any")
    for source in (rig.r1, rig.r2):
        inner = rig.tenant(TENANT_R, TENANT_A)
        rig.delivered(rig.packet(inner, source), inner)
    # Nobody has been named to flood to.
    rig.u.drain()
    stray = rig.tenant(TENANT_A, BROADCAST)
    rig.send(stray)
    rig.b.expect(stray)
    assert not [data for data in rig.u.drain() if rig.outer(data)]


@pytest.mark.encapsulations("vxlan", "geneve", "gretap", "nvgre")
def test_OV_02_a_remote_excludes_others(rig):
    rig.up()
    rig.meet()
    with rig.rejects("src_denied"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), rig.r2))


@pytest.mark.encapsulations("vxlan", "geneve", "gretap", "nvgre")
def test_OV_03_local_excludes_others(rig):
    rig.up(local=rig.local2)
    rig.meet(to=rig.local2)
    with rig.rejects("src_denied"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), to=rig.local))


@pytest.mark.encapsulations("vxlan", "geneve", "gretap", "nvgre")
def test_OV_03_without_local_any_address_is_received_at(rig):
    rig.up(local=None)
    for local in (rig.local, rig.local2):
        inner = rig.tenant(TENANT_R, BROADCAST)
        rig.delivered(rig.packet(inner, to=local), inner)


@pytest.mark.encapsulations("gretap")
def test_OV_04_keys_by_direction(rig):
    rig.up(ikey=5, okey=6)
    rig.meet(vni=5)
    assert rig.out(rig.tenant()).key == 6
    for key in (6, 0, None):
        with rig.rejects("key_mismatch"):
            rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), vni=key))


@pytest.mark.encapsulations("gretap")
def test_OV_04_no_key(rig):
    rig.up(key=None)
    rig.meet(vni=None)
    assert rig.out(rig.tenant()).key is None
    with rig.rejects("key_mismatch"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), vni=7))


@pytest.mark.encapsulations("gretap")
def test_OV_04_any_key(rig):
    rig.up(key="any")
    for key in (None, 0, 77, 0xFFFFFFFF):
        inner = rig.tenant(TENANT_R, BROADCAST)
        rig.delivered(rig.packet(inner, vni=key), inner)


@pytest.mark.encapsulations("vxlan", "geneve")
@pytest.mark.parametrize("udpcsum", [True, False], ids=["udpcsum", "noudpcsum"])
@pytest.mark.family(4)
def test_OV_05_udp_checksum_by_choice(rig, udpcsum):
    rig.host.offload("u0", "off")  # so that what is on the wire is final
    rig.up(udpcsum=udpcsum)
    packet = rig.out(rig.tenant(dst=BROADCAST))
    if udpcsum:
        assert packet.csum != 0
        assert packet.csum_is_right()
    else:
        assert packet.csum == 0


@pytest.mark.encapsulations("gretap")
@pytest.mark.parametrize("csum", [True, None], ids=["csum", "default"])
def test_OV_05_gre_checksum_by_choice(rig, csum):
    rig.up(csum=csum)
    packet = rig.out(rig.tenant(dst=BROADCAST))
    if csum:
        assert packet.csum_is_right()
    else:
        assert packet.csum is None


@pytest.mark.encapsulations("vxlan", "geneve", "gretap")
def test_OV_05_checksums_that_are_there_are_verified(rig):
    rig.up()
    rig.meet()
    present = {"csum": True if rig.type == "gretap" else None}
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(inner, **present), inner)
    wrong = bytearray(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), **present))
    wrong[-1] ^= 1
    with rig.rejects("csum"):
        rig.u.send(bytes(wrong))


def test_OV_06_tos(rig):
    rig.up(tos="0xb8")
    rig.meet()
    for version, mark in itertools.product((4, 6), (0, 1, 2)):
        assert rig.out(rig.tenant(version=version, tos=mark)).tos == 0xB8 | mark
    arp = bytes(Ether(src=TENANT_A, dst=BROADCAST) / ARP(hwsrc=TENANT_A, pdst="10.0.0.9"))
    assert rig.out(arp).tos == 0xB8


def test_OV_06_tos_inherit(rig):
    rig.up(tos="inherit")
    rig.meet()
    for version, mark in itertools.product((4, 6), (0, 1, 2)):
        assert rig.out(rig.tenant(version=version, tos=0x48 | mark)).tos == 0x48 | mark
    arp = bytes(Ether(src=TENANT_A, dst=BROADCAST) / ARP(hwsrc=TENANT_A, pdst="10.0.0.9"))
    assert rig.out(arp).tos == 0


@pytest.mark.parametrize("ttl,expected", [(10, 10), (None, 64)], ids=["10", "default"])
def test_OV_07_ttl(rig, ttl, expected):
    rig.up(ttl=ttl)
    rig.meet()
    for inner in (1, 5, 255):
        assert rig.out(rig.tenant(ttl=inner)).ttl == expected


def test_OV_07_ttl_inherit(rig):
    rig.up(ttl="inherit")
    rig.meet()
    for version in (4, 6):
        assert rig.out(rig.tenant(version=version, ttl=5)).ttl == 5
    arp = bytes(Ether(src=TENANT_A, dst=BROADCAST) / ARP(hwsrc=TENANT_A, pdst="10.0.0.9"))
    assert rig.out(arp).ttl == 64


@pytest.mark.family(4)
@pytest.mark.encapsulations("vxlan", "geneve", "gretap", "nvgre")
@pytest.mark.parametrize("df", [None, "unset"], ids=["default", "unset"])
def test_OV_08_df_is_never_copied(rig, df):
    rig.up(df=df)
    rig.meet()
    arp = bytes(Ether(src=TENANT_A, dst=BROADCAST) / ARP(hwsrc=TENANT_A, pdst="10.0.0.9"))
    for inner in (rig.tenant(), rig.tenant(df=True), rig.tenant(version=6), arp):
        assert rig.out(inner).df == (df is None)


@pytest.mark.encapsulations("vxlan", "geneve")
@pytest.mark.parametrize("port", [None, 5555], ids=["default", "5555"])
def test_OV_09_dst_port(rig, port):
    rig.up(dstport=port)
    port = port or {"vxlan": 4789, "geneve": 6081}[rig.type]
    assert rig.out(rig.tenant(dst=BROADCAST)).dport == port
    inner = rig.tenant(TENANT_R, BROADCAST)
    rig.delivered(rig.packet(inner, dport=port), inner)


@pytest.mark.own_weftd
@pytest.mark.encapsulations("vxlan", "geneve", "gretap", "nvgre")
def test_OV_09_fwmark_chooses_the_route(rig):
    """Marked packets go by another router than those without the mark."""
    family = f"-{rig.family}"
    rig.host.ip(f"{family} rule add fwmark 7 table 100")
    rig.host.ip(f"{family} route add {rig.r1} via {rig.r2} dev {rig.dut.underlay} table 100")
    rig.up(ports=["pa"], fwmark=7)
    rig.dut.bridge("br1")
    rig.dut.port("pb", "br1")
    name = "key" if rig.type == "gretap" else "id"
    rig.tunnel("v1", "br1", **{name: rig.vni + 1})
    marked, plain = (rig.out(rig.tenant(src, BROADCAST), tap)
                     for src, tap in ((TENANT_A, rig.a), (TENANT_B, rig.b)))
    assert marked.dst == plain.dst == rig.r1
    assert plain.mac_dst == remote_mac(rig.r1)
    assert marked.mac_dst == remote_mac(rig.r2)


def _marked_tap(rig):
    """A socket that sees with their marks what the DUT sends by u0."""
    with rig.host.inside():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    rig.tester.lab.sockets.append(sock)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVMARK, 1)
    sock.bind(("u0", ETH_P_ALL))
    sock.settimeout(rig.u.timeout)
    return sock


def _mark_of(sock, inner):
    """The mark of the packet that carries `inner`."""
    while True:
        data, extra, _, _ = sock.recvmsg(2000, 64)
        if inner in data:
            return next(int.from_bytes(value, sys.byteorder) for level, kind, value in extra
                        if (level, kind) == (socket.SOL_SOCKET, socket.SO_MARK))


@pytest.mark.encapsulations("vxlan", "geneve", "gretap", "nvgre")
def test_OV_09_fwmark_is_on_every_packet(rig):
    rig.up(fwmark=7)
    rig.meet()
    tap = _marked_tap(rig)
    arp = bytes(Ether(src=TENANT_A, dst=BROADCAST) / ARP(hwsrc=TENANT_A, pdst="10.0.0.9"))
    for inner in (rig.tenant(), rig.tenant(version=6), rig.tenant(dst=BROADCAST), arp):
        rig.out(inner)
        assert _mark_of(tap, inner) == 7


@pytest.mark.encapsulations("vxlan", "gretap")
def test_OV_09_no_mark_by_default(rig):
    rig.up()
    tap = _marked_tap(rig)
    inner = rig.tenant(dst=BROADCAST)
    rig.out(inner)
    assert _mark_of(tap, inner) == 0


@pytest.mark.encapsulations("gretap")
def test_OV_10_sequence_numbers(rig):
    rig.up(oseq=True)
    rig.meet()
    numbers = [rig.out(rig.tenant()).seq for _ in range(4)]
    assert numbers == list(range(numbers[0], numbers[0] + 4))


@pytest.mark.encapsulations("gretap")
def test_OV_10_no_sequence_numbers_by_default(rig):
    rig.up()
    assert rig.out(rig.tenant(dst=BROADCAST)).seq is None


@pytest.mark.encapsulations("geneve", "gretap")
def test_OV_10_ip_on_a_tunnel_of_ethernet_is_rejected(rig):
    rig.up()
    rig.meet()
    inner = rig.tenant(mac_of(0xBAD), TENANT_A)[14:]
    # With GRE it is for a tunnel of type gre, and none has this key.
    with rig.rejects("key_mismatch" if rig.type == "gretap" else "inner_proto"):
        rig.u.send(rig.packet(inner, protocol=0x0800))
