# SPDX-License-Identifier: GPL-2.0-only
"""MTUs of devices: those that weft makes follow the underlay, others are left alone, unless the port has `mtu auto`."""

import pytest

from daemon import Weftd, refused
from lab import wait_until
from monitor import Monitor

REMOTE, GATEWAY = "192.168.1.2", "192.168.7.254"


@pytest.fixture
def host(lab):
    """A host with two underlay devices, of 1500 and 1400, a tunnel by the first one, and a device of each kind."""
    host = lab.host("h")
    other = lab.host("peer")
    for number, (dev, mtu) in enumerate((("eth0", 1500), ("eth1", 1400))):
        lab.link(host, dev, other, dev, mtu=mtu)
        host.ip(f"address add 192.168.{7 + number}.1/24 dev {dev}")
    host.ip(f"route add 192.168.1.0/24 via {GATEWAY}")
    host.c = host.container("c", "vnet0", mtu=1450)
    lab.link(host, "near", host, "far", mtu=1472)
    host.weft = Weftd(host)
    host.weft("bridge add br0")
    for port in ("vnet0", "near"):
        host.weft(f"port add {port} bridge br0")
    host.weft(f"tunnel add t0 bridge br0 id 5 remote {REMOTE}")
    return host


def _mtus(host, *devices):
    return [host.mtu(dev) for dev in devices]


def _follow(host, wanted, *devices):
    wait_until(lambda: _mtus(host, *devices) == [wanted] * len(devices), f"MTU of {wanted}")


def _state(host, port):
    state = host.weft.show("port", port)["state"]
    return state.get("mtu"), state.get("mtu_peer"), state.get("mtu_overlay")


UNDERLAY = [  # what changes, and what the tunnel then carries
    ("link set dev eth0 mtu 1480", 1430),
    (f"route replace 192.168.1.0/24 via {GATEWAY} mtu 1300", 1250),
    ("route replace 192.168.1.0/24 dev eth1", 1350),
    (f"route replace 192.168.1.0/24 via {GATEWAY}", 1430),
    ("link set dev eth0 mtu 9000", 8950),
    ("link set dev eth0 mtu 1500", 1450),
]


def test_devices_of_weft_follow_and_others_do_not(host):
    host.weft("port add in0 bridge br0 type internal")
    host.weft(f"tunnel add v0 id 6 remote {REMOTE}")
    assert host.weft.show("port", "in0")["mtu"] == "auto" and host.weft.show("port", "vnet0")["mtu"] is None
    for change, mtu in [(None, 1450), *UNDERLAY]:
        if change:
            host.ip(change)
        _follow(host, mtu, "in0", "v0")
        assert _mtus(host, "vnet0", "near", "far") == [1450, 1472, 1472] and host.c.mtu("eth0") == 1450
        assert _state(host, "vnet0") == (1450, 1450, mtu)
        assert _state(host, "near") == (1472, 1472, mtu)
        assert _state(host, "in0") == (mtu, None, mtu)
        assert host.weft.show("tunnel", "t0")["state"]["mtu"] == mtu
    for end in (host.weft.stop, host.weft.kill):
        end()
        host.weft.start()
        assert _mtus(host, "vnet0", "near", "far", "in0", "v0") == [1450, 1472, 1472, 1450, 1450]
    host.weft("port set in0 mtu 1200")
    host.ip("link set dev eth0 mtu 1480")
    _follow(host, 1430, "v0")
    assert host.mtu("in0") == 1200
    host.weft("port set in0 mtu auto")
    _follow(host, 1430, "in0")
    assert "mtu" not in host.weft.save()["ports"]["in0"], "it is the default"


def test_auto_follows_and_gives_back(host):
    monitor = Monitor(host.weft, "monitor bridge port").ready(host.weft)
    host.weft("port set vnet0 mtu auto")
    host.weft("port set near mtu auto")
    assert _mtus(host, "vnet0", "near", "far") == [1450] * 3
    assert monitor.expect(event="mtu")["name"] == "vnet0"
    assert monitor.expect(event="mtu")["mtu"] == 1450
    assert host.weft.show("port", "near")["mtu"] == "auto"
    saved = host.weft.save()
    assert saved["ports"]["near"]["mtu"] == "auto" and host.weft.diff(saved) == []
    for change, mtu in UNDERLAY[:4]:
        host.ip(change)
        _follow(host, mtu, "vnet0", "near", "far")
        assert host.c.mtu("eth0") == 1450, "in another namespace"
    host.ip("link set dev near mtu 1111")
    host.ip("link set dev far mtu 1222")
    _follow(host, 1430, "near", "far")
    host.weft("port set near mtu default")
    assert _mtus(host, "near", "far") == [1472, 1472]
    host.weft("port del vnet0")
    assert host.mtu("vnet0") == 1450
    host.ip("link set dev eth0 mtu 1470")
    wait_until(lambda: _state(host, "near")[2] == 1420, "the tunnel to follow")
    assert _mtus(host, "vnet0", "near", "far") == [1450, 1472, 1472]


