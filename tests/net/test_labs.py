# SPDX-License-Identifier: GPL-2.0-only
"""The labs that users set up by hand today, in their topology and with their addresses."""

import pytest

from daemon import Weftd
from decode import decode
from lab import wait_until
from overlay import Overlay
from snapshot import snapshot
from tap import Tap, tshark

# Two hosts with a VM each ----------------------------------------------------------------


def vm_host(lab, lan, name, number, vni):
    host = lan.join(lab.host(name), "eth0", f"192.168.1.{10 * number}/24")
    host.vm = host.container("vm0", "vnet0", f"10.0.0.{number}/8")
    host.weft = Weftd(host)
    host.weft("bridge add br0")
    host.weft("port add vnet0 bridge br0")
    host.weft(f"tunnel add vxlan0 bridge br0 type vxlan id {vni} remote 192.168.1.{30 - 10 * number}"
              " dstport 4789")
    return host


def test_two_hosts_with_a_vm_each(lab):
    lan = lab.lan()
    one, two = (vm_host(lab, lan, name, number, 1000) for number, name in ((1, "A"), (2, "B")))
    one.vm.ping("10.0.0.2", count=3)
    two.vm.ping("10.0.0.1", count=3)


def test_vnis_that_differ_pass_nothing(lab):
    lan = lab.lan()
    one, two = (vm_host(lab, lan, name, number, 999 + number)
                for number, name in ((1, "A"), (2, "B")))
    inside = Tap(two.vm, "eth0")
    assert not one.vm.ping("10.0.0.2", check=False, timeout=2)
    assert wait_until(lambda: two.weft.drops().get("vni_unknown", 0), "drops of the other VNI") >= 1
    assert not [data for data in inside.drain() if data[12:14] in (b"\x08\x06", b"\x08\0")]
    assert not two.weft.fdb("dev vxlan0 state learned")
    two.weft("tunnel del vxlan0")
    two.weft("tunnel add vxlan0 bridge br0 type vxlan id 1000 remote 192.168.1.10 dstport 4789")
    # an ARP resolution that began before would fail on its own clock
    one.vm.ip("neighbour flush all")
    one.vm.ping("10.0.0.2")


# Two plain Linux hosts -------------------------------------------------------------------

VXLAN_DEMO = "type vxlan id 5001 remote 172.16.24.{} local 172.16.24.{} dev eth0 dstport 4789"


def plain_host(lab, lan, kind, here, there, number):
    host = lan.join(lab.host(f"host{number}"), "eth0", f"172.16.24.{here}/24")
    line = VXLAN_DEMO.format(there, here)
    if kind == "weft":
        host.weft = Weftd(host)
        host.weft(f"tunnel add vxlan-demo {line} address 192.168.100.{number}/24")
    else:
        host.ip(f"link add vxlan-demo {line}")
        host.ip(f"address add 192.168.100.{number}/24 dev vxlan-demo")
        host.ip("link set dev vxlan-demo up")
    return host


@pytest.mark.parametrize("kinds", [("weft", "weft"), ("weft", "kernel"), ("kernel", "weft")],
                         ids="-".join)
def test_two_plain_hosts(lab, kinds, tmp_path):
    lan = lab.lan()
    one = plain_host(lab, lan, kinds[0], 4, 5, 1)
    two = plain_host(lab, lan, kinds[1], 5, 4, 2)
    assert one.mtu("vxlan-demo") == two.mtu("vxlan-demo") == 1450
    wires = [Tap(lan.host, name) for name in ("host1", "host2")]
    one.ping("192.168.100.2", count=3)
    two.ping("192.168.100.1", size=1450 - 28)
    frames = [data for wire in wires for data in wire.drain() if decode(data, ports={4789: "vxlan"})]
    layers = [packet["_source"]["layers"] for packet in tshark(tmp_path / "wire.pcap", frames)]
    assert {layer["vxlan"]["vxlan.vni"] for layer in layers} == {"5001"}
    assert {"arp", "icmp"} <= {name for layer in layers for name in layer}


