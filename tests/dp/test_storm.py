# SPDX-License-Identifier: GPL-2.0-only
"""Storm limits: a burst is as long as the bucket says, to the packet; a packet takes hours here, so that time decides nothing."""

import pytest
from scapy.all import IP, UDP, Ether

from abi import C, Storm, StormBucket
from cpus import on_every_cpu
from datapath import A, B, BRIDGE, IN, OUT, TUNNEL, now, ticks, vxlan

HOUR = 3600 * 10**9
CLASSES = {"broadcast": (0, "ff:ff:ff:ff:ff:ff"), "unknown": (1, B), "multicast": (2, "01:00:5e:01:02:03")}
BURST = 200_000  # so many that CPUs meet
MEMBERS = {"port": IN, "tunnel": TUNNEL | C.WEFT_TRUNK_TUNNEL}


def frame(dst, src=A):
    return Ether(dst=dst, src=src) / IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / b"data"


def limit(dp, where, burst, kind=None):
    """Room for `burst` frames of a kind, or of every one, and none to come for as many hours."""
    storm = Storm()
    for name, (index, _) in CLASSES.items():
        if kind in (None, name):
            storm.bucket[index] = StormBucket(gap=HOUR, depth=HOUR * (burst - 1), until=0)
    dp.set("storms", MEMBERS[where], storm)
    if where == "port":
        dp.port(IN, flags=C.WEFT_PORT_UP | C.WEFT_PORT_LEARNING | C.WEFT_STORM)
    else:
        dp.tunnel(flags=C.WEFT_TUNNEL_LEARNING | C.WEFT_TUNNEL_CSUM_RX | C.WEFT_STORM)


def send(dp, where, packet):
    return dp.from_port(packet) if where == "port" else dp.from_underlay(vxlan(packet))


def counts(dp, where):
    """(let through, held back): what is let through finds nobody here."""
    key = (IN, 0) if where == "port" else (0, TUNNEL)
    drops = dp.drops()
    assert {k for k in drops} <= {("storm", *key), ("no_receiver", *key)}
    return drops.get(("no_receiver", *key), 0), drops.get(("storm", *key), 0)


@pytest.mark.parametrize("burst", [1, 7])
@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("where", MEMBERS)
def test_burst(dp, where, kind, burst):
    limit(dp, where, burst, kind)
    for _ in range(20):
        send(dp, where, frame(CLASSES[kind][1]))
    assert counts(dp, where) == (burst, 20 - burst)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("where", MEMBERS)
def test_kinds_do_not_count_for_each_other(dp, where, kind):
    limit(dp, where, 1, kind)
    for other in CLASSES:
        for _ in range(5):
            send(dp, where, frame(CLASSES[other][1]))
    assert counts(dp, where) == (11, 4)


@pytest.mark.parametrize("where", MEMBERS)
def test_time_makes_room(dp, where):
    limit(dp, where, 5)
    for _ in range(9):
        send(dp, where, frame(CLASSES["broadcast"][1]))
    storm = dp.get("storms", MEMBERS[where])
    storm.bucket[0].until -= 3 * HOUR
    dp.set("storms", MEMBERS[where], storm)
    for _ in range(9):
        send(dp, where, frame(CLASSES["broadcast"][1]))
    assert counts(dp, where) == (5 + 3, 4 + 6)


@pytest.mark.parametrize("where", MEMBERS)
def test_no_more_than_a_burst_is_saved_up(dp, where):
    """`until` is long past: a week of silence is worth no more than a second."""
    limit(dp, where, 4)
    storm = dp.get("storms", MEMBERS[where])
    storm.bucket[0].until = 1
    dp.set("storms", MEMBERS[where], storm)
    for _ in range(9):
        send(dp, where, frame(CLASSES["broadcast"][1]))
    assert counts(dp, where) == (4, 5)


def test_what_is_known_is_not_limited(dp):
    dp.fdb(B, port=OUT)
    limit(dp, "port", 1)
    limit(dp, "tunnel", 1)
    for _ in range(5):
        assert dp.from_port(frame(B))[0] == 7 and dp.from_underlay(vxlan(frame(B, "0a:00:00:00:00:0c")))[0] == 7
    assert dp.drops() == {}


def test_what_is_aged_is_unknown(dp):
    dp.fdb(B, port=OUT, seen=now() - ticks(300) - 5)
    limit(dp, "port", 1)
    for _ in range(5):
        dp.from_port(frame(B))
    assert counts(dp, "port") == (1, 4)


@pytest.mark.parametrize("where", MEMBERS)
def test_nothing_set(dp, where):
    """Without the flag the map is not looked at, and with it and no entry nothing is held back."""
    limit(dp, where, 1)
    dp.port(IN)
    dp.tunnel()
    for _ in range(5):
        send(dp, where, frame(CLASSES["broadcast"][1]))
    assert counts(dp, where) == (5, 0)
    limit(dp, where, 1)
    dp.delete("storms", next(dp.items("storms")))
    for _ in range(5):
        send(dp, where, frame(CLASSES["broadcast"][1]))
    assert counts(dp, where) == (10, 0)


def test_on_every_cpu_at_once(dp):
    """One bucket for all of them: together they let through what one alone would."""
    limit(dp, "port", BURST)
    cpus = on_every_cpu(lambda: dp.from_port(frame(CLASSES["broadcast"][1]), repeat=BURST))
    if cpus < 2:
        pytest.skip("one CPU")
    assert counts(dp, "port") == (BURST, BURST * cpus - BURST)
    assert dp.get("fdb_counts", BRIDGE).value == 1
