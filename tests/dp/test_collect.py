# SPDX-License-Identifier: GPL-2.0-only
"""Super-packets that the host's stack is to take the outer headers off, and what comes back of them."""

import os
import time

import pytest

import wire
from abi import C
from datapath import A, B, LO, OUT, PASS, PEER, REDIRECT, SHOT, TUNNEL, now, vxlan
from path import frame

SUPER = {"gso_size": 500, "gso_segs": 2}
LOST = 2  # ticks: COLLECT_TICKS of bpf/collect.h
REMOTE_PRIORITY = C.WEFT_COLLECT_REMOTE | PEER


@pytest.fixture
def path(dp):
    """A is behind a port that is no veth's, B behind the remote; the port 4789 has an external device."""
    dp.standard()
    dp.fdb(A, port=OUT)
    dp.set("listen", 4789, 1 | C.WEFT_LISTEN_COLLECTED)
    return dp


@pytest.fixture
def one_cpu():
    """What is on its way is counted by each CPU."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def inner(size=1000):
    return frame(size, dst=A, src=B)


def test_is_handed_to_the_host(path):
    """Its reserved bits are what the external device takes; nothing is counted or learned yet."""
    packet = bytearray(bytes(vxlan(inner())))
    packet[14 + 20 + 8 + 1] = 0x55  # reserved (RFC 7348 5)
    verdict, out = path.from_underlay(bytes(packet), **SUPER)
    assert verdict == PASS and path.context["priority"] == REMOTE_PRIORITY
    assert out[42:50] == bytes([8, 0, 0, 0]) + (1000).to_bytes(3, "big") + b"\0"
    assert out[50:] == inner()
    assert not path.drops() and path.total("remote_stats", PEER)[0] == 0 and path.entry(B) is None


def test_comes_back(path):
    verdict, out = path.run("weft_collect", inner(), priority=REMOTE_PRIORITY)
    assert (verdict, out) == (REDIRECT, inner()) and path.context["priority"] == 0
    assert path.total("remote_stats", PEER)[:2] == [1, len(inner())]
    assert path.entry(B).remote == PEER


@pytest.mark.parametrize("priority", [0, 6, PEER, C.WEFT_COLLECT_REMOTE, C.WEFT_COLLECT_TUNNEL | TUNNEL + 1])
def test_what_was_not_handed_over_is_dropped(path, priority):
    verdict, _ = path.run("weft_collect", inner(), priority=priority)
    assert verdict == SHOT and path.entry(B) is None


def test_single_packets_are_not_handed_over(path):
    verdict, out = path.from_underlay(vxlan(inner()))
    assert (verdict, out) == (REDIRECT, inner())


def overtaking(path):
    """Verdicts on single packets: behind a super-packet, behind one of those, and when all have come back."""
    path.from_underlay(vxlan(inner()), **SUPER)
    yield path.from_underlay(vxlan(inner(20)))[0]
    path.run("weft_collect", inner(), priority=REMOTE_PRIORITY)
    yield path.from_underlay(vxlan(inner(20)))[0]
    for _ in range(2):
        path.run("weft_collect", inner(20), priority=REMOTE_PRIORITY)
    yield path.from_underlay(vxlan(inner(20)))[0]


def test_single_packets_do_not_overtake(path, one_cpu):
    end = time.monotonic() + 60
    took = LOST
    while took >= LOST and time.monotonic() < end:  # a machine that stood still has seen them lost: once more
        time.sleep(0.1)  # what was handed over before is lost by now
        start = now()
        verdicts = list(overtaking(path))
        took = now() - start
    assert verdicts == [PASS, PASS, REDIRECT]


@pytest.mark.parametrize("protocol, handed", [(6, False), (wire.UDP, True)], ids=["tcp", "udp"])
def test_only_tcp_goes_to_a_peer_as_it_is(path, protocol, handed):
    """What is left of the tunnel does no harm there. (A peer's redirect fails in a test run.)"""
    path.port(OUT, flags=C.WEFT_PORT_UP | C.WEFT_PORT_PEER, ifindex=LO)
    packet = bytearray(inner())
    packet[14 + 9] = protocol
    assert (path.from_underlay(vxlan(bytes(packet)), **SUPER)[0] == PASS) == handed
    assert path.context["priority"] == (REMOTE_PRIORITY if handed else 0)
