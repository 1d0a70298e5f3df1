# SPDX-License-Identifier: GPL-2.0-only
"""tshark reads what weft sends, of every type and over both IP versions: no error, no warning, every
checksum right; single packets, and super-packets that are cut at the underlay."""

import pytest

import encap
from frames import frame, mac_of
from pair import Pair
from tap import Tap, tshark_fields
from traffic import PORT, tcp_transfer

# Of TCP inside: that a segment came twice happens on a busy machine, Linux writes a checksum of 0 as 0xffff,
# and what is carried are random bytes.
COMPLAINTS = " || ".join((
    "_ws.malformed",
    "(_ws.expert.severity >= warning && !tcp.options.sack.dsack && !tcp.checksum.ffff)",
    "(tcp.checksum.status == bad && !tcp.checksum.ffff)",
    *(f"{layer}.checksum.status == bad" for layer in ("ip", "udp", "gre", "icmp", "icmpv6"))))
QUIET = ("-o", "tcp.analyze_sequence_numbers:FALSE", "-d", f"tcp.port=={PORT},data")
MTU = 1700  # of the underlay: room for the containers' 1400 and the longest options
ZERO6 = ("-o", "udp.ignore_ipv6_zero_checksum:TRUE")

OPTION, CRITICAL, EMPTY = "0x0102:0x01:0011aabb", "0x0103:0x80:0102030405060708", "0x0104:0x02:"
LONGEST = "0x0105:0x03:" + "5a" * 124
# name -> (protocols that tshark has to find between the outer IP and the inner one, the tunnel)
ETHERNET = {
    "vxlan": ("udp:vxlan:eth", dict(type="vxlan", id=1000)),
    "vxlan-csum": ("udp:vxlan:eth", dict(type="vxlan", id=0xFFFFFF, udpcsum=True)),
    "vxlan-zero6": ("udp:vxlan:eth", dict(type="vxlan", id=0, udp6zerocsumtx=True,
                                          udp6zerocsumrx=True)),
    "geneve": ("udp:geneve:eth", dict(type="geneve", id=77)),
    "geneve-nocsum": ("udp:geneve:eth", dict(type="geneve", id=77, udpcsum=False,
                                             udp6zerocsumtx=True, udp6zerocsumrx=True)),
    "geneve-option": ("udp:geneve:eth", dict(type="geneve", id=77, option=[OPTION])),
    "geneve-options": ("udp:geneve:eth", dict(type="geneve", id=0xFFFFFF,
                                              option=[CRITICAL, EMPTY, LONGEST])),
    "gretap": ("gre:eth", dict(type="gretap")),
    "gretap-key": ("gre:eth", dict(type="gretap", key=0xFFFFFFFF)),
    "gretap-csum": ("gre:eth", dict(type="gretap", csum=True)),
    "gretap-seq": ("gre:eth", dict(type="gretap", seq=True)),
    "gretap-key-csum": ("gre:eth", dict(type="gretap", key=0, csum=True)),
    "gretap-all": ("gre:eth", dict(type="gretap", key=9, csum=True, seq=True)),
    "nvgre": ("gre:eth", dict(type="nvgre", id=5000)),
}
ROUTED = {
    "gre": ("gre", dict(type="gre")),
    "gre-key": ("gre", dict(type="gre", key=9)),
    "gre-all": ("gre", dict(type="gre", key=9, csum=True, seq=True)),
    "geneve-l3": ("udp:geneve", dict(type="geneve", id=77, innerprotoinherit=True,
                                     option=[OPTION])),
}


def complaints(folder, frames, zero6=False):
    """[(protocols, what is wrong)] of the frames that tshark complains about."""
    return tshark_fields(folder / "complaints.pcap", frames, ("frame.protocols", "_ws.expert.message"), *QUIET,
                         *(ZERO6 if zero6 else ()), "-Y", COMPLAINTS)


def _protocols(folder, frames):
    return {protocols for protocols, in tshark_fields(folder / "all.pcap", frames, ("frame.protocols",), *QUIET)}


def _final(host):
    """What leaves the host is as it is on a wire: super-packets are cut, checksums filled in."""
    host.offload("eth0", "off")
    host.run("ethtool", "-K", "eth0", *(word for feature in (
        "tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation", "tx-gre-segmentation",
        "tx-gre-csum-segmentation") for word in (feature, "off")))


