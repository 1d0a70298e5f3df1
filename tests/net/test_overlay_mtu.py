# SPDX-License-Identifier: GPL-2.0-only
"""Rows of the overlay's MTU: DF (PM-09), arithmetic (PM-10), one cut-off (PM-11), black holes and copies (PM-12)."""

import collections
import struct

import pytest

import encap
import icmp
from frames import ARP, BROADCAST, Ether, mac_of
from lab import wait_until
from overlay import Overlay
from rig import TENANT_A, TENANT_R
from traffic import tcp_transfer

ETHERNET = ("vxlan", "geneve", "gretap", "nvgre")
NOBODY = mac_of(0x99)  # never learned: flooded
OVERHEAD = {"vxlan": 50, "geneve": 50, "gretap": 42, "nvgre": 42}  # over IPv4, with inner Ethernet; of GRE with a key


# df -> outer DF for an inner packet without DF, with DF, IPv6, ARP
DF = {"set": (True, True, True, True), "inherit": (False, True, True, False),
      "unset": (False, False, False, False)}


@pytest.mark.family(4)
@pytest.mark.encapsulations(*ETHERNET)
@pytest.mark.parametrize("df", [None, *DF])
def test_PM_09_inner_df_sets_outer_df(rig, df):
    """At every size, and by default: `unset` is the user's own word against RFC 2003."""
    rig.up(df=df)
    rig.meet()
    arp = bytes(Ether(src=TENANT_A, dst=BROADCAST) / ARP(hwsrc=TENANT_A, pdst="10.0.0.9"))
    for length in (100, rig.room()):
        inners = (rig.tenant(length=length), rig.tenant(length=length, df=True),
                  rig.tenant(length=length, version=6))
        for inner, expected in zip((*inners, arp), DF[df or "set"]):
            assert rig.out(inner).df == expected, inner.hex()


def _exact(rig, more=0, kept=0, up=None, **meet):
    """The arithmetic: `more` bytes of header than the plain one, `kept` of them free for options that are not sent."""
    rig.overhead += more + kept
    rig.up(**up or {})
    rig.meet(**meet)
    for version in (4, 6):
        assert rig.out(rig.tenant(length=rig.room(), version=version, df=True)).total == 1500 - kept
        rig.answered(rig.tenant(length=rig.room() + 1, version=version, df=True))


@pytest.mark.encapsulations(*ETHERNET)
def test_PM_10_exact(rig):
    assert rig.overhead + 14 == OVERHEAD[rig.encapsulation] + (20 if rig.family == 6 else 0)
    _exact(rig)


@pytest.mark.encapsulations("gretap")
@pytest.mark.parametrize("fields", [(), ("csum",), ("seq",), ("csum", "seq")], ids="-".join)
def test_PM_10_exact_for_gre(rig, fields):
    """4 bytes each for key, checksum and sequence number; without a key 4 less than the rig has."""
    _exact(rig, 4 * len(fields), up=dict.fromkeys(fields, True), csum="csum" in fields)


@pytest.mark.encapsulations("gretap")
def test_PM_10_exact_without_a_key(rig):
    _exact(rig, -4, up={"key": None, "okey": None}, vni=None)


@pytest.mark.encapsulations("geneve")
@pytest.mark.parametrize("size", [4, 64, 128])
def test_PM_10_exact_with_options(rig, size):
    _exact(rig, size, up={"option": [f"0x0102:0x01:{'5a' * (size - 4)}"]})


@pytest.mark.needs("weft")
@pytest.mark.encapsulations("geneve")
def test_PM_10_exact_with_room_for_options(rig):
    _exact(rig, kept=32, up={"optmax": 32})


@pytest.mark.needs("weft")
@pytest.mark.encapsulations("vxlan", "geneve", "gretap")
def test_PM_10_a_device_of_its_own_has_it(rig):
    rig.tunnel("v0", bridge=None, dev="u0")
    assert rig.host.mtu("v0") == rig.room() - 14
    rig.host.ip("link set u0 mtu 1400")
    wait_until(lambda: rig.host.mtu("v0") == rig.room(1400) - 14, "the device to follow")


