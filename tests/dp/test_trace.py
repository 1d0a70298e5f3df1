# SPDX-License-Identifier: GPL-2.0-only
"""The tracing instance: it says what the other one does, and leaves every map that says what is to be done as it was."""

import ctypes

import pytest
from scapy.all import ICMP, IP, TCP, UDP, Ether, Raw

from abi import U32, C, MAPS, Dropped, Sequence, addr
from datapath import (A, B, BRIDGE, IN, LO, LOCAL, OTHER, OUT, PEER, PROTOTYPE, REDIRECT, REMOTE, SHOT, TUNNEL,
                      Datapath, lib, now, ticks, vxlan)
from path import Path
from test_storm import limit

SHARED = ("control", "bridges", "devices", "ports", "tunnels", "remotes", "options", "sequences", "known_options",
          "peers", "paths", "vnis", "listen", "addresses", "fdb", "fdb_counts", "flood", "trunks", "storms")
ARRAY_USED = 64
BROADCAST = "ff:ff:ff:ff:ff:ff"
SPARE = 20
GRE_SEQ_HEADER = 28  # IPv4 and GRE with a sequence number


@pytest.fixture(scope="module")
def tracing(loaded):
    datapath = Datapath(tracing=True)
    yield datapath
    datapath.close()


@pytest.fixture
def pair(dp, tracing):
    """The same objects in both instances: the live one, the tracing one."""
    tracing.reset()
    tracing.standard()
    return dp, tracing


def content(datapath):
    """Every byte of the maps that both kinds of packets share."""
    found = {}
    for name in SHARED:
        kind, _ = MAPS[name]
        if name in ("control", "bridges", "ports", "tunnels", "remotes", "listen", "fdb_counts"):
            keys = [kind(i) for i in (*range(ARRAY_USED), 4789, C.WEFT_BRIDGES_MAX + TUNNEL)]
        else:
            keys = [kind.from_buffer_copy(key) for key in datapath.items(name)]
        for key in keys:
            value = datapath.get(name, key)
            if value is not None:
                found[name, bytes(key)] = bytes(value)
    return found


def frame(dst=B, src=A, df=True, size=100):
    head = Ether(dst=dst, src=src) / IP(src="10.0.0.1", dst="10.0.0.2", flags="DF" if df else 0) / UDP(sport=1, dport=2)
    return head / Raw(b"x" * (size - 28))


def quoted(mtu):
    """An ICMP error of a router about a packet that went to PEER."""
    quote = IP(src=LOCAL, dst=REMOTE, flags="DF", len=1500) / UDP(sport=50000, dport=4789, len=1480, chksum=0)
    quote = bytes(quote)[:28] + bytes.fromhex("080000000003e800")
    return (Ether(dst="00:00:00:00:00:00", src="02:00:00:00:00:09") / IP(src=OTHER, dst=LOCAL) /
            ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(quote))


def path(datapath):
    from abi import PeerKey
    datapath.set("paths", PeerKey(local=addr(LOCAL), remote=addr(REMOTE), vni=1000, port=4789, type=1), PEER)


def members(datapath):
    for slot, port in enumerate((IN, OUT)):
        datapath.member(slot, port)
    datapath.member(0, PEER, remotes=True)
    datapath.bridge(port_slots=2, remote_slots=1)


def opened(datapath):
    datapath.peer(remote=None, number=0)
    datapath.spare(SPARE)


def old_path(datapath):
    datapath.fdb(B, remote=PEER)
    datapath.fdb(A, port=IN)
    datapath.tunnel(mtu_expires=1)
    datapath.remote(mtu=1300, hop_mtu=1500, path_mtu=1300, path_tick=(now() - ticks(60)) & 0xffffffff)


def numbered(datapath):
    datapath.fdb(B, remote=PEER)
    datapath.fdb(A, port=IN)
    datapath.remote(flags=C.WEFT_REMOTE_RESOLVED | C.WEFT_REMOTE_SEQ, sequence=28)
    datapath.set("sequences", PEER, Sequence(next=7, last=9))


