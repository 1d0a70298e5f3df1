# SPDX-License-Identifier: GPL-2.0-only
"""Every frame that a test of the rig sends is traced first, and what `weft trace` said is compared with what came of it.

`pytest --traced` does so for the conformance rows; test_trace.py for some of them always.
"""

import collections

from tap import Tap

DEVICES = {"a": "pa", "b": "pb"}
SIZE_MAX = 3520  # what a trace takes
FOLLOWED = ("mtu_limit", "no_receiver")  # how many there were before; what the host sends of itself


def blurred(data):
    """Without what is random: the IPv4 identification of a packet that may be fragmented, and the sum over it."""
    if data[12:14] != b"\x08\x00" or data[20] & 0x40:
        return data
    return data[:18] + b"\0\0" + data[20:24] + b"\0\0" + data[26:]


def fragment(data):
    if data[12:14] == b"\x86\xdd":
        return data[20] == 44
    return data[12:14] == b"\x08\x00" and bool(data[20] & 0x3f or data[21])


class Traced:
    def __init__(self, rig):
        self.rig, self.weft = rig, rig.dut.weft
        self.before = collections.Counter(self.weft.drops())
        self.dropped = collections.Counter()
        self.whole = True  # nothing was sent that no trace follows: fragments, what is too large for one, super-packets
        self.expected = []  # (tap, bytes, how much of the start is not known)
        self.taps = {name: Tap(rig.tester, name) for name in "abu"}
        for name in "abu":
            self._wrap(name, getattr(rig, name))

    def _wrap(self, name, tap):
        send = tap.send

        def traced(*frames):
            for frame in frames:
                self.trace(name, bytes(frame))
                send(frame)
        send_super = tap.send_super

        def untraced(*args):
            self.whole = False
            send_super(*args)
        tap.send, tap.send_super = traced, untraced

    def trace(self, name, data):
        """The steps for a frame that the tester sends by its device `name`."""
        if len(data) > SIZE_MAX:
            self.whole = False
            return []
        point = ["in", DEVICES[name]] if name in DEVICES else ["underlay", "u0"]
        if name in DEVICES and not any(port["name"] == DEVICES[name] for port in self.weft("port show")):
            return []
        done = self.rig.host.run(*self.weft.argv("trace", *point, f"hex {data.hex()}"), check=False)
        assert done.returncode == 0, done.stderr
        steps = self.weft.parsed(done)["steps"]
        for step in steps:
            self._note(step)
        self.whole = self.whole and not (name == "u" and fragment(data))
        return steps

    def _note(self, step):
        if step["step"] == "drop":
            self.dropped[step["reason"]] += 1
        packet = bytes.fromhex(step.get("packet", ""))
        if step["step"] in ("send", "resolve") and step["dev"] == "u0":
            self.expected.append(("u", packet, 12 if step["step"] == "resolve" else 0))
        elif step["step"] in ("deliver", "answer") and step.get("port") in DEVICES.values():
            self.expected.append((step["port"][1], packet, 0))

    def check(self):
        """Everything was as it was said to be."""
        real = collections.Counter(self.weft.drops()) - self.before
        if self.whole:
            assert {k: n for k, n in self.dropped.items() if k not in FOLLOWED} == {
                k: n for k, n in real.items() if k not in FOLLOWED}
        seen = {name: [blurred(data) for data in tap.drain()] for name, tap in self.taps.items()}
        for name, packet, unknown in self.expected:
            wanted = blurred(packet)[unknown:]
            assert any(data[unknown:] == wanted for data in seen[name]), (
                f"{name}: {packet.hex()} was not sent; there were {[data.hex() for data in seen[name]]}")
