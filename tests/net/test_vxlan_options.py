# SPDX-License-Identifier: GPL-2.0-only
"""Rows about the options of `ip link add … type vxlan`, in the same words."""

import itertools
import time

import pytest

from daemon import refused
from frames import BROADCAST, mac_of
from lab import wait_until
from rig import TENANT_A, TENANT_R, VNI


@pytest.mark.needs("weft")
@pytest.mark.parametrize("vni", ["16777216", "-1", "4294967296", "x"])
def test_IP_01_id_out_of_range_is_refused(rig, vni):
    rig.dut.bridge("br0")
    with refused("id", "16777215" if vni.isdigit() else ""):
        rig.tunnel("v0", id=vni)
    assert not rig.dut.weft("tunnel show")


@pytest.mark.parametrize("vni", [0, 16777215])
def test_IP_01_id_at_its_bounds(rig, vni):
    rig.up(id=vni)
    assert rig.out(rig.tenant(dst=BROADCAST)).vni == vni


@pytest.mark.underlay(mtu=1700)
def test_IP_01_mtu_follows_from_dev(rig):
    rig.tunnel("v0", bridge=None, dev="u0")
    assert rig.host.mtu("v0") == 1700 - rig.overhead - 14


def test_IP_02_group_is_joined(rig):
    rig.up(group=rig.group, dev="u0")
    rig.u.expect(rig.membership(rig.group, joining=True))
    rig.out(rig.tenant(dst=BROADCAST), dst=rig.group)


@pytest.mark.needs("weft")
def test_IP_02_group_needs_dev_and_excludes_remote(rig):
    rig.dut.bridge("br0")
    with refused("group", "dev"):
        rig.tunnel("v0", group=rig.group)
    with refused("group", "remote"):
        rig.tunnel("v0", group=rig.group, dev="u0", remote=rig.r1)
    with refused("group"):
        rig.tunnel("v0", group="10.1.1.1", dev="u0")
    assert not rig.dut.weft("tunnel show")


@pytest.mark.needs("closed peers")
def test_IP_03_others_than_the_remotes_are_denied(rig):
    rig.up()
    rig.meet()
    rig.out(rig.tenant(dst=mac_of(0x77)), dst=rig.r1)
    with rig.rejects("src_denied"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), rig.r2))


def test_IP_03_remote_any_takes_packets_from_everywhere(rig):
    rig.up(remote=[rig.r1, "any"])
    rig.meet()
    for remote in (rig.r2, rig.r3):
        inner = rig.tenant(TENANT_R, TENANT_A)
        rig.delivered(rig.packet(inner, remote), inner)
        wait_until(lambda remote=remote: rig.dut.fdb().get(TENANT_R) == ("v0", remote), "learned")
        rig.out(rig.tenant(dst=TENANT_R), dst=remote)
    # Floods still go to the remote that was named, and to nobody else.
    rig.u.drain()
    rig.out(rig.tenant(dst=mac_of(0x77)), dst=rig.r1)
    rig.out(rig.tenant(dst=TENANT_R))
    assert not [data for data in rig.u.drain() if rig.outer(data)]


@pytest.mark.parametrize("local", ["local", "local2"])
def test_IP_04_local_is_the_source(rig, local):
    local = getattr(rig, local)
    rig.up(local=local)
    assert rig.out(rig.tenant(dst=BROADCAST)).src == local
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(inner, to=local), inner)


def test_IP_04_without_local_the_route_picks(rig):
    rig.up(local=None)
    assert rig.out(rig.tenant(dst=BROADCAST)).src == rig.local
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(inner), inner)


@pytest.mark.needs("weft")
def test_IP_05_dstport_defaults_to_4789(rig):
    rig.up(dstport=None)
    assert rig.dut.weft.show("tunnel", "v0")["dstport"] == 4789
    assert rig.out(rig.tenant(dst=BROADCAST)).dport == 4789


@pytest.mark.parametrize("port", [4789, 8472])
def test_IP_05_dstport_given(rig, port):
    rig.up(dstport=port)
    assert rig.out(rig.tenant(dst=BROADCAST)).dport == port
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(inner, dport=port), inner)


