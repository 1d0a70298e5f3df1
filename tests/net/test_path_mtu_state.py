# SPDX-License-Identifier: GPL-2.0-only
"""What weftd does with a path MTU that the datapath has learned: shows and tells it, keeps it, forgets it with the way."""

import struct

import pytest

import encap
from daemon import Weftd
from decode import decode
from frames import frame, mac_of
from lab import wait_until
from maps import HOP_MTU, PATH_MTU, REMOTE_MTU, Slot, learn_path_mtu
from monitor import Monitor
from tap import Tap

REMOTE = "192.168.1.2"
GATEWAYS = ("192.168.7.253", "192.168.7.254")


@pytest.fixture
def host(lab):
    """A host with two devices, a tunnel over the first one, and the slot of its remote."""
    host = lab.host("h")
    other = lab.host("peer")
    for number, dev in enumerate(("eth0", "eth1")):
        lab.link(host, dev, other, dev, mac2=mac_of(0x90 + number))
        host.ip(f"address add 192.168.{7 + number}.1/24 dev {dev}")
    for gateway in GATEWAYS:
        host.ip(f"neigh add {gateway} lladdr {mac_of(0x90)} dev eth0 nud permanent")
    host.ip(f"route add 192.168.1.0/24 via {GATEWAYS[0]}")
    host.weft = Weftd(host)
    host.wire = Tap(other, "eth0")
    host.c = host.container("c", "vnet0")
    host.weft("bridge add br0")
    host.weft("port add vnet0 bridge br0")
    host.weft(f"tunnel add t0 bridge br0 id 5 remote {REMOTE}")
    host.slot = Slot(host, "remotes", _remote(host)["id"])
    return host


def _remotes(host, tunnel="t0"):
    return host.weft.show("tunnel", tunnel)["state"]["remotes"]


def _remote(host):
    [remote] = _remotes(host)
    return remote


def _error(host, mtu, quote=548, dst="ff:ff:ff:ff:ff:ff", length=1400, **of):
    """A router says that a packet of the tunnel was too big, quoting that many bytes of it."""
    inner = frame(mac_of(0x55), dst, length=length)
    of = of or {"vni": 5}
    Tap(host.c, "eth0").send(inner)
    packet = host.wire.expect(lambda data: (packet := decode(data)) and packet.inner == inner and data
                              and all(getattr(packet, name) == value for name, value in of.items()) and data)
    icmp = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + packet[14:14 + quote]
    icmp = icmp[:2] + (0xFFFF - encap.checksum(icmp)).to_bytes(2, "big") + icmp[4:]
    host.wire.send(encap.underlay((mac_of(0x90), host.mac("eth0"), GATEWAYS[0], "192.168.7.1"), 1, icmp))


def _mtus(slot):
    return slot.field(HOP_MTU), slot.field(PATH_MTU), slot.field(REMOTE_MTU)


def test_it_is_shown_with_the_time_that_is_left(host):
    assert "path_mtu" not in _remote(host)
    learn_path_mtu(host.slot, 1400, age=100)
    remote = _remote(host)
    assert (remote["mtu"], remote["path_mtu"]) == (1500, 1400)
    assert 400 < remote["path_mtu_expires"] <= 500
    assert host.weft.show("tunnel", "t0")["state"]["mtu"] == 1450, "the overlay's follows the next hop"
    text = host.weft.run("tunnel show t0", json_output=False).stdout
    assert "path_mtu_expires" in text and "1400" in text
    learn_path_mtu(host.slot, 1400, age=601)
    assert "path_mtu" not in _remote(host)


def test_devices_follow_the_next_hop_and_not_the_path(host):
    host.weft("port add in0 bridge br0 type internal")
    learn_path_mtu(host.slot, 1300)
    host.weft("tunnel set t0 ttl 9")
    assert host.mtu("in0") == 1450
    host.ip("link set dev eth0 mtu 1480")
    wait_until(lambda: host.mtu("in0") == 1430, "the device to follow")
    assert _mtus(host.slot) == (1480, 0, 1480)


def test_a_restart_and_another_neighbour_leave_it(host):
    learn_path_mtu(host.slot, 1400)
    for end in (host.weft.stop, host.weft.kill):
        end()
        host.weft.start()
        assert (_remote(host)["path_mtu"], _mtus(host.slot)) == (1400, (1500, 1400, 1400))
    host.ip(f"neigh replace {GATEWAYS[0]} lladdr {mac_of(0x77)} dev eth0 nud permanent")
    wait_until(lambda: _remote(host)["lladdr"] == mac_of(0x77), "the new neighbour")
    host.weft("tunnel set t0 ttl 9")
    assert _mtus(host.slot) == (1500, 1400, 1400)


