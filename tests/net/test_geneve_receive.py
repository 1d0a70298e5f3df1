# SPDX-License-Identifier: GPL-2.0-only
"""Rows of GENEVE (RFC 8926) about what is received: header, options, control packets, checksum."""

import os
import time

import pytest

import encap
from daemon import refused
from encap import geneve_option
from frames import BROADCAST, TCP, IP, Ether, Raw, mac_of
from lab import wait_until
from monitor import Monitor
from rig import TENANT_A, TENANT_R

pytestmark = pytest.mark.encapsulations("geneve")

BAD = mac_of(0xBAD)  # a tenant that must not be learned
KNOWN = geneve_option(0x102, 0x80, bytes.fromhex("00112233"))
KNOWN_WORDS = "0x0102:0x80:00112233"
UNKNOWN = geneve_option(0xFFFF, 0x01, b"weft")
UNKNOWN_CRITICAL = geneve_option(0xFFFF, 0x81, b"weft")


def _in(rig, **fields):
    """A packet with the fields reaches the tenant unchanged."""
    inner = rig.tenant(TENANT_R, TENANT_A)
    rig.delivered(rig.packet(inner, **fields), inner)


def _bad(rig, **fields):
    """A packet of a tenant that nobody knows."""
    return rig.packet(rig.tenant(BAD, TENANT_A), **fields)


def _rejects(rig, reason, **fields):
    with rig.rejects(reason):
        rig.u.send(_bad(rig, **fields))


def _seen(rig):
    """The options that weft last saw from r1, as it shows them."""
    remotes = rig.dut.weft.show("tunnel", "v0")["state"]["remotes"]
    return next(remote for remote in remotes if remote["addr"] == rig.r1).get("options", [])


# header -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2, 3])
def test_GN_02_unknown_version_is_dropped(ready, version):
    _rejects(ready, "bad_ver", version=version)


def test_GN_03_reserved_bits_are_ignored(ready):
    for bit in range(6):
        _in(ready, reserved6=1 << bit)
    for bit in range(8):
        _in(ready, reserved8=1 << bit)


@pytest.mark.parametrize("words", [0, 1, 2, 63])
def test_GN_04_options_of_any_length(ready, words):
    options, left = [], words
    while left:
        size = min(left, 32)
        options.append(geneve_option(0xFFFF, len(options), bytes(range(4)) * (size - 1)))
        left -= size
    assert sum(map(len, options)) == 4 * words
    _in(ready, options=options)


def test_GN_05_options_past_the_end(ready):
    with ready.rejects("malformed"):
        ready.u.send(ready.packet(b"weft567890", optlen=63))  # 60 bytes over IPv4


def test_GN_05_less_than_an_inner_header(ready):
    with ready.rejects("malformed"):
        ready.u.send(_bad(ready, options=[UNKNOWN], keep=8 + len(UNKNOWN) + 13))


def test_GN_05_cut_at_every_byte(ready):
    """Of header, options and inner Ethernet header; the lengths around say so, too."""
    size = 8 + len(KNOWN) + len(UNKNOWN) + 14
    with ready.rejects("malformed", count=size):
        for keep in range(size):
            ready.u.send(_bad(ready, options=[KNOWN, UNKNOWN], keep=keep))


# options ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [
    [geneve_option(0xFFFF, 1), geneve_option(0xFFFF, 2, length=5)],
    [geneve_option(0xFFFF, 1, bytes(8), length=31)],
    [geneve_option(0xFFFF, 1, b"weft", length=2), geneve_option(0xFFFF, 2, b"\0\0\0\5")],
], ids=["second", "only", "shifted"])
def test_GN_06_lengths_that_do_not_add_up(ready, options):
    _rejects(ready, "opt_len", options=options)


def test_GN_07_options_of_least_and_most_length(rig):
    data = bytes(range(124))
    rig.up(match=["0x0102:0x01:", "0x0102:0x02:cafecafe", f"0x0102:0x03:{data.hex()}"])
    options = [geneve_option(0x102, 1), geneve_option(0x102, 2, b"\xca\xfe\xca\xfe"),
               geneve_option(0x102, 3, data)]
    rig.meet(options=options)
    _in(rig, options=options)
    for at in (0, 50, 123):  # the whole of it is looked at
        other = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        _rejects(rig, "opt_match", options=options[:2] + [geneve_option(0x102, 3, other)])