# name: what is set up, the program, the packet, and whether the live instance changes a shared map
SCENES = {
    "known": (lambda d: (d.fdb(A, port=IN), d.fdb(B, port=OUT)), "weft_port", frame(), False),
    "new": (lambda d: d.fdb(B, port=OUT), "weft_port", frame(), True),
    "seen": (lambda d: d.fdb(A, port=IN, seen=now() - ticks(10)), "weft_port", frame(), True),
    "moved": (lambda d: d.fdb(A, port=OUT), "weft_port", frame(), True),
    "moved from a remote": (lambda d: (d.fdb(A, remote=PEER), d.set("fdb_counts", C.WEFT_BRIDGES_MAX + TUNNEL, 1)),
                            "weft_port", frame(), True),
    "full": (lambda d: d.bridge(maxaddress=1) or d.set("fdb_counts", BRIDGE, 1), "weft_port", frame(), False),
    "limited": (lambda d: limit(d, "port", 2), "weft_port", frame(BROADCAST), True),
    "flooded": (members, "weft_port", frame(BROADCAST), True),
    "encapsulated": (lambda d: (d.fdb(A, port=IN), d.fdb(B, remote=PEER)), "weft_port", frame(), False),
    "numbered": (numbered, "weft_port", frame(), True),
    "too big": (lambda d: (d.fdb(A, port=IN), d.fdb(B, remote=PEER)), "weft_port", frame(size=1500), False),
    "expired": (old_path, "weft_port", frame(size=1400), True),
    "dropped": (lambda d: None, "weft_port", frame(src="00:00:00:00:00:00"), False),
    "decapsulated": (lambda d: d.fdb(A, port=IN), "weft_underlay", vxlan(frame(A, B)), True),
    "opened": (opened, "weft_underlay", vxlan(frame(A, B), source=OTHER), True),
    "nothing to spare": (lambda d: d.peer(remote=None, number=0), "weft_underlay", vxlan(frame(A, B), source=OTHER),
                         False),
    "unknown": (lambda d: None, "weft_underlay", vxlan(frame(A, B), vni=7), False),
    "lowered": (path, "weft_underlay", quoted(1300), True),
}


@pytest.mark.parametrize("scene", SCENES)
def test_maps_stay(pair, scene):
    """Byte for byte; the live instance shows which scenes could have changed something."""
    live, tracing = pair
    prepare, program, packet, changes = SCENES[scene]
    results = []
    for datapath in pair:
        prepare(datapath)
        before = content(datapath)
        results.append(datapath.run(program, packet))
        assert (content(datapath) != before) == (changes and datapath is live), scene
    assert results[0] == results[1]


def test_drops_of_a_trace_are_nobodys(pair):
    """What counts them is a map of its own; in the live instance it counts."""
    for datapath in pair:
        assert datapath.from_port(frame(src="00:00:00:00:00:00"))[0] == SHOT
        assert datapath.drops() == {("src_mac", IN, 0): 1}


@pytest.mark.parametrize("last", [None, 9])
def test_numbers_received_stay(tracing, last):
    """A number is good as often as it is traced; one that is old is not."""
    tracing.reset()
    path = Path(tracing, "gretap", False, flags=C.WEFT_TUNNEL_SEQ_NEEDED)
    if last is not None:
        tracing.set("sequences", PEER, Sequence(next=7, last=last))
    before = content(tracing)
    verdicts = [tracing.from_underlay(path.packet(path.payload(), tunnel={"sequence": number}))[0]
                for number in (10, 10, 9)]
    assert verdicts == [REDIRECT, REDIRECT, REDIRECT if last is None else SHOT]
    assert content(tracing) == before


def test_spare_stays(tracing):
    """A queue, which the scenes do not look into."""
    tracing.reset()
    tracing.standard()
    opened(tracing)
    tracing.from_underlay(vxlan(frame(A, B), source=OTHER))
    left = U32()
    assert lib.bpf_map_lookup_and_delete_elem(tracing.spares, None, ctypes.byref(left)) == 0
    assert left.value == SPARE