def test_without_a_tunnel_there_is_nothing_to_follow(host):
    host.weft("port set near mtu auto")
    host.weft("tunnel del t0")
    assert _mtus(host, "near", "far") == [1472, 1472]
    assert _state(host, "near") == (1472, 1472, None)
    host.weft(f"tunnel add t0 bridge br0 id 5 remote {REMOTE}")
    assert _mtus(host, "near", "far") == [1450, 1450]
    host.weft("bridge add br1")
    host.weft("port set near bridge br1")
    assert _mtus(host, "near", "far") == [1472, 1472]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_auto_outlives_weftd(host, end):
    """What the devices had before is known to the next one, too."""
    host.weft("port set near mtu auto")
    host.weft.stop()
    host.weft.start()
    getattr(host.weft, end)()
    assert _mtus(host, "near", "far") == [1450, 1450]
    host.ip("link set dev eth0 mtu 1480")
    host.weft.start()
    _follow(host, 1430, "near", "far")
    host.weft("port set near mtu default")
    assert _mtus(host, "near", "far") == [1472, 1472]


def test_a_device_that_comes_later(host):
    host.weft("port set near mtu auto")
    host.ip("link del dev near")
    wait_until(lambda: host.weft.show("port", "near")["state"]["state"] == "gone", "device to go")
    host.lab.link(host, "near", host, "far", mtu=1600)
    _follow(host, 1450, "near", "far")
    host.ip("link set dev near down")
    host.ip("link set dev near name away")
    _follow(host, 1600, "away", "far")


def test_both_ends_are_ports(host):
    """Of two bridges: each end is its own port's."""
    host.weft("bridge add br1")
    host.weft(f"tunnel add t1 bridge br1 id 6 remote {REMOTE} type geneve optmax 64")
    host.weft("port add far bridge br1 mtu auto")
    host.weft("port set near mtu auto")
    wait_until(lambda: _mtus(host, "near", "far") == [1450, 1386], "both to have their own")
    host.ip("link set dev eth0 mtu 1480")
    wait_until(lambda: _mtus(host, "near", "far") == [1430, 1366], "both to follow")


def test_what_is_larger_is_said_once(host):
    """Of the device and, in a container, of its other end, which is what counts."""
    def lines(port, mtu):
        return [line for line in host.weft.log().splitlines() if f"port {port}: the MTU" in line and str(mtu) in line]
    assert lines("near", 1472) and not lines("vnet0", 1450)
    d = host.container("d", "vnet1", mtu=1400)
    d.ip("link set dev eth0 mtu 1600")
    host.weft("port add vnet1 bridge br0")
    assert _state(host, "vnet1") == (1400, 1600, 1450)
    [line] = lines("vnet1", 1600)
    assert "other end" in line and "1450" in line
    for mtu in (1480, 1500):
        host.ip(f"link set dev eth0 mtu {mtu}")
        wait_until(lambda mtu=mtu: _state(host, "vnet1")[2] == mtu - 50, "the tunnel to follow")
    host.weft("port set vnet1 learning")
    host.weft("port set vnet1 nolearning")
    assert [len(lines("near", f"carry {mtu}")) for mtu in (1430, 1450)] == [1, 1]
    text = host.weft.run("port show", json_output=False).stdout
    assert "PEER-MTU" in text and "OVERLAY-MTU" in text
    [row] = [line.split() for line in text.splitlines() if line.startswith("vnet1")]
    assert ["1400", "1600", "1450"] == row[-4:-1]


def test_bad_values(host):
    before = host.weft.save()
    for words in ("mtu 1400", "mtu none", "mtu 67"):
        with refused("mtu"):
            host.weft("port set near", words)
    with refused("mtu", "65536"):
        host.weft("port add in0 bridge br0 type internal mtu 65536")
    assert host.weft.save() == before and _mtus(host, "near", "far") == [1472, 1472]
    host.weft("port set near mtu auto")
    host.ip("link set dev near mtu 1472")
    _follow(host, 1450, "near", "far")
