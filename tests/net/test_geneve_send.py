# SPDX-License-Identifier: GPL-2.0-only
"""Rows of GENEVE (RFC 8926) about what is sent: header, options, ports, checksum, MTU."""

import collections

import pytest

import encap
from frames import ARP, BROADCAST, TCP, IP, Ether, IPv6, Raw, mac_of
from rig import TENANT_A, TENANT_R

pytestmark = pytest.mark.encapsulations("geneve")

CRITICAL, PLAIN, EMPTY = "0x0102:0x80:00112233", "0xffff:0x01:0011223344556677", "0x0103:0x02:"
LISTS = {"none": [], "one": [PLAIN], "three": [CRITICAL, PLAIN, EMPTY]}
option_lists = pytest.mark.parametrize("options", LISTS.values(), ids=LISTS)


def _bytes(options):
    """Those of options in the words of a configuration, with R bits of 0."""
    result = b""
    for option in options:
        klass, kind, data = option.split(":")
        result += encap.geneve_option(int(klass, 0), int(kind, 0), bytes.fromhex(data))
    return result


def _known(rig, options):
    """Words for a tunnel that sends these options, if there are any."""
    if options and rig.dut.name == "openvswitch":
        options = [option for option in options if not option.endswith(":")]
    return {"option": options} if options else {}


@option_lists
def test_GN_01_version_and_reserved_bits_are_zero(rig, options):
    rig.up(innervlan=True, **_known(rig, options))
    rig.meet()
    for inner in (rig.tenant(), rig.tenant(dst=BROADCAST),
                  rig.tenant(dst=BROADCAST, tags=[(0x8100, 7)])):
        packet = rig.out(inner)
        assert packet.header[0] >> 6 == 0
        assert packet.header[1] & 0x3F == 0
        assert packet.header[7] == 0
        assert packet.protocol == 0x6558
        assert packet.vni == rig.vni


@option_lists
def test_GN_04_options_are_sent_as_configured(rig, options):
    known = _known(rig, options)
    rig.up(**known)
    rig.meet()
    for inner in (rig.tenant(), rig.tenant(dst=BROADCAST)):
        packet = rig.out(inner)
        data = _bytes(known.get("option", []))
        assert packet.header[8:] == data
        assert packet.header[0] & 0x3F == len(data) // 4
        assert packet.udp_length == 16 + len(data) + len(inner)


@pytest.mark.needs("weft")
def test_GN_04_the_header_takes_260_bytes(rig):
    options = [f"0x1234:{number:#04x}:{bytes([number] * 124).hex()}" for number in (1, 2)][:1]
    options += [f"0x1234:0x02:{bytes([2] * 120).hex()}"]
    assert len(_bytes(options)) == 252
    rig.up(option=options)
    rig.meet()
    packet = rig.out(rig.tenant())
    assert packet.header[8:] == _bytes(options)
    assert packet.header[0] & 0x3F == 63


@pytest.mark.needs("weft")
def test_GN_04_an_fdb_entry_has_options_of_its_own(rig):
    rig.up(option=[PLAIN])
    rig.meet()
    other = mac_of(0x99)
    rig.dut.fdb_add(other, "v0", rig.r1, option=[CRITICAL, EMPTY])
    assert rig.out(rig.tenant(dst=other)).header[8:] == _bytes([CRITICAL, EMPTY])
    assert rig.out(rig.tenant()).header[8:] == _bytes([PLAIN])
    assert rig.out(rig.tenant(dst=BROADCAST)).header[8:] == _bytes([PLAIN])


def test_GN_08_reserved_bits_of_options_are_zero(rig):
    known = _known(rig, [CRITICAL, PLAIN])
    rig.up(**known)
    rig.meet()
    assert [option.reserved for option in rig.out(rig.tenant()).options] == [0, 0]


@pytest.mark.parametrize("kind", ["0x80", "0xa5", "0xff"])
def test_GN_13_c_says_whether_an_option_is_critical(rig, kind):
    rig.up(option=[f"0x0102:{kind}:00112233"])
    assert rig.out(rig.tenant(dst=BROADCAST)).critical
    rig.dut.tunnel_delete("v0")
    rig.tunnel("v0", option=["0x0102:0x7f:00112233"])
    assert not rig.out(rig.tenant(dst=BROADCAST)).critical


def test_GN_13_one_critical_option_among_others(rig):
    rig.up(option=[PLAIN, CRITICAL])
    assert rig.out(rig.tenant(dst=BROADCAST)).critical


def test_GN_13_without_options_nothing_is_critical(rig):
    rig.up()
    assert not rig.out(rig.tenant(dst=BROADCAST)).critical


def test_GN_15_data_packets_have_no_o_bit(rig):
    rig.up()
    rig.meet()
    arp = bytes(Ether(src=TENANT_A, dst=BROADCAST) / ARP(hwsrc=TENANT_A, pdst="10.0.0.2"))
    other = bytes(Ether(src=TENANT_A, dst=TENANT_R, type=0x88B5) / Raw(b"weft".ljust(46)))
    for inner in (rig.tenant(), rig.tenant(version=6), rig.tenant(dst=BROADCAST), arp, other):
        assert not rig.out(inner).control


def test_GN_20_answers_go_to_6081_too(rig):
    rig.up()
    rig.meet()
    sport = rig.out(rig.tenant()).sport
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(inner, sport=12345), inner)
    packet = rig.out(rig.tenant())
    assert packet.dport == 6081
    assert packet.sport == sport != 12345


