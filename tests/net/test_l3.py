# SPDX-License-Identifier: GPL-2.0-only
"""Tunnels without Ethernet: a device with addresses and routes, by which hosts route (sites.py)."""

import collections
import socket

import pytest

from decode import decode
from lab import wait_until
from sites import Sites
from tap import Tap
from traffic import tcp_transfer

OUTER = {4: 20, 6: 40}
TUNNELS = {  # words, bytes of the tunnel header
    "gre": ("type gre", 4),
    # numbers are not demanded: two CPUs that send at once overtake each other, and RFC 2890 2.2 drops what is late
    "gre-all": ("type gre key 7 csum oseq", 16),
    "geneve": ("type geneve id 77 innerprotoinherit", 16),
    "geneve-option": ("type geneve id 77 innerprotoinherit option 0x0102:0x01:00112233", 24),
}
GROUPS = ("239.5.5.5", "ff05::55")
PORT = 7003


def drops(host):
    return collections.Counter(host.weft.drops())


@pytest.mark.parametrize("family", [4, 6], ids=["over-ipv4", "over-ipv6"])
@pytest.mark.parametrize("tunnel", TUNNELS)
def test_routes_between_subnets(lab, tunnel, family):
    """With addresses and an MTU of the device, both IP versions inside, TCP with super-packets."""
    words, header = TUNNELS[tunnel]
    sites = Sites(lab, family=family).up(words).route_by_device()
    one, two = sites.hosts
    for host in sites.hosts:
        assert host.mtu("t0") == 1500 - OUTER[family] - header
        shown = host.ip("address show dev t0")
        assert f"inet 10.9.0.{host.number}/24" in shown and f"inet6 fd00:9::{host.number}/64" in shown
        assert "NOARP" in shown and "link/ether" in shown
    one.ping("10.9.0.2")
    two.ping("fd00:9::1")
    sites.ping_all(size=1300)
    leaving = Tap(one, "vnet0")
    for address in (two.c.address, two.c.address6):
        tcp_transfer(one.c, two.c, address, size=4 << 20)
    assert max(map(len, leaving.drain())) > 4000
    tcp_transfer(two.c, one.c, one.c.address, size=1 << 20)
    for host in sites.hosts:
        assert not set(host.weft.drops()) - {"l3_remote", "no_receiver", "inner_proto"}
    counted = one.weft.stats()["tunnels"]["t0"]
    assert counted["tx_packets"] > 100 and counted["rx_packets"] > 20
    one.weft("tunnel del t0")
    assert not one.has("t0") and "10.0.2.0" not in one.ip("route show")


def _neighbours(host, number=None):
    """Says by neighbour entries which remote is behind which address of the tunnels' own subnet."""
    remotes = {remote["addr"]: remote for remote in host.weft.show("tunnel", "t0")["state"]["remotes"]}
    for other in host.others:
        if number not in (None, other.number):
            continue
        mac = remotes[other.underlay]["neighbour"]
        assert mac.startswith("0a:4f:")
        for address in (f"10.9.0.{other.number}", f"fd00:9::{other.number}"):
            host.ip(f"neigh replace {address} lladdr {mac} dev t0 nud permanent")


@pytest.fixture(params=["gre", "geneve"])
def three(request, lab):
    """Three hosts, each with a tunnel to both others and routes by gateways, but no neighbour entry."""
    sites = Sites(lab, count=3).up(TUNNELS[request.param][0])
    for host in sites.hosts:
        host.others = sites.others(host)
        for other in host.others:
            host.ip(f"route add 10.0.{other.number}.0/24 via 10.9.0.{other.number} dev t0")
            host.ip(f"-6 route add fd00:{other.number}::/64 via fd00:9::{other.number} dev t0")
    return sites


def test_neighbours_say_which_remote(three):
    for host in three.hosts:
        _neighbours(host)
    wires = {host.number: Tap(three.lan.host, host.name, outgoing=True) for host in three.hosts}
    three.ping_all()
    one = three.hosts[0]
    for number in wires:
        wires[number].drain()
    tcp_transfer(one.c, three.hosts[1].c, "10.0.2.2", size=1 << 20)
    assert not any(map(decode, wires[3].drain())), "what is for one remote went to another"
    remotes = one.weft.stats()["tunnels"]["t0"]["remotes"]
    assert remotes["192.168.1.2"]["tx_packets"] > 20 > remotes["192.168.1.3"]["tx_packets"] > 0


