# SPDX-License-Identifier: GPL-2.0-only
"""Every size around the overlay's MTU: each packet arrives byte for byte, or its sender is told, and that is all of them.

For each encapsulation and version of IP of the underlay, over

    MTUs of the underlay   1500, 9000, 65535, 1280, 576 (which is too small for IPv6)
    regimes                super-packets; single packets, with no offload at the containers; a NIC that cuts no tunnels
    ports                  a container's veth, the host's internal port, a machine's TAP, in both directions; a
                           container that is routed onto the bridge
    what is inside         UDP over IPv4 with DF, without, over IPv6; TCP super-packets

`make check` runs some of them, in each test other ones; `make check-mtu` (--mtu-sweep) all, and prints what each came to.
"""

import collections
import itertools

import pytest

from lab import wait_until
from mtu_sweep import HEADERS, Way
from pair import Pair
from sites import Sites
from virtio import OFFLOADS, Machine

AROUND = 60  # bytes below and above the overlay's MTU
MTUS = (1500, 9000, 65535, 1280, 576)
REGIMES = ("super-packets", "per packet", "NIC-like")
PORTS = ("container", "from internal", "to internal", "from TAP", "to TAP", "routed")
INSIDE = ("ipv4 df", "ipv4", "ipv6", "tcp4", "tcp6")
LARGEST = 65521  # MTU of a TAP
MOST = 16000  # of the outer packet: the kernel grows no single packet further
OUTER = {4: 20, 6: 40}
TUNNELS = {  # words, bytes between outer IP header and inner IP packet
    "vxlan": ({"type": "vxlan", "id": 77}, 30),
    "geneve": ({"type": "geneve", "id": 77}, 30),
    "geneve-options": ({"type": "geneve", "id": 77, "option": ["0x0102:0x01:00112233", "0x0102:0x02:"]}, 42),
    "gretap": ({"type": "gretap"}, 18),
    "gretap-all": ({"type": "gretap", "key": 7, "csum": True, "oseq": True}, 30),
    "nvgre": ({"type": "nvgre", "id": 7777}, 22),
    "gre-l3": ("type gre key 7", 8),
    "geneve-l3": ("type geneve id 77 innerprotoinherit", 16),
}
COUNTED = ("mtu", "mtu_silent", "mtu_limit", "mtu_no_df", "encap", "csum", "malformed", "frag")
SEGMENTATION = ("tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation", "tx-gre-segmentation",
                "tx-gre-csum-segmentation")


class Bridged:
    """Two hosts with bridges and a tunnel between them; what stands at the ports of the first one comes as it is
    asked for."""

    least = 0  # MTU that the overlay always has

    def __init__(self, lab, words, family):
        self.pair = Pair(lab, ("weft", "weft"), family).up(**words)
        self.one, self.two = self.hosts = self.pair.hosts
        for host in self.hosts:
            host.ip(f"link set vnet0 mtu {LARGEST}")
            host.c.ip(f"link set eth0 mtu {LARGEST}")
        self._made = {}

    def _internal(self):
        self.one.weft(f"port add br0-host bridge br0 type internal address 10.0.0.101/24 address fd00::101/64 "
                      f"mtu {LARGEST}")
        return self.one, "10.0.0.101", "fd00::101"

    def _tap(self):
        machine = Machine(self.one, "tap0", "10.0.0.102/24", OFFLOADS, ipv6=True, mtu=LARGEST)
        self.one.weft("port add tap0 bridge br0")
        machine.guest.ip("address add fd00::102/64 dev eth0 nodad")
        self.machine = machine
        return machine.guest, "10.0.0.102", "fd00::102"

    def _routed(self):
        """Behind a router, which is the first host by its internal port."""
        self.end("internal")
        one = self.one
        inner = one.container("far", "vnet1", "10.0.7.2/24", ipv6=True, mtu=LARGEST)
        inner.ip("address add fd07::2/64 dev eth0 nodad")
        one.ip("address add 10.0.7.1/24 dev vnet1")
        one.ip("address add fd07::1/64 dev vnet1 nodad")
        one.sysctl("net.ipv4.ip_forward", 1)
        one.sysctl("net.ipv6.conf.all.forwarding", 1)
        inner.ip("route add default via 10.0.7.1")
        inner.ip("-6 route add default via fd07::1")
        self.two.c.ip("route add 10.0.7.0/24 via 10.0.0.101")
        self.two.c.ip("-6 route add fd07::/64 via fd00::101")
        return inner, "10.0.7.2", "fd07::2"

    def end(self, kind):
        if kind == "container":
            return self.one.c, self.one.c.address, self.one.c.address6
        if kind not in self._made:
            self._made[kind] = {"internal": self._internal, "TAP": self._tap, "routed": self._routed}[kind]()
        return self._made[kind]

    def way(self, port):
        """The Way by a kind of port, and the host that sends into the tunnel."""
        near, far = self.end(port.split()[-1]), (self.two.c, self.two.c.address, self.two.c.address6)
        sending = self.one
        if port.startswith("to "):
            near, far, sending = far, near, self.two
        for family in (4, 6):  # what the host has been told itself, it tells those that it routes for
            self.one.ip(f"-{family} route flush cache")
        near[0].ping(far[1])
        if self.mtu_of(sending) >= 1280 or not isinstance(self, Routed):
            near[0].ping(far[2])
        return Way(near[0], far[0], {4: (near[1], far[1]), 6: (near[2], far[2])},
                   lambda: sending.weft.drops().get("mtu_limit", 0)), sending

    def set_mtu(self, mtu):
        for host in self.hosts:
            host.ip(f"link set eth0 mtu {mtu}")

    def mtu_of(self, host):
        return host.weft.show("tunnel", "t0")["state"]["mtu"]

    def gateway(self):
        return None

    def close(self):
        if machine := getattr(self, "machine", None):
            machine.close()


