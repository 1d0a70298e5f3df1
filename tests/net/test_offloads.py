# SPDX-License-Identifier: GPL-2.0-only
"""Nothing of a tunnel stays on what comes out of it, whoever it is for and however offloads are set.

`make check` runs some of the combinations, `make check-offloads` (WEFT_OFFLOADS=all) all of them. Every transfer is compared
byte for byte, at a stack that verifies checksums; what a machine's TAP gives is checked in virtio.py besides.
"""

import itertools
import os
import random

import pytest

from offloads import (REGIMES, TARGETS, other_protocol, retransmissions, tunnel_packets, udp_super, underlay_packets)
from pair import MTU, Pair
from traffic import tcp_transfer
from virtio import OFFLOADS, Machine

TUNNELS = {"vxlan": dict(type="vxlan", id=7), "geneve": dict(type="geneve", id=7), "gretap": dict(type="gretap", key=7)}
CSUM = {("vxlan", 4): "udpcsum", ("geneve", 4): "udpcsum", ("vxlan", 6): None, ("geneve", 6): None,
        ("gretap", 4): "csum", ("gretap", 6): "csum"}
NO_CSUM = {("vxlan", 4): {"udpcsum": False}, ("geneve", 4): {"udpcsum": False},
           ("vxlan", 6): {"udp6zerocsumtx": True, "udp6zerocsumrx": True},
           ("geneve", 6): {"udp6zerocsumtx": True, "udp6zerocsumrx": True}}

# tunnel, family of the underlay, outer checksum, regime, target
EVERY = list(itertools.product(TUNNELS, (4, 6), (False, True), REGIMES, TARGETS))
SOME = [
    *(("vxlan", 4, False, regime, target) for regime, target in itertools.product(REGIMES, TARGETS)
      if regime == "super" or target in ("vm", "bridge")),
    ("vxlan", 6, True, "super", "vm"), ("vxlan", 6, False, "nic", "vm"), ("vxlan", 4, True, "nic", "second-hop"),
    ("geneve", 4, False, "super", "vm"), ("geneve", 6, True, "super", "second-hop"), ("geneve", 4, False, "super", "container"),
    ("gretap", 4, False, "super", "bridged-vm"), ("gretap", 6, True, "super", "plain-vm"), ("gretap", 4, False, "nic", "vm"),
]
CHOSEN = EVERY if os.environ.get("WEFT_OFFLOADS") == "all" else SOME


@pytest.fixture(autouse=True)
def one_cpu():
    """A sender that moves from one CPU to the other overtakes its own packets, in any kernel."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {random.choice(sorted(before))})
    yield
    os.sched_setaffinity(0, before)


def name(value):
    return value if isinstance(value, str) else {False: "nocsum", True: "csum"}.get(value) \
        if isinstance(value, bool) else f"ipv{value}"


def options(kind, family, csum):
    chosen = dict(TUNNELS[kind])
    if csum and CSUM[kind, family]:
        chosen[CSUM[kind, family]] = True
    if not csum:
        chosen |= NO_CSUM.get((kind, family), {})
    return chosen


def exchange(pair, target):
    one = pair.one.c
    for host in (one, target.host):
        # fewer packets under way than the kernel's queues hold, 1000 each; and no probes of a tail because of time
        host.sysctl("net.ipv4.tcp_wmem", "4096 131072 262144")
        host.sysctl("net.ipv4.tcp_early_retrans", 0)
    target.host.ping(one.address)
    target.host.ping(one.address6)
    before = retransmissions(one, target.host)
    tcp_transfer(one, target.host, target.address, size=4 << 20)
    tcp_transfer(one, target.host, target.address6, size=2 << 20)
    tcp_transfer(target.host, one, one.address, size=2 << 20)
    lost = retransmissions(one, target.host) - before
    for address in (target.address, target.address6):
        udp_super(one, target.host, address)
        udp_super(one, target.host, address, count=3, short=0)
        for protocol in (132, 89):
            other_protocol(one, target.host, address, protocol)
    return lost


def assert_merged(pair, target, kind):
    """What the wire brought as single packets came out of the tunnel as fewer, where `weft status` says so."""
    if kind == "gretap" or "gro" not in pair.two.weft("status")["listen"][0]:
        return
    wire, out = underlay_packets(pair.two), tunnel_packets(pair.two)
    tcp_transfer(pair.one.c, target.host, target.address, size=4 << 20)
    wire, out = underlay_packets(pair.two) - wire, tunnel_packets(pair.two) - out
    assert wire > (4 << 20) / 1400
    assert out < wire / 2, f"{wire} packets on the wire, {out} out of the tunnel"


@pytest.mark.parametrize("kind, family, csum, regime, to", CHOSEN, ids=name)
def test_combination(lab, kind, family, csum, regime, to):
    pair = Pair(lab, ("weft", "weft"), family).up(**options(kind, family, csum))
    target = TARGETS[to](pair)
    try:
        REGIMES[regime](pair, target)
        lost = exchange(pair, target)
        if regime != "nic":
            assert not lost, "segments were sent again"
        else:
            assert_merged(pair, target, kind)
        for host in pair.hosts:
            assert not {reason: count for reason, count in host.weft.drops().items() if reason != "no_receiver"}
    finally:
        target.close()


@pytest.mark.parametrize("offloads", [OFFLOADS, 0], ids=["super", "packet"])
@pytest.mark.parametrize("kind", TUNNELS)
def test_tagged(lab, kind, offloads):
    """Machines that speak in a VLAN of their own, which the tunnel carries as it is: super-packets with tags, too."""
    pair = Pair(lab, ("weft", "weft")).up(**options(kind, 4, False), innervlan=True)
    machines = []
    try:
        for number, host in enumerate(pair.hosts, 8):
            machine = Machine(host, "tap0", f"10.0.0.{number}/24", offloads, ipv6=True, mtu=MTU, tag=5)
            machines.append(machine)
            machine.guest.ip(f"address add fd00::{number}/64 dev eth0 nodad")
            host.weft("port add tap0 bridge br0")
        one, two = (machine.guest for machine in machines)
        one.ping("10.0.0.9")
        tcp_transfer(one, two, "10.0.0.9", size=4 << 20)
        tcp_transfer(two, one, "fd00::8", size=2 << 20)
        for address in ("10.0.0.9", "fd00::9"):
            udp_super(one, two, address)
            other_protocol(one, two, address, 132)
        # only VXLAN has the kernel's help here to leave super-packets whole
        assert (machines[1].largest > 2 * MTU) is (bool(offloads) and kind == "vxlan")
        assert not {reason for host in pair.hosts for reason in host.weft.drops()} - {"no_receiver"}
    finally:
        for machine in machines:
            machine.close()