@pytest.mark.needs("weft")
@pytest.mark.encapsulations(*ETHERNET)
def test_PM_10_it_is_shown(rig):
    rig.up()
    rig.meet()
    assert rig.dut.weft.show("tunnel", "v0")["state"]["mtu"] == rig.room() - 14


# one cut-off --------------------------------------------------------------------------------

SIZES = range(1200, 9001)  # of the inner IP packet
UNDERLAY = 5000


def _inner(rig, size, version, dst):
    """A tenant's UDP packet of that size, with DF, that says its size."""
    pair = (("10.0.0.1", "10.0.0.2"), ("2001:db8:a::1", "2001:db8:a::2"))[version == 6]
    payload = struct.pack("!I", size).ljust(size - (48 if version == 6 else 28), b".")
    return encap.underlay((TENANT_A, dst, *pair), 17, encap.udp(*pair, 1000, 2000, payload, csum=0xABCD),
                          **({} if version == 6 else {"flags": 2}))


def _supers(rig, size, version, dst):
    """A super-packet of two segments of that size."""
    pair = (("10.0.0.1", "10.0.0.2"), ("2001:db8:a::1", "2001:db8:a::2"))[version == 6]
    payload = struct.pack("!I", size).ljust(size - (60 if version == 6 else 40), b".")
    tcp = struct.pack("!HHIIBBHHH", 1, 2, 1000, 0, 5 << 4, 0x10, 500, 0, 0) + payload * 2
    return encap.underlay((TENANT_A, dst, *pair), 6, tcp, **({} if version == 6 else {"flags": 2})), len(payload)


def _said(rig, data, headers):
    """The size that a packet on `u` says, and that of what it carries."""
    packet = rig.outer(data)
    if packet is None or len(packet.inner) < 1200:
        return None
    return int.from_bytes(packet.inner[headers:headers + 4], "big")


@pytest.mark.needs("weft")
@pytest.mark.encapsulations("vxlan", "geneve", "gretap")
@pytest.mark.underlay(mtu=UNDERLAY)
@pytest.mark.parametrize("way", ["known", "flooded", "super"])
@pytest.mark.parametrize("version", [4, 6])
def test_PM_11_one_cut_off(rig, version, way):
    rig.up(ports=["pa"])
    rig.meet()
    for sock in (rig.a, rig.u):
        sock.drain()
    before = collections.Counter(rig.dut.drops())
    dst = NOBODY if way == "flooded" else TENANT_R
    headers = 14 + (40 if version == 6 else 20) + (20 if way == "super" else 8)
    sent, told = collections.Counter(), []
    for start in range(SIZES.start, SIZES.stop, 100):
        batch = range(start, min(start + 100, SIZES.stop))
        for size in batch:
            if way == "super":
                rig.a.send_super(*_supers(rig, size, version, dst))
            else:
                rig.a.send(_inner(rig, size, version, dst))
        rig.good_pass()
        sent.update(filter(None, (_said(rig, data, headers) for data in rig.u.drain())))
        told += filter(None, map(icmp.read_answer, rig.a.drain()))
    fits = rig.room(UNDERLAY) - 14
    if way == "super":
        assert set(sent) == set(range(SIZES.start, fits + 1))
    else:
        assert sent == dict.fromkeys(range(SIZES.start, fits + 1), 1)
    assert {answer.mtu for answer in told} == {fits}
    drops = collections.Counter(rig.dut.drops()) - before
    assert set(drops) <= {"mtu", "mtu_limit"}
    assert len(told) == drops["mtu"] and sum(drops.values()) == SIZES.stop - 1 - fits


# black holes and copies -------------------------------------------------------------------