@pytest.mark.needs("weft")
def test_GN_07_metadata_is_complete(ready):
    data = bytes(range(124))
    _in(ready, options=[geneve_option(0x102, 1), geneve_option(0x102, 2, b"\xca\xfe\xca\xfe"),
                        geneve_option(0x102, 3, data)])
    wait_until(lambda: _seen(ready) == ["0x0102:0x01:", "0x0102:0x02:cafecafe",
                                        f"0x0102:0x03:{data.hex()}"], "options to be shown")


def test_GN_08_reserved_bits_of_options_are_ignored(rig):
    rig.up(match=[KNOWN_WORDS])
    rig.meet(options=[KNOWN])
    for reserved in range(1, 8):
        _in(rig, options=[geneve_option(0x102, 0x80, bytes.fromhex("00112233"), reserved)])


def test_GN_09_unknown_critical_option(ready):
    _rejects(ready, "opt_crit", options=[UNKNOWN_CRITICAL])


def test_GN_09_unknown_critical_option_is_the_last_of_ten(ready):
    others = [geneve_option(0xFFFF, number, bytes(4)) for number in range(9)]
    _rejects(ready, "opt_crit", options=[*others, UNKNOWN_CRITICAL])


def test_GN_09_unknown_critical_option_without_data(ready):
    _rejects(ready, "opt_crit", options=[geneve_option(0xFFFF, 0x81)])


@pytest.mark.needs("weft")
def test_GN_09_an_open_tunnel_refuses_it_too(rig):
    rig.up(remote="any")
    hello = rig.tenant(TENANT_R, TENANT_A)
    rig.u.send(rig.packet(rig.tenant(TENANT_R, BROADCAST)))
    rig.a.expect(lambda data: data[6:12] == encap.mac_octets(TENANT_R))
    rig.a.send(rig.tenant(dst=BROADCAST))
    rig.delivered(rig.packet(hello), hello)
    _rejects(rig, "opt_crit", options=[UNKNOWN_CRITICAL])


def test_GN_10_unknown_option_does_not_stop_delivery(ready):
    _in(ready, options=[UNKNOWN])
    assert ready.out(ready.tenant()).options == []


def test_GN_11_known_critical_option(rig):
    rig.up(accept=["0x0102:0x80:4"])
    rig.meet()
    _in(rig, options=[KNOWN])
    assert rig.out(rig.tenant()).options == []


@pytest.mark.needs("weft")
def test_GN_11_known_critical_option_is_shown(rig):
    rig.up(accept=["0x0102:0x80:4"])
    _in(rig, options=[KNOWN, UNKNOWN])
    wait_until(lambda: _seen(rig) == [KNOWN_WORDS, "0xffff:0x01:77656674"], "options to be shown")


def test_GN_11_what_is_sent_is_known(rig):
    rig.up(option=[KNOWN_WORDS])
    rig.meet()
    _in(rig, options=[KNOWN])


def test_GN_11_without_options_c_is_enough_to_drop(rig):
    rig.up(options=False)
    rig.meet()
    _in(rig, options=[UNKNOWN])
    _rejects(rig, "opt_crit", options=[KNOWN])
    _rejects(rig, "opt_crit", critical=True)


@pytest.mark.needs("notes")
def test_GN_11_c_without_a_critical_option_is_noted(rig):
    rig.up()
    drops = rig.dut.drops()
    for count, options in enumerate(([], [UNKNOWN]), 1):
        _in(rig, options=options, critical=True)
        assert rig.dut.notes() == {"not_critical": count}
    assert rig.dut.drops() == drops


def test_GN_12_critical_option_without_c(ready):
    for options in ([UNKNOWN_CRITICAL], [UNKNOWN, UNKNOWN_CRITICAL]):
        _rejects(ready, "opt_crit", options=options, critical=False)


@pytest.mark.needs("notes")
def test_GN_12_known_critical_option_without_c_is_noted(rig):
    rig.up(accept=["0x0102:0x80:4"])
    _in(rig, options=[KNOWN], critical=False)
    assert rig.dut.notes() == {"not_critical": 1}


def test_GN_16_more_options_than_the_tunnel_takes(rig):
    rig.up(optmax=64)
    rig.meet()
    _in(rig, options=[geneve_option(0xFFFF, 1, bytes(60))])
    _rejects(rig, "opt_toolong", options=[geneve_option(0xFFFF, 1, bytes(64))])
    _rejects(rig, "opt_toolong", options=[UNKNOWN_CRITICAL, geneve_option(0xFFFF, 1, bytes(64))])


