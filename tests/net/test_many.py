# SPDX-License-Identifier: GPL-2.0-only
"""Much at once: new MACs in a flood, and a thousand remotes."""

import json
import struct

import pytest

from frames import BROADCAST, frame, mac_of
from lab import wait_until
from overlay import Overlay
from switch import Switch
from tap import Tap

NEW = 60_000
KNOWN = 3_000
REMOTES = 1_000


def _unicast(number):
    return frame(mac_of(1), mac_of(2), f"known {number:06}")


def _entries(weft):
    return json.loads(weft.run("fdb", "show").stdout)


@pytest.mark.parametrize("limit", [0, 1_000], ids=["", "maxaddress"])
def test_new_macs_do_not_disturb_what_is_known(lab, limit):
    """One port makes up source MACs, while two others talk: not a frame of theirs is lost, and the FDB is right."""
    switch = Switch(lab, 3)
    switch.bridge((1, 2, 3), options=f"maxaddress {limit}" if limit else "")
    one, two, wild = (switch.taps[number] for number in (1, 2, 3))
    one.send(frame(mac_of(1), BROADCAST))
    two.send(frame(mac_of(2), BROADCAST))
    wait_until(lambda: len(_entries(switch.weft)) == 2, "both to be known")
    template = bytearray(frame(mac_of(3), mac_of(1), "new"))
    step = NEW // KNOWN
    for number in range(KNOWN):
        one.send(_unicast(number))
        for new in range(number * step, (number + 1) * step):
            template[6:12] = struct.pack("!HI", 0x0200, 0x10000 + new)
            wild.send(bytes(template))

    seen = []

    def arrived():
        seen.extend(raw for raw in two.drain() if b"known " in raw)
        return len(seen) >= KNOWN
    wait_until(arrived, "every known frame to arrive")
    assert len(seen) == KNOWN
    shown = _entries(switch.weft)
    assert len({entry["mac"] for entry in shown}) == len(shown) == (limit or NEW + 2)
    assert {mac_of(1), mac_of(2)} <= {entry["mac"] for entry in shown}
    assert switch.weft("status")["entries"] == len(shown)


@pytest.fixture
def many(lab):
    """Host one with a tunnel; host two has as many addresses as there are remotes."""
    overlay = Overlay(lab, ("weft", "weft"))
    one, two = overlay.hosts
    addresses = [f"192.168.{8 + number // 250}.{1 + number % 250}" for number in range(REMOTES)]
    one.ip("route add 192.168.8.0/21 dev eth0")
    batch = lab.tmp_path / "addresses"
    batch.write_text("".join(f"address add {address}/32 dev eth0\n" for address in addresses))
    two.ip(f"-batch {batch}")
    one.weft("bridge add br0")
    one.weft("port add vnet0 bridge br0")
    two.ip("route add 192.168.1.0/24 dev eth0", check=False)
    return one, two, addresses


class Copies:
    """Outer destination addresses of what comes by the underlay with `mark` in it."""

    def __init__(self, tap):
        self.tap, self.raw = tap, []

    def of(self, mark):
        self.raw += self.tap.drain()
        return [".".join(map(str, raw[30:34])) for raw in self.raw if mark in raw]

    def wait(self, mark, count):
        wait_until(lambda: len(self.of(mark)) >= count, "every copy")
        return sorted(self.of(mark))


def test_head_end_replication_to_a_thousand_remotes(many):
    one, two, addresses = many
    one.weft.apply({"bridges": {"br0": {}}, "ports": {"vnet0": {"bridge": "br0"}},
                    "tunnels": {"vx0": {"bridge": "br0", "type": "vxlan", "id": 7, "local": one.underlay, "remote": addresses}}})
    wait_until(lambda: one.weft("status")["remotes_unresolved"] == 0, "next hops")
    copies, sender = Copies(Tap(two, "eth0")), Tap(one.c, "eth0")
    for number in range(3):
        mark = f"flood {number:04}".encode()
        sender.send(frame(mac_of(1), BROADCAST, mark.decode()))
        assert copies.wait(mark, REMOTES) == sorted(addresses)


def test_group_costs_one_copy(many):
    one, two, _ = many
    one.weft(f"tunnel add vx0 bridge br0 type vxlan id 7 local {one.underlay} group 239.7.7.7 dev eth0")
    copies, sender = Copies(Tap(two, "eth0")), Tap(one.c, "eth0")
    for number in range(3):
        sender.send(frame(mac_of(1), BROADCAST, f"flood {number:04}"))
    assert copies.wait(b"flood 0", 3) == ["239.7.7.7"] * 3
    assert one.weft("stats")["tunnels"]["vx0"]["tx_packets"] == 3
