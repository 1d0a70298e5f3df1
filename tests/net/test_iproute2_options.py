# SPDX-License-Identifier: GPL-2.0-only
"""Rows of iproute2's tunnel options that say what packets look like; those of `type vxlan` that came
with RFC 7348 are in test_vxlan_options.py, those of `type geneve` in test_geneve_receive.py."""

import itertools

import pytest

from daemon import refused
from encap import vxlan_header
from frames import ARP, BROADCAST, Ether, mac_of
from rig import TENANT_A, TENANT_R

ETHERNET = ("vxlan", "geneve", "gretap", "nvgre")
EVERY = (*ETHERNET, "gre", "geneve-l3")
ARP_REQUEST = bytes(Ether(src=TENANT_A, dst=BROADCAST) / ARP(hwsrc=TENANT_A, pdst="10.0.0.9"))


@pytest.mark.encapsulations(*ETHERNET)
def test_IP_09_maxaddress(rig):
    rig.up(maxaddress=2)
    rig.meet()
    for number in range(4):
        inner = rig.tenant(mac_of(0x900 + number), TENANT_A)
        rig.delivered(rig.packet(inner), inner)

    # With an entry that is not learned, one place of the two may be taken before.
    def learned():
        return [mac for mac, (dev, dst) in rig.dut.fdb().items() if dev == "v0" and dst]
    assert 1 <= len(learned()) <= 2
    known = learned()
    inner = rig.tenant(mac_of(0x910), TENANT_A)
    rig.delivered(rig.packet(inner), inner)
    assert learned() == known


@pytest.mark.family(4)
@pytest.mark.encapsulations("vxlan", "geneve")
@pytest.mark.parametrize("udpcsum", [True, False], ids=["udpcsum", "noudpcsum"])
def test_IP_13_udpcsum(rig, udpcsum):
    rig.host.offload("u0", "off")  # so that what is on the wire is final
    rig.up(udpcsum=udpcsum)
    packet = rig.out(rig.tenant(dst=BROADCAST))
    assert packet.csum_is_right() if udpcsum else packet.csum == 0


@pytest.mark.family(6)
@pytest.mark.encapsulations("vxlan", "geneve")
@pytest.mark.parametrize("zero", [None, True, False], ids=["default", "zero", "nozero"])
def test_IP_14_udp6zerocsum(rig, zero):
    rig.host.offload("u0", "off")
    rig.up(udp6zerocsumtx=zero, udp6zerocsumrx=zero)
    rig.meet()
    packet = rig.out(rig.tenant())
    assert packet.csum == 0 if zero else packet.csum_is_right()
    inner = rig.tenant(TENANT_R, TENANT_A)
    if zero:
        rig.delivered(rig.packet(inner, csum=0), inner)
    else:
        with rig.rejects("csum_zero6"):
            rig.u.send(rig.packet(inner, csum=0))


# df -> outer DF for an inner IPv4 packet without DF, with DF, an inner IPv6 packet, and ARP
DF = {"unset": (False, False, False, False), "set": (True, True, True, True),
      "inherit": (False, True, True, False)}


@pytest.mark.family(4)
@pytest.mark.encapsulations(*EVERY)
@pytest.mark.parametrize("df", DF)
def test_IP_19_df(rig, df):
    rig.up(df=df)
    rig.meet()
    inners = [rig.tenant(), rig.tenant(df=True), rig.tenant(version=6)]
    if rig.encapsulation in ETHERNET:
        inners.append(ARP_REQUEST)
    for inner, expected in zip(inners, DF[df]):
        assert rig.out(inner).df == expected, inner.hex()


@pytest.mark.parametrize("ttl,expected", [(17, 17), (None, 64), ("auto", 64)])
@pytest.mark.encapsulations("vxlan", "geneve", "gretap")
def test_IP_20_ttl(rig, ttl, expected):
    rig.up(ttl=ttl)
    rig.meet()
    assert rig.out(rig.tenant(ttl=3)).ttl == expected


@pytest.mark.encapsulations("vxlan", "geneve", "gretap")
def test_IP_20_ttl_inherit(rig):
    rig.up(ttl="inherit")
    rig.meet()
    for version, ttl in itertools.product((4, 6), (1, 3, 255)):
        assert rig.out(rig.tenant(version=version, ttl=ttl)).ttl == ttl


def test_IP_20_ttl_to_a_group(rig):
    rig.up(group=rig.group, dev="u0")
    assert rig.out(rig.tenant(dst=BROADCAST)).ttl == 1


def test_IP_20_ttl_to_a_group_by_choice(rig):
    rig.up(group=rig.group, dev="u0", ttl=9)
    assert rig.out(rig.tenant(dst=BROADCAST)).ttl == 9


@pytest.mark.encapsulations("vxlan", "geneve", "gretap")
def test_IP_21_tos(rig):
    rig.up(tos="0x68")
    rig.meet()
    for version, mark in itertools.product((4, 6), (0, 1, 2)):
        assert rig.out(rig.tenant(version=version, tos=0x48 | mark)).tos == 0x68 | mark


@pytest.mark.encapsulations("vxlan", "geneve", "gretap")
def test_IP_21_tos_inherit(rig):
    rig.up(tos="inherit")
    rig.meet()
    for version, mark in itertools.product((4, 6), (0, 1, 2)):
        assert rig.out(rig.tenant(version=version, tos=0x48 | mark)).tos == 0x48 | mark