def test_container_bridge_beside_a_plain_host(lab):
    """The same tunnel attached to a bridge with containers; the other side stays as it is."""
    lan = lab.lan()
    two = plain_host(lab, lan, "kernel", 5, 4, 2)
    one = lan.join(lab.host("host1"), "eth0", "172.16.24.4/24")
    container = one.container("c", "veth-c", "192.168.100.101/24")
    one.weft = Weftd(one)
    one.weft("bridge add br-demo")
    one.weft("tunnel add vxlan-demo bridge br-demo", VXLAN_DEMO.format(5, 4))
    one.weft("port add veth-c bridge br-demo")
    one.weft("port add demo-host bridge br-demo type internal address 192.168.100.1/24")
    two.ping("192.168.100.101")
    two.ping("192.168.100.1")
    container.ping("192.168.100.1")
    one.ping("192.168.100.101")


# Containers, found by multicast ----------------------------------------------------------


@pytest.mark.parametrize("dstport", [8472, 4789])
def test_multicast_and_containers(lab, dstport):
    lan = lab.lan()
    hosts = []
    for number in range(3):
        host = lan.join(lab.host(f"host{number}"), "ib0", f"192.168.10.{number + 1}/24")
        host.c = host.container(f"c{number}", "veth0", f"192.168.233.{140 + number}/24")
        hosts.append(host)
    before = [snapshot(host) for host in hosts]
    wires = [Tap(lan.host, host.name) for host in hosts]
    for host in hosts:
        host.weft = Weftd(host)
        host.weft("bridge add br-vxlan10")
        host.weft(f"tunnel add vxlan10 bridge br-vxlan10 type vxlan id 10 group 239.1.1.1 dev ib0 "
                  f"dstport {dstport}")
        host.weft("port add veth0 bridge br-vxlan10")
    for wire in wires:
        wire.expect(_igmp, what="IGMP report")
    for one in hosts:
        for two in hosts:
            if one is not two:
                one.c.ping(f"192.168.233.{140 + hosts.index(two)}")
    packets = [packet for wire in wires for packet in map(decode, wire.drain()) if packet]
    assert {packet.dport for packet in packets} == {dstport}
    assert "239.1.1.1" in {packet.dst for packet in packets}
    assert len({packet.dst for packet in packets}) == 4  # the group, and each by unicast
    for host, wire in zip(hosts, wires):
        for line in ("port del veth0", "tunnel del vxlan10", "bridge del br-vxlan10"):
            host.weft(line)
        wire.expect(_igmp, what="IGMP leave")
        host.weft.stop()
    assert [snapshot(host) for host in hosts] == before


def _igmp(data):
    return data[12:14] == b"\x08\0" and data[23] == 2 and bytes([239, 1, 1, 1]) in data[34:]


def test_macs_pushed_to_every_host(lab):
    """MAC and VTEP of each container are written by hand; nothing is flooded, nothing learned."""
    overlay = Overlay(lab, ("weft", "weft", "weft"))
    for host in overlay.hosts:
        host.weft("bridge add br0")
        host.weft("port add vnet0 bridge br0")
        host.weft(f"tunnel add vxlan0 bridge br0 type vxlan id 10 local {host.underlay} nolearning",
                  *[f"remote {other}" for other in overlay.others(host)])
        for other in overlay.hosts:
            if other is not host:
                host.weft(f"fdb add {other.c.mac('eth0')} dev vxlan0 dst {other.underlay}")
                host.c.ip(f"neigh add {other.c.address} lladdr {other.c.mac('eth0')} dev eth0")
    wires = {host.underlay: Tap(overlay.lan.host, host.name) for host in overlay.hosts}
    overlay.ping_all()
    for host in overlay.hosts:
        packets = [packet for packet in map(decode, wires[host.underlay].drain()) if packet]
        # An echo to each of the others and an answer to each: no copies for a third.
        assert len(packets) == 4
        assert not host.weft.fdb("dev vxlan0 state learned")
