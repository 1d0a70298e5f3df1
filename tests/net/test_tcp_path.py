# SPDX-License-Identifier: GPL-2.0-only
"""TCP through a path whose middle hop has a smaller MTU than both ends know of, and on a path that is as it should be."""

import time

import pytest

from daemon import Weftd
from pair import Pair
from traffic import counter, tcp_stream, tcp_transfer

UNDERLAY = {4: ("192.168.{}.1", "192.168.{}.254", 24, "192.168.{}.0/24"),
            6: ("2001:db8:{}::1", "2001:db8:{}::fe", 64, "2001:db8:{}::/64")}
TUNNELS = {"vxlan": "type vxlan id 77", "geneve": "type geneve id 77", "gretap": "type gretap key 77"}
HEADER = {"vxlan": 30, "geneve": 30, "gretap": 22}
MIDDLE = 1400
TIMEOUTS = 2  # of TCP's retransmission timer that a loaded machine may cause; a black hole has one after another


class Detour:
    """c1 -- vnet0 h1 eth0 -- n1 router n2 -- eth0 h2 vnet0 -- c2, where the link of n2 has the smaller MTU."""

    def __init__(self, lab, family, tunnel):
        local, gateway, length, network = UNDERLAY[family]
        self.router = lab.host("router", ipv6=True)
        self.hosts = [lab.host(f"h{number}", ipv6=True) for number in (1, 2)]
        for number, host in enumerate(self.hosts, 1):
            lab.link(host, "eth0", self.router, f"n{number}", mtu=1500 if number == 1 else MIDDLE)
            nodad = " nodad" if family == 6 else ""
            host.ip(f"address add {local.format(number)}/{length} dev eth0{nodad}")
            self.router.ip(f"address add {gateway.format(number)}/{length} dev n{number}{nodad}")
            host.ip(f"-{family} route add {network.format(3 - number)} via {gateway.format(number)}")
            host.c = host.container(f"c{number}", "vnet0", f"10.0.0.{number}/24", ipv6=True, mtu=1500)
            host.c.ip(f"address add fd00::{number}/64 dev eth0 nodad")
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        for number, host in enumerate(self.hosts, 1):
            host.weft = Weftd(host)
            host.weft("bridge add br0")
            host.weft("port add vnet0 bridge br0")
            host.weft(f"tunnel add t0 bridge br0 {TUNNELS[tunnel]} local {local.format(number)} "
                      f"remote {local.format(3 - number)}")


@pytest.mark.parametrize("offload", ["on", "off"], ids=["super-packets", "per-packet"])
@pytest.mark.parametrize("family", [4, 6], ids=["over-ipv4", "over-ipv6"])
@pytest.mark.parametrize("tunnel", TUNNELS)
def test_recovers_from_a_smaller_hop(lab, tunnel, family, offload):
    """Both in a connection that begins there, and in one that is under way when the path gets smaller."""
    detour = Detour(lab, family, tunnel)
    one, two = detour.hosts
    for host in detour.hosts:
        host.c.offload("eth0", offload)
    one.c.ping("10.0.0.2")
    overlay = MIDDLE - (20 if family == 4 else 40) - HEADER[tunnel]
    for address in ("10.0.0.2", "fd00::2"):
        before = counter(one.c, "TcpExtTCPTimeouts")
        start = time.monotonic()
        tcp_transfer(one.c, two.c, address, size=8 << 20)
        print(f"{tunnel} over IPv{family}, {offload}: 8 MiB to {address} in {time.monotonic() - start:.2f} s")
        assert counter(one.c, "TcpExtTCPTimeouts") - before <= TIMEOUTS
        assert f" mtu {overlay}" in one.c.ip(f"route get {address}")
    remote, = one.weft.show("tunnel", "t0")["state"]["remotes"]
    assert remote["path_mtu"] == MIDDLE
    drops, notes = one.weft.drops(), {line["note"]: line["packets"] for line in one.weft("notes")}
    assert drops.get("mtu") and notes.get("path_mtu") == 1 and not notes.get("icmp_forged")

    detour.router.ip("link set n2 mtu 1320")  # h2 knows nothing of it, and need not
    before = counter(one.c, "TcpExtTCPTimeouts")
    tcp_transfer(one.c, two.c, "10.0.0.2", size=8 << 20)
    assert counter(one.c, "TcpExtTCPTimeouts") - before <= TIMEOUTS
    remote, = one.weft.show("tunnel", "t0")["state"]["remotes"]
    assert remote["path_mtu"] == 1320


@pytest.mark.parametrize("offload", ["on", "off"], ids=["super-packets", "per-packet"])
@pytest.mark.parametrize("words,family", [({"type": "vxlan", "id": 77}, 4),
                                          ({"type": "gretap", "key": 7, "csum": True}, 6)], ids=["vxlan", "gretap"])
def test_nothing_is_sent_twice(lab, words, family, offload, request):
    """For two seconds, and for ten in `make check-mtu`; at the overlay's MTU, both versions of IP inside.

    A timer may go off where other processes keep the receiver from answering; then what is sent again has come
    already, and the receiver says so (RFC 2883). Nothing was lost and nothing overtaken if nothing came out of order.
    """
    seconds = 10 if request.config.getoption("--mtu-sweep") else 1
    pair = Pair(lab, ("weft", "weft"), family).up(**words)
    mtu = pair.one.weft.show("tunnel", "t0")["state"]["mtu"]
    for host in pair.hosts:
        host.ip(f"link set vnet0 mtu {mtu}")
        host.c.ip(f"link set eth0 mtu {mtu}")
        host.c.offload("eth0", offload)
        host.c.sysctl("net.ipv4.tcp_early_retrans", 0)  # no probes by a timer (RFC 8985 7)
    pair.ping()
    for address in (pair.two.c.address, pair.two.c.address6):
        count = tcp_stream(pair.one.c, pair.two.c, address, seconds)
        assert count > 1 << 20
        print(f"{words['type']} over IPv{family}, {offload}: {count * 8 / seconds / 1e9:.2f} Gbit/s")
    assert counter(pair.two.c, "TcpExtTCPOFOQueue") == 0
    assert counter(pair.one.c, "TcpRetransSegs") == counter(pair.one.c, "TcpExtTCPDSACKRecv")
    assert not {"mtu", "mtu_silent", "encap", "csum"} & {*pair.one.weft.drops(), *pair.two.weft.drops()}
