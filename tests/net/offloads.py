# SPDX-License-Identifier: GPL-2.0-only
"""Who may stand behind a tunnel, and how offloads may be set on the way there (test_offloads.py).

    c1 --vnet0-- h1 ======== h2 --port-- target

A target is anything that the frames out of the tunnel may go to. Most are cut once more behind weft, or encapsulated again.
"""

import contextlib
import os
import socket

from pair import MTU
from virtio import OFFLOADS, Machine

ADDRESS, ADDRESS6 = "10.0.0.9", "fd00::9"
FAR, FAR6 = "10.0.9.9", "fd00:9::9"  # behind a router
UDP_SEGMENT, SOL_UDP = 103, 17
TUNNEL_OFFLOADS = [f"tx-{kind}-segmentation" for kind in ("udp_tnl", "udp_tnl-csum", "gre", "gre-csum")]


class Target:
    """`host` is the namespace that receives, at `address` and `address6`."""

    def __init__(self, pair):
        self.pair = pair
        self.address, self.address6 = ADDRESS, ADDRESS6
        self.closing = []
        self.host = self.make(pair.two)

    def make(self, host):
        raise NotImplementedError

    def inner(self, host, port, mtu=MTU):
        """A namespace with the target's addresses behind device `port`."""
        made = host.container("target", port, f"{ADDRESS}/24", ipv6=True, mtu=mtu)
        made.ip(f"address add {ADDRESS6}/64 dev eth0 nodad")
        return made

    def close(self):
        for close in self.closing:
            close()


class Container(Target):
    """A veth whose peer is in another namespace: the end of the way."""

    def make(self, host):
        made = self.inner(host, "p0")
        host.weft("port add p0 bridge br0")
        return made


class Vm(Target):
    """A TAP with virtio-net headers, of a machine that takes super-packets."""

    offloads = OFFLOADS

    def make(self, host):
        machine = Machine(host, "tap0", f"{ADDRESS}/24", self.offloads, ipv6=True, mtu=MTU)
        machine.guest.ip(f"address add {ADDRESS6}/64 dev eth0 nodad")
        self.machine = machine
        self.closing.append(machine.close)
        host.weft("port add tap0 bridge br0")
        return machine.guest


class PlainVm(Vm):
    """The same of a machine that takes none, and wants checksums done."""

    offloads = 0


class Bridge(Target):
    """A device like a NIC: what goes out by it comes in at a bridge of the kernel's, to which somebody is connected."""

    def make(self, host):
        cable(host, "p0", "p1")
        made = self.inner(host, "q0")
        kernel_bridge(host, "p1", "q0")
        host.weft("port add p0 bridge br0")
        return made


class BridgedVm(Vm):
    """A TAP behind such a bridge."""

    def make(self, host):
        machine = Machine(host, "tap0", f"{ADDRESS}/24", self.offloads, ipv6=True, mtu=MTU)
        machine.guest.ip(f"address add {ADDRESS6}/64 dev eth0 nodad")
        self.closing.append(machine.close)
        cable(host, "p0", "p1")
        kernel_bridge(host, "p1", "tap0")
        host.weft("port add p0 bridge br0")
        return machine.guest


class Router(Target):
    """Behind an internal port and the host's routing, on a TAP."""

    def make(self, host):
        host.weft(f"port add host0 bridge br0 type internal address 10.0.0.254/24 address fd00::fe/64 mtu {MTU}")
        machine = Machine(host, "tap0", f"{FAR}/24", PlainVm.offloads, ipv6=True, mtu=MTU)
        self.closing.append(machine.close)
        machine.guest.ip(f"address add {FAR6}/64 dev eth0 nodad")
        host.ip("address add 10.0.9.254/24 dev tap0")
        host.ip("address add fd00:9::fe/64 dev tap0 nodad")
        host.sysctl("net.ipv4.ip_forward", 1)
        host.sysctl("net.ipv6.conf.all.forwarding", 1)
        for end, via, via6 in ((machine.guest, "10.0.9.254", "fd00:9::fe"), (self.pair.one.c, "10.0.0.254", "fd00::fe")):
            there, there6 = ("10.0.0.0/24", "fd00::/64") if end is machine.guest else ("10.0.9.0/24", "fd00:9::/64")
            end.ip(f"route add {there} via {via}")
            end.ip(f"-6 route add {there6} via {via6}")
        self.address, self.address6 = FAR, FAR6
        return machine.guest