def test_without_a_neighbour_it_is_dropped(three):
    one, two, _ = three.hosts
    for host in (two, three.hosts[2]):
        _neighbours(host)
    _neighbours(one, number=3)
    before = drops(one)
    wire = Tap(three.lan.host, one.name)
    for address in (two.c.address, two.c.address6, "10.9.0.99"):
        assert not one.c.ping(address, check=False, timeout=1)
    assert (drops(one) - before)["l3_remote"] >= 3
    assert not [packet for packet in map(decode, wire.drain()) if packet and b"\x0a\0\2\2" in packet.inner]
    one.c.ping("10.0.3.2")
    _neighbours(one)
    one.c.ping(two.c.address)
    one.c.ping(two.c.address6)


def test_an_lladdr_of_no_remote(three):
    """Of none at all, of one that is gone, of another tunnel's: dropped, and nobody gets it."""
    one, two, other = three.hosts
    for host in three.hosts:
        _neighbours(host)
    two.c.ping(one.c.address)
    one.weft(f"tunnel add t1 type gre key 9 local {one.underlay} remote {other.underlay} remote 192.168.1.77")
    foreign = one.weft.show("tunnel", "t1")["state"]["remotes"][0]["neighbour"]
    gone = next(remote["neighbour"] for remote in one.weft.show("tunnel", "t0")["state"]["remotes"]
                if remote["addr"] == other.underlay)
    one.weft(f"tunnel set t0 remote - {other.underlay}")
    one.weft("tunnel set t0 remote + 192.168.1.78")
    for mac in (foreign, "0a:4f:ff:ff:ff:ff", "0a:4f:00:00:00:00", "02:00:00:00:00:01"):
        before = drops(one)["l3_remote"]
        one.ip(f"neigh replace 10.9.0.2 lladdr {mac} dev t0 nud permanent")
        assert not one.c.ping(two.c.address, check=False, timeout=1), mac
        assert drops(one)["l3_remote"] > before, mac
    one.ip(f"neigh replace 10.9.0.2 lladdr {gone} dev t0 nud permanent")
    heard = Tap(three.lan.host, other.name, outgoing=True)
    assert not one.c.ping(two.c.address, check=False, timeout=1)
    assert not any(map(decode, heard.drain()))


@pytest.mark.parametrize("group", GROUPS, ids=["ipv4", "ipv6"])
def test_multicast_goes_to_every_remote(three, group):
    one = three.hosts[0]
    six = ":" in group
    receivers = []
    for host in three.hosts[1:]:
        with host.inside():
            sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
            index = socket.if_nametoindex("t0")
        host.lab.sockets.append(sock)
        sock.bind(("", PORT))
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                            socket.inet_pton(socket.AF_INET6, group) + index.to_bytes(4, "little"))
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group)
                            + bytes(4) + index.to_bytes(4, "little"))
        sock.settimeout(20)
        receivers.append(sock)
    with one.inside():
        sender = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
        index = socket.if_nametoindex("t0")
    one.lab.sockets.append(sender)
    if six:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    else:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(8) + index.to_bytes(4, "little"))
    wire = Tap(three.lan.host, one.name)
    for text in (b"first", b"second"):
        sender.sendto(text, (group, PORT))
        assert [sock.recv(100) for sock in receivers] == [text, text]
    copies = collections.Counter(packet.dst for packet in map(decode, wire.drain())
                                 if packet and packet.inner.endswith((b"first", b"second")))
    assert copies == {"192.168.1.2": 2, "192.168.1.3": 2}


# loops ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tunnel", ["gre", "geneve"])
def test_a_route_to_the_remote_by_the_tunnel_itself(lab, tunnel):
    """It is no way there, and what is sent is dropped by that name; without the route all is as before."""
    sites = Sites(lab).up(TUNNELS[tunnel][0]).route_by_device()
    one, two = sites.hosts
    sites.ping_all()
    one.ip(f"route add {two.underlay}/32 dev t0")
    wait_until(lambda: not one.c.ping(two.c.address, check=False, timeout=1), "the way to be gone")
    assert one.mtu("t0") > 1400, "its MTU followed from its own"
    before, wire = drops(one), Tap(sites.lan.host, one.name)
    for address in (two.c.address, two.c.address6, two.underlay):
        assert not one.c.ping(address, check=False, timeout=1)
    assert (drops(one) - before)["no_route"] >= 3
    assert not any(map(decode, wire.drain()))
    one.c.ping("10.0.1.1")
    one.ip(f"route del {two.underlay}/32 dev t0")
    wait_until(lambda: one.c.ping(two.c.address, check=False, timeout=1), "the way to be back")
    sites.ping_all()


