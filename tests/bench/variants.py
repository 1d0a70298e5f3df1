# SPDX-License-Identifier: GPL-2.0-only
"""The same way from container to container, built of different things.

    c1 --veth-- a --veth-- b --veth-- c2        scenes `veth` and, with IPv6 inside, `veth6`
                              --TAP--- c2       scene `tap`: c2 is a virtual machine
                           b = c2               scene `internal`: c2 is the host itself

Hosts `a` and `b` have 172.31.0.1 and .2 between them; the containers' MTU is 1450 in every
variant, so that all send packets of the same size, and the underlay has room for the largest header.
"""

import contextlib
import json
import os
import subprocess

from bench import BUILD
from daemon import Weftd
from ovs import OpenVSwitch
from readers import METRICS, captured, readers

VM, FRAMES = BUILD / "tests/bench/vm", BUILD / "tests/bench/frames"

A, B = "172.31.0.1", "172.31.0.2"
A6, B6 = "fd31::1", "fd31::2"
UNDERLAY_MTU = 1520  # 1450 and VXLAN over IPv6
C1, C2 = {4: "10.0.0.1/24", 6: "fd10::1/64"}, {4: "10.0.0.2/24", 6: "fd10::2/64"}
MTU = 1450
VNI = 100
VXLAN = f"type vxlan id {VNI}"


def _bare(address):
    return address.partition("/")[0]


class Site:
    """The topology with nothing on the hosts yet; `target` is c2's address as c1 reaches it."""

    def __init__(self, lab, scene="veth"):
        self.lab = lab
        self.scene = scene
        self.version = 6 if scene.endswith("6") else 4
        self.a, self.b = lab.host("a"), lab.host("b")
        self.weftds = []
        self.readers = contextlib.ExitStack()  # closed before the lab
        lab.link(self.a, "eth0", self.b, "eth0", mtu=UNDERLAY_MTU)
        self.a.ip(f"address add {A}/24 dev eth0")
        self.b.ip(f"address add {B}/24 dev eth0")
        self.c1 = self.a.container("c1", "v1", mtu=MTU, ipv6=self.version == 6)
        self.end = "eth0"  # c2's device
        if scene == "tap":
            self._machine()
        elif scene == "internal":
            self.c2, self.end = self.b, "v2"
        else:
            self.c2 = self.b.container("c2", "v2", mtu=MTU, ipv6=self.version == 6)
        self.target = _bare(C2[self.version])

    def _machine(self):
        """A virtual machine behind the TAP `v2`, with all the offloads that its kind of device has."""
        self.c2 = self.lab.host("c2")
        machine = self.b.start(VM, "v2", self.c2.netns, "eth0", stdout=subprocess.PIPE, text=True)
        if machine.stdout.readline() != "ready\n":
            raise RuntimeError("tests/bench/vm did not start")
        for host, dev in ((self.b, "v2"), (self.c2, "eth0")):
            host.ip(f"link set dev {dev} mtu {MTU} up")

    def hosts(self):
        """(host, its container, the container's port, local, remote) for both sides."""
        return ((self.a, self.c1, "v1", A, B), (self.b, self.c2, "v2", B, A))

    def one_subnet(self):
        self.c1.ip(f"address add {C1[self.version]} dev eth0")
        self.c2.ip(f"address add {C2[self.version]} dev {self.end}")

    def reach(self):
        self.c1.ping(self.target, timeout=15)


def routed(site):
    """No overlay: both hosts route."""
    if site.version == 6:
        for number, (host, container, port, _, _) in enumerate(site.hosts()):
            for dev in ("all", "eth0", port):
                host.sysctl(f"net.ipv6.conf.{dev}.disable_ipv6", 0)
            host.sysctl("net.ipv6.conf.all.forwarding", 1)
            host.ip(f"address add fd31::{number + 1}/64 dev eth0 nodad")
            host.ip(f"address add fd1{number}::1/64 dev {port} nodad")
            container.ip(f"address add fd1{number}::2/64 dev eth0 nodad")
            container.ip(f"route add default via fd1{number}::1")
            host.ip(f"route add fd1{1 - number}::/64 via fd31::{2 - number}")
        site.target = "fd11::2"
        return
    for number, (host, container, port, _, remote) in enumerate(site.hosts()):
        host.sysctl("net.ipv4.ip_forward", 1)
        host.ip(f"route add 10.1.{1 - number}.0/24 via {remote}")
        if host is container:
            host.ip(f"address add 10.1.{number}.2/32 dev lo")
            continue
        host.ip(f"address add 10.1.{number}.1/24 dev {port}")
        container.ip(f"address add 10.1.{number}.2/24 dev eth0")
        container.ip(f"route add default via 10.1.{number}.1")
    site.target = "10.1.1.2"


def hosts_only(site):
    """No overlay and no containers: from host to host."""
    site.c1, site.c2, site.target = site.a, site.b, B


def kernel(site):
    """Linux's vxlan device on Linux's bridge."""
    for host, container, port, local, remote in site.hosts():
        host.ip("link add br0 type bridge mcast_snooping 0")
        host.ip(f"link add vx0 type vxlan id {VNI} local {local} remote {remote} dstport 4789")
        for dev in ("vx0",) if host is container else (port, "vx0"):
            host.ip(f"link set {dev} master br0")
        for dev in ("vx0", "br0"):
            host.ip(f"link set {dev} up")
        if host is container:
            host.ip(f"link set br0 mtu {MTU}")
            site.end = "br0"
    site.one_subnet()