class SecondHop(Target):
    """Encapsulated again, by the kernel's vxlan, to a third host."""

    def make(self, host):
        third = host.lab.host("h3")
        host.lab.link(host, "eth1", third, "eth1")
        for end, own, other in ((host, 2, 3), (third, 3, 2)):
            end.ip(f"address add 192.168.2.{own}/24 dev eth1")
            self.tunnel(end, f"192.168.2.{own}", f"192.168.2.{other}")
        made = self.inner(third, "p0")
        self.join(host, third)
        return made

    def tunnel(self, host, own, other):
        host.ip(f"link add vx1 type vxlan id 9 dstport 8472 local {own} remote {other}")
        host.ip("link set vx1 up")

    def join(self, host, third):
        kernel_bridge(third, "vx1", "p0")
        host.weft("port add vx1 bridge br0")


class SecondHopOfWeft(SecondHop):
    """The same by weft on the second host, where two bridges are joined by a cable."""

    def tunnel(self, host, own, other):
        if host is self.pair.two:
            host.weft("bridge add br1")
            host.weft(f"tunnel add t1 bridge br1 type vxlan id 9 dstport 8472 local {own} remote {other} innervlan")
        else:
            super().tunnel(host, own, other)

    def join(self, host, third):
        kernel_bridge(third, "vx1", "p0")
        cable(host, "p0", "p1")
        host.weft("port add p0 bridge br0")
        host.weft("port add p1 bridge br1")


TARGETS = {"container": Container, "vm": Vm, "plain-vm": PlainVm, "bridge": Bridge, "bridged-vm": BridgedVm,
           "router": Router, "second-hop": SecondHop, "second-weft": SecondHopOfWeft}


def cable(host, one, two):
    """A veth pair with both ends in the same namespace: to weft no peer, but a device as a NIC."""
    host.ip(f"link add {one} type veth peer name {two}")
    for dev in (one, two):
        host.ip(f"link set {dev} up")


def kernel_bridge(host, *devices):
    host.ip("link add kbr type bridge mcast_snooping 0")
    for dev in devices:
        host.ip(f"link set {dev} master kbr")
    host.ip("link set kbr up")


# --- how offloads are set -----------------------------------------------------------------------------

def super_packets(pair, target):
    """As everything comes."""
    del pair, target


def per_packet(pair, target):
    """Single packets from both ends on."""
    for host in (pair.one.c, target.host):
        host.run("ethtool", "-K", "eth0", *"tso off gso off gro off".split())


def like_nics(pair, target):
    """The underlay's devices cut tunnels' super-packets, and merge what they receive, which a veth does only of what comes from
    one without TSO."""
    del target
    for host in pair.hosts:
        host.run("ethtool", "-K", "eth0", *(word for name in TUNNEL_OFFLOADS for word in (name, "off")))
        host.run("ethtool", "-K", "eth0", "tso", "off", "gro", "on")


REGIMES = {"super": super_packets, "packet": per_packet, "nic": like_nics}


# --- traffic ------------------------------------------------------------------------------------------

def retransmissions(*hosts):
    """What was sent again because something was missing in what the receiver told of; not because time was over."""
    total = 0
    for host in hosts:
        with host.inside(), open("/proc/thread-self/net/netstat") as file:
            names, values = (line.split() for line in file if line.startswith("TcpExt:"))
        total += int(dict(zip(names, values))["TCPFastRetrans"])
    return total


def _socket(host, address, kind, protocol=0):
    with host.inside():
        return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind, protocol)


def udp_super(sender, receiver, address, segment=1100, count=20, short=300):
    """One UDP super-packet (UDP_SEGMENT) arrives as so many datagrams, each as it was, in order."""
    data = os.urandom(segment * count - short)
    with contextlib.closing(_socket(receiver, address, socket.SOCK_DGRAM)) as rx, \
            contextlib.closing(_socket(sender, address, socket.SOCK_DGRAM)) as tx:
        rx.bind((address, 7002))
        rx.settimeout(5)
        tx.setsockopt(SOL_UDP, UDP_SEGMENT, segment)
        tx.sendto(data, (address, 7002))
        for at in range(0, len(data), segment):
            assert rx.recv(1 << 16) == data[at:at + segment], f"datagram at {at}"


def other_protocol(sender, receiver, address, protocol, size=1300):
    """A protocol whose checksum nobody on the way knows."""
    data = os.urandom(size)
    with contextlib.closing(_socket(receiver, address, socket.SOCK_RAW, protocol)) as rx, \
            contextlib.closing(_socket(sender, address, socket.SOCK_RAW, protocol)) as tx:
        rx.settimeout(5)
        tx.sendto(data, (address, 0))
        got = rx.recv(1 << 16)
        assert got[-size:] == data


def underlay_packets(host):
    """Received by the underlay's device, from the wire."""
    with host.inside(), open("/proc/thread-self/net/dev") as file:
        line = next(line for line in file if line.strip().startswith("eth0:"))
    return int(line.split(":")[1].split()[1])


def tunnel_packets(host):
    """That came out of the tunnel, after merging."""
    return host.weft.stats()["tunnels"]["t0"]["rx_packets"]