def test_GN_17_known_option_of_another_length(rig):
    rig.up(match=[KNOWN_WORDS], accept=["0x0102:0x05:4"])
    rig.meet(options=[KNOWN])
    for data in (b"", bytes.fromhex("0011223300112233")):
        _rejects(rig, "opt_len", options=[geneve_option(0x102, 5, data), KNOWN])
        _rejects(rig, "opt_len", options=[geneve_option(0x102, 0x80, data),
                                          geneve_option(0x102, 5, b"weft")])


def test_GN_17_options_in_any_order(rig):
    rig.up(match=[KNOWN_WORDS, "0x0102:0x05:77656674"])
    other = geneve_option(0x102, 5, b"weft")
    rig.meet(options=[KNOWN, other])
    for options in ([KNOWN, other], [other, KNOWN], [UNKNOWN, other, UNKNOWN, KNOWN]):
        _in(rig, options=options)
    for options in ([KNOWN], [other], [], [KNOWN, geneve_option(0x102, 5, b"Weft")]):
        _rejects(rig, "opt_match", options=options)


# control packets --------------------------------------------------------------------------


def test_GN_14_control_packets_are_not_forwarded(ready):
    _rejects(ready, "ctrl_rx", control=1)
    with ready.rejects("ctrl_rx"):
        ready.u.send(ready.packet(ready.tenant(TENANT_R, TENANT_A), control=1))
    with ready.rejects("ctrl_rx"):
        ready.u.send(ready.packet(ready.tenant(BAD, BROADCAST), control=1, options=[UNKNOWN]))


def _watch(rig):
    """`weft monitor control`, known to be subscribed."""
    monitor = Monitor(rig.dut.weft, "monitor control")
    _told(rig, monitor, rig.packet(rig.tenant(BAD, TENANT_A), control=1))
    return monitor


def _told(rig, monitor, packet):
    """What the monitor has to say of a control packet, which is sent until it does."""
    tunnel = 62 if rig.family == 6 else 42

    def told():
        rig.u.send(packet)
        return monitor.find(event="control", packet=packet[tunnel:].hex())
    return wait_until(told, "control packet to be told", interval=0.1)


@pytest.mark.needs("weft")
def test_GN_14_control_packets_are_shown(ready):
    monitor = _watch(ready)
    inner = ready.tenant(BAD, TENANT_A, length=100)
    told = _told(ready, monitor, ready.packet(inner, control=1, options=[UNKNOWN]))
    assert (told["tunnel"], told["remote"]) == ("v0", ready.r1)
    header = encap.geneve_header(ready.vni, [UNKNOWN], control=1)
    assert bytes.fromhex(told["packet"]) == header + inner


@pytest.mark.needs("weft")
def test_GN_14_a_flood_of_control_packets(ready):
    """Data goes on, every packet is counted, few are told: at most 8 a tick (2^24 ns) and CPU."""
    weft = ready.dut.weft
    monitor = _watch(ready)
    control = ready.packet(ready.tenant(BAD, TENANT_A), control=1)
    inners = [ready.tenant(TENANT_R, TENANT_A) for _ in range(20)]
    before, start = weft.drops()["ctrl_rx"], time.monotonic()
    for inner in inners:
        ready.u.send(*[control] * 250, ready.packet(inner))
    for inner in inners:
        ready.a.expect(inner)
    wait_until(lambda: weft.drops()["ctrl_rx"] == before + 5000, "all to be counted")
    ticks = (time.monotonic() - start) * 1e9 / (1 << 24) + 2
    _told(ready, monitor, ready.packet(ready.tenant(BAD, TENANT_A), control=1))
    flood = control[62 if ready.family == 6 else 42:].hex()
    told = [event for event in monitor.seen if event.get("packet") == flood]
    assert 0 < len(told) <= 8 * os.cpu_count() * ticks
    ready.good_pass()


# what is inside, and whose it is ----------------------------------------------------------


@pytest.mark.parametrize("protocol", [0x8847, 0x0000, 0x0800, 0x86DD, 0x6559])
def test_GN_18_protocol_types_that_a_bridge_does_not_take(ready, protocol):
    _rejects(ready, "inner_proto", protocol=protocol)


@pytest.mark.encapsulations("geneve-l3")
@pytest.mark.parametrize("protocol", [0x8847, 0x0000, 0x6558])
def test_GN_18_protocol_types_that_a_router_does_not_take(ready, protocol):
    _rejects(ready, "inner_proto", protocol=protocol)