WAYS = {
    "gateway": f"route replace 192.168.1.0/24 via {GATEWAYS[1]}",
    "device": "route replace 192.168.1.0/24 dev eth1",
    "mtu": f"route replace 192.168.1.0/24 via {GATEWAYS[0]} mtu 1490",
    "source": f"route replace 192.168.1.0/24 via {GATEWAYS[0]} src 192.168.8.1",
}


@pytest.mark.parametrize("way", WAYS)
def test_another_way_forgets_it(host, way):
    learn_path_mtu(host.slot, 1400)
    host.ip(WAYS[way])
    wait_until(lambda: "path_mtu" not in _remote(host), "the path MTU to be forgotten")
    mtu = 1490 if way == "mtu" else 1500
    assert _mtus(host.slot) == (mtu, 0, mtu)


def test_mtu_expires_works_at_once(host):
    learn_path_mtu(host.slot, 1400, age=60)
    host.weft("tunnel set t0 mtu_expires 300")
    assert _mtus(host.slot)[1] == 1400 and 200 < _remote(host)["path_mtu_expires"] <= 240
    host.weft("tunnel set t0 mtu_expires 59")
    assert _mtus(host.slot) == (1500, 0, 1500) and "path_mtu" not in _remote(host)


def test_an_error_is_logged_told_and_shared(host):
    """By the remote it is about, and by those at the same address with a VNI of their own; not by another tunnel's."""
    mac = mac_of(0x44)
    host.weft(f"fdb add {mac} dev t0 dst {REMOTE} vni 6")
    host.weft(f"tunnel add t1 bridge br0 id 7 remote {REMOTE}")
    monitor = Monitor(host.weft, "monitor bridge tunnel").ready(host.weft)
    _error(host, 1400)
    event = monitor.expect(event="path_mtu")
    assert {key: event[key] for key in ("noun", "name", "remote", "path_mtu")} == {
        "noun": "tunnel", "name": "t0", "remote": REMOTE, "path_mtu": 1400}
    assert [remote["path_mtu"] for remote in _remotes(host)] == [1400, 1400]
    assert [remote["path_mtu_expires"] > 590 for remote in _remotes(host)] == [True, True]
    assert "path_mtu" not in _remotes(host, "t1")[0]
    assert f"tunnel t0: path MTU to {REMOTE} is 1400" in host.weft.log()
    _error(host, 1350, dst=mac, vni=6, length=1340)
    wait_until(lambda: [remote["path_mtu"] for remote in _remotes(host)] == [1350, 1350], "the other's error")
    assert {note["note"]: note["packets"] for note in host.weft("notes")} == {"path_mtu": 2}


def test_a_quote_that_does_not_say_which_tunnel(host):
    """All that send from there to there by that port are lowered: here both, but for the one of another type."""
    host.weft(f"tunnel add t1 bridge br0 id 7 remote {REMOTE}")
    host.weft(f"tunnel add t2 bridge br0 type geneve id 7 remote {REMOTE}")
    monitor = Monitor(host.weft, "monitor bridge tunnel").ready(host.weft)
    _error(host, 1400, quote=28)
    assert {monitor.expect(event="path_mtu")["name"] for _ in range(2)} == {"t0", "t1"}
    assert [_remotes(host, tunnel)[0].get("path_mtu") for tunnel in ("t0", "t1", "t2")] == [1400, 1400, None]
    wait_until(lambda: f"path MTU to {REMOTE} is 1400, for 2 remotes" in host.weft.log(), "the log to say it")


def test_what_the_host_makes_of_an_error_is_not_the_next_hops(host):
    """The error reaches the host, too, which believes more than weft does: its own table has an MTU that expires."""
    host.weft(f"tunnel add g0 bridge br0 type gretap key 9 remote {REMOTE}")
    _error(host, 1400, type="gre")
    wait_until(lambda: _remotes(host, "g0")[0].get("path_mtu") == 1400, "the path MTU")
    wait_until(lambda: "expires" in host.ip(f"route get {REMOTE}"), "the host's own")
    assert "mtu 1400" in host.ip(f"route get {REMOTE}")
    # a key of its own makes weftd ask for the route
    host.weft(f"tunnel add t1 bridge br0 id 7 local 192.168.7.1 remote {REMOTE}")
    assert _remotes(host, "t1")[0]["mtu"] == 1500
    assert host.weft.show("tunnel", "t1")["state"]["mtu"] == 1450
    host.ip(f"route replace 192.168.1.0/24 via {GATEWAYS[0]} mtu 1450")
    wait_until(lambda: _remotes(host, "t1")[0]["mtu"] == 1450, "the route's")
