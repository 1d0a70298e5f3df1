# SPDX-License-Identifier: GPL-2.0-only
"""The same way from container to container, built of different things.

    c1 --veth-- a --veth-- b --veth-- c2

Hosts `a` and `b` have 172.31.0.1 and .2 between them; the containers' MTU is 1450 in every
variant, so that all send packets of the same size, and the underlay has room for the largest header.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "net"))

from daemon import Weftd  # noqa: E402
from ovs import OpenVSwitch  # noqa: E402

A, B = "172.31.0.1", "172.31.0.2"
A6, B6 = "fd31::1", "fd31::2"
UNDERLAY_MTU = 1520  # 1450 and VXLAN over IPv6
C1, C2 = "10.0.0.1", "10.0.0.2"
VNI = 100
VXLAN = f"type vxlan id {VNI}"


class Site:
    """The topology with nothing on the hosts yet; `target` is c2's address as c1 reaches it."""

    def __init__(self, lab):
        self.lab = lab
        self.a, self.b = lab.host("a"), lab.host("b")
        lab.link(self.a, "eth0", self.b, "eth0", mtu=UNDERLAY_MTU)
        self.a.ip(f"address add {A}/24 dev eth0")
        self.b.ip(f"address add {B}/24 dev eth0")
        self.c1 = self.a.container("c1", "v1")
        self.c2 = self.b.container("c2", "v2")
        self.target = C2

    def hosts(self):
        """(host, its container, the container's port, local, remote) for both sides."""
        return ((self.a, self.c1, "v1", A, B), (self.b, self.c2, "v2", B, A))

    def one_subnet(self):
        self.c1.ip(f"address add {C1}/24 dev eth0")
        self.c2.ip(f"address add {C2}/24 dev eth0")

    def reach(self):
        self.c1.ping(self.target, timeout=15)


def routed(site):
    """No overlay: both hosts route."""
    for number, (host, container, port, _, remote) in enumerate(site.hosts()):
        host.sysctl("net.ipv4.ip_forward", 1)
        host.ip(f"address add 10.1.{number}.1/24 dev {port}")
        container.ip(f"address add 10.1.{number}.2/24 dev eth0")
        container.ip(f"route add default via 10.1.{number}.1")
        host.ip(f"route add 10.1.{1 - number}.0/24 via {remote}")
    site.target = "10.1.1.2"


def kernel(site):
    """Linux's vxlan device on Linux's bridge."""
    for host, _, port, local, remote in site.hosts():
        host.ip("link add br0 type bridge mcast_snooping 0")
        host.ip(f"link add vx0 type vxlan id {VNI} local {local} remote {remote} dstport 4789")
        for dev in (port, "vx0"):
            host.ip(f"link set {dev} master br0")
        for dev in ("vx0", "br0"):
            host.ip(f"link set {dev} up")
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


def weft(site, tunnel=VXLAN, ipv6=False, binary=None):
    """weft of this build, and its weftd or another one."""
    for host, _, port, local, remote in site.hosts():
        if ipv6:
            local, remote = (A6, B6) if local == A else (B6, A6)
            host.sysctl("net.ipv6.conf.eth0.disable_ipv6", 0)
            host.ip(f"address add {local}/64 dev eth0 nodad")
        command = Weftd(host, binary)
        command("bridge add br0")
        command(f"port add {port} bridge br0")
        command(f"tunnel add vx0 bridge br0 {tunnel} local {local} remote {remote}")
    site.one_subnet()


def variant(*arguments, **options):
    return lambda site: weft(site, *arguments, **options)


VARIANTS = {
    "N0": routed,
    "K": kernel,
    "O": openvswitch,
    "U": weft,
    "B": lambda site: weft(site, binary=os.environ["WEFT_BASE"]),
    "G": variant(f"type geneve id {VNI}"),
    "G0": variant(f"type geneve id {VNI} noudpcsum"),
    "R": variant(f"type gretap key {VNI}"),
    "U6": variant(VXLAN, ipv6=True),
    "U60": variant(f"{VXLAN} udp6zerocsumtx udp6zerocsumrx", ipv6=True),
}
TITLES = {
    "N0": "no overlay, routed",
    "K": "kernel vxlan + bridge",
    "O": "Open vSwitch, userspace",
    "U": "weft",
    "B": "weft of the commit to compare with",
    "G": "weft, GENEVE",
    "G0": "weft, GENEVE without checksum",
    "R": "weft, GRE with key",
    "U6": "weft over IPv6",
    "U60": "weft over IPv6 without checksum",
}


def packets(site):
    """Regime: every TCP segment is a packet of its own from end to end."""
    for container in (site.c1, site.c2):
        container.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off")


def nic(site):
    """Regime: as with a NIC that cannot segment tunnels: super-packets are cut at the underlay."""
    for host in (site.a, site.b):
        host.run("ethtool", "-K", "eth0", "gro", "on", *(
            word for kind in ("udp_tnl", "udp_tnl-csum", "gre", "gre-csum")
            for word in (f"tx-{kind}-segmentation", "off")))


REGIMES = {"super": lambda site: None, "packet": packets, "nic": nic}
