# SPDX-License-Identifier: GPL-2.0-only
"""Ports: veth, physical device, internal; devices that go and come back."""

import pytest

import hooks
from daemon import Weftd, refused
from frames import BROADCAST, mac_of
from lab import wait_until
from overlay import Overlay
from snapshot import filters
from switch import Switch

@pytest.fixture
def host(weft_host):
    """A host with br0 and a container on it, 10.0.0.1."""
    weft_host.weft("bridge add br0")
    weft_host.c = weft_host.container("c", "vnet0", "10.0.0.1/24")
    weft_host.weft("port add vnet0 bridge br0")
    return weft_host


def test_veth_with_its_far_end_in_another_namespace(host):
    other = host.container("d", "vnet1", "10.0.0.2/24")
    host.weft("port add vnet1 bridge br0")
    host.c.ping("10.0.0.2")
    other.ping("10.0.0.1")


def test_veth_with_its_far_end_in_the_same_namespace(host):
    host.lab.link(host, "vnet1", host, "end1")
    host.ip("address add 10.0.0.2/24 dev end1")
    host.weft("port add vnet1 bridge br0")
    host.c.ping("10.0.0.2")
    host.ping("10.0.0.1")


def test_far_end_moves_to_another_namespace(host):
    host.lab.link(host, "vnet1", host, "end1")
    host.weft("port add vnet1 bridge br0")
    other = host.lab.host("d")
    host.ip(f"link set dev end1 netns {other.netns}")
    other.ip("link set dev end1 up")
    other.ip("address add 10.0.0.2/24 dev end1")
    other.ping("10.0.0.1")
    host.c.ping("10.0.0.2")


def test_physical_device(host):
    """A NIC as a port: what is on its wire is in the bridge."""
    outside = host.lab.host("outside")
    host.lab.link(host, "eth0", outside, "eth0")
    outside.ip("address add 10.0.0.9/24 dev eth0")
    host.weft("port add eth0 bridge br0")
    host.c.ping("10.0.0.9")
    outside.ping("10.0.0.1", size=1400)


def test_internal_port(host):
    host.weft("port add br0-host bridge br0 type internal address 10.0.0.254/24")
    host.ping("10.0.0.1")
    host.c.ping("10.0.0.254")
    assert host.weft.show("port", "br0-host")["address"] == ["10.0.0.254/24"]
    mac = host.mac("br0-host")
    assert {entry["mac"]: entry["state"] for entry in host.weft.fdb()}[mac] == "local"
    host.weft("port set br0-host address 10.0.0.253/24 mtu 1300 lladdr 02:00:00:00:fe:01")
    assert host.mtu("br0-host") == 1300
    assert host.mac("br0-host") == "02:00:00:00:fe:01"
    assert "10.0.0.254" not in host.ip("address show dev br0-host")
    host.c.ip("neigh flush all")
    host.c.ping("10.0.0.253")
    host.weft("port del br0-host")
    assert not host.has("br0-host")
    assert not host.c.ping("10.0.0.253", check=False, timeout=1)


def test_two_internal_ports_and_the_tunnel(lab):
    overlay = Overlay(lab, ("weft", "weft")).up()
    for host in overlay.hosts:
        host.weft(f"port add br0-host bridge br0 type internal address 10.0.0.10{host.number}/24")
    one, two = overlay.hosts
    assert one.mtu("br0-host") == 1450
    one.ping("10.0.0.102", size=1422)
    two.ping("10.0.0.101")
    one.c.ping("10.0.0.102")
    two.ping("10.0.0.1")


def _state(host, name):
    return str(host.weft.show("port", name)["state"])


def test_device_goes_and_comes_back(host):
    other = host.container("d", "vnet1", "10.0.0.2/24")
    host.weft("port add vnet1 bridge br0")
    other.ping("10.0.0.1")
    up = _state(host, "vnet1")
    host.ip("link del dev vnet1")
    wait_until(lambda: _state(host, "vnet1") != up, "port to go down")
    assert "vnet1" not in {entry["dev"] for entry in host.weft.fdb()}
    assert not host.c.ping("10.0.0.2", check=False, timeout=1)
    assert host.weft.show("port", "vnet1")["bridge"] == "br0", "still configured"
    host.lab.link(host, "vnet1", other, "eth0")
    other.ip("address add 10.0.0.2/24 dev eth0")
    other.ping("10.0.0.1")
    host.c.ping("10.0.0.2")


