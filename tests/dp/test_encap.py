# SPDX-License-Identifier: GPL-2.0-only
"""From a port to a remote: the bytes of what is sent, and what is not sent."""

import pytest
from scapy.all import ARP, IP, TCP, UDP, Dot1AD, Dot1Q, Ether, IPv6, Raw
from scapy.layers.vxlan import VXLAN

from abi import C
from datapath import (A, B, LOCAL, NEXT_HOP, OTHER, OWN, PEER, REDIRECT, REMOTE, SHOT, TUNNEL)

UNICAST = Ether(dst=B, src=A) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=7, dport=9)


def sent(dp, frame):
    verdict, out = dp.from_port(frame)
    assert verdict == REDIRECT, dp.drops()
    return Ether(out)


def expected(frame, sport, **ip):
    """The same packet by scapy: checksums and lengths are its own arithmetic."""
    return bytes(Ether(dst=NEXT_HOP, src=OWN) /
                 IP(src=LOCAL, dst=REMOTE, flags="DF", id=0, **{"ttl": 64, **ip}) /
                 UDP(sport=sport, dport=4789, chksum=0) / VXLAN(vni=1000, flags=8) / frame)


@pytest.fixture
def behind(dp):
    dp.fdb(B, remote=PEER)
    return dp


@pytest.mark.parametrize("frame", [
    UNICAST / Raw(b"x" * 18),
    UNICAST / Raw(b"x" * 19),
    UNICAST / Raw(b"x" * 1400),
    Ether(dst=B, src=A) / IPv6(src="fd00::1", dst="fd00::2") / TCP() / b"six",
    Ether(dst=B, src=A) / ARP(op=2, hwsrc=A, psrc="10.0.0.1", hwdst=B, pdst="10.0.0.2"),
    Ether(dst=B, src=A, type=0x88cc) / (b"\x02\x07" + b"l" * 60),
    Ether(dst=B, src=A, type=0x88b5),
], ids=["even", "odd", "large", "ipv6", "arp", "lldp", "bare"])
def test_bytes(behind, frame):
    out = sent(behind, frame)
    assert bytes(out) == expected(frame, out[UDP].sport)
    assert 49152 <= out[UDP].sport < 65535
    assert behind.total("remote_stats", PEER)[2:] == [1, len(frame)]


def test_source_port_follows_the_flow(behind):
    frames = [Ether(dst=B, src=A) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=p, dport=9) / b"."
              for p in range(1, 513)]
    ports = [sent(behind, f)[UDP].sport for f in frames]
    assert ports == [sent(behind, f)[UDP].sport for f in frames]
    # 512 of 16,383 places at random collide about 8 times
    assert len(set(ports)) > 480
    behind.tunnel(srcport_min=50000, srcport_range=10)
    assert {sent(behind, f)[UDP].sport for f in frames} == set(range(50000, 50010))


@pytest.mark.parametrize("inner", [IP(src="10.0.0.1", dst="10.0.0.2", tos=0xb8, ttl=9),
                                   IPv6(src="fd00::1", dst="fd00::2", tc=0xb8, hlim=9)])
def test_tos_and_ttl(behind, inner):
    frame = Ether(dst=B, src=A) / inner / UDP() / b"data"
    for flags, tos, want in [(0, 0, {"tos": 0}), (0, 0x28, {"tos": 0x28}),
                             (C.WEFT_TUNNEL_TOS_INHERIT, 0, {"tos": 0xb8}),
                             (C.WEFT_TUNNEL_TTL_INHERIT, 0, {"ttl": 9})]:
        behind.tunnel(flags=flags)
        behind.remote(tos=tos)
        out = sent(behind, frame)
        assert bytes(out) == expected(frame, out[UDP].sport, **want)


@pytest.mark.parametrize("ecn", range(4))
def test_ecn_is_copied_outward(behind, ecn):
    """RFC 6040 4.1, normal mode; CE stays CE."""
    frame = Ether(dst=B, src=A) / IP(src="10.0.0.1", dst="10.0.0.2", tos=ecn) / UDP() / b"data"
    out = sent(behind, frame)
    assert bytes(out) == expected(frame, out[UDP].sport, tos=ecn)


@pytest.mark.parametrize("size", [0, 1, 18, 127, 128, 129, 1399, 1400])
def test_udp_checksum_by_choice(behind, size):
    behind.remote(flags=C.WEFT_REMOTE_RESOLVED | C.WEFT_REMOTE_CSUM)
    out = sent(behind, UNICAST / Raw(bytes(i % 251 for i in range(size))))
    check = out[UDP].chksum
    del out[UDP].chksum
    assert check and check == Ether(bytes(out))[UDP].chksum


def test_udp_checksum_of_zero_is_sent_as_ones(behind):
    """RFC 768: 0 means none. Two bytes of payload are chosen so that the sum comes to it."""
    behind.remote(flags=C.WEFT_REMOTE_RESOLVED | C.WEFT_REMOTE_CSUM)
    frame = UNICAST / Raw(b"\0" * 20)
    frame = Ether(bytes(frame))
    frame[UDP].chksum = 0x1234  # part of the payload as far as the outer checksum goes
    first = sent(behind, frame)[UDP].chksum
    raw = bytearray(bytes(frame))
    raw[-2:] = first.to_bytes(2, "big")
    assert sent(behind, bytes(raw))[UDP].chksum == 0xffff


@pytest.mark.parametrize("tags", [Dot1Q(vlan=10, prio=5), Dot1AD(vlan=10) / Dot1Q(vlan=20, prio=3)])
def test_tags_are_carried_by_choice(behind, tags):
    frame = Ether(dst=B, src=A) / tags / IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / b"data"
    verdict, _ = behind.from_port(frame)
    assert verdict == SHOT and behind.drops() == {("vlan_inner", 0, TUNNEL): 1}
    behind.tunnel(flags=C.WEFT_TUNNEL_INNER_VLAN)
    out = sent(behind, frame)
    assert bytes(out) == expected(frame, out[UDP].sport)


def test_no_route(behind):
    behind.remote(ifindex=0)
    verdict, _ = behind.from_port(UNICAST)
    assert verdict == SHOT and behind.drops() == {("no_route", 0, TUNNEL): 1}


@pytest.mark.parametrize("frame", [UNICAST / b"data", Ether(dst=B, src=A) / ARP()])
def test_next_hop_is_left_to_the_kernel_when_unknown_or_old(behind, frame):
    """bpf_redirect_neigh() refuses a multicast address in the place of the first MAC."""
    for prepare in (lambda: behind.remote(flags=0),
                    lambda: (behind.remote(), behind.set("control", 0, type(
                        behind.get("control", 0))(lease=1)))):
        prepare()
        out = sent(behind, frame)
        assert out.dst == out.src == "00:00:00:00:00:00" and out.type == 0x0800
        assert bytes(out)[14:] == expected(frame, out[UDP].sport)[14:]


def test_tenant_packet_that_looks_like_a_tunnel_is_payload(behind):
    """VX-17: an inner frame is never acted on."""
    frame = (Ether(dst=B, src=A) / IP(src="10.0.0.1", dst=LOCAL) / UDP(sport=1, dport=4789) /
             VXLAN(vni=1000, flags=8) / Ether(dst=A, src=B) / IP(dst=OTHER) / b"inside")
    out = sent(behind, frame)
    assert bytes(out) == expected(frame, out[UDP].sport)
    assert behind.entry(B).remote == PEER
