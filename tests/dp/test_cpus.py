# SPDX-License-Identifier: GPL-2.0-only
"""Forwarding on every CPU at once: each counts for itself, and together they count every frame."""

import pytest
from scapy.all import IP, UDP, Ether

from abi import C
from cpus import on_every_cpu
from datapath import A, B, BRIDGE, IN, OUT, REDIRECT, now

FRAMES = 200_000  # of each CPU


def frame(src=A, dst=B):
    return Ether(dst=dst, src=src) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / b"data"


@pytest.fixture
def cpus(dp):
    """Forwards FRAMES from IN to OUT on each CPU; how many CPUs."""
    dp.fdb(B, port=OUT)
    verdicts = []
    count = on_every_cpu(lambda: verdicts.append(dp.from_port(frame(), repeat=FRAMES)[0]))
    if count < 2:
        pytest.skip("one CPU")
    assert verdicts == [REDIRECT] * count
    return count


def test_every_frame_is_counted(dp, cpus):
    size = len(frame())
    assert dp.total("port_stats", IN)[:2] == [cpus * FRAMES, cpus * FRAMES * size]
    assert dp.total("port_stats", OUT)[2:] == [cpus * FRAMES, cpus * FRAMES * size]


def test_each_cpu_counts_its_own(dp, cpus):
    """Nothing that two CPUs write: each one's count is what it was given."""
    for port, member in ((IN, 0), (OUT, 2)):
        counted = [values[member] for values in dp.each_cpu("port_stats", port)]
        assert sorted(counted) == [0] * (dp.cpus - cpus) + [FRAMES] * cpus


def test_drops_are_counted_too(dp):
    count = on_every_cpu(lambda: dp.from_port(frame(dst="ff:ff:ff:ff:ff:ff"), repeat=FRAMES))
    assert dp.drops() == {("no_receiver", IN, 0): count * FRAMES}


def test_a_mac_is_learned_once(dp):
    """All of them meet it at the same time: one entry, one place in the bridge's count."""
    for number in range(50):
        source = f"0a:00:00:00:01:{number:02x}"
        on_every_cpu(lambda: dp.from_port(frame(src=source), repeat=100))
        assert dp.entry(source).port == IN
    assert dp.get("fdb_counts", BRIDGE).value == 50


def test_what_is_known_is_not_written(dp):
    """But for the time it was seen, once a second (WEFT_SEEN_SLACK): what two CPUs share stays as it is."""
    dp.fdb(B, port=OUT)
    while True:
        began = now()
        dp.fdb(A, port=IN, seen=began)
        before = bytes(dp.entry(A)), bytes(dp.entry(B))
        dp.from_port(frame(), repeat=10)
        after = bytes(dp.entry(A)), bytes(dp.entry(B))
        if now() - began <= C.WEFT_SEEN_SLACK:
            break
    assert after == before
