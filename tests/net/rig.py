# SPDX-License-Identifier: GPL-2.0-only
"""The rig of the conformance rows: a device under test whose every wire the test holds.

    tester a ---- pa \\
                      DUT  u0 ---- u tester
    tester b ---- pb /     LOCAL, LOCAL2

The tester plays the tenants behind `a` and `b` and the remote VTEPs R1, R2, R3 behind `u`, each with
a MAC of its own that the DUT knows as a permanent neighbour.
"""

import collections
import contextlib
import itertools
import re

from frames import BROADCAST, decode, frame, mac_of, vxlan
from lab import wait_until
from tap import Tap

LOCAL, LOCAL2 = "172.16.0.1", "172.16.0.2"
R1, R2, R3 = "172.16.0.11", "172.16.0.12", "172.16.0.13"
VNI = 1000
TENANT_A, TENANT_B, TENANT_R = mac_of(0xA), mac_of(0xB), mac_of(0x1)


def remote_mac(address):
    return mac_of(0xEE00 + int(address.rpartition(".")[2]))


class Rig:
    def __init__(self, lab, dut_class, underlay_mtu=1500):
        self.host = lab.host("dut")
        self.tester = lab.host("tester")
        lab.link(self.host, "pa", self.tester, "a", mtu=9000)
        lab.link(self.host, "pb", self.tester, "b", mtu=9000)
        lab.link(self.host, "u0", self.tester, "u", mtu=underlay_mtu)
        for address in (LOCAL, LOCAL2):
            self.host.ip(f"address add {address}/24 dev u0")
        for address in (R1, R2, R3):
            self.host.ip(f"neigh add {address} lladdr {remote_mac(address)} dev u0 nud permanent")
        self.mac = self.host.mac("u0")
        self.a, self.b, self.u = (Tap(self.tester, dev) for dev in "abu")
        self.dut = dut_class(self.host)
        self._markers = itertools.count(1)
        self.good = {}

    def up(self, ports=("pa", "pb"), bridge=None, **tunnel):
        """One bridge with the ports and a tunnel `v0` of VNI 1000 to R1, and what rows override."""
        self.dut.bridge("br0", **(bridge or {}))
        for port in ports:
            self.dut.port(port)
        self.tunnel("v0", **tunnel)
        return self

    def tunnel(self, name, bridge="br0", **options):
        if "group" not in options:
            options.setdefault("remote", R1)
        if options.get("local", LOCAL) is None:
            options.pop("local")
        else:
            options.setdefault("local", LOCAL)
        options.setdefault("id", VNI)
        self.dut.tunnel(name, bridge, **options)

    # frames -----------------------------------------------------------------------------

    def packet(self, inner, source=R1, vni=VNI, to=LOCAL, **fields):
        """An underlay frame of a remote to the DUT; `fields` as for frames.vxlan."""
        return vxlan((remote_mac(source), self.mac, source, to), vni, inner, **fields)

    def outer(self, data):
        """An expect() matcher's value: the VXLAN packet in a frame on `u`, or None."""
        return decode(data)

    def sent(self, inner, **more):
        """Matches the DUT's packet on `u` that carries `inner`; `more` are fields it has to have."""
        def match(data):
            packet = decode(data)
            if packet is None or packet.inner != inner:
                return None
            return packet if all(getattr(packet, key) == more[key] for key in more) else None
        return match

    def tenant(self, src=TENANT_A, dst=TENANT_R, **more):
        """A tenant frame with a payload that no other has."""
        more.setdefault("payload", f"weft {next(self._markers)}")
        return frame(src, dst, **more)

    def out(self, inner, tap=None, **more):
        """Sends a tenant frame in at A, and gives the packet that carries it on `u`."""
        (tap or self.a).send(inner)
        return self.u.expect(self.sent(inner, **more), what="encapsulated frame")

    def delivered(self, packet, inner, tap=None):
        """Sends an underlay frame, and waits until `inner` comes out at A, unchanged."""
        self.u.send(packet)
        return (tap or self.a).expect(inner, what="decapsulated frame")

    def meet(self, source=R1, **fields):
        """Lets the DUT learn one tenant at A and one behind `source`, each by a frame."""
        self.out(self.tenant(dst=BROADCAST))
        hello = self.tenant(TENANT_R, TENANT_A)
        self.delivered(self.packet(hello, source, **fields), hello)
        self.good = dict(source=source, **fields)

    def good_pass(self):
        """A good frame in each direction between tenants that meet() introduced."""
        inner = self.tenant(TENANT_R, TENANT_A)
        self.delivered(self.packet(inner, **self.good), inner)
        self.out(self.tenant(TENANT_A, TENANT_R))

    # what must not happen ---------------------------------------------------------------

    def leaks(self):
        """What came out since the last drain: tenant frames at A and B, and on `u` whatever a
        packet can have caused (VXLAN, fragments, ICMP), but not ARP or IGMP of the host itself."""
        on_u = [data for data in self.u.drain()
                if data[12:14] == b"\x08\x00" and data[23] in (1, 17)]
        return self.a.drain() + self.b.drain() + on_u

    @contextlib.contextmanager
    def silent(self):
        """Nothing comes out because of what is sent inside, and the next good frames pass."""
        fdb = self.dut.fdb()
        self.leaks()
        yield
        self.good_pass()
        leaks = self.leaks()
        assert not leaks, f"{len(leaks)} frames came out: {[data.hex() for data in leaks[:4]]}"
        assert self.dut.fdb() == fdb

    @contextlib.contextmanager
    def rejects(self, reason, count=1):
        """As silent(), and `reason` is the one drop counter that moves, by exactly `count`."""
        before = collections.Counter(self.dut.drops())
        with self.silent():
            yield
            if self.dut.counts_drops:
                wait_until(lambda: collections.Counter(self.dut.drops()) != before,
                           f"drop {reason} to be counted")
        if self.dut.counts_drops:
            after = collections.Counter(self.dut.drops())
            assert after - before == collections.Counter({reason: count})

    def igmp(self, group, joining):
        """Matches an IGMPv3 report of the DUT that joins or leaves `group` (RFC 3376 §4.2)."""
        wanted = (2, 4) if joining else (1, 3)  # is-exclude, to-exclude; is-include, to-include
        octets = bytes(map(int, group.split(".")))

        def match(data):
            if data[12:14] != b"\x08\x00" or data[23] != 2:
                return False
            report = data[14 + (data[14] & 15) * 4:]
            return any(report[at] in wanted for at in _records(report, octets))
        return match


def _records(report, group):
    """Offsets of the group records for `group` in an IGMPv3 report."""
    return [found.start() - 4 for found in re.finditer(re.escape(group), report)
            if found.start() >= 12 and report[0] == 0x22]
