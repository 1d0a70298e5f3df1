# SPDX-License-Identifier: GPL-2.0-only
"""The rig of the conformance rows: a device under test whose every wire the test holds.

    tester a ---- pa \\
                      DUT  u0 ---- u tester
    tester b ---- pb /     local, local2

The tester plays the tenants behind `a` and `b` and the remote VTEPs r1, r2, r3 behind `u`, each with
a MAC of its own that the DUT knows as a permanent neighbour. All have addresses of both families;
`rig.local`, `rig.r1` … are those of the family that the test is run with.

How to write a row:

    def test_GN_01_reserved_bits_are_zero(rig):        # the row's ID in its name (conformance.py)
        rig.up(option=["0x0102:0x01:00112233"])        # a bridge, ports pa and pb, tunnel v0 to r1
        rig.meet()                                     # a tenant on each side is learned
        packet = rig.out(rig.tenant())                 # sent in at A, seen on U, decoded (decode.py)
        assert packet.version == 0
        inner = rig.tenant(TENANT_R, TENANT_A)
        rig.delivered(rig.packet(inner), inner)        # sent on U, comes out at A unchanged
        with rig.rejects("bad_ver"):                   # nothing comes out, nothing is learned,
            rig.u.send(rig.packet(inner, version=1))   # this counter +1, the next good ones pass
        rig.answered(rig.tenant(length=1500))          # as rejects("mtu"), but the tenant is told by ICMP

It is run for each device under test (`--dut`), over IPv4 and IPv6 (`@pytest.mark.family(4)` for one
of them), and for VXLAN or the encapsulations that `@pytest.mark.encapsulations("geneve", "nvgre")`
names, on the test or as the file's `pytestmark`: vxlan, geneve, gretap, nvgre, and the routed ones
gre and geneve-l3 (routed.py). `rig.packet` takes the fields of the builder in encap.py. What a
device cannot be told skips the test by itself; `@pytest.mark.needs("…")` says what else is needed
(NEEDS in dut.py). Tests share one weftd, which is emptied in between; one that looks at its log, at
totals, or changes its host beyond devices and addresses says `@pytest.mark.own_weftd`.
"""

import collections
import contextlib
import itertools
import re

import encap
import icmp
from decode import PORTS, decode
from frames import BROADCAST, IP, UDP, Ether, Raw, frame, mac_of
from lab import DEADLINE, wait_until
from tap import Tap

LOCAL, LOCAL2 = "172.16.0.1", "172.16.0.2"
R1, R2, R3 = "172.16.0.11", "172.16.0.12", "172.16.0.13"
LOCAL_6, LOCAL2_6 = "2001:db8:16::1", "2001:db8:16::2"
R1_6, R2_6, R3_6 = "2001:db8:16::11", "2001:db8:16::12", "2001:db8:16::13"
GROUPS = {4: ("239.1.1.1", "01:00:5e:01:01:01"), 6: ("ff15::1:1", "33:33:00:01:00:01")}
VNI = 1000
VSID = 5000  # those below 4096 are reserved
TENANT_A, TENANT_B, TENANT_R = mac_of(0xA), mac_of(0xB), mac_of(0x1)

# encapsulation of a test -> type of the tunnel, its bytes after the outer IP header
ENCAPSULATIONS = {"vxlan": ("vxlan", 16), "geneve": ("geneve", 16), "gretap": ("gretap", 8),
                  "nvgre": ("nvgre", 8), "gre": ("gre", 8), "geneve-l3": ("geneve", 16)}
DEFAULT = object()


def remote_mac(address):
    """The MAC of one of the tester's addresses on `u`."""
    return mac_of(0xEE00 + int(re.split("[.:]", address)[-1]))


