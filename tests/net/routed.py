# SPDX-License-Identifier: GPL-2.0-only
"""The rig for tunnels without Ethernet: the DUT routes between A and the tunnel's device.

    tester a ---- pa 10.0.1.254            t0 ==== u0 ---- u tester
                     2001:db8:1::fe   DUT

Here a tenant's frame is an IP packet. `tenant`, `out`, `delivered` and the rest mean what they mean in
rig.py, and take the hop through the DUT into account: what is sent in at A is on `u`, and what is in a
packet on `u` comes out at A, with TTL or hop limit one less. Tenants are named by the same MACs.
"""

import struct

import encap
import icmp
from frames import ip_packet
from rig import TENANT_A, TENANT_B, TENANT_R, Rig, caused

ADDRESSES = {  # of the tenants
    TENANT_A: {4: "10.0.1.1", 6: "2001:db8:1::1"},
    TENANT_B: {4: "10.0.2.1", 6: "2001:db8:2::1"},
    TENANT_R: {4: "10.0.9.1", 6: "2001:db8:9::1"},
}
ROUTES = {4: "10.0.9.0/24", 6: "2001:db8:9::/64"}  # through the tunnel
GATEWAYS = {"pa": {4: "10.0.1.254/24", 6: "2001:db8:1::fe/64"},
            "pb": {4: "10.0.2.254/24", 6: "2001:db8:2::fe/64"}}


def hop(packet):
    """The IP packet behind one router: TTL or hop limit one less, IPv4's checksum as it must be."""
    packet = bytearray(packet)
    if packet[0] >> 4 == 6:
        packet[7] -= 1
        return bytes(packet)
    packet[8] -= 1
    packet[10:12] = b"\0\0"
    packet[10:12] = struct.pack("!H", 0xFFFF - encap.checksum(packet[:(packet[0] & 15) * 4]))
    return bytes(packet)


class RoutedRig(Rig):
    ethernet = 0

    def up(self, ports=("pa", "pb"), bridge=None, name="t0", **tunnel):
        """Tunnel `t0` to r1 with routes to the tenants behind it, ports with addresses."""
        assert bridge is None
        host = self.host
        host.sysctl("net.ipv6.conf.default.disable_ipv6", 0)
        for port in ports:
            host.sysctl(f"net.ipv6.conf.{port}.disable_ipv6", 0)
            for address in GATEWAYS[port].values():
                host.ip(f"address add {address} dev {port}{' nodad' if ':' in address else ''}")
        for tenant, port in ((TENANT_A, "pa"), (TENANT_B, "pb")):
            for address in ADDRESSES[tenant].values():
                if port in ports:
                    host.ip(f"neigh add {address} lladdr {tenant} dev {port} nud permanent")
        host.sysctl("net.ipv4.ip_forward", 1)
        host.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.tunnel(name, **tunnel)
        for family, route in ROUTES.items():
            host.ip(f"-{family} route add {route} dev {name}")
        return self

    def tunnel(self, name, bridge=None, **options):
        super().tunnel(name, bridge, **options)
        self.host.ip(f"link set {name} up")

    def _protocol(self, inner):
        return {"protocol": encap.IPV6 if inner[:1] and inner[0] >> 4 == 6 else encap.IPV4}

    def tenant(self, src=TENANT_A, dst=TENANT_R, **more):
        """An IP packet with a payload that no other has; `more` as for frames.ip_packet. A MAC
        that is no tenant's is an address nobody has, behind the tunnel."""
        more.setdefault("payload", f"weft {next(self._markers)}")
        version = more.setdefault("version", 4)
        if length := more.pop("length", None):
            more["payload"] = more["payload"].ljust(length - (48 if version == 6 else 28), ".")
        nobody = {4: "10.0.9.99", 6: "2001:db8:9::99"}
        return bytes(ip_packet(src=ADDRESSES.get(src, nobody)[version],
                               dst=ADDRESSES.get(dst, nobody)[version], **more))

    def _ethernet(self, packet, tap, to_dut):
        port, tenant = ("pb", TENANT_B) if tap is self.b else ("pa", TENANT_A)
        gateway = self.host.mac(port)
        src, dst = (tenant, gateway) if to_dut else (gateway, tenant)
        kind = encap.IPV6 if packet[0] >> 4 == 6 else encap.IPV4
        return (encap.mac_octets(dst) + encap.mac_octets(src) + kind.to_bytes(2, "big")
                + packet)

    def send(self, inner, tap=None):
        (tap or self.a).send(self._ethernet(inner, tap, to_dut=True))

    def sent(self, inner, **more):
        return super().sent(hop(inner), **more)

    def delivered(self, packet, inner, tap=None):
        self.u.send(packet)
        return (tap or self.a).expect(self._ethernet(hop(inner), tap, to_dut=False),
                                      what="decapsulated packet")

    def check_answer(self, answer, inner, mtu):
        """From the datapath it comes as from the remote tenant; the host answers by its own address, and quotes what
        it has not yet forwarded."""
        frame = self._ethernet(inner, None, to_dut=True)
        if answer.src in (address.partition("/")[0] for address in GATEWAYS["pa"].values()):
            answer.src = icmp.addresses(inner)[1]
        else:
            answer.ttl += 1
            frame = frame[:14] + hop(inner)
        icmp.check_answer(answer, frame, mtu)

    def meet(self, source=None, **fields):
        self.good = dict(source=source, **fields)
        self.good_pass()

    def leaks(self):
        return [data for tap in (self.a, self.b, self.u) for data in tap.drain() if caused(data)]

    def tables(self):
        return self.dut.neighbours()
