# SPDX-License-Identifier: GPL-2.0-only
"""Two hosts on one cable, each with a container, joined by a tunnel of any type over IPv4 or IPv6.

    c1 --vnet0-- h1 --eth0-- h2 --vnet0-- c2

A host is run by weft or by Open vSwitch. A tunnel is named `t0` and has weft's words on either.
"""

import encap
from dut import words
from daemon import Weftd
from ovs import OpenVSwitch

MTU = 1400  # of the containers: every encapsulation fits an underlay of 1500
UNDERLAY = {4: ("192.168.1.{}/24", "192.168.1.{}"), 6: ("2001:db8:1::{}/64", "2001:db8:1::{}")}


class WeftEnd:
    kind = "weft"

    def __init__(self, host):
        self.weft = host.weft = Weftd(host)
        self.host = host

    def bridge(self):
        self.weft("bridge add br0")
        self.weft("port add vnet0 bridge br0")

    def tunnel(self, bridge="br0", **options):
        self.weft(f"tunnel add t0 {'bridge ' + bridge if bridge else ''}", *words(options))

    def delete(self):
        self.weft("tunnel del t0")


class OvsEnd:
    """weft's words mean what they mean there; one that Open vSwitch does not have is an error."""

    kind = "ovs"
    NAMES = {"id": "key", "key": "key", "ikey": "in_key", "okey": "out_key", "udpcsum": "csum",
             "csum": "csum", "seq": "seq", "ttl": "ttl", "tos": "tos", "dstport": "dst_port",
             "local": "local_ip", "remote": "remote_ip"}

    def __init__(self, host):
        self.switch = host.switch = OpenVSwitch(host)
        self.switch.underlay("eth0")
        self.host = host

    def bridge(self):
        self.switch.bridge("br0")
        self.switch.port("vnet0")

    def tunnel(self, bridge="br0", *, type, **options):  # pylint: disable=redefined-builtin
        six = encap.family_of(options["remote"]) == 6
        renamed = {}
        for word, value in options.items():
            if six and word in ("udp6zerocsumtx", "udpcsum"):
                word, value = "udpcsum", word == "udpcsum"
            if value is not None and word not in ("udp6zerocsumrx", "oseq"):  # as always; as never
                renamed[self.NAMES[word]] = value
        if six and type in ("vxlan", "geneve"):
            renamed.setdefault("csum", True)  # which is weft's default
        self.switch.tunnel("t0", bridge, type="gre" if type == "gretap" else type, **renamed)

    def delete(self):
        self.switch.delete("t0")


ENDS = {end.kind: end for end in (WeftEnd, OvsEnd)}


class Pair:
    """`one` and `two` are the hosts, `ends` what runs them. Containers have 10.0.0.i and fd00::i."""

    def __init__(self, lab, kinds, family=4, mtu=1500):
        self.family = family
        self.hosts = self.one, self.two = [lab.host(f"h{number}", ipv6=True) for number in (1, 2)]
        lab.link(self.one, "eth0", self.two, "eth0", mtu=mtu)
        self.ends = []
        for number, (host, kind) in enumerate(zip(self.hosts, kinds), 1):
            for prefix, address in UNDERLAY.values():
                nodad = " nodad" if ":" in prefix else ""
                host.ip(f"address add {prefix.format(number)} dev eth0{nodad}")
            host.number, host.underlay = number, UNDERLAY[family][1].format(number)
            host.c = host.container(f"c{number}", "vnet0", f"10.0.0.{number}/24", ipv6=True, mtu=MTU)
            host.c.ip(f"address add fd00::{number}/64 dev eth0 nodad")
            host.c.address, host.c.address6 = f"10.0.0.{number}", f"fd00::{number}"
            if kind == "ovs":  # which computes no checksums and cuts no super-packets
                host.c.offload("eth0", "off")
            host.end = ENDS[kind](host)
            self.ends.append(host.end)
        if kinds != ("weft", "weft"):
            for host, kind in zip(self.hosts, kinds):
                if kind == "weft":
                    host.offload("eth0", "off")

    def up(self, **options):
        """A bridge with the container's port on both hosts, and a tunnel between them."""
        for end in self.ends:
            end.bridge()
        return self.tunnel(**options)

    def tunnel(self, one=None, two=None, **options):
        """The tunnel alone; `one` and `two` are options of one end."""
        for host, other, own in ((self.one, self.two, one), (self.two, self.one, two)):
            host.end.tunnel(local=host.underlay, remote=other.underlay, **{**options, **(own or {})})
        return self

    def delete(self):
        for end in self.ends:
            end.delete()

    def ping(self):
        for host, other in ((self.one, self.two), (self.two, self.one)):
            host.c.ping(other.c.address)
            host.c.ping(other.c.address6, size=1300)
