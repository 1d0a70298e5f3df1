# SPDX-License-Identifier: GPL-2.0-only
"""Rows of RFC 2983 (DSCP) and RFC 2003 (TTL): what the outer header takes of the inner one, and back."""

import itertools

import pytest

from frames import ARP, BROADCAST, Ether
from rig import TENANT_A, TENANT_R

ETHERNET = ("vxlan", "geneve", "gretap", "nvgre")
EVERY = (*ETHERNET, "gre", "geneve-l3")
pytestmark = pytest.mark.encapsulations(*EVERY)
CE, ECT0 = 3, 2


def _ttl(packet):
    """TTL or hop limit of the IP packet inside."""
    inner = packet.inner[14:] if packet.protocol == 0x6558 else packet.inner
    return inner[8] if inner[0] >> 4 == 4 else inner[7]


def test_DS_01_fixed_dscp(rig):
    rig.up(tos=hex(26 << 2))
    rig.meet()
    for version, dscp in itertools.product((4, 6), (0, 10, 46)):
        assert rig.out(rig.tenant(version=version, tos=dscp << 2)).dscp == 26


def test_DS_01_no_dscp_by_default(rig):
    rig.up()
    rig.meet()
    for version, dscp in itertools.product((4, 6), (0, 10, 46)):
        assert rig.out(rig.tenant(version=version, tos=dscp << 2)).dscp == 0


def test_DS_01_inherited_dscp(rig):
    rig.up(tos="inherit")
    rig.meet()
    for version, dscp in itertools.product((4, 6), (0, 10, 46, 63)):
        assert rig.out(rig.tenant(version=version, tos=dscp << 2)).dscp == dscp


@pytest.mark.encapsulations(*ETHERNET)
def test_DS_01_inherited_dscp_of_what_has_none(rig):
    rig.up(tos="inherit")
    arp = bytes(Ether(src=TENANT_A, dst=BROADCAST) / ARP(hwsrc=TENANT_A, pdst="10.0.0.9"))
    assert rig.out(arp).tos == 0


def test_DS_02_inner_dscp_by_default(rig):
    rig.up()
    rig.meet()
    for version in (4, 6):
        inner = rig.tenant(TENANT_R, TENANT_A, version=version, tos=46 << 2)
        rig.delivered(rig.packet(inner, ip={"tos": 10 << 2}), inner)


def test_DS_02_outer_dscp_by_choice(rig):
    rig.up(dscp="inherit")
    rig.meet()
    for version in (4, 6):
        for outer, inner, result in ((10 << 2, 46 << 2, 10 << 2),
                                     (10 << 2 | CE, 46 << 2 | ECT0, 10 << 2 | CE),
                                     (0, 46 << 2 | ECT0, ECT0)):
            sent, expected = (rig.tenant(TENANT_R, TENANT_A, version=version, tos=tos,
                                         payload=f"{version} {outer} {inner}")
                              for tos in (inner, result))
            rig.delivered(rig.packet(sent, ip={"tos": outer}), expected)


def test_DS_03_fixed_ttl(rig):
    rig.up(ttl=64)
    rig.meet()
    # On a bridge the inner packet is as it was; a routed one has been through one router.
    lowest = 1 if rig.encapsulation in ETHERNET else 2
    for version, ttl in itertools.product((4, 6), (lowest, 255)):
        assert rig.out(rig.tenant(version=version, ttl=ttl)).ttl == 64


def test_DS_03_inherited_ttl(rig):
    rig.up(ttl="inherit")
    rig.meet()
    for version, ttl in itertools.product((4, 6), (2, 17, 64, 255)):
        packet = rig.out(rig.tenant(version=version, ttl=ttl))
        assert packet.ttl == _ttl(packet)


def test_DS_03_any_outer_ttl_is_received(rig):
    rig.up()
    rig.meet()
    for version, outer, ttl in itertools.product((4, 6), (1, 255), (2, 255)):
        # What is inside is not changed; behind a routed tunnel the router's hop is the only one.
        inner = rig.tenant(TENANT_R, TENANT_A, version=version, ttl=ttl)
        rig.delivered(rig.packet(inner, ip={"ttl": outer}), inner)


@pytest.mark.encapsulations(*ETHERNET)
@pytest.mark.parametrize("ttl", [0, 1])
def test_DS_03_bridging_leaves_the_last_ttl(rig, ttl):
    rig.up()
    rig.meet()
    inner = rig.tenant(TENANT_R, TENANT_A, ttl=ttl)
    rig.delivered(rig.packet(inner), inner)
    rig.out(rig.tenant(ttl=ttl))


@pytest.mark.encapsulations("gre", "geneve-l3")
@pytest.mark.parametrize("version", [4, 6], ids=["inner4", "inner6"])
def test_DS_03_inner_ttl_zero_is_discarded(rig, version):
    rig.up()
    rig.meet()
    with rig.rejects("inner_ttl"):
        rig.u.send(rig.packet(rig.tenant(TENANT_R, TENANT_A, version=version, ttl=0)))
