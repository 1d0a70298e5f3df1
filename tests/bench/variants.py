# SPDX-License-Identifier: GPL-2.0-only
"""The same way from container to container, built of different things.

    c1 --veth-- a --veth-- b --veth-- c2

Hosts `a` and `b` have 172.31.0.1 and .2 between them; the containers' MTU is 1450 in every
variant, so that all send packets of the same size.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "net"))

from daemon import Weftd  # noqa: E402
from lab import wait_until  # noqa: E402

A, B = "172.31.0.1", "172.31.0.2"
C1, C2 = "10.0.0.1", "10.0.0.2"
VNI = 100


class Site:
    """The topology with nothing on the hosts yet; `target` is c2's address as c1 reaches it."""

    def __init__(self, lab):
        self.lab = lab
        self.a, self.b = lab.host("a"), lab.host("b")
        lab.link(self.a, "eth0", self.b, "eth0")
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
    for host, container, port, local, remote in site.hosts():
        # It computes no checksums for packets out of a veth, so containers must.
        container.run("ethtool", "-K", "eth0", "tx", "off")
        run = site.lab.tmp_path / f"ovs-{host.name}"
        run.mkdir()
        database, sock = run / "conf.db", f"unix:{run}/db.sock"
        host.run("ovsdb-tool", "create", database, "/usr/share/openvswitch/vswitch.ovsschema")
        with open(run / "log", "wb") as log:
            host.start("ovsdb-server", f"--remote=p{sock}", f"--unixctl={run}/db.ctl", database,
                       stdout=log, stderr=log, env={"OVS_RUNDIR": str(run), "PATH": "/usr/sbin"})
            wait_until((run / "db.sock").exists, "ovsdb-server")
            host.start("ovs-vswitchd", sock, f"--unixctl={run}/switchd.ctl",
                       stdout=log, stderr=log, env={"OVS_RUNDIR": str(run), "PATH": "/usr/sbin"})
        mac = host.mac("eth0")
        host.ip("address flush dev eth0")
        host.run("ovs-vsctl", f"--db={sock}", "--timeout=20", *(
            "-- add-br phy -- set bridge phy datapath_type=netdev other-config:hwaddr=" + mac +
            " -- add-port phy eth0 -- add-br br0 -- set bridge br0 datapath_type=netdev"
            f" -- add-port br0 {port} -- add-port br0 vx0 -- set interface vx0 type=vxlan"
            f" options:remote_ip={remote} options:key={VNI} options:dst_port=4789").split())
        host.ip("link set phy up")
        host.ip(f"address add {local}/24 dev phy")
    site.one_subnet()


def weft(site):
    """weftd and weft of this build."""
    for host, _, port, local, remote in site.hosts():
        command = Weftd(host)
        command("bridge add br0")
        command(f"port add {port} bridge br0")
        command(f"tunnel add vx0 bridge br0 type vxlan id {VNI} local {local} remote {remote}")
    site.one_subnet()


VARIANTS = {"N0": routed, "K": kernel, "O": openvswitch, "U": weft}
TITLES = {
    "N0": "no overlay, routed",
    "K": "kernel vxlan + bridge",
    "O": "Open vSwitch, userspace",
    "U": "weft",
}


def packets(site):
    """Regime: every TCP segment is a packet of its own from end to end."""
    for container in (site.c1, site.c2):
        container.run("ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off")


def nic(site):
    """Regime: as with a NIC that cannot segment tunnels: super-packets are cut at the underlay."""
    for host in (site.a, site.b):
        host.run("ethtool", "-K", "eth0", "tx-udp_tnl-segmentation", "off",
                 "tx-udp_tnl-csum-segmentation", "off", "gro", "on")


REGIMES = {"super": lambda site: None, "packet": packets, "nic": nic}
