# SPDX-License-Identifier: GPL-2.0-only
"""Rows of RFC 6040 (with RFC 9601): congestion marks between the inner and the outer header."""

import itertools
import time

import pytest

from daemon import refused
from encap import checksum
from frames import ARP, BROADCAST, Ether
from lab import wait_until
from rig import TENANT_A, TENANT_R

ETHERNET = ("vxlan", "geneve", "gretap", "nvgre")
EVERY = (*ETHERNET, "gre", "geneve-l3")
pytestmark = pytest.mark.encapsulations(*EVERY)

NOT_ECT, ECT1, ECT0, CE = range(4)
DROP = None
# RFC 6040, figure 4: what comes of an inner mark under each outer mark.
DECAPSULATED = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: DROP},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}
UNUSED = ((NOT_ECT, ECT0), (NOT_ECT, ECT1), (CE, ECT1), (ECT1, ECT0))  # inner, outer; delivered
DSCP = 10 << 2


def mark_of(inner, version):
    """The ECN field of a tenant's frame, or IP packet."""
    ip = inner if inner[0] >> 4 == version else inner[14:]
    return (ip[1] if version == 4 else ip[1] >> 4) & 3


def _outer_marks(rig, version):
    """The outer mark for each of the four inner ones."""
    return [rig.out(rig.tenant(version=version, tos=DSCP | mark)).ecn for mark in range(4)]


@pytest.mark.parametrize("version", [4, 6], ids=["inner4", "inner6"])
def test_EC_01_outer_mark_is_the_inner_one(ready, version):
    assert _outer_marks(ready, version) == [NOT_ECT, ECT1, ECT0, CE]


@pytest.mark.parametrize("version", [4, 6], ids=["inner4", "inner6"])
def test_EC_02_inner_mark_is_not_touched(ready, version):
    for mark in range(4):
        # out() takes no packet but the one whose inner bytes are those sent in.
        packet = ready.out(ready.tenant(version=version, tos=DSCP | mark))
        assert mark_of(packet.inner, version) == mark


@pytest.mark.parametrize("version", [4, 6], ids=["inner4", "inner6"])
def test_EC_03_compatibility_mode_marks_nothing(rig, version):
    rig.up(ecn="compat")
    rig.meet()
    assert _outer_marks(rig, version) == [NOT_ECT] * 4


@pytest.mark.encapsulations(*ETHERNET)
def test_EC_03_mode_is_of_the_tunnel(rig):
    rig.up(ports=["pa"], ecn="compat")
    rig.dut.bridge("br1")
    rig.dut.port("pb", "br1")
    name = "key" if rig.type == "gretap" else "id"
    rig.tunnel("v1", "br1", **{name: rig.vni + 1})
    for tap, vni, mark in ((rig.a, rig.vni, NOT_ECT), (rig.b, rig.vni + 1, CE)):
        packet = rig.out(rig.tenant(dst=BROADCAST, tos=CE), tap)
        assert packet.ecn == mark
        assert (packet.key if rig.type == "gretap" else packet.vni) == vni


def test_EC_03_rfc3168_mode_hides_congestion(rig):
    rig.up(ecn="rfc3168")
    rig.meet()
    assert _outer_marks(rig, 4) == [NOT_ECT, ECT1, ECT0, ECT0]


def _decapsulates(rig, inner_mark):
    """Every outer mark over inner IPv4 and IPv6 does what figure 4 says; nothing else changes."""
    for version, (mark, result) in itertools.product((4, 6), DECAPSULATED[inner_mark].items()):
        payload = f"inner {inner_mark} outer {mark} version {version}"
        inner, expected = (rig.tenant(TENANT_R, TENANT_A, version=version, payload=payload,
                                      tos=DSCP | after) for after in (inner_mark, result or 0))
        packet = rig.packet(inner, ip={"tos": mark})
        if result is not DROP:
            rig.delivered(packet, expected)
            continue
        with rig.rejects("ecn_drop"):
            rig.u.send(packet)


def test_EC_04_inner_without_ecn(ready):
    _decapsulates(ready, NOT_ECT)


def test_EC_05_inner_ect0(ready):
    _decapsulates(ready, ECT0)


def test_EC_06_inner_ect1(ready):
    _decapsulates(ready, ECT1)


def test_EC_07_inner_ce(ready):
    _decapsulates(ready, CE)


def _with_header_checksum(inner, at, wanted):
    """A copy of a frame whose IPv4 header has an id that makes the header's checksum `wanted`."""
    data = bytearray(inner)
    data[at + 4:at + 6] = data[at + 10:at + 12] = b"\0\0"
    # In one's complement: id = ~wanted - the sum of the rest. 0xffff is the other zero (RFC 1624).
    rest = checksum(data[at:at + 20])
    ident = (0xFFFF - wanted - rest) % 0xFFFF
    data[at + 4:at + 6] = ident.to_bytes(2, "big")
    data[at + 10:at + 12] = wanted.to_bytes(2, "big")
    assert checksum(data[at:at + 20]) == 0xFFFF
    return bytes(data)


