# SPDX-License-Identifier: GPL-2.0-only
"""A host with weftd and some ports whose far ends the test holds: p1 ---- tap 1, p2 ---- tap 2 …"""

import collections
import itertools

from daemon import Weftd
from frames import BROADCAST, frame
from lab import wait_until
from tap import Tap


class Switch:
    def __init__(self, lab, count):
        self.host = lab.host("switch")
        self.tester = lab.host("tester")
        self.weft = self.host.weft = Weftd(self.host)
        self._numbers = itertools.count(1)
        self.taps = {}
        for number in range(1, count + 1):
            lab.link(self.host, f"p{number}", self.tester, f"t{number}")
            self.taps[number] = Tap(self.tester, f"t{number}")

    def bridge(self, ports, name="br0", options=""):
        self.weft(f"bridge add {name} {options}")
        for number in ports:
            self.weft(f"port add p{number} bridge {name}")

    def frame(self, src, dst=BROADCAST, **more):
        """A frame that no other is like."""
        return frame(src, dst, f"weft {next(self._numbers)}", **more)

    def exchange(self, number, raw):
        """Sends by tap `number`; gives (tap, frame) of all that came out because of it.

        The frame has been handled when the port's counters moved, and every copy has arrived when
        the taps have seen as many frames as the ports sent.
        """
        handled, sent = self._counters(number)
        self.taps[number].send(raw)
        wait_until(lambda: self._counters(number)[0] > handled, "frame to be handled")
        came = []

        def arrived():
            came.extend((at, data) for at, tap in self.taps.items() for data in tap.drain())
            return len(came) == self._counters(number)[1] - sent
        wait_until(arrived, "copies to arrive")
        return came

    def send(self, number, raw):
        """Sends by tap `number`; gives the taps it comes out at, unchanged and once each."""
        found = [at for at, data in self.exchange(number, raw) if data == raw]
        assert len(set(found)) == len(found), f"duplicates at {found}"
        return set(found)

    def _counters(self, number):
        """Frames handled that came in by a port, and frames sent out by all ports with a tap."""
        ports = self.weft.stats()["ports"]
        name = f"p{number}"
        dropped = sum(line["packets"] for line in self.weft("drops") if line.get("port") == name)
        handled = dropped + (ports[name]["rx_packets"] if name in ports else 0)
        return handled, sum(ports[f"p{at}"]["tx_packets"] for at in self.taps if f"p{at}" in ports)

    def talk(self, number, mac, **more):
        """A broadcast of `mac` behind tap `number`, so that it is learned."""
        return self.send(number, self.frame(mac, **more))

    def where(self, **more):
        """MAC -> port of everything in the FDB but the host's own."""
        return {entry["mac"]: entry["dev"] for entry in self.weft.fdb()
                if entry["state"] != "local"
                and all(entry.get(key) == more[key] for key in more)}

    @staticmethod
    def counted(before, after):
        return dict(collections.Counter(after) - collections.Counter(before))
