# SPDX-License-Identifier: GPL-2.0-only
"""Rows of RFC 6935 and 6936: UDP over IPv6 with and without a checksum."""

import socket
import time

import pytest

import encap
import icmp
from frames import BROADCAST, mac_of
from lab import wait_until
from rig import TENANT_A, TENANT_R

pytestmark = [pytest.mark.family(6), pytest.mark.encapsulations("vxlan", "geneve")]


def test_U6_01_checksum_is_sent_by_default(rig):
    rig.host.offload("u0", "off")  # so that what is on the wire is final
    rig.up()
    rig.meet()
    for length in (60, 61, 333, 1300):
        packet = rig.out(rig.tenant(length=length))
        assert packet.csum != 0
        assert packet.csum_is_right()


def test_U6_01_checksum_that_comes_to_zero_is_sent_as_ffff(rig):
    rig.host.offload("u0", "off")
    rig.up()
    rig.meet()
    packet = rig.zero_checksum()
    assert packet.csum == 0xFFFF
    assert packet.csum_is_right()


def test_U6_02_zero_is_refused_by_default(rig):
    rig.up()
    rig.meet()
    with rig.rejects("csum_zero6"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), csum=0))


@pytest.mark.needs("notes")
@pytest.mark.environment(WEFT_LOG_INTERVAL="1")
def test_U6_02_zero_is_logged(rig):
    rig.up()
    start = time.monotonic()
    rig.u.send(*[rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), csum=0)] * 1000)

    def lines():
        return [line for line in rig.dut.weft.log().splitlines()
                if "tunnel v0:" in line and "checksum" in line]
    wait_until(lines, "a line in the log")
    assert len(lines()) <= time.monotonic() - start + 1  # one a second, at most
    assert rig.dut.drops()["csum_zero6"] == 1000


def test_U6_03_zero_sent_only(rig):
    rig.up(udp6zerocsumtx=True)
    rig.meet()
    assert rig.out(rig.tenant()).csum == 0
    with rig.rejects("csum_zero6"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), csum=0))


def test_U6_03_zero_received_only(rig):
    rig.host.offload("u0", "off")
    rig.up(udp6zerocsumrx=True)
    rig.meet()
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(inner, csum=0), inner)
    packet = rig.out(rig.tenant())
    assert packet.csum != 0
    assert packet.csum_is_right()


def test_U6_03_other_ports_stay_strict(rig):
    """Another tunnel's port, and a socket of the host."""
    rig.up(ports=["pa"], udp6zerocsumrx=True)
    rig.meet()
    rig.dut.bridge("br1")
    rig.dut.port("pb", "br1")
    rig.tunnel("v1", "br1", id=rig.vni + 1, dstport=7777)
    stray = rig.tenant(mac_of(0xBAD), BROADCAST)
    with rig.rejects("csum_zero6"):
        rig.u.send(rig.packet(stray, vni=rig.vni + 1, dport=7777, csum=0))
    inner = rig.tenant(TENANT_R, BROADCAST)
    rig.delivered(rig.packet(inner, vni=rig.vni + 1, dport=7777), inner, rig.b)
    with rig.host.inside():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    with sock:
        sock.bind(("::", 9999))
        sock.settimeout(20)
        for csum, data in ((0, b"zero"), (None, b"summed")):
            datagram = encap.udp(rig.r1, rig.local, 5000, 9999, data, csum=csum)
            rig.u.send(encap.underlay(rig.path(), 17, datagram))
        assert sock.recv(100) == b"summed"  # the one before it is not there


def _flipped(rig):
    """A packet with a checksum and, after it was computed, one bit of the payload flipped."""
    packet = bytearray(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A)))
    packet[-1] ^= 1
    return bytes(packet)


def test_U6_04_zero_mode_still_verifies(rig):
    rig.up(udp6zerocsumrx=True)
    rig.meet()
    for csum in (0, None):
        inner = rig.tenant(TENANT_R, TENANT_A)
        rig.delivered(rig.packet(inner, csum=csum), inner)
    with rig.rejects("csum"):
        rig.u.send(_flipped(rig))


@pytest.mark.needs("notes")
@pytest.mark.environment(WEFT_LOG_INTERVAL="1")
def test_U6_05_zero_is_counted_and_not_logged(rig):
    rig.up(udp6zerocsumrx=True)
    rig.meet()
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.u.send(*[rig.packet(inner, csum=0)] * 1000)
    wait_until(lambda: rig.dut.notes().get("zero_csum6") == 1000,
               "1000 packets to be noted, no more and no less")
    # Something that is logged, so that the log has been written to since.
    rig.u.send(rig.packet(inner, ip={"tos": 2}))
    wait_until(lambda: "ECN" in rig.dut.weft.log(), "a line in the log")
    assert rig.dut.notes() == {"zero_csum6": 1000, "ecn_unused": 1}
    assert "checksum" not in rig.dut.weft.log()


def test_U6_06_a_summed_tunnel_beside_one_in_zero_mode(rig):
    """Between the same two addresses and ports, so that probes can be sent in both forms."""
    rig.host.offload("u0", "off")
    rig.up(ports=["pa"], udp6zerocsumtx=True)
    rig.dut.bridge("br1")
    rig.dut.port("pb", "br1")
    rig.tunnel("v1", "br1", id=rig.vni + 1)
    for _ in range(2):
        zero, summed = (rig.out(rig.tenant(dst=BROADCAST), tap) for tap in (rig.a, rig.b))
        assert zero.csum == 0
        assert summed.csum != 0
        assert summed.csum_is_right()
        assert (zero.src, zero.dst, zero.dport) == (summed.src, summed.dst, summed.dport)


def _forged_quotes(rig, sent):
    """Wrong quotes of the packet `sent`: another port, peer, and virtual network."""
    outer = rig.mac, sent.mac_dst, rig.local, rig.r1
    fields = {"sport": sent.sport, "csum": 0}
    yield rig.packet(sent.inner, outer=outer, **{**fields, "dport": 7777})
    yield rig.packet(sent.inner, outer=(*outer[:3], "2001:db8:16::77"), **fields)
    yield rig.packet(sent.inner, outer=outer, vni=rig.vni + 1, **fields)


def test_U6_07_forged_errors_change_nothing(rig):
    rig.up(udp6zerocsumtx=True)
    rig.meet()
    full = rig.tenant(length=1500 - rig.overhead)
    sent = rig.out(full)
    before = rig.dut.notes().get("icmp_forged", 0) if rig.dut.is_ours else 0
    for quote in _forged_quotes(rig, sent):
        rig.u.send(icmp.too_big(rig.path(), quote[14:14 + icmp.QUOTED[6]], 1300))
        rig.good_pass()
        assert rig.out(full).total == 1500
    if rig.dut.is_ours:
        assert rig.dut.notes()["icmp_forged"] == before + 2  # a port that no tunnel has is the host's affair
        rig.router_says(sent.raw[14:14 + icmp.QUOTED[6]], 1300)
        rig.answered(rig.tenant(length=1500 - rig.overhead, df=True), 1300)


@pytest.mark.needs("closed peers")
def test_U6_08_zero_mode_keeps_to_its_peers(rig):
    rig.up(udp6zerocsumrx=True)
    rig.meet()
    with rig.rejects("src_denied"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), rig.r3, csum=0))