def _check(folder, cable, between, family, zero6, at_least=2500):
    frames = cable.drain()
    ethertype, protocol = (b"\x86\xdd", 20) if family == 6 else (b"\x08\x00", 23)
    ours = [data for data in frames if data[12:14] == ethertype and data[protocol] in (17, 47)]
    assert len(ours) > at_least
    assert max(map(len, ours)) <= 14 + MTU
    bad = complaints(folder, frames, zero6)
    assert not bad, f"{len(bad)} of {len(frames)}: {bad[:4]}"
    start = f"eth:ethertype:{'ipv6' if family == 6 else 'ip'}:{between}:"
    start += "ethertype:" if between.endswith("eth") else ""
    protocols = _protocols(folder, ours)
    for inner in ("ip:icmp", "ipv6:icmpv6", "ip:tcp", "ipv6:tcp"):
        assert any(protocol.startswith(start + inner) for protocol in protocols), (inner, protocols)
    assert all(protocol.startswith(start) for protocol in protocols), protocols


@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("name", ETHERNET)
def test_bridged(lab, tmp_path, name, family):
    between, options = ETHERNET[name]
    pair = Pair(lab, ("weft", "weft"), family, mtu=MTU)
    for host in pair.hosts:
        _final(host)
    cable = Tap(pair.two, "eth0", outgoing=True)
    pair.up(**options)
    pair.ping()
    one, two = pair.one.c, pair.two.c
    for offload in ("off", "on"):
        for container in (one, two):
            container.offload("eth0", offload)
        tcp_transfer(one, two, two.address, size=1 << 20)
        tcp_transfer(two, one, one.address6, size=1 << 20)
    _check(tmp_path, cable, between, family, "udp6zerocsumtx" in options)


@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("name", ROUTED)
def test_routed(lab, tmp_path, name, family):
    """Between the hosts themselves, by the tunnels' devices."""
    between, options = ROUTED[name]
    pair = Pair(lab, ("weft", "weft"), family, mtu=MTU)
    for host in pair.hosts:
        _final(host)
    cable = Tap(pair.two, "eth0", outgoing=True)
    pair.tunnel(bridge=None, **options)
    for number, host in enumerate(pair.hosts, 1):
        host.ip("link set t0 up")
        host.ip(f"address add 10.9.0.{number}/24 dev t0")
        host.ip(f"address add fd09::{number}/64 dev t0 nodad")
    one, two = pair.hosts
    for address in ("10.9.0.2", "fd09::2"):
        one.ping(address, size=1300)
        tcp_transfer(one, two, address, size=1 << 20)
    for address in ("10.9.0.1", "fd09::1"):
        two.ping(address)
        tcp_transfer(two, one, address, size=1 << 20)
    _check(tmp_path, cable, between, family, "udp6zerocsumtx" in options)


@pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])
def test_a_corrupted_packet_is_found(tmp_path, family):
    """Each of these is a good packet until one thing in it is wrong."""
    pair = ("192.0.2.1", "192.0.2.2") if family == 4 else ("2001:db8::1", "2001:db8::2")
    outer = (mac_of(1), mac_of(2), *pair)
    inner = frame(mac_of(3), mac_of(4), "payload", length=101)
    option = encap.geneve_option(0x102, 0x80, b"abcd")
    good = [encap.vxlan(outer, 1000, inner, csum=None), encap.vxlan(outer, 1000, inner),
            encap.geneve(outer, 77, inner, options=[option]),
            encap.geneve(outer, 77, inner[14:], protocol=encap.IPV4),
            encap.gre(outer, inner, key=7, seq=1, csum=True),
            encap.gre(outer, inner[14:], protocol=encap.IPV4), encap.nvgre(outer, 5000, inner)]
    assert not complaints(tmp_path, good)

    def flipped(number, at):
        packet = bytearray(good[number])
        packet[at] ^= 1
        return bytes(packet)
    start = 54 if family == 6 else 34
    bad = {
        "outer UDP checksum": flipped(0, start + 7),
        "payload under an outer UDP checksum": flipped(0, -1),
        "payload under an inner UDP checksum": flipped(1, -1),
        "GENEVE option under the checksum": flipped(2, start + 8 + 8 + 5),
        "inner IP header": flipped(3, start + 16 + 8),
        "payload under GRE's checksum": flipped(4, -1),
        "GRE's key under its checksum": flipped(4, start + 11),
        "length of a GENEVE option": encap.geneve(
            outer, 77, inner, options=[encap.geneve_option(0x102, 0x80, b"abcd", length=9)]),
        "inner packet cut short": encap.gre(outer, inner[14:60], protocol=encap.IPV4),
    }
    if family == 4:
        bad["outer IP checksum"] = flipped(0, 24)
    for what, packet in bad.items():
        found = complaints(tmp_path, good[:3] + [packet] + good[3:])
        assert len(found) == 1, f"{what}: {len(found)} complaints"