def test_device_that_is_down_gets_nothing(lab):
    switch = Switch(lab, 3)
    switch.bridge((1, 2, 3))
    switch.talk(2, mac_of(2))
    switch.host.ip("link set dev p2 down")
    before = switch.weft.drops()
    wait_until(lambda: switch.send(1, switch.frame(mac_of(1), BROADCAST)) == {3}, "p2 to go down")
    switch.send(1, switch.frame(mac_of(1), mac_of(2)))
    assert set(switch.counted(before, switch.weft.drops())) <= {"port_down"}
    switch.host.ip("link set dev p2 up")
    wait_until(lambda: switch.send(1, switch.frame(mac_of(1), BROADCAST)) == {2, 3}, "p2 to be up")


def test_device_is_renamed_away_and_back(host):
    other = host.container("d", "vnet1", "10.0.0.2/24")
    host.weft("port add vnet1 bridge br0")
    other.ping("10.0.0.1")
    for old, new in (("vnet1", "away"), ("away", "vnet1")):
        host.ip(f"link set dev {old} down")
        host.ip(f"link set dev {old} name {new}")
        host.ip(f"link set dev {new} up")
    other.ping("10.0.0.1")


def test_port_leaves_the_device_as_it_was(host):
    host.container("d", "vnet1")
    before = host.ip("-d link show dev vnet1"), filters(host)
    host.weft("port add vnet1 bridge br0")
    assert filters(host) != before[1]
    host.weft("port del vnet1")
    assert (host.ip("-d link show dev vnet1"), filters(host)) == before


def test_filters_of_others_are_left_alone(host):
    host.container("d", "vnet1")
    host.run("tc", "qdisc", "add", "dev", "vnet1", "clsact")
    before = filters(host)
    host.weft("port add vnet1 bridge br0")
    host.weft("port del vnet1")
    assert filters(host) == before


def test_filter_that_somebody_takes_off_comes_back(lab):
    overlay = Overlay(lab, ("weft", "weft")).up()
    one, two = overlay.hosts
    one.weft("port add br0-host bridge br0 type internal address 10.0.0.101/24")
    for dev in ("vnet0", "eth0", "lo", "br0-host"):
        hooks.detach(one, dev)
    hooks.detach(one, "br0-host", "egress")
    wait_until(lambda: all(hooks.programs(one, dev) for dev in ("vnet0", "eth0", "lo"))
               and hooks.programs(one, "br0-host", "egress"), "programs to come back")
    one.c.ping("10.0.0.2")
    one.ping("10.0.0.2")


def test_counters(lab):
    switch = Switch(lab, 2)
    switch.bridge((1, 2))
    raw = switch.frame(mac_of(1))
    for _ in range(5):
        switch.send(1, raw)
    switch.taps[1].send(switch.frame(BROADCAST))
    wait_until(lambda: switch.weft.stats()["ports"]["p1"]["drops"] == 1, "drop to be counted")
    ports = switch.weft.stats()["ports"]
    assert {key: ports["p1"][key] for key in ("rx_packets", "rx_bytes", "tx_packets")} == {
        "rx_packets": 6, "rx_bytes": 6 * len(raw), "tx_packets": 0}
    assert {key: ports["p2"][key] for key in ("tx_packets", "tx_bytes", "rx_packets")} == {
        "tx_packets": 5, "tx_bytes": 5 * len(raw), "rx_packets": 0}


def test_device_of_another_bridge_is_refused(host):
    host.weft("bridge add br1")
    before = host.weft.save()
    with refused("vnet0"):
        host.weft("port add vnet0 bridge br1")
    host.ip("link add kbr type bridge")
    host.lab.link(host, "vnet5", host, "end5")
    host.ip("link set dev vnet5 master kbr")
    with refused("vnet5"):
        host.weft("port add vnet5 bridge br1")
    assert host.weft.save() == before


def test_two_daemons_in_two_namespaces(lab):
    """Nothing that one does is seen by the other."""
    hosts = []
    for name in ("x", "y"):
        host = lab.host(name)
        host.weft = Weftd(host)
        host.weft("bridge add br0")
        hosts.append(host)
    hosts[0].weft("bridge add br1")
    assert len(hosts[1].weft("bridge show")) == 1
