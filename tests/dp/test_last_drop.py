# SPDX-License-Identifier: GPL-2.0-only
"""What the datapath keeps of a packet that it drops: the last of each reason, and not more than one in a tick."""

import pytest
from scapy.all import IP, UDP, Dot1Q, Ether

from abi import C, DROPS
from datapath import A, B, IN, LO, OUT, PEER, SHOT, TUNNEL, now, vxlan

ZERO = "00:00:00:00:00:00"


def frame(payload=b"data", src=A, tag=None):
    tags = Dot1Q(vlan=tag & 0xfff, prio=tag >> 13) if tag else b""
    ethernet = Ether(dst=B, src=src) / tags if tag else Ether(dst=B, src=src)
    return bytes(ethernet / IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / payload)


def kept(dp, reason):
    last = dp.last_drop(reason)
    return bytes(last.bytes)[:last.captured], (last.port, last.tunnel, last.ifindex, last.len)


@pytest.mark.parametrize("size", [0, 1, 85, 86, 87, 1000])
def test_first_bytes(dp, size):
    dropped = frame(bytes(i % 251 for i in range(size)), src=ZERO)
    assert dp.from_port(dropped)[0] == SHOT
    assert kept(dp, "src_mac") == (dropped[:C.WEFT_DROPPED_BYTES], (IN, 0, LO, len(dropped)))
    assert dp.last_drop("src_mac").segment == 0
    assert [reason for reason in DROPS if dp.last_drop(reason)] == ["src_mac"]


def test_time(dp):
    before = now()
    dp.from_port(frame(src=ZERO))
    # the datapath reads a coarser clock
    assert before <= dp.last_drop("src_mac").tick <= now()


def test_tag_beside_the_frame(dp):
    dp.from_port(frame(src=ZERO, tag=5 << 13 | 77))
    last = dp.last_drop("src_mac")
    assert (last.vlan_proto.to_bytes(2, "little"), last.vlan_tci) == (b"\x81\x00", 5 << 13 | 77)
    assert kept(dp, "src_mac")[0] == frame(src=ZERO)


def test_no_tag(dp):
    dp.from_port(frame(src=ZERO, tag=5))
    dp.reset()
    dp.standard()
    dp.from_port(frame(src=ZERO))
    assert (dp.last_drop("src_mac").vlan_proto, dp.last_drop("src_mac").vlan_tci) == (0, 0)


def test_from_the_underlay(dp):
    packet = bytes(vxlan(frame(), vni=1001))
    dp.from_underlay(packet)
    assert kept(dp, "vni_unknown") == (packet[:C.WEFT_DROPPED_BYTES], (0, 0, LO, len(packet)))
    packet = bytes(vxlan(frame(src=ZERO)))
    dp.from_underlay(packet)
    assert kept(dp, "src_mac") == (frame(src=ZERO), (0, TUNNEL, LO, len(frame())))


def test_at_the_port_it_was_for(dp):
    dp.fdb(B, port=OUT)
    dp.port(OUT, flags=0)
    dp.from_port(frame())
    assert kept(dp, "port_down") == (frame(), (OUT, 0, LO, len(frame())))


def test_at_the_tunnel_it_was_for(dp):
    dp.fdb(B, remote=PEER)
    dp.remote(ifindex=0)
    dp.from_port(frame())
    assert kept(dp, "no_route") == (frame(), (0, TUNNEL, LO, len(frame())))


def test_one_in_a_tick(dp):
    """Of two within a tick it is the first; the second is counted."""
    one, two = frame(b"one", src=ZERO), frame(b"two", src=ZERO)
    while True:
        dp.reset()
        dp.standard()
        before = now()
        dp.from_port(one)
        dp.from_port(two)
        if now() == before:
            break
    assert kept(dp, "src_mac")[0] == one and dp.drops() == {("src_mac", IN, 0): 2}
    before = now()
    while now() - before < 2:
        pass
    dp.from_port(two)
    assert kept(dp, "src_mac")[0] == two