def openvswitch(site):
    """Open vSwitch's userspace datapath, with a switchd and a database for each host."""
    for host, container, port, _, remote in site.hosts():
        # It computes no checksums for packets out of a veth, so containers must.
        container.run("ethtool", "-K", "eth0", "tx", "off")
        switch = OpenVSwitch(host)
        switch.underlay("eth0")
        switch.bridge("br0")
        switch.port(port)
        switch.tunnel("vx0", type="vxlan", remote_ip=remote, key=VNI)
    site.one_subnet()


def weft(site, tunnel=VXLAN, ipv6=False, binary=None, options=()):
    """weft of this build, and its weftd or another one."""
    for host, container, port, local, remote in site.hosts():
        if ipv6:
            local, remote = (A6, B6) if local == A else (B6, A6)
            host.sysctl("net.ipv6.conf.eth0.disable_ipv6", 0)
            host.ip(f"address add {local}/64 dev eth0 nodad")
        command = Weftd(host, binary, options)
        site.weftds.append(command)
        command("bridge add br0")
        command(f"port add {port} bridge br0" + (f" type internal mtu {MTU}" if host is container else ""))
        command(f"tunnel add vx0 bridge br0 {tunnel} local {local} remote {remote}")
    site.one_subnet()


class Sender:
    """Weft on both hosts, and frames of many MACs (frames.c) that c1 sends."""

    def __init__(self, lab):
        self.lab = lab
        self.site = Site(lab)
        weft(self.site)
        self.site.reach()

    def send(self, *words):
        said = self.site.c1.run("taskset", "-c", "0", FRAMES, "eth0", *words, timeout=words[0] + 30)
        return json.loads(said.stdout)


def weft_read(site):
    """weft, and somebody who reads all that it says of itself."""
    weft(site, options=("--metrics", str(METRICS)))
    for command in site.weftds:
        site.readers.enter_context(readers(command))


def weft_captured(site, *words):
    """weft, and a capture of every packet, or of those that pass a filter, on both hosts."""
    weft(site)
    for command in site.weftds:
        site.readers.enter_context(captured(command, *words))


def weft_headroom(site):
    """weft, and ports whose devices leave room for outer headers. To show what that room is worth: a kernel's bridge is made their
    master for it, with a vxlan device that asks for it. Neither gets a packet, as weft takes all of them before."""
    weft(site)
    for host, _, port, local, _ in site.hosts():
        host.ip("link add room type bridge")
        host.ip(f"link add asks master room type vxlan id 1 dstport 9 local {local}")
        host.ip(f"link set {port} master room")


def variant(*arguments, **options):
    return lambda site: weft(site, *arguments, **options)


VARIANTS = {
    "N0": routed,
    "N1": hosts_only,
    "K": kernel,
    "O": openvswitch,
    "U": weft,
    "UM": weft_read,
    "UH": weft_headroom,
    "UC": weft_captured,
    "UF": lambda site: weft_captured(site, "host 203.0.113.1"),
    "B": lambda site: weft(site, binary=os.environ["WEFT_BASE"]),
    "G": variant(f"type geneve id {VNI}"),
    "G0": variant(f"type geneve id {VNI} noudpcsum"),
    "R": variant(f"type gretap key {VNI}"),
    "U6": variant(VXLAN, ipv6=True),
    "U60": variant(f"{VXLAN} udp6zerocsumtx udp6zerocsumrx", ipv6=True),
}
TITLES = {
    "N0": "no overlay, routed",
    "N1": "no overlay, host to host",
    "K": "kernel vxlan + bridge",
    "O": "Open vSwitch, userspace",
    "U": "weft",
    "UM": "weft, all of it being read",
    "UH": "weft, ports with headroom",
    "UC": "weft, all packets being captured",
    "UF": "weft, captured by a filter that none passes",
    "B": "weft of the commit to compare with",
    "G": "weft, GENEVE",
    "G0": "weft, GENEVE without checksum",
    "R": "weft, GRE with key",
    "U6": "weft over IPv6",
    "U60": "weft over IPv6 without checksum",
}


def packets(site):
    """Regime: every TCP segment is a packet of its own from end to end."""
    ends = ((site.a, "eth0"), (site.b, "eth0")) if site.c1 is site.a else ((site.c1, "eth0"), (site.c2, site.end))
    for container, dev in ends:
        container.run("ethtool", "-K", dev, "tso", "off", "gso", "off", "gro", "off")


def nic(site):
    """Regime: as with a NIC that cannot segment tunnels: super-packets are cut at the underlay."""
    for host in (site.a, site.b):
        host.run("ethtool", "-K", "eth0", "gro", "on", *(
            word for kind in ("udp_tnl", "udp_tnl-csum", "gre", "gre-csum")
            for word in (f"tx-{kind}-segmentation", "off")))


# Not run unless asked for.
APART = ("UH", "UC", "UF")
# Which variants are worth their time where; others are left out.
SCENES = {
    "veth": tuple(VARIANTS),
    "veth6": ("N0", "K", "U", "B"),
    "tap": ("K", "U", "B"),
    "internal": ("N0", "K", "U", "B"),
}
REGIMES = {"super": lambda site: None, "packet": packets, "nic": nic}