@pytest.mark.encapsulations("geneve-l3")
@pytest.mark.parametrize("version", [4, 6])
def test_GN_18_packets_of_both_versions_are_routed(ready, version):
    inner = ready.tenant(TENANT_R, TENANT_A, version=version)
    protocol = encap.IPV4 if version == 4 else encap.IPV6
    ready.delivered(ready.packet(inner, protocol=protocol), inner)
    assert ready.out(ready.tenant(version=version)).protocol == protocol


def test_GN_19_vnis_are_kept_apart(rig):
    rig.kept_apart("vni", 1, 0xFFFFFF)


@pytest.mark.parametrize("vni", [2, 0x010001, 0x800001, 0x000101])
def test_GN_19_unknown_vni(rig, vni):
    rig.up(id=1)
    rig.meet(vni=1)
    _rejects(rig, "vni_unknown", vni=vni)


def test_GN_19_vni_0_is_a_vni(rig):
    rig.up(id=0)
    rig.meet(vni=0)
    _rejects(rig, "vni_unknown", vni=1)


# checksum ---------------------------------------------------------------------------------


def test_GN_23_right_checksum_is_accepted(ready):
    for length in (60, 61, 1300):
        inner = ready.tenant(TENANT_R, TENANT_A, length=length)
        ready.delivered(ready.packet(inner, options=[UNKNOWN]), inner)


@pytest.mark.family(4)
def test_GN_23_zero_is_no_checksum_over_ipv4(ready):
    _in(ready, csum=0)


@pytest.mark.parametrize("where", ["vni", "option", "inner", "last", "length", "source"])
def test_GN_23_wrong_checksum_is_dropped(ready, where):
    packet = bytearray(_bad(ready, options=[UNKNOWN]))
    udp = 54 if ready.family == 6 else 34
    if where == "source":  # as if its last bit were another one
        source = ready.r1[:-1] + "0"
        packet = bytearray(_bad(ready, options=[UNKNOWN], source=source,
                                csum=int.from_bytes(packet[udp + 6:udp + 8], "big")))
    elif where == "length":  # of the option; it is wrong as such, too
        packet[udp + 8 + 11] ^= 4
    else:
        at = {"vni": 8 + 6, "option": 8 + 12, "inner": 8 + 16 + 20, "last": len(packet) - udp - 1}
        packet[udp + at[where]] ^= 1
    with ready.rejects("csum"):
        ready.u.send(bytes(packet))


@pytest.mark.family(6)
def test_GN_24_zero_over_ipv6_is_refused_by_default(ready):
    _rejects(ready, "csum_zero6", csum=0)


@pytest.mark.family(6)
def test_GN_24_zero_over_ipv6_is_taken_from_the_remote_only(rig):
    rig.up(udp6zerocsumrx=True)
    rig.meet()
    _in(rig, csum=0)
    _rejects(rig, "src_denied", source=rig.r3, csum=0)


# what is not to be touched ----------------------------------------------------------------


def _transit(rig, far):
    """The host routes to `far` over r2 and r3, by the ports of UDP, and says nothing of redirects."""
    host, six = rig.host, rig.family == 6
    host.sysctl("net.ipv4.ip_forward", 1)
    host.sysctl("net.ipv6.conf.all.forwarding", 1)
    for dev in ("all", "u0"):
        host.sysctl(f"net.ipv4.conf.{dev}.send_redirects", 0)
        host.sysctl(f"net.ipv4.conf.{dev}.rp_filter", 0)
    host.sysctl(f"net.ipv{rig.family}.fib_multipath_hash_policy", 1)
    host.ip(f"{'-6 ' if six else ''}route add {far} nexthop via {rig.r2} dev u0 "
            f"nexthop via {rig.r3} dev u0")


def _hop(packet, rig):
    """What a router leaves as it is: all but MACs, TTL and IPv4's checksum."""
    if rig.family == 6:
        return packet[12:21] + packet[22:]
    return packet[12:22] + packet[23:24] + packet[26:]