def test_IP_06_srcport_max_is_not_used(rig):
    rig.up(srcport=(50000, 50010))
    rig.meet()
    ports = {rig.out(rig.tenant(sport=1024 + n)).sport for n in range(400)}
    assert ports == set(range(50000, 50010))


@pytest.mark.needs("weft")
@pytest.mark.parametrize("srcport", [(50010, 50000), (50000, 50000), (0, 70000)])
def test_IP_06_srcport_max_below_min_is_refused(rig, srcport):
    rig.dut.bridge("br0")
    with refused("srcport"):
        rig.tunnel("v0", srcport=srcport)


def test_IP_07_nolearning_floods_replies(rig):
    rig.up(remote=[rig.r1, rig.r2], learning=False)
    rig.a.send(rig.tenant(dst=BROADCAST))
    hello = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(hello), hello)
    inner = rig.tenant(dst=TENANT_R)
    rig.a.send(inner)
    assert {packet.dst for packet in rig.u.collect(rig.sent(inner), 2)} == {rig.r1, rig.r2}


def test_IP_07_learning_is_the_default(rig):
    rig.up(remote=[rig.r1, rig.r2])
    rig.meet(rig.r2)
    rig.u.drain()
    rig.out(rig.tenant(dst=TENANT_R), dst=rig.r2)
    rig.out(rig.tenant(dst=TENANT_R), dst=rig.r2)
    assert not [data for data in rig.u.drain() if rig.outer(data)]


@pytest.fixture
def static(rig):
    """A MAC that is behind r1 for ever, on a tunnel to r1 and r2."""
    rig.up(remote=[rig.r1, rig.r2])
    rig.meet()
    mac = mac_of(0x57A7)
    rig.dut.fdb_add(mac, "v0", rig.r1)
    return mac


def test_IP_07_static_entries_never_migrate(rig, static):
    with rig.rejects("fdb_static"):
        rig.u.send(rig.packet(rig.tenant(static, TENANT_A), rig.r2))
    assert rig.dut.fdb()[static] == ("v0", rig.r1)
    # From where it belongs it is welcome.
    inner = rig.tenant(static, TENANT_A)
    rig.delivered(rig.packet(inner, rig.r1), inner)
    rig.out(rig.tenant(dst=static), dst=rig.r1)


@pytest.mark.needs("static ports")
def test_IP_07_static_entries_never_migrate_to_a_port(rig, static):
    with rig.rejects("fdb_static"):
        rig.b.send(rig.tenant(static, TENANT_A))
    assert rig.dut.fdb()[static] == ("v0", rig.r1)


@pytest.mark.needs("weft")
def test_IP_08_ageing(rig):
    rig.up(ageing=4)
    rig.dut.fdb_add(mac_of(0x57A7), "v0", rig.r1)
    rig.meet()
    # Kept while it is heard of: no verdict if this machine slept too long between two frames.
    for _ in range(3):
        start, gaps, kept = time.monotonic(), [], True
        while time.monotonic() < start + 7:
            before = time.monotonic()
            kept = kept and TENANT_R in rig.dut.fdb()
            inner = rig.tenant(TENANT_R, TENANT_A)
            rig.delivered(rig.packet(inner), inner)
            time.sleep(0.2)
            gaps.append(time.monotonic() - before)
        if kept or max(gaps) < 2:
            break
    assert kept, "aged while it was heard of"
    wait_until(lambda: TENANT_R not in rig.dut.fdb(), "entry to age", interval=0.2)
    assert mac_of(0x57A7) in rig.dut.fdb()


@pytest.mark.needs("weft")
def test_IP_08_ageing_defaults_to_the_bridge(rig):
    rig.up()
    assert rig.dut.weft.show("bridge", "br0")["ageing"] == 300
    assert set(itertools.chain(rig.dut.weft.show("tunnel", "v0"))) >= {"ageing", "learning"}
    assert rig.dut.weft.show("tunnel", "v0")["id"] == VNI
