# SPDX-License-Identifier: GPL-2.0-only
"""A way of several hops between two hosts, for what looks at ways.

                       +-- rb1 --+
    near -- eth0 -- ra |         | far      (one or two routers in the middle; both IP versions)
                       +-- rb2 --+

Both ends have an address of their own, `near.address` and `far.address`, `far`'s on `lo`. Routers say as much as they
are asked, with no limit of their ICMP.
"""

NEAR = {4: "10.1.0.1", 6: "2001:db8:1::1"}
FAR = {4: "10.9.0.1", 6: "2001:db8:9::1"}
RA = {4: "10.1.0.254", 6: "2001:db8:1::fe"}
PREFIX = {4: 24, 6: 64}
FAMILIES = (4, 6)


def _link(number, end, family):
    """Addresses of the links ra -- rb (`up`, `down`) and rb -- far (`out`, `in`)."""
    group, host = {"up": (2, 1), "down": (2, 2), "out": (3, 1), "in": (3, 2)}[end]
    return f"10.{group}.{number}.{host}" if family == 4 else f"2001:db8:{group}:{number}::{host}"


class Way:
    def __init__(self, lab, family=4, middles=1):
        self.family = family
        self.near, self.far = lab.host("near", ipv6=True), lab.host("far", ipv6=True)
        self.ra = lab.host("ra", ipv6=True)
        self.rb = [lab.host(f"rb{number}", ipv6=True) for number in range(1, middles + 1)]
        self.near.address, self.far.address = NEAR[family], FAR[family]
        for router in (self.ra, *self.rb):
            router.sysctl("net.ipv4.ip_forward", 1)
            router.sysctl("net.ipv4.icmp_ratelimit", 0)
            router.sysctl("net.ipv6.conf.all.forwarding", 1)
            router.sysctl("net.ipv6.icmp.ratelimit", 0)
        for host in (self.near, self.far, self.ra, *self.rb):
            for which in ("all", "default"):
                host.sysctl(f"net.ipv4.conf.{which}.rp_filter", 0)
        self.ra.sysctl("net.ipv4.fib_multipath_hash_policy", 1)
        self.ra.sysctl("net.ipv6.fib_multipath_hash_policy", 1)
        lab.link(self.near, "eth0", self.ra, "near")
        for number, rb in enumerate(self.rb, 1):
            lab.link(self.ra, f"m{number}", rb, "near")
            lab.link(rb, "far", self.far, f"eth{number}")
            rb.address = _link(number, "down", family)
        for version in FAMILIES:
            self._addresses(version)

    def _address(self, host, address, dev, version, length=None):
        host.ip(f"address add {address}/{length or PREFIX[version]} dev {dev}{' nodad' if version == 6 else ''}")

    def _addresses(self, version):
        self._address(self.near, NEAR[version], "eth0", version)
        self._address(self.ra, RA[version], "near", version)
        self._address(self.far, FAR[version], "lo", version, 32 if version == 4 else 128)
        hops = ""
        for number, rb in enumerate(self.rb, 1):
            self._address(self.ra, _link(number, "up", version), f"m{number}", version)
            self._address(rb, _link(number, "down", version), "near", version)
            self._address(rb, _link(number, "out", version), "far", version)
            self._address(self.far, _link(number, "in", version), f"eth{number}", version)
            rb.ip(f"-{version} route add default via {_link(number, 'up', version)}")
            rb.ip(f"-{version} route add {FAR[version]} via {_link(number, 'in', version)}")
            hops += f" nexthop via {_link(number, 'down', version)}"
        self.ra.ip(f"-{version} route add {FAR[version]}{hops}")
        self.near.ip(f"-{version} route add default via {RA[version]}")
        self.far.ip(f"-{version} route add default via {_link(1, 'out', version)}")

    def narrow(self, mtu):
        """The last link takes less; the routers before it say so."""
        for number, rb in enumerate(self.rb, 1):
            rb.ip(f"link set far mtu {mtu}")
            self.far.ip(f"link set eth{number} mtu {mtu}")

    def silence(self, host, *rules, chain="output"):
        """Packets that match are lost there: "icmp type destination-unreachable"."""
        host.run("nft", "add table inet lost")
        host.run("nft", f"add chain inet lost {chain} {{ type filter hook {chain} priority 0; }}")
        for rule in rules:
            host.run("nft", f"add rule inet lost {chain} {rule} drop")