@pytest.mark.parametrize("family", [4, 6], ids=["over-ipv4", "over-ipv6"])
def test_PM_12_a_tenants_own_probing_gets_through_a_black_hole(lab, family):
    """The switch drops what is longer than 1400 and says nothing; TCP finds out by itself (RFC 4821)."""
    overlay = Overlay(lab, ("weft", "weft"), ipv6=True, container_mtu=1430)
    one, two = overlay.hosts
    remotes = {}
    for host in (one, two):
        remotes[host] = host.underlay
        if family == 6:
            host.sysctl("net.ipv6.conf.eth0.disable_ipv6", 0)
            remotes[host] = f"2001:db8:1::{host.number}"
            host.ip(f"address add {remotes[host]}/64 dev eth0 nodad")
    for host, other in ((one, two), (two, one)):
        host.weft("bridge add br0")
        host.weft("port add vnet0 bridge br0")
        host.weft(f"tunnel add vx0 bridge br0 type vxlan id 7 local {remotes[host]} remote {remotes[other]}")
        host.c.offload("eth0", "off")
        host.offload("vnet0", "off")
        host.c.sysctl("net.ipv4.tcp_mtu_probing", 1)
        host.c.sysctl("net.ipv4.tcp_base_mss", 1000)
    one.c.ping(two.c.address)
    overlay.lan.host.ip(f"link set dev {two.name} mtu 1400")
    for address in (two.c.address, two.c.address6):
        tcp_transfer(one.c, two.c, address, size=2 << 20)
    assert not {"mtu", "mtu_silent"} & set(one.weft.drops()) and not one.dut.notes().get("path_mtu")


@pytest.fixture
def two_paths(rig):
    """r1 by 1500, r2 by 1400."""
    rig.up(remote=[rig.r1, rig.r2])
    rig.meet(rig.r2)
    inner = rig.tenant(length=rig.room(), df=True)
    packet = rig.out(inner)
    rig.router_says(packet.raw[14:][:icmp.QUOTED[rig.family]], 1400)
    rig.meet()  # TENANT_R is at r1
    rig.leaks()
    return rig


def _copies(rig, inner):
    """Remote -> what it was sent because of a tenant's frame."""
    rig.leaks()
    before = collections.Counter(rig.dut.drops())
    rig.send(inner)
    rig.good_pass()
    packets = collections.defaultdict(list)
    for packet in filter(None, map(rig.outer, rig.u.drain())):
        packets[packet.dst].append(packet.inner)
    return packets, rig.a.drain(), dict(collections.Counter(rig.dut.drops()) - before)


@pytest.mark.needs("weft")
@pytest.mark.encapsulations("vxlan", "nvgre")
@pytest.mark.parametrize("dst", [BROADCAST, NOBODY], ids=["broadcast", "unknown"])
def test_PM_12_each_copy_is_judged_by_its_own_path(two_paths, dst):
    rig = two_paths
    for length in (100, rig.room(1400)):
        inner = rig.tenant(dst=dst, length=length)
        packets, came, drops = _copies(rig, inner)
        assert packets == {rig.r1: [inner], rig.r2: [inner]} and not came and not drops

    inner = rig.tenant(dst=dst, length=rig.room(1400) + 1, df=True)
    packets, came, drops = _copies(rig, inner)
    assert packets == {rig.r1: [inner]}
    if dst == BROADCAST:
        assert not came and drops == {"mtu_silent": 1}
    else:
        assert drops == {"mtu": 1} and len(came) == 1
        icmp.check_answer(icmp.read_answer(came[0]), inner, rig.room(1400) - 14)

    inner = rig.tenant(dst=dst, length=rig.room(), df=False)
    packets, came, drops = _copies(rig, inner)
    assert packets[rig.r1] == [inner] and not came and not drops
    assert len(packets[rig.r2]) == 2 and all(len(part) <= rig.room(1400) for part in packets[rig.r2])
    assert sum(len(part) - 34 for part in packets[rig.r2]) == len(inner) - 34

    inner = rig.tenant(dst=dst, length=rig.room() + 1, df=True)
    packets, came, drops = _copies(rig, inner)
    assert not packets
    assert drops == ({"mtu_silent": 2} if dst == BROADCAST else {"mtu": 2})
    assert len(came) == (0 if dst == BROADCAST else 2)