@pytest.mark.needs("weft")
def test_GN_26_transit_changes_nothing(rig):
    rig.up()
    rig.meet()
    far = "2001:db8:99::9" if rig.family == 6 else "198.51.100.9"
    _transit(rig, far)
    drops = rig.dut.drops()
    long = [geneve_option(0xFFFF, 0x81, bytes(range(124))), geneve_option(0xFFFF, 1, bytes(120))]
    paths = {}
    for sport in range(50000, 50016):
        for version in range(4):
            for control in (0, 1):
                for critical in (False, True):
                    for options in ([], long):
                        packet = rig.packet(rig.tenant(BAD, TENANT_A), to=far, sport=sport,
                                            version=version, control=control, critical=critical,
                                            options=options)
                        rig.u.send(packet)
                        sent = rig.u.expect(lambda data, packet=packet:
                                            data if _hop(data, rig) == _hop(packet, rig) else None)
                        paths.setdefault(sport, set()).add(sent[:6])
    assert all(len(path) == 1 for path in paths.values())
    assert len(set.union(*paths.values())) == 2, "flows of both paths were tried"
    assert rig.dut.drops() == drops
    rig.good_pass()


def test_GN_27_segments_with_other_options_are_not_merged(ready):
    inner = []
    for number in range(2):
        data = bytes([number]) * 1000
        inner.append(bytes(Ether(src=TENANT_R, dst=TENANT_A) / IP(src="10.0.0.2", dst="10.0.0.1")
                           / TCP(sport=1, dport=2, flags="A", seq=1 + 1000 * number) / Raw(data)))
    packets = [ready.packet(frame, options=[geneve_option(0xFFFF, 1, b"wef" + bytes([number]))])
               for number, frame in enumerate(inner)]
    ready.u.send(*packets)
    for frame in inner:
        ready.a.expect(frame, what="segment of its own")


def test_GN_28_tenants_never_see_the_tunnel(ready):
    """What is received for the tunnel reaches nobody with its outer headers, whatever is wrong."""
    ready.leaks()
    for fields in ({}, {"version": 1}, {"vni": 7}, {"control": 1}, {"options": [UNKNOWN_CRITICAL]},
                   {"dport": 6082}, {"source": ready.r3}, {"to": ready.local2}):
        ready.u.send(_bad(ready, **fields))
    ready.good_pass()
    for data in ready.a.drain() + ready.b.drain():
        assert b"\x17\xc1" not in data[14 + 20:14 + 44], "port 6081"


# iproute2's options -----------------------------------------------------------------------


def test_IP_25_remote_is_whom_packets_are_taken_from(rig):
    rig.up()
    rig.meet()
    _rejects(rig, "src_denied", source=rig.r2)


def test_IP_25_remote_repeats(rig):
    rig.up(remote=[rig.r1, rig.r2])
    rig.out(rig.tenant(dst=BROADCAST))
    for source in (rig.r1, rig.r2):
        _in(rig, source=source)


def test_IP_25_local_is_where_packets_are_taken(rig):
    rig.up()
    rig.meet()
    _rejects(rig, "src_denied", to=rig.local2)
    assert rig.out(rig.tenant()).src == rig.local


@pytest.mark.encapsulations("geneve-l3")
@pytest.mark.parametrize("version", [4, 6])
def test_IP_25_innerprotoinherit_carries_packets(ready, version):
    packet = ready.out(ready.tenant(version=version))
    assert packet.protocol == (encap.IPV4 if version == 4 else encap.IPV6)
    assert packet.inner[0] >> 4 == version


@pytest.mark.parametrize("udpcsum", [None, True, False])
def test_IP_25_udpcsum(rig, udpcsum):
    """Over IPv4; differs from iproute2 in that it is on unless said otherwise (GN-22)."""
    rig.host.offload("u0", "off")
    rig.up(udpcsum=udpcsum)
    packet = rig.out(rig.tenant(dst=BROADCAST))
    if rig.family == 6 or udpcsum is not False:
        assert packet.csum
        assert packet.csum_is_right()
    else:
        assert packet.csum == 0


@pytest.mark.family(6)
def test_IP_25_udp6zerocsumtx(rig):
    rig.up(udp6zerocsumtx=True)
    assert rig.out(rig.tenant(dst=BROADCAST)).csum == 0


def test_IP_25_ttl_and_tos(rig):
    rig.up(ttl=33, tos="0xb8")
    packet = rig.out(rig.tenant(dst=BROADCAST))
    assert (packet.ttl, packet.dscp) == (33, 46)
    assert packet.dport == 6081


@pytest.mark.needs("weft")
def test_IP_25_external_is_refused(rig):
    rig.dut.bridge("br0")
    with refused("external"):
        rig.tunnel("v0", external=True)
    assert not rig.dut.weft("tunnel show")