class Routed(Bridged):
    """Two hosts that route by a tunnel without Ethernet."""

    def __init__(self, lab, words, family):  # pylint: disable=super-init-not-called
        self.sites = Sites(lab, family=family).up(words).route_by_device()
        self.one, self.two = self.hosts = self.sites.hosts
        self.least = 1280 if "type gre" in words else 0
        for host in self.hosts:
            host.ip(f"link set vnet0 mtu {LARGEST}")
            host.c.ip(f"link set eth0 mtu {LARGEST}")

    def set_mtu(self, mtu):
        for host in self.hosts:
            host.ip(f"link set eth0 mtu {mtu}")
            self.sites.lan.host.ip(f"link set {host.name} mtu {mtu}")
        self.sites.lan.host.ip(f"link set lan mtu {mtu}")

    def mtu_of(self, host):
        return host.mtu("t0")

    def gateway(self):
        return self.one.mac("vnet0")


def set_regime(site, regime, ends):
    """Of the senders and receivers that have a device eth0, and of the underlay."""
    state = "off" if regime == "per packet" else "on"
    for end in ends:
        if end not in site.hosts:
            end.offload("eth0", state)
    state = "off" if regime == "NIC-like" else "on"
    for host in site.hosts:
        host.run("ethtool", "-K", "eth0", *(word for name in SEGMENTATION for word in (name, state)))


def sizes_around(mtu, version):
    """Of the inner IP packet; over IPv6, also those around what can be told at least."""
    sizes = range(mtu - AROUND, min(mtu + AROUND, LARGEST) + 1)
    more = range(1275, 1290) if version == 6 and mtu < 1280 else ()
    return [size for size in dict.fromkeys((*sizes, *more)) if size > HEADERS[version] + 12 + 5]


def fate(inside, size, mtu):
    """What has to become of a packet: "arrives", the MTU that its sender is told, or "silent"."""
    if size <= mtu or inside == "ipv4":
        return "arrives"
    if inside.endswith("6"):
        return "silent" if size <= 1280 else max(mtu, 1280)
    return mtu


def _counters(host):
    drops = collections.Counter({key: count for key, count in host.weft.drops().items() if key in COUNTED})
    notes = collections.Counter()
    for line in host.weft("notes"):
        notes[line["note"]] += line["packets"]
    return drops, notes["fragmented"]


