# SPDX-License-Identifier: GPL-2.0-only
"""Whole overlays: hosts on a LAN, each with a bridge, containers and a tunnel to the others.

A host is run by weft or by the kernel's own vxlan and bridge, in the same words.
"""

from dut import KernelDut, WeftDut

KINDS = {"weft": WeftDut, "kernel": KernelDut}


class Overlay:
    """`kinds` says who runs each host: ("weft", "kernel"). Host i has the underlay address
    192.168.1.(10 * i) on eth0 and the container `c` with 10.0.0.i/24 and fd00::i/64."""

    def __init__(self, lab, kinds, underlay_mtu=1500, container_mtu=None, ipv6=False):
        self.lan = lab.lan(mtu=underlay_mtu)
        self.lab = lab
        self.hosts = []
        for number, kind in enumerate(kinds, 1):
            host = lab.host(f"h{number}")
            host.number = number
            host.underlay = f"192.168.1.{10 * number}"
            self.lan.join(host, "eth0", f"{host.underlay}/24")
            host.c = host.container(f"c{number}", "vnet0", f"10.0.0.{number}/24", ipv6=ipv6,
                                    mtu=container_mtu or underlay_mtu - 50)
            host.c.address = f"10.0.0.{number}"
            host.c.address6 = f"fd00::{number}"
            if ipv6:
                host.c.ip(f"address add fd00::{number}/64 dev eth0 nodad")
            host.dut = KINDS[kind](host)
            host.weft = getattr(host.dut, "weft", None)
            self.hosts.append(host)

    def others(self, host):
        return [other.underlay for other in self.hosts if other is not host]

    def up(self, **tunnel):
        """Bridge `br0`, port `vnet0`, tunnel `vxlan0` on every host; a mesh unless a group is given."""
        for host in self.hosts:
            options = dict(id=1000, **tunnel)
            if "group" not in options:
                options.setdefault("local", host.underlay)
                options["remote"] = self.others(host)
            host.dut.bridge("br0")
            host.dut.port("vnet0")
            if host.weft is None:  # whose own default is another port
                options.setdefault("dstport", 4789)
            host.dut.tunnel("vxlan0", **options)
            if host.weft is None:  # without `dev` Linux does not know better than 1500
                host.ip(f"link set dev vxlan0 mtu {host.mtu('eth0') - 50}")
        return self

    def ping_all(self, ipv6=False):
        for one in self.hosts:
            for two in self.hosts:
                if one is not two:
                    one.c.ping(two.c.address6 if ipv6 else two.c.address)