def test_EC_08_header_checksum_follows(ready):
    """Also where it is or becomes one of the two zeroes of one's complement."""
    at = 14 if ready.encapsulation in ETHERNET else 0
    changes = [(ECT0, CE), (ECT0, ECT1), (ECT1, CE)]
    for before, (inner, outer) in itertools.product((0, 1, 0xFFFE, 0xFFFF), changes):
        marker = f"weft checksum {before:x} {inner} {outer}".encode()
        data = ready.tenant(TENANT_R, TENANT_A, payload=marker, tos=inner)
        data = _with_header_checksum(data, at, before)
        ready.u.send(ready.packet(data, ip={"tos": outer}))
        out = ready.a.expect(lambda frame, marker=marker: frame if marker in frame else None)
        assert checksum(out[14:34]) == 0xFFFF


def _send_unused(rig, count, vni=None):
    """Sends `count` packets with each unused combination of marks."""
    named = {} if vni is None else {"vni": vni}
    for inner, outer in UNUSED:
        data = rig.tenant(TENANT_R, TENANT_A, tos=inner)
        rig.u.send(*[rig.packet(data, ip={"tos": outer}, **named)] * count)


def _logged(rig, tunnel):
    """Lines of the log about such packets of a tunnel."""
    return [line for line in rig.dut.weft.log().splitlines()
            if f"tunnel {tunnel}:" in line and "ECN" in line]


@pytest.mark.needs("notes")
@pytest.mark.encapsulations("vxlan", "gretap", "gre")
@pytest.mark.environment(WEFT_LOG_INTERVAL="1")
def test_EC_09_unused_combinations_are_counted_and_told_of_at_intervals(ready):
    start = time.monotonic()
    _send_unused(ready, 2500)
    wait_until(lambda: ready.dut.notes() == {"ecn_unused": 10000},
               "10000 packets to be noted, no more and no less")
    name = "t0" if ready.encapsulation == "gre" else "v0"
    wait_until(lambda: _logged(ready, name), "a line in the log")
    ready.good_pass()
    assert ready.dut.notes() == {"ecn_unused": 10000}
    assert len(_logged(ready, name)) <= time.monotonic() - start + 1  # one a second, at most


@pytest.mark.needs("notes")
@pytest.mark.encapsulations("vxlan", "gretap")
@pytest.mark.environment(WEFT_LOG_INTERVAL="1")
def test_EC_09_nolog_silences(rig):
    rig.up(ports=["pa"], log=False)
    rig.dut.bridge("br1")
    rig.dut.port("pb", "br1")
    name = "key" if rig.type == "gretap" else "id"
    rig.tunnel("v1", "br1", **{name: rig.vni + 1})
    for line in range(1, 3):  # what is told of v1 shows that v0 had its turn
        _send_unused(rig, 1)
        _send_unused(rig, 1, vni=rig.vni + 1)
        wait_until(lambda line=line: len(_logged(rig, "v1")) >= line, "a line for v1")
    assert rig.dut.notes() == {"ecn_unused": 16}
    assert not _logged(rig, "v0")


@pytest.mark.encapsulations(*ETHERNET)
def test_EC_10_inner_that_is_not_ip(ready):
    arp = bytes(Ether(src=TENANT_A, dst=BROADCAST) / ARP(hwsrc=TENANT_A, pdst="10.0.0.9"))
    assert ready.out(arp).ecn == NOT_ECT
    reply = bytes(Ether(src=TENANT_R, dst=TENANT_A) / ARP(op=2, hwsrc=TENANT_R, psrc="10.0.0.9"))
    for mark in range(4):
        ready.delivered(ready.packet(reply, ip={"tos": mark}), reply)


@pytest.mark.encapsulations("vxlan", "geneve", "gretap")
def test_EC_10_ip_behind_a_tag(rig):
    """Not marked, or treated as if there were no tag, at both ends alike (RFC 9601 4)."""
    rig.up(innervlan=True)
    rig.meet()
    tags = [(0x8100, 10)]
    sent = [rig.out(rig.tenant(tags=tags, tos=mark)).ecn for mark in range(4)]
    looks_behind = sent != [NOT_ECT] * 4
    assert not looks_behind or sent == _outer_marks(rig, 4)
    inner, marked = (rig.tenant(TENANT_R, TENANT_A, tags=tags, payload="tagged", tos=mark)
                     for mark in (ECT0, CE))
    rig.delivered(rig.packet(inner, ip={"tos": CE}), marked if looks_behind else inner)


def test_EC_11_tos_sets_dscp_and_leaves_the_mark(rig):
    rig.up(tos="0xb8")
    rig.meet()
    for version, mark in itertools.product((4, 6), (NOT_ECT, ECT1, ECT0)):
        packet = rig.out(rig.tenant(version=version, tos=DSCP | mark))
        assert (packet.dscp, packet.ecn) == (46, mark)


@pytest.mark.needs("weft")
@pytest.mark.parametrize("tos", ["0xb9", "0xba", "0xbb", "1"])
def test_EC_11_tos_with_ecn_bits_is_refused(rig, tos):
    if rig.encapsulation in ETHERNET:
        rig.dut.bridge("br0")
    with refused("tos"):
        rig.tunnel("v0", tos=tos) if rig.encapsulation in ETHERNET else rig.up(tos=tos)
    assert not rig.dut.weft("tunnel show")
