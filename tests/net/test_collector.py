# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's external device of each UDP port: there as long as the port is listened on, whatever happens to weftd or to it."""

import json

import pytest

import hooks
from daemon import Refused
from lab import wait_until
from offloads import TARGETS
from pair import Pair
from test_splitter import add, host  # noqa: F401  pylint: disable=unused-import
from traffic import tcp_transfer

NAME = "weft-vx4789"


def device(host, name=NAME):
    found = {link["ifname"]: link for link in json.loads(host.ip("-d -j link show"))}
    return found.get(name)


def merged(host):
    """UDP port -> the device that `weft status` names for it, None: there is none."""
    return {item["port"]: item.get("gro") for item in host.weft("status")["listen"]}


def sockets(host, port):
    return [line.split()[3] for line in host.run("ss", "-Hlnua").stdout.splitlines()
            if line.split()[3].endswith(f":{port}")]


def held(host):
    return [item["port"] for item in host.weft("status")["holder"]["held"] if "port" in item]


def filters(host):
    return hooks.programs(host, NAME)


def test_one_for_each_port(host):
    assert not merged(host)
    add(host, "vx0", 1)
    add(host, "vx1", 2)
    made = device(host)
    assert {"UP", "NOARP"} <= set(made["flags"]) and "MULTICAST" not in made["flags"]
    data = made["linkinfo"]["info_data"]
    assert data["external"] and data["port"] == 4789 and not data["learning"] and data["udp_zero_csum6_rx"]
    assert "inet6" not in host.ip(f"address show {NAME}")
    assert merged(host) == {4789: NAME} and not held(host)
    assert len(sockets(host, 4789)) == 2
    host.weft("tunnel add vx2 bridge br0 type vxlan id 3 dstport 8472 remote 10.9.0.2")
    assert merged(host) == {4789: NAME, 8472: "weft-vx8472"}
    host.weft("tunnel del vx0")
    assert device(host)["ifindex"] == made["ifindex"]
    host.weft("tunnel del vx1")
    assert not device(host) and not sockets(host, 4789) and merged(host) == {8472: "weft-vx8472"}


def test_text_of_status(host):
    add(host, "vx0", 1)
    assert NAME in host.weft.run("status", json_output=False).stdout


def test_the_next_weftd_takes_it_up(host):
    add(host, "vx0", 1)
    made = device(host)["ifindex"]
    host.weft.kill()
    assert sockets(host, 4789)
    host.weft.start()
    assert device(host)["ifindex"] == made and merged(host) == {4789: NAME}
    host.weft.stop()
    host.ip(f"link del {NAME}")  # by somebody else
    host.weft.start()
    assert merged(host) == {4789: NAME} and device(host)["ifindex"] != made
    assert "warning" not in host.weft.log()


@pytest.mark.parametrize("harm", ["link del {}", "link set {} down"])
def test_is_put_right(host, harm):
    add(host, "vx0", 1)
    made = device(host)["ifindex"]
    host.ip(harm.format(NAME))

    def right():
        there = device(host)
        return (there and "UP" in there["flags"] and (there["ifindex"] != made) == ("del" in harm)
                and "weft_collect" in filters(host) and merged(host) == {4789: NAME})
    wait_until(right, f"the device to be right after `ip {harm}`")
    assert "warning" not in host.weft.log()


def test_filter_is_put_back(host):
    add(host, "vx0", 1)
    hooks.detach(host, NAME)
    wait_until(lambda: "weft_collect" in filters(host), "the filter to be there again")


def test_another_device_has_the_port(host):
    """It is named, and nothing is left of the attempt."""
    host.ip("link add own type vxlan id 9 dstport 4789 remote 10.9.0.2")
    host.ip("link set own up")
    with pytest.raises(Refused) as refused:
        add(host, "vx0", 1)
    assert refused.value.line == "weft: tunnel vx0: dstport: 4789 is held by vxlan device own"
    assert not device(host) and not merged(host)


def test_nobody_else_can_have_the_port(host):
    add(host, "vx0", 1)
    host.ip("link add own type vxlan id 9 dstport 4789 remote 10.9.0.2")
    assert host.run("ip", "link", "set", "own", "up", check=False).returncode


def test_the_holder_takes_its_place(host):
    """A kernel that cannot make it: here the name is taken. When it can, the next weftd makes it."""
    host.ip(f"link add {NAME} type bridge")
    add(host, "vx0", 1)
    item, = host.weft("status")["listen"]
    assert item["no_gro"] == f"device {NAME}: exists and was not made by weft" and "gro" not in item
    assert held(host) == [4789] and len(sockets(host, 4789)) == 2
    host.ip(f"link del {NAME}")
    host.weft.kill()
    host.weft.start()
    assert merged(host) == {4789: NAME} and not held(host) and len(sockets(host, 4789)) == 2
    assert "warning" not in host.weft.log()


def test_a_host_that_drops_what_it_is_handed(lab):
    """Its own rules refuse the port, which single packets do not meet: super-packets are cut, and it is said once."""
    pair = Pair(lab, ("weft", "weft")).up(type="vxlan", id=7)
    target = TARGETS["vm"](pair)
    try:
        pair.two.ip("rule add pref 10 lookup local")
        pair.two.ip("rule del pref 0")
        pair.two.ip("rule add pref 5 iif eth0 ipproto udp dport 4789 blackhole")
        tcp_transfer(pair.one.c, target.host, target.address, size=8 << 20)
        wait_until(lambda: pair.two.weft("status")["listen"][0].get("refused"), "weftd to see it")
        target.machine.largest = 0
        tcp_transfer(pair.one.c, target.host, target.address, size=8 << 20)
        assert target.machine.largest <= 1414
        assert pair.two.weft.log().count("drops the super-packets") == 1
    finally:
        target.close()