class Rig:
    ethernet = 14  # bytes of a tenant's frame before its IP packet

    def __init__(self, lab, dut_class, underlay_mtu=1500, family=4, encapsulation="vxlan",
                 shared=None):
        """`shared` is a device that other tests have used, on a host of its own (shared.py)."""
        self.family, self.encapsulation = family, encapsulation
        self.type, self.overhead = ENCAPSULATIONS[encapsulation]
        self.overhead += 40 if family == 6 else 20
        four = family == 4
        self.local, self.local2 = (LOCAL, LOCAL2) if four else (LOCAL_6, LOCAL2_6)
        self.r1, self.r2, self.r3 = (R1, R2, R3) if four else (R1_6, R2_6, R3_6)
        self.group, self.group_mac = GROUPS[family]
        self.vni = VSID if self.type == "nvgre" else VNI  # or the key
        self.ports = dict(PORTS)
        self.host = shared.host if shared else lab.host("dut")
        self.tester = lab.host("tester")
        lab.link(self.host, "pa", self.tester, "a", mtu=9000)
        lab.link(self.host, "pb", self.tester, "b", mtu=9000)
        lab.link(self.host, "u0", self.tester, "u", mtu=underlay_mtu)
        self._addresses()
        self.mac = self.host.mac("u0")
        timeout = DEADLINE if dut_class.is_ours else dut_class.timeout
        self.a, self.b, self.u = (Tap(self.tester, dev, timeout=timeout) for dev in "abu")
        self.dut = shared or dut_class(self.host)
        self._markers = itertools.count(1)
        self.good = {}

    def _addresses(self):
        """Addresses and neighbours of both families on u0; no other device speaks IPv6."""
        host = self.host
        host.sysctl("net.ipv6.conf.default.router_solicitations", 0)
        for dev in ("lo", "u0"):
            host.sysctl(f"net.ipv6.conf.{dev}.accept_dad", 0)
            host.sysctl(f"net.ipv6.conf.{dev}.router_solicitations", 0)
            host.sysctl(f"net.ipv6.conf.{dev}.disable_ipv6", 0)
        for address in (LOCAL, LOCAL2):
            host.ip(f"address add {address}/24 dev u0")
        host.ip(f"address add {LOCAL_6}/64 dev u0 nodad")
        # Deprecated (RFC 4862 5.5.4), so that the host itself always picks the other one.
        host.ip(f"address add {LOCAL2_6}/64 dev u0 nodad preferred_lft 0")
        for address in (R1, R2, R3, R1_6, R2_6, R3_6):
            host.ip(f"neigh add {address} lladdr {remote_mac(address)} dev u0 nud permanent")

    def up(self, ports=("pa", "pb"), bridge=None, **tunnel):
        """One bridge with the ports and a tunnel `v0` to r1, and what rows override."""
        self.dut.bridge("br0", **(bridge or {}))
        for port in ports:
            self.dut.port(port)
        self.tunnel("v0", **tunnel)
        return self

    def tunnel(self, name, bridge="br0", **options):
        """A tunnel of the rig's encapsulation, VNI (or key) and addresses, as far as `options` do
        not say otherwise; None leaves a field out, so that the device's own default holds."""
        if "group" not in options:
            options.setdefault("remote", self.r1)
        options.setdefault("local", self.local)
        if self.type in ("gretap", "gre"):
            if not {"key", "ikey", "okey"} & set(options):
                options["key"] = self.vni
        else:
            options.setdefault("id", self.vni)
        if self.type == "vxlan":
            options.setdefault("dstport", 4789)
        options = {key: value for key, value in options.items() if value is not None}
        if "dstport" in options:
            self.ports[options["dstport"]] = self.type
        if self.encapsulation == "geneve-l3":
            options.setdefault("innerprotoinherit", True)
        self.dut.tunnel(name, bridge, type=self.type, **options)

    # frames -----------------------------------------------------------------------------

    def path(self, source=None, to=None):
        """The addresses of a packet from a remote to the DUT, as the builders of encap.py want."""
        source = source or self.r1
        return remote_mac(source), self.mac, source, to or self.local

    def packet(self, inner, source=None, vni=DEFAULT, to=None, outer=None, **fields):
        """An underlay frame of a remote (r1) to the DUT; `vni` also is the VSID, or the GRE key
        with None for no key; `fields` as for the builder in encap.py."""
        outer = outer or self.path(source, to)
        vni = self.vni if vni is DEFAULT else vni
        if self.type in ("gre", "gretap"):
            return encap.gre(outer, inner, **{"key": vni, **self._protocol(inner), **fields})
        if self.type == "geneve":
            fields = {**self._protocol(inner), **fields}
        return getattr(encap, self.type)(outer, vni, inner, **fields)

    def _protocol(self, _inner):
        return {}

    def outer(self, data):
        """An expect() matcher's value: the encapsulated packet in a frame on `u`, or None."""
        return decode(data, self.ports)

    def sent(self, inner, **more):
        """Matches the DUT's packet on `u` that carries `inner`; `more` are fields it has to have."""
        def match(data):
            packet = self.outer(data)
            if packet is None or packet.inner != inner:
                return None
            return packet if all(getattr(packet, key) == more[key] for key in more) else None
        return match

    def tenant(self, src=TENANT_A, dst=TENANT_R, **more):
        """A tenant frame with a payload that no other has; `more` as for frames.frame."""
        more.setdefault("payload", f"weft {next(self._markers)}")
        return frame(src, dst, **more)

    def send(self, inner, tap=None):
        """Sends a tenant frame in at A."""
        (tap or self.a).send(inner)

    def out(self, inner, tap=None, **more):
        """Sends a tenant frame in at A, and gives the packet that carries it on `u`."""
        self.send(inner, tap)
        return self.u.expect(self.sent(inner, **more), what="encapsulated frame")

    def delivered(self, packet, inner, tap=None):
        """Sends an underlay frame, and waits until `inner` comes out at A, unchanged."""
        self.u.send(packet)
        return (tap or self.a).expect(inner, what="decapsulated frame")

    def meet(self, source=None, **fields):
        """Lets the DUT learn one tenant at A and one behind `source`, each by a frame."""
        self.out(self.tenant(dst=BROADCAST))
        hello = self.tenant(TENANT_R, TENANT_A)
        self.delivered(self.packet(hello, source, **fields), hello)
        self.good = dict(source=source, **fields)

    def kept_apart(self, what, first, second):
        """Two bridges, each with a port and a tunnel; only their VNIs or keys ("vni", "key") tell them apart."""
        field = {"vni": "id"}.get(what, what)
        for bridge, port, name, number in (("br1", "pa", "v1", first), ("br2", "pb", "v2", second)):
            self.dut.bridge(bridge)
            self.dut.port(port, bridge)
            self.tunnel(name, bridge, **{field: number})
        for number, tap, other in ((first, self.a, self.b), (second, self.b, self.a)):
            assert getattr(self.out(self.tenant(TENANT_A, BROADCAST), tap), what) == number
            inner = self.tenant(TENANT_R, TENANT_A)  # the same MACs in both
            self.delivered(self.packet(inner, vni=number), inner, tap)
            assert getattr(self.out(self.tenant(TENANT_A, TENANT_R), tap), what) == number
            assert not other.drain()

    def zero_checksum(self):
        """What goes out when the outer UDP checksum comes to zero: the same frame twice, the second time with the
        first one's checksum in it."""
        def inner(filler):
            # Addresses, ports and lengths stay, so that the outer source port stays.
            return bytes(Ether(src=TENANT_A, dst=TENANT_R) / IP(src="10.0.0.1", dst="10.0.0.2")
                         / UDP(sport=1, dport=2, chksum=0) / Raw(filler.to_bytes(2, "big") + b"." * 16))
        return self.out(inner(self.out(inner(0)).csum))

    def room(self, mtu=1500):
        """Bytes of a tenant's frame that fit an underlay of that MTU."""
        return mtu - self.overhead

    def good_pass(self):
        """A good frame in each direction between tenants that meet() introduced."""
        inner = self.tenant(TENANT_R, TENANT_A)
        self.delivered(self.packet(inner, **self.good), inner)
        self.out(self.tenant(TENANT_A, TENANT_R))

    # what must not happen ---------------------------------------------------------------

    def leaks(self):
        """What came out since the last drain: tenant frames at A and B, and on `u` whatever a
        packet can have caused (tunnels, fragments, ICMP), but not what the host sends of itself."""
        return self.a.drain() + self.b.drain() + [data for data in self.u.drain() if caused(data)]

    def tables(self):
        """What a packet that is dropped leaves as it was."""
        return self.dut.fdb(), self.dut.neighbours()

    @contextlib.contextmanager
    def silent(self):
        """Nothing comes out because of what is sent inside, and the next good frames pass."""
        tables = self.tables()
        self.leaks()
        yield
        self.good_pass()
        leaks = self.leaks()
        assert not leaks, f"{len(leaks)} frames came out: {[data.hex() for data in leaks[:4]]}"
        assert self.tables() == tables

    @contextlib.contextmanager
    def rejects(self, reason, count=1):
        """As silent(), and `reason` is the one drop counter that moves, by exactly `count`.

        This is all that the checklist demands of a negative row. It holds, too, for what goes on to
        the host because it is nobody's: no answer of the host's may be seen.
        """
        before = collections.Counter(self.dut.drops())
        with self.silent():
            yield
            if self.dut.counts_drops:
                wait_until(lambda: collections.Counter(self.dut.drops()) != before,
                           f"drop {reason} to be counted")
        if self.dut.counts_drops:
            after = collections.Counter(self.dut.drops())
            assert dict(after - before) == {reason: count}

    def answered(self, inner, mtu=1500, tap=None, least=0):
        """Sends a tenant's frame that does not fit the way to the remote, whose underlay MTU is `mtu`: its sender is
        told, and nothing else comes of it. `least` is the least MTU that is ever told."""
        with self.told(inner, max(self.room(mtu) - self.ethernet, least), tap):
            self.send(inner, tap)

    @contextlib.contextmanager
    def told(self, inner, mtu, tap=None, reason="mtu"):
        """As rejects(), but for one ICMP error about `inner` to the tenant at A, who is told `mtu`."""
        before = collections.Counter(self.dut.drops())
        with self.silent():
            yield
            self.check_answer((tap or self.a).expect(icmp.about(inner), what="ICMP error"), inner, mtu)
        if self.dut.counts_drops:
            assert dict(collections.Counter(self.dut.drops()) - before) == {reason: 1}

    def check_answer(self, answer, inner, mtu):
        icmp.check_answer(answer, inner, mtu)

    def router_says(self, quote, mtu, note="path_mtu", **fields):
        """A router on the underlay says that a packet of the DUT, an IP packet's first bytes, was too big; returns when
        it is known that the DUT has looked at it and noted it. `fields` as for icmp.too_big()."""
        before = self.dut.notes() if self.dut.is_ours else {}
        self.u.send(icmp.too_big(self.path(self.r3), quote, mtu, **fields))
        if self.dut.is_ours:
            wait_until(lambda: self.dut.notes() != before, f"note {note}")
            assert collections.Counter(self.dut.notes()) - collections.Counter(before) == {note: 1}

    def membership(self, group, joining):
        """Matches an IGMPv3 or MLDv2 report of the DUT that joins or leaves `group` (RFC 3376 4.2,
        RFC 3810 5.2)."""
        wanted = (2, 4) if joining else (1, 3)  # is-exclude, to-exclude; is-include, to-include
        octets = encap.octets(group)

        def match(data):
            if data[12:14] == b"\x08\x00" and data[23] == 2:
                report, kind = data[14 + (data[14] & 15) * 4:], 0x22
            elif data[12:14] == b"\x86\xdd" and data[20] == 0 and data[54] == 58:
                report, kind = data[54 + 8:], 143
            else:
                return False
            return report[0] == kind and any(report[at] in wanted
                                             for at in _records(report, octets))
        return match


def _records(report, group):
    """Offsets of the group records for `group` in a report."""
    return [found.start() - 4 for found in re.finditer(re.escape(group), report)
            if found.start() >= 12]


def caused(data):
    """Whether a frame can be due to a packet that was received: not ARP, IGMP, ND, MLD."""
    if data[12:14] == b"\x08\x00":
        return data[23] in (1, 4, 6, 17, 41, 47)
    if data[12:14] != b"\x86\xdd":
        return False
    return data[20] in (4, 6, 17, 41, 43, 44, 47, 60) or data[20] == 58 and data[54] < 130
