# SPDX-License-Identifier: GPL-2.0-only
"""Hosts that route between their containers' subnets, by a tunnel without Ethernet.

    c1 -- vnet0 h1 t0 ====== t0 h2 vnet0 -- c2        container 10.0.<i>.2, host 10.0.<i>.1, t0 10.9.0.<i>;
                                                      fd00:<i>::2, fd00:<i>::1, fd00:9::<i>
"""

from daemon import Weftd

UNDERLAY = {4: "192.168.1.{}", 6: "2001:db8:1::{}"}


class Sites:
    """Hosts on a LAN, routers of a container's subnet each. `up()` makes the tunnel `t0` on each of them."""

    def __init__(self, lab, count=2, family=4, mtu=1500):
        self.family = family
        self.lan = lab.lan(mtu=mtu)
        self.hosts = []
        for number in range(1, count + 1):
            host = self.lan.join(lab.host(f"h{number}", ipv6=True))
            host.ip(f"address add {UNDERLAY[4].format(number)}/24 dev eth0")
            host.ip(f"address add {UNDERLAY[6].format(number)}/64 dev eth0 nodad")
            host.number, host.underlay = number, UNDERLAY[family].format(number)
            host.c = host.container(f"c{number}", "vnet0", f"10.0.{number}.2/24", ipv6=True, mtu=1500)
            host.c.ip(f"address add fd00:{number}::2/64 dev eth0 nodad")
            host.c.ip(f"route add default via 10.0.{number}.1")
            host.c.ip(f"-6 route add default via fd00:{number}::1")
            host.c.address, host.c.address6 = f"10.0.{number}.2", f"fd00:{number}::2"
            host.ip(f"address add 10.0.{number}.1/24 dev vnet0")
            host.ip(f"address add fd00:{number}::1/64 dev vnet0 nodad")
            host.sysctl("net.ipv4.ip_forward", 1)
            host.sysctl("net.ipv6.conf.all.forwarding", 1)
            host.weft = Weftd(host)
            self.hosts.append(host)

    def others(self, host):
        return [other for other in self.hosts if other is not host]

    def up(self, words):
        for host in self.hosts:
            remotes = " ".join(f"remote {other.underlay}" for other in self.others(host))
            host.weft(f"tunnel add t0 local {host.underlay} {remotes} {words} "
                      f"address 10.9.0.{host.number}/24 address fd00:9::{host.number}/64")
        return self

    def route_by_device(self):
        for host in self.hosts:
            for other in self.others(host):
                host.ip(f"route add 10.0.{other.number}.0/24 dev t0")
                host.ip(f"-6 route add fd00:{other.number}::/64 dev t0")
        return self

    def ping_all(self, size=None):
        for host in self.hosts:
            for other in self.others(host):
                host.c.ping(other.c.address, size=size)
                host.c.ping(other.c.address6, size=size)