@pytest.mark.family(6)
@pytest.mark.encapsulations(*EVERY)
@pytest.mark.parametrize("label", [0, 0x12345, 0xFFFFF])
def test_IP_22_flowlabel(rig, label):
    rig.up(flowlabel=hex(label))
    rig.meet()
    for port in range(3):
        assert rig.out(rig.tenant(sport=port)).flow == label


@pytest.mark.needs("weft")
@pytest.mark.family(6)
@pytest.mark.encapsulations("vxlan", "geneve", "gretap", "nvgre")
def test_IP_22_flowlabel_of_the_flow_by_default(rig):
    """RFC 6438: one label for each inner flow, spread over flows."""
    rig.up()
    rig.meet()
    labels = {port: {rig.out(rig.tenant(sport=port)).flow for _ in range(3)}
              for port in range(1, 65)}
    assert all(len(of_flow) == 1 for of_flow in labels.values())
    # 64 flows, 2^20 labels: two alike are possible, more than a few are not.
    assert len({label for of_flow in labels.values() for label in of_flow}) > 60


@pytest.mark.needs("weft")
def test_IP_22_flowlabel_is_bounded_and_of_ipv6(rig):
    rig.dut.bridge("br0")
    with refused("flowlabel"):
        rig.tunnel("v0", flowlabel="0x100001" if rig.family == 6 else "5")
    assert not rig.dut.weft("tunnel show")


RESERVED = [bit for bit in range(64) if not 8 <= bit < 32 and bit != 59]
GOOD = int.from_bytes(vxlan_header(1000), "big")


def test_IP_24_reserved_bits_none_tolerated(rig):
    rig.up(reserved_bits="0")
    rig.meet()
    for bit in RESERVED:
        header = (GOOD | 1 << bit).to_bytes(8, "big")
        with rig.rejects("reserved"):
            rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), header=header))


def test_IP_24_reserved_bits_by_mask(rig):
    rig.up(reserved_bits="0x00ffffff000000f0")
    rig.meet()
    for bit in RESERVED:
        header = (GOOD | 1 << bit).to_bytes(8, "big")
        inner = rig.tenant(TENANT_R, TENANT_A)
        if 0x00FFFFFF000000F0 >> bit & 1:
            rig.delivered(rig.packet(inner, header=header), inner)
        else:
            with rig.rejects("reserved"):
                rig.u.send(rig.packet(inner, header=header))


def test_IP_24_reserved_bits_all_tolerated(rig):
    rig.up(reserved_bits="0xffffffffffffffff")
    rig.meet()
    for bit in RESERVED:
        inner = rig.tenant(TENANT_R, TENANT_A)
        header = (GOOD | 1 << bit).to_bytes(8, "big")
        rig.delivered(rig.packet(inner, header=header), inner)


@pytest.mark.encapsulations("gretap", "gre")
def test_IP_26_keys_by_direction(rig):
    rig.up(ikey="0.0.0.5", okey=4294967295)
    rig.meet(vni=5)
    assert rig.out(rig.tenant()).key == 0xFFFFFFFF
    with rig.rejects("key_mismatch"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), vni=0xFFFFFFFF))


@pytest.mark.encapsulations("gretap", "gre")
def test_IP_26_icsum_demands_a_checksum(rig):
    rig.up(icsum=True)
    rig.meet(csum=True)
    assert rig.out(rig.tenant()).csum is None
    with rig.rejects("csum_missing"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A)))


@pytest.mark.encapsulations("gretap", "gre")
def test_IP_26_ocsum_sends_a_checksum(rig):
    rig.up(ocsum=True)
    rig.meet()
    for length in (100, 101):
        assert rig.out(rig.tenant(length=length)).csum_is_right()


@pytest.mark.encapsulations("gretap", "gre")
def test_IP_26_oseq_sends_numbers(rig):
    rig.up(oseq=True)
    rig.meet()
    first = rig.out(rig.tenant()).seq
    assert [rig.out(rig.tenant()).seq for _ in range(3)] == [first + 1, first + 2, first + 3]


@pytest.mark.encapsulations("gretap", "gre")
def test_IP_26_iseq_drops_what_is_late(rig):
    rig.up(iseq=True)
    rig.meet()  # without a number, which is in sequence always (RFC 2890 2.2)
    for seq in (0, 1, 5):
        inner = rig.tenant(TENANT_R, TENANT_A)
        rig.delivered(rig.packet(inner, seq=seq), inner)
    with rig.rejects("gre_seq"):
        rig.u.send(rig.packet(rig.tenant(mac_of(0xBAD), TENANT_A), seq=4))


@pytest.mark.family(4)
@pytest.mark.needs("weft")
@pytest.mark.encapsulations("gretap", "gre")
@pytest.mark.parametrize("word,df", [("pmtudisc", (True, True)), ("nopmtudisc", (False, False)),
                                     ("ignore-df", (False, False))])
def test_IP_27_pmtudisc(rig, word, df):
    rig.up(**{word.removeprefix("no"): not word.startswith("no")})
    rig.meet()
    assert tuple(rig.out(rig.tenant(df=inner)).df for inner in (False, True)) == df


@pytest.mark.family(6)
@pytest.mark.needs("weft")
@pytest.mark.encapsulations("gretap", "gre")
def test_IP_27_hoplimit_and_tclass(rig):
    rig.up(hoplimit=17, tclass="0x48")
    rig.meet()
    packet = rig.out(rig.tenant(tos=2))
    assert (packet.ttl, packet.tos) == (17, 0x48 | 2)
