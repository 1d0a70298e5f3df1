# SPDX-License-Identifier: GPL-2.0-only
"""Faults that overlays have, made for docs/troubleshooting.md.

Two sites, `a` and `b`, with a router between them, each with a container on the bridge br0 and a VXLAN tunnel to the
other. A fault is a function that sets them up with something wrong, and leaves traffic behind that goes on.
"""

from frames import BROADCAST, frame
from lab import wait_until
from tap import Tap

VNI = 1000


class Sites:
    def __init__(self, lab):
        self.lab = lab
        self.router = lab.host("router")
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.a, self.b = lab.host("a"), lab.host("b")
        for number, site in enumerate((self.a, self.b), 1):
            lab.link(site, "eth0", self.router, site.name, mac1=f"02:00:00:00:00:a{number}", mac2=f"02:00:00:00:00:f{number}")
            site.ip(f"address add 192.0.2.{number * 16 + 1}/28 dev eth0")
            self.router.ip(f"address add 192.0.2.{number * 16 + 14}/28 dev {site.name}")
            site.ip(f"route add default via 192.0.2.{number * 16 + 14}")
            site.underlay = f"192.0.2.{number * 16 + 1}"
            site.c = site.container(f"c{number}", "vnet0", f"10.0.0.{number}/24", mac=f"02:00:00:00:00:0{number}")
        self.a.c.address, self.b.c.address = "10.0.0.1", "10.0.0.2"

    def weft(self, daemon, a="", b=""):
        """`a`, `b`: words of a tunnel that are others than they should be."""
        for site, other, words in ((self.a, self.b, a), (self.b, self.a, b)):
            site.weft = daemon(site)
            site.weft("bridge add br0")
            site.weft(f"port add vnet0 bridge br0")
            words = {"type": "vxlan", "id": str(VNI), "local": site.underlay, "remote": other.underlay} | dict(
                zip(words.split()[::2], words.split()[1::2]))
            site.weft("tunnel add vx0 bridge br0 " + " ".join(f"{key} {value}" for key, value in words.items()))

    def traffic(self, *options):
        """From container to container, both ways, until the lab ends."""
        for one, two in ((self.a.c, self.b.c), (self.b.c, self.a.c)):
            one.start("ping", "-q", "-i", "0.2", *options, two.address, stdout=-3, stderr=-3)


def _nft(host, hook, rule):
    for line in ("add table inet t", f"add chain inet t c {{ type filter hook {hook} priority 0; }}", f"add rule inet t c {rule}"):
        host.run("nft", line)


def wrong_vni(sites, daemon):
    sites.weft(daemon, b="id 1001")
    sites.traffic()


def wrong_port(sites, daemon):
    sites.weft(daemon, b="dstport 8472")
    sites.traffic()


def missing_remote(sites, daemon):
    sites.weft(daemon, b="remote 192.0.2.99")
    sites.traffic()


def closed_firewall(sites, daemon):
    """Nothing passes it but one way, so that it looks like somebody's silence."""
    _nft(sites.router, "forward", "udp dport 4789 drop")
    sites.weft(daemon)
    sites.traffic()


def black_hole(sites, daemon):
    """A hop with an MTU of 1400, and nobody who says so."""
    for end, dev in ((sites.router, "b"), (sites.b, "eth0")):
        end.ip(f"link set dev {dev} mtu 1400")
    _nft(sites.router, "output", "icmp type destination-unreachable drop")
    sites.weft(daemon)
    sites.a.c.ping(sites.b.c.address)


def one_way_route(sites, daemon):
    sites.weft(daemon)
    sites.b.ip("route del default")
    sites.traffic()


def dead_next_hop(sites, daemon):
    sites.router.ip("link set dev a arp off")
    sites.weft(daemon)
    sites.traffic()


def same_mac(sites, daemon):
    sites.weft(daemon)
    sites.a.c.ping(sites.b.c.address)
    here, there = Tap(sites.a.c, "eth0"), Tap(sites.b.c, "eth0")
    raw = frame("02:00:00:00:00:09", BROADCAST)

    def place():
        return {entry["dev"] for entry in sites.a.weft("fdb show") if entry["mac"] == "02:00:00:00:00:09"}
    for _ in range(3):
        for tap, dev in ((here, "vnet0"), (there, "vx0")):
            wait_until(lambda tap=tap, dev=dev: tap.send(raw) or place() == {dev}, "a move")


def loop(sites, daemon):
    """A cable between two bridges that a tunnel joins; a limit keeps it from taking all of both hosts."""
    sites.weft(daemon)
    sites.lab.link(sites.a, "patch", sites.b, "patch")
    for site in (sites.a, sites.b):
        site.weft("port add patch bridge br0 storm_broadcast 50")
    sites.a.c.start("ping", "-q", "-i", "0.2", "-b", "10.0.0.255", stdout=-3, stderr=-3)


def large_container(sites, daemon):
    """Its MTU is the underlay's."""
    for end, dev in ((sites.a, "vnet0"), (sites.a.c, "eth0")):
        end.ip(f"link set dev {dev} mtu 1500")
    sites.weft(daemon)
    sites.a.c.ping(sites.b.c.address)


def device_down(sites, daemon):
    sites.weft(daemon)
    sites.a.c.ping(sites.b.c.address)
    sites.b.ip("link set dev vnet0 down")
    sites.traffic()


def wrong_vlan(sites, daemon):
    for site, other, vlan in ((sites.a, sites.b, 10), (sites.b, sites.a, 20)):
        site.weft = daemon(site)
        site.weft("bridge add br0 vlan_filtering 1")
        site.weft(f"port add vnet0 bridge br0 vlan {vlan}")
        site.weft(f"tunnel add vx0 bridge br0 type vxlan id {VNI} local {site.underlay} remote {other.underlay} trunk 10,20")
    sites.traffic()


FAULTS = {function.__name__: function for function in (
    wrong_vni, wrong_port, missing_remote, closed_firewall, black_hole, one_way_route, dead_next_hop, same_mac, loop, large_container,
    device_down, wrong_vlan)}