def test_GN_20_destination_port_can_be_set(rig):
    rig.up(dstport=16081)
    assert rig.out(rig.tenant(dst=BROADCAST)).dport == 16081
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(inner, dport=16081), inner)
    stray = rig.tenant(TENANT_R, TENANT_A)
    rig.u.send(rig.packet(stray))
    rig.delivered(rig.packet(inner, dport=16081), inner)
    assert stray not in rig.a.drain() + rig.b.drain()


def test_GN_21_one_flow_has_one_source_port(rig):
    rig.up()
    rig.meet()
    assert len({rig.out(rig.tenant(payload=f"{n}")).sport for n in range(1000)}) == 1


def test_GN_21_flows_spread_over_the_ports(rig):
    rig.up()
    rig.meet()
    ports = [rig.out(rig.tenant(sport=1024 + n, dport=80)).sport for n in range(4096)]
    least, most = min(ports), max(ports)
    # 16 buckets, 256 flows each if uniform; six standard deviations are 93.
    width = (most - least) / 16 + 1
    buckets = collections.Counter(int((port - least) / width) for port in ports)
    assert most - least > 10000
    assert len(buckets) == 16
    assert all(160 <= count <= 350 for count in buckets.values()), buckets


@pytest.mark.family(6)
@pytest.mark.needs("weft")
def test_GN_21_flow_label_is_of_the_flow(rig):
    rig.up(flowlabel="auto")
    rig.meet()
    assert len({rig.out(rig.tenant(payload=f"{n}")).flow for n in range(50)}) == 1
    labels = {rig.out(rig.tenant(sport=1024 + n)).flow for n in range(100)}
    assert len(labels) > 90
    assert max(labels) > 0xFFFF  # all 20 bits are used


@pytest.mark.parametrize("length", [60, 61, 333, 1300])
def test_GN_22_checksum_is_sent_by_default(rig, length):
    rig.host.offload("u0", "off")  # so that what is on the wire is final
    rig.up()
    rig.meet()
    packet = rig.out(rig.tenant(length=length))
    assert packet.csum != 0
    assert packet.csum_is_right()


@pytest.mark.parametrize("options", [[CRITICAL, PLAIN], [f"0x0102:0x01:{'5a' * 124}"]],
                         ids=["two", "long"])
def test_GN_22_checksum_covers_the_options(rig, options):
    rig.host.offload("u0", "off")
    rig.up(option=options)
    rig.meet()
    packet = rig.out(rig.tenant())
    assert packet.header[8:] == _bytes(options)
    assert packet.csum_is_right()


def _tcp(rig, size, version=4, dst=TENANT_R, seq=1):
    """A tenant's frame with TCP and `size` bytes of payload."""
    ip = IP(src="10.0.0.1", dst="10.0.0.2") if version == 4 else IPv6(src="2001:db8:a::1",
                                                                     dst="2001:db8:a::2")
    data = bytes(n % 251 for n in range(size))
    return bytes(Ether(src=TENANT_A, dst=dst) / ip / TCP(sport=1, dport=2, flags="A", seq=seq)
                 / Raw(data))


OPTIONS_64 = [f"0x0102:0x01:{'5a' * 60}"]


@pytest.mark.needs("weft")
@pytest.mark.parametrize("option", [[], OPTIONS_64], ids=["none", "64"])
def test_GN_25_mtu_assumes_the_longest_options(rig, option):
    """Overlay packets of 1386 bytes over IPv4 pass with and without options, of 1387 do not."""
    rig.up(optmax=64, **({"option": option} if option else {}))
    rig.meet()
    most = 1500 - rig.overhead - 64  # of the frame
    assert most - 14 == (1386 if rig.family == 4 else 1366)
    assert rig.out(rig.tenant(length=most, df=True)).total == rig.overhead + len(_bytes(option)) + most
    rig.answered(rig.tenant(length=most + 1, df=True), 1500 - 64)


@pytest.mark.needs("weft")
def test_GN_25_mtu_of_a_device_of_its_own(rig):
    rig.tunnel("v0", bridge=None, dev="u0", optmax=64)
    assert rig.host.mtu("v0") == (1386 if rig.family == 4 else 1366)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [3 * 1200, 3 * 1200 + 77, 60000], ids=["even", "odd", "64k"])
def test_GN_27_every_segment_has_all_options(rig, version, size):
    rig.host.offload("u0", "off")  # what is sent is cut at the underlay
    options = [CRITICAL, PLAIN, "0x0102:0x03:cafecafe"]
    rig.up(option=options)
    rig.meet()
    inner = _tcp(rig, size, version)
    headers = 14 + (20 if version == 4 else 40) + 20
    rig.a.send_super(inner, 1200)
    got = b""
    while len(got) < size:
        packet = rig.u.expect(rig.outer, what="segment")
        assert packet.header[8:] == _bytes(options)
        assert packet.csum_is_right()
        assert len(packet.inner) <= headers + 1200
        got += packet.inner[headers:]
    assert got == inner[headers:]


def test_GN_28_tenants_packets_are_payload(rig):
    """A tenant's GENEVE packet to the tunnel's address, to a VTEP, or to another tenant."""
    rig.up()
    rig.meet()
    hidden = rig.tenant(mac_of(0xBAD), TENANT_A)
    tables = rig.tables()
    rig.leaks()
    for to in (rig.local, rig.r1, "2001:db8:a::9" if rig.family == 6 else "10.0.0.9"):
        for dst in (TENANT_R, BROADCAST):
            inner = encap.geneve((TENANT_A, dst, rig.r1, to), rig.vni, hidden)
            packet = rig.out(inner)
            assert (packet.dst, packet.vni) == (rig.r1, rig.vni)
    rig.good_pass()
    assert hidden not in rig.a.drain() + rig.b.drain()
    assert rig.tables() == tables