def cross(site, way, sending, inside, mtu, regime):
    """One combination, checked; gives the row of the table."""
    version = 6 if inside.endswith("6") else 4
    sizes = sizes_around(mtu, version)
    fates = {size: fate(inside, size, mtu) for size in sizes}
    tcp = inside.startswith("tcp")
    parts = 1 if regime == "per packet" else min(3, 60000 // max(sizes))
    if inside == "ipv4" and mtu == site.least:
        # The host fragments, then weft what still does not fit, which takes longer. The kernel counts IPv4's
        # identification on by one for each super-packet and not for each segment: fragments that overtake others
        # are taken for parts of another packet.
        parts = 1
    parts = max(parts, 1)
    arriving = [size for size in sizes if fates[size] == "arrives"]
    telling = [size for size in sizes if isinstance(fates[size], int)]
    expected = len(arriving) * parts, len(telling)
    before = [_counters(host) for host in site.hosts]
    if tcp:
        outcome = way.tcp(version, sizes, expected, parts, site.gateway())
    else:
        outcome = way.udp(version, inside != "ipv4", sizes, expected, parts)
    after = [_counters(host) for host in site.hosts]

    assert not outcome.wrong, f"bytes changed: {outcome.wrong[:5]}"
    arrived = {size: sorted(came) for size, came in outcome.arrived.items()}
    assert arrived == {size: list(range(parts)) for size in arriving}, _difference(arrived, arriving)
    told = {size: [(answer.mtu, answer.right) for answer in answers] for size, answers in outcome.told.items()}
    assert told == {size: [(fates[size], True)] for size in telling}, _difference(told, telling)
    silent = len(sizes) - len(arriving) - len(telling)
    assert len(arrived) + len(told) + silent == len(sizes)
    if isinstance(site, Routed):  # the host's kernel tells and fragments, and knows of no counters of weft's
        for (drops, _), (later, _) in zip(before, after):
            assert drops == later
        fragmented = 0
    else:
        by = way.addresses[version][1]
        assert {answer.by for answers in outcome.told.values() for answer in answers} <= {by}
        at = site.hosts.index(sending)
        wanted = collections.Counter(mtu=len(telling), mtu_silent=silent, mtu_limit=outcome.limited)
        assert after[at][0] - before[at][0] == +wanted
        assert after[1 - at][0] == before[1 - at][0]
        fragmented = after[at][1] - before[at][1]
        over = sum(size > mtu for size in arriving)
        assert fragmented == over * parts
    return [len(sizes), len(arrived), len(told), silent, fragmented]


def _difference(got, wanted):
    lost = [size for size in wanted if size not in got]
    more = [size for size in got if size not in wanted]
    bad = {size: got[size] for size in wanted if size in got}
    return f"lost {lost[:8]} ({len(lost)}), not to be {more[:8]} ({len(more)}), got {dict(list(bad.items())[:6])}"


def combinations(number, routed, family, whole):
    """(underlay MTU, regime, port) of a test; `number` is its own, by which those of `make check` are chosen."""
    ports = ("container",) if routed else PORTS
    mtus = [mtu for mtu in MTUS if mtu >= 1280 or family == 4]
    if whole:  # from large to small, where devices lose their IPv6
        return list(itertools.product(sorted(mtus, reverse=True), REGIMES, ports))
    return [(1500, REGIMES[number % 3], "container"),
            (1500, REGIMES[(number + 2) % 3], ports[(number + 3) % len(ports)]),
            (mtus[1 + number % (len(mtus) - 1)], REGIMES[(number + 1) % 3], ports[number % len(ports)])]


def can_be(inside, regime, port, mtu, routed):
    if inside.startswith("tcp") and (regime == "per packet" or port != "container"):
        return False
    # the kernel has no IPv6 at a device whose MTU is below 1280
    return not (inside.endswith("6") and routed and mtu < 1280)


@pytest.mark.parametrize("family", [4, 6], ids=["over-ipv4", "over-ipv6"])
@pytest.mark.parametrize("tunnel", TUNNELS)
def test_every_size(lab, tunnel, family, request):
    words, header = TUNNELS[tunnel]
    routed = isinstance(words, str)
    whole = request.config.getoption("--mtu-sweep")
    number = list(TUNNELS).index(tunnel) * 2 + (family == 6)
    site = (Routed if routed else Bridged)(lab, words, family)
    failures = []
    try:
        for underlay, regime, port in combinations(number, routed, family, whole):
            site.set_mtu(underlay)
            mtu = max(min(underlay, MOST) - OUTER[family] - header, site.least)
            for host in site.hosts:
                wait_until(lambda host=host: site.mtu_of(host) == mtu, f"{host.name} to have MTU {mtu}")
            way, sending = site.way(port)
            set_regime(site, regime, (way.sender, way.receiver))
            for inside in INSIDE:
                if not can_be(inside, regime, port, mtu, routed):
                    continue
                row = [tunnel, f"ipv{family}", underlay, mtu, regime, port, inside]
                try:
                    row += cross(site, way, sending, inside, mtu, regime)
                except AssertionError as error:
                    failures.append(f"{row}: {str(error).splitlines()[0]}")
                    row += ["fails"]
                request.node.user_properties.append(("mtu_sweep", row))
    finally:
        site.close()
    assert not failures, "\n".join(failures)
