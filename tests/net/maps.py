# SPDX-License-Identifier: GPL-2.0-only
"""Values of the datapath's arrays, for tests of what weftd writes there and leaves alone (abi/datapath.h)."""

import json
import struct
import time

TICK_SHIFT = 24
HOP_MTU, PATH_MTU, PATH_TICK = -12, -10, -8  # in a slot of `remotes`, from its end
REMOTE_MTU = 12


def _words(data):
    return ["hex", *data.hex(" ").split()]


class Slot:
    """One value of map `name`, by the id that an object has in `show`."""

    def __init__(self, host, name, number):
        self.host = host
        self.map = host.weft("status")["maps"][name]["id"]
        self.key = _words(struct.pack("=I", number))

    def read(self):
        done = self.host.run("bpftool", "-j", "map", "lookup", "id", self.map, "key", *self.key)
        return bytes(int(byte, 16) for byte in json.loads(done.stdout)["value"])

    def write(self, value):
        self.host.run("bpftool", "map", "update", "id", self.map, "key", *self.key, "value", *_words(value))

    def field(self, offset, layout="H"):
        raw = self.read()
        return struct.unpack_from("=" + layout, raw, offset % len(raw))[0]

    def set(self, **fields):
        """Fields as `layout@offset`: value."""
        raw = bytearray(self.read())
        for place, value in fields.items():
            layout, offset = place.split("@")
            struct.pack_into("=" + layout, raw, int(offset) % len(raw), value)
        self.write(raw)


def learn_path_mtu(slot, mtu, age=0):
    """As the datapath does when an ICMP error says so, `age` seconds ago."""
    tick = (time.monotonic_ns() - age * 10**9 >> TICK_SHIFT) & 0xFFFFFFFF
    slot.set(**{f"H@{PATH_MTU}": mtu, f"I@{PATH_TICK}": tick, f"H@{REMOTE_MTU}": mtu})