@pytest.mark.parametrize("tunnel", ["gre", "geneve"])
def test_what_is_for_the_far_end_itself(lab, tunnel):
    """It would be sent back for ever: dropped where it comes out, as a loop."""
    sites = Sites(lab).up(TUNNELS[tunnel][0]).route_by_device()
    one, two = sites.hosts
    sites.ping_all()
    one.ip(f"route add {one.underlay}/32 dev t0 table 5")
    one.ip("rule add pref 5 iif vnet0 lookup 5")
    one.ip("rule add pref 10 lookup local")
    one.ip("rule del pref 0")
    before = drops(two)
    assert not one.c.ping(one.underlay, check=False, timeout=1)
    assert (drops(two) - before)["loop"] >= 1
    sites.ping_all()


@pytest.mark.parametrize("version", [4, 6])
def test_hosts_that_route_to_each_other(lab, version):
    """A packet that both would rather see at the other one ends with its TTL."""
    sites = Sites(lab).up("type gre").route_by_device()
    one, two = sites.hosts
    sites.ping_all()
    for host in sites.hosts:
        host.sysctl("net.ipv4.icmp_ratelimit", 0)
        host.sysctl("net.ipv6.icmp.ratelimit", 0)
        host.ip("route add 10.0.77.0/24 dev t0")
        host.ip("-6 route add fd00:77::/64 dev t0")
    before = one.weft.stats()["tunnels"]["t0"]["tx_packets"]
    done = one.c.run("ping", "-n", "-c", "1", "-w", "5", "10.0.77.1" if version == 4 else "fd00:77::1",
                     check=False)
    assert "exceeded" in done.stdout
    assert 20 < one.weft.stats()["tunnels"]["t0"]["tx_packets"] - before < 80
    tcp_transfer(one.c, two.c, two.c.address, size=1 << 20)


# underlays that are too small -------------------------------------------------------------


@pytest.mark.parametrize("family", [4, 6], ids=["over-ipv4", "over-ipv6"])
@pytest.mark.parametrize("words", ["", "key 7 csum oseq"], ids=["plain", "all"])
def test_gre_through_outer_fragments(lab, words, family):
    """The device never has less than IPv6 needs, whatever the underlay has; what does not fit goes in fragments."""
    sites = Sites(lab, family=family, mtu=1290).up(f"type gre {words}").route_by_device()
    one, two = sites.hosts
    assert [host.mtu("t0") for host in sites.hosts] == [1280, 1280]
    sites.ping_all(size=1232 - 8)
    for device in (one, two):
        device.ping(f"10.9.0.{3 - device.number}", size=1280 - 28)
    wire = Tap(sites.lan.host, one.name)
    for address in (two.c.address, two.c.address6):
        tcp_transfer(one.c, two.c, address, size=1 << 20)
    seen = [packet for packet in map(decode, wire.drain()) if packet]
    assert [packet for packet in seen if packet.is_fragment]
    assert max(len(packet.raw) for packet in seen) <= 1304
    tcp_transfer(two.c, one.c, one.c.address, size=1 << 20)
    for host in sites.hosts:
        assert not {"mtu", "encap", "frag", "csum", "malformed"} & set(host.weft.drops())


def test_geneve_follows_the_underlay(lab):
    """GENEVE's device has what is left, and says so to whoever sends more."""
    sites = Sites(lab, mtu=1400).up(TUNNELS["geneve"][0]).route_by_device()
    one, two = sites.hosts
    assert one.mtu("t0") == 1400 - 36
    for address in (two.c.address, two.c.address6):
        tcp_transfer(one.c, two.c, address, size=1 << 20)
    done = one.c.run("ping", "-n", "-c", "1", "-w", "2", "-M", "do", "-s", "1400", two.c.address, check=False)
    assert "1364" in done.stdout + done.stderr
    one.ip("link set eth0 mtu 1350")
    wait_until(lambda: one.mtu("t0") == 1350 - 36, "the device to follow")
